"""One command for every day: what is refused before libvirt is asked, the start, the client's line, the end."""

from __future__ import annotations

import contextlib
import struct
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from optimux.cli import run
from optimux.errors import OptimuxError
from optimux.host.doctor.check import Result
from optimux.host.doctor.findings import ENDS_A_START, before_start
from optimux.host.handover.kernel import Refused
from optimux.host.handover.picture import look
from optimux.host.handover.session import PICTURE_SECONDS, await_picture, begin, prepare, read_needs, wait
from optimux.host.looking_glass import Heartbeat, release_of
from tests.doctor.machine import CONFIG, Members, tree
from tests.handover.machine import CARD, process

CHECKOUT = Path(__file__).parents[2]

if TYPE_CHECKING:
    from lab.consumers.roots import Root


XML = """<domain type='kvm'>
  <name>win</name>
  <devices>
    <interface type='network'><source network='default'/></interface>
    <interface type='network'><source network='games' portid='1'/></interface>
    <interface type='bridge'><source bridge='br0'/></interface>
    <graphics type='spice' port='5901' autoport='yes' listen='127.0.0.1'><listen type='address'/></graphics>
    <shmem name='looking-glass'><model type='ivshmem-plain'/></shmem>
  </devices>
</domain>
"""


class Vm:
    """A domain that keeps what is asked of it, and ends after some looks."""

    def __init__(self, *, runs: bool = False, looks: int = 3, xml: str = XML) -> None:
        self.name, self.runs_now, self._looks, self._xml = "win", runs, looks, xml
        self.asked: list[str] = []
        self.stops = True

    @property
    def runs(self) -> bool:
        self._looks -= self.runs_now
        self.runs_now = self.runs_now and self._looks > 0
        return self.runs_now

    def xml(self) -> str:
        return self._xml

    def start_network(self, name: str) -> bool:
        self.asked.append(f"network {name}")
        return name == "games"

    def start(self) -> None:
        self.asked.append("start")
        self.runs_now = True

    def resume(self) -> None:
        self.asked.append("resume")

    def shut_down(self) -> None:
        self.asked.append("shut down")
        self._looks = 2 if self.stops else 1 << 20


def test_networks_are_started_and_nothing_else(machine: Path) -> None:
    vm, said = Vm(), list[str]()
    prepare(vm, (CARD,), lambda card: look(card, str(machine)), said.append)
    assert vm.asked == ["network default", "network games"]
    assert said == ["started the network games"]


def test_a_held_card_refuses_before_libvirt_is_asked(machine: Path) -> None:
    process(machine, 77, "game", uid=1000, opened=("/dev/dri/card1",))
    vm = Vm()
    with pytest.raises(Refused, match="game, process 77 of anna"):
        prepare(vm, (CARD,), lambda card: look(card, str(machine)), print)
    assert vm.asked == []


def test_who_lets_go_when_asked_is_no_reason(machine: Path) -> None:
    process(machine, 77, "wireplumber", uid=1000, opened=("/dev/snd/controlC1",))
    prepare(Vm(), (CARD,), lambda card: look(card, str(machine)), lambda _: None)


def test_another_vms_card_is_no_reason(machine: Path) -> None:
    process(machine, 77, "game", uid=1000, opened=("/dev/dri/card1",))
    prepare(Vm(), (CARD.replace(domains=("other",)),), lambda card: look(card, str(machine)), lambda _: None)


def test_no_kvmfr_device(tmp_path: Path) -> None:
    line = "<qemu:arg value='memory-backend-file,mem-path=/dev/kvmfr9'/>"
    xml = f"<domain xmlns:qemu='http://libvirt.org/schemas/domain/qemu/1.0'><qemu:commandline>{line}</qemu:commandline></domain>"
    with pytest.raises(Refused, match="there is no /dev/kvmfr9"):
        prepare(Vm(xml=xml), (), lambda card: look(card, str(tmp_path)), print)


def test_what_the_client_is_told() -> None:
    client = read_needs(XML).client
    assert client.command(None) == (
        "looking-glass-client",
        "app:shmFile=/dev/shm/looking-glass",
        "spice:host=127.0.0.1",
        "spice:port=5901",
    )
    assert client.command("/own.ini", idd=True)[1:3] == (
        "app:configFile=/own.ini",
        "lgmp:shmDevice=/dev/shm/looking-glass",
    )
    socket = XML.replace("<listen type='address'/>", "<listen type='socket' socket='/run/spice'/>")
    assert read_needs(socket).client.command(None)[-2:] == ("spice:host=/run/spice", "spice:port=0")


def test_a_running_vm_is_gone_on_with() -> None:
    vm, said = Vm(runs=True), list[str]()
    begin(vm, said.append)
    assert (vm.asked, said) == (["resume"], ["win runs already"])


def test_the_end_is_waited_for() -> None:
    pauses: list[float] = []
    assert wait(Vm(runs=True), pauses.append, lambda: False, print)
    assert len(pauses) == 2


def _interrupted(count: int = 1) -> tuple[list[float], object]:
    pauses: list[float] = []

    def pause(seconds: float) -> None:
        pauses.append(seconds)
        if len(pauses) <= count:
            raise KeyboardInterrupt

    return pauses, pause


def test_an_interrupt_asks() -> None:
    vm = Vm(runs=True)
    assert wait(vm, _interrupted()[1], lambda: False, print) is False  # type: ignore[arg-type]
    assert vm.asked == []
    assert wait(vm, _interrupted()[1], lambda: True, lambda _: None) is True  # type: ignore[arg-type]
    assert vm.asked == ["shut down"]


def test_a_vm_that_does_not_stop() -> None:
    vm = Vm(runs=True)
    vm.stops = False
    with pytest.raises(OptimuxError, match="has not shut down within 120 s"):
        wait(vm, _interrupted()[1], lambda: True, lambda _: None)  # type: ignore[arg-type]


def _memory(path: Path, time: int, magic: bytes = b"LGMP") -> Path:
    """LGMP's header: magic, version, session, and the time that the guest's side goes on writing."""
    path.write_bytes(struct.pack("<4sIIxxxxQ", magic, 1, 7, time).ljust(8192, b"\0"))
    return path


def test_the_guests_side_at_work(tmp_path: Path) -> None:
    heart = Heartbeat(str(_memory(tmp_path / "memory", 1000)))
    assert [heart.beats(), heart.beats()] == [False, False]  # what an earlier run left
    _memory(tmp_path / "memory", 1010)
    assert heart.beats()
    assert not heart.beats()


@pytest.mark.parametrize("magic", [b"\0\0\0\0", b"PMGL"])
def test_other_memory_is_no_picture(magic: bytes, tmp_path: Path) -> None:
    heart = Heartbeat(str(tmp_path / "memory"))
    for time in (1000, 1010):
        _memory(tmp_path / "memory", time, magic)
        assert not heart.beats()
    (tmp_path / "memory").write_bytes(b"")
    assert not heart.beats()


def test_a_picture_is_waited_for() -> None:
    pauses, said, looks = list[float](), list[str](), iter([False, False, True])
    assert await_picture(Vm(runs=True, looks=99), lambda: next(looks), pauses.append, said.append)
    assert len(pauses) == 2
    assert said == ["waiting for Looking Glass in the guest", "Looking Glass runs in the guest"]


def test_a_picture_that_never_comes() -> None:
    pauses, said = list[float](), list[str]()
    assert not await_picture(Vm(runs=True, looks=1 << 20), lambda: False, pauses.append, said.append)
    assert sum(pauses) == PICTURE_SECONDS
    assert said[-1].startswith("no sign of Looking Glass in the guest within 120 s")


def test_a_vm_that_ends_before_its_picture() -> None:
    assert not await_picture(Vm(runs=True, looks=3), lambda: False, lambda _: None, lambda _: None)


def test_memory_that_may_not_be_read(tmp_path: Path) -> None:
    said = list[str]()
    assert not await_picture(Vm(runs=True), Heartbeat(str(tmp_path / "none")).beats, lambda _: None, said.append)
    assert said == [f"whether the guest shows a picture cannot be seen: {tmp_path}/none: No such file or directory"]


@pytest.mark.parametrize(
    ("program", "release"),
    [(b"\x7fELF\0shmFile\0", "b7"), (b"\x7fELF\0shmDevice\0", "idd"), (b"#!/bin/sh\nexec shmFile", None)],
)
def test_the_clients_release_is_its_own_word(program: bytes, release: str | None) -> None:
    found = release_of(program)
    assert (found and found[0]) == release


KEPT: Members = {"/etc/optimux/optimux.toml": CONFIG.read_text(encoding="utf-8")}


def test_a_start_with_everything_there(tmp_path: Path) -> None:
    assert before_start("win11", tree(tmp_path, KEPT)) == ()


def test_what_ends_a_start_and_what_is_worth_a_word(tmp_path: Path) -> None:
    pages = "/sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages"
    client = "/usr/bin/looking-glass-client"
    found = before_start("win11", tree(tmp_path, {**KEPT, pages: "7\n", client: "\0shmDevice\0"}))
    assert {(result.key, result.key in ENDS_A_START) for result in found} == {
        ("memory.hugepages", True),
        ("client.release", False),
    }


def test_a_start_of_what_is_not_in_the_configuration(tmp_path: Path) -> None:
    broken: Members = {"/dev/kvmfr0": None}
    assert before_start("other", tree(tmp_path, {**KEPT, **broken})) == ()
    assert before_start("win11", tree(tmp_path, broken)) == ()
    assert before_start("win11", tree(tmp_path, {**broken, "/etc/optimux/optimux.toml": "vms = 1"})) == ()


@pytest.fixture
def virtual_machine(monkeypatch: pytest.MonkeyPatch) -> Vm:
    """What ``optimux start`` finds in libvirt."""
    vm = Vm(looks=1 << 20)
    monkeypatch.setattr("optimux.libvirt.machine.machine", lambda *_: contextlib.nullcontext(vm))
    monkeypatch.setattr("optimux.cli.start._cards", tuple)
    return vm


def _found(key: str, monkeypatch: pytest.MonkeyPatch) -> None:
    result = Result("broken", "no such thing", "/there", "", "Make it.", "make it", key)
    monkeypatch.setattr("optimux.host.doctor.findings.before_start", lambda name: (result,))


def test_doctor_is_asked_before_libvirt(
    virtual_machine: Vm, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    _found("memory.hugepages", monkeypatch)
    assert run(["start", "win", "--no-client", "--detach"]) == 1
    assert virtual_machine.asked == []
    assert "win cannot start:\n  - /there: no such thing. Make it. (make it)\n" in capsys.readouterr().err


def test_a_warning_is_no_reason_not_to_start(
    virtual_machine: Vm, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    _found("client.release", monkeypatch)
    assert run(["start", "win", "--no-client", "--detach"]) == 0
    assert "start" in virtual_machine.asked
    assert "no such thing" in capsys.readouterr().err


@pytest.mark.parametrize(("words", "asked"), [(["--detach"], []), ([], ["win"])])
def test_an_interrupt_while_the_picture_is_waited_for(
    words: list[str], asked: list[str], virtual_machine: Vm, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who waits for no end is not asked whether it shall come."""
    questions: list[str] = []

    def ask(name: str) -> bool:
        questions.append(name)
        return False

    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("optimux.host.doctor.findings.before_start", lambda name: ())
    monkeypatch.setattr("optimux.cli.start._client", lambda *_: True)
    monkeypatch.setattr("optimux.cli.start._shown", interrupted)
    monkeypatch.setattr("optimux.cli.start._shall_shut_down", ask)
    assert run(["start", "win", *words]) == 130
    assert questions == asked
    assert "shut down" not in virtual_machine.asked


def test_a_menu_entry(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["start", 'My "VM" 100%', "--desktop-file"]) == 0
    assert r'Exec=optimux start "My \\"VM\\" 100%%"' in capsys.readouterr().out


def test_with_libvirts_own_binding(trixie: Root) -> None:
    """On libvirt's test driver, whose only domain runs and ends when it is asked to."""
    script = "from optimux.cli import main; main()"
    with trixie.session({CHECKOUT / "generator": "/opt/generator"}) as session:

        def start(*arguments: str, code: str = script) -> tuple[int, str]:
            line = ["python3", "-c", code, "start", *arguments, "--connect", "test:///default"]
            done = session.run(line, env={"PYTHONPATH": "/opt/generator"}, check=False, input="")
            return done.returncode, done.stderr

        assert start("test", "--detach") == (0, "test runs already\ntest has no Looking Glass\n")
        code, said = start("tset")
        assert (code, 'allowed: "test"' in said) == (2, True), said
        # Each connection has a domain of its own: its end is asked for by an interrupt, within one process.
        interrupt = (
            "import time, optimux.cli.start as s, click, sys\n"
            "def sleep(_):\n    time.sleep = lambda _: None\n    raise KeyboardInterrupt\n"
            "time.sleep = sleep\ns._shall_shut_down = lambda name: True\n"
        )
        code, said = start("test", "--no-client", code=interrupt + script)
        assert (code, said.splitlines()[-2:]) == (0, ["asking test to shut down", "test has ended"]), said
