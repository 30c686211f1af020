"""An L1 machine whose emulator crashes is started again, once, and says so; one that is kept is of its inputs alone."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import socket
import threading
import time
from contextlib import ExitStack
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import pytest

from lab import CHECKOUT
from lab.consumers import roots
from lab.consumers.roots import Root
from lab.l1.clock import kilohertz
from lab.l1.code import code_disk
from lab.l1.debian import debian_machine
from lab.l1.fixtures import by_address_machine
from lab.l1.kept import kept, key
from lab.l1.machine import L1, Channel, quick
from lab.l1.qemu import qemu_of
from lab.l1.saved import Making, inputs_of, l1_of, restored
from optimux.emit.artifact import HostFile
from optimux.vm.errors import AcceleratorFailed, Crashed, VmError
from optimux.vm.qemu.accel import tcg

if TYPE_CHECKING:
    from pathlib import Path

    from optimux.vm.qemu.accel import Accelerator
    from optimux.vm.qemu.run import Run


class _Run:
    """A machine, and whether its emulator has crashed."""

    crashed = False
    kind: type[VmError] = Crashed

    def __init__(self) -> None:
        self.process = SimpleNamespace(status=None)

    def check_alive(self) -> None:
        if self.crashed:
            self.process.status = 0 if self.kind is VmError else -11
            raise self.kind("QEMU was killed by SIGSEGV" if self.kind is Crashed else "QEMU ended", "")

    def failure(self, kind: type[VmError], message: str) -> VmError:
        return kind(message, "")


def _l1(*crashes: bool, kind: type[VmError] = Crashed) -> L1:
    """Of each machine: whether it crashes at the first call after it has settled, and what its run says then."""
    each = iter(crashes)

    def start() -> Channel:
        ours, theirs = socket.socketpair()
        run = _Run()
        run.kind = kind
        threading.Thread(target=_agent, args=(theirs, run, next(each)), daemon=True).start()
        return Channel(cast("Run", run), ours)

    return L1(start)


def _agent(channel: socket.socket, run: _Run, crashes: bool) -> None:
    with contextlib.suppress(OSError), channel.makefile("rb") as lines:
        for line in lines:
            token, function, _ = json.loads(line)
            if crashes and function not in ("resident.up", "resident.begin", "agent.settle"):
                run.crashed = True
                return
            channel.sendall(json.dumps({"token": token, "result": function}).encode() + b"\n")


def test_a_call() -> None:
    assert _l1(False).call("a.b", 10) == "a.b"


def test_a_crash_is_survived_with_a_warning() -> None:
    with pytest.warns(UserWarning, match=r"a\.b: QEMU was killed by SIGSEGV; once more on a new machine"):
        assert _l1(True, False).call("a.b", 10) == "a.b"


def test_a_reset_without_a_word_is_one() -> None:
    """A triple fault of the emulated host; a machine that is off by the test's own doing is off the second time too."""
    with pytest.warns(UserWarning, match=r"a\.b: QEMU ended; once more on a new machine"):
        assert _l1(True, False, kind=VmError).call("a.b", 10) == "a.b"
    with pytest.warns(UserWarning, match="once more"), pytest.raises(Crashed):
        _l1(True, True, kind=VmError).call("a.b", 10)


def test_twin_a_machine_that_has_not_ended_is_told_as_it_is() -> None:
    l1 = _l1(True, kind=AcceleratorFailed)
    with pytest.raises(AcceleratorFailed):
        l1.call("a.b", 10)


def test_twin_two_crashes_are_not() -> None:
    l1 = _l1(True, True)
    with pytest.warns(UserWarning, match="once more"), pytest.raises(Crashed):
        l1.call("a.b", 10)


def test_twin_what_must_not_be_repeated() -> None:
    with pytest.raises(Crashed):
        _l1(True, False).call("a.b", 10, repeat=False)


def test_one_that_rests_goes_on_with_the_next_call() -> None:
    """Its processors stand still meanwhile; one that has ended is left alone."""
    l1 = _l1(False)
    told: list[str] = []
    l1.run.qmp = cast("Any", SimpleNamespace(execute=told.append))
    l1.rest()
    l1.rest()
    assert told == ["stop"]
    assert (l1.call("a.b", 10), l1.call("a.c", 10)) == ("a.b", "a.c")
    assert told == ["stop", "cont"]
    cast("Any", l1.run.process).status = 0
    l1.rest()
    assert told == ["stop", "cont"]


def test_the_counter_s_rate_is_measured_again_as_it_was() -> None:
    """Also where others compute meanwhile; a kernel that measured it was wrong by a factor of seven."""
    before = kilohertz()
    kilohertz.cache_clear()
    assert abs(kilohertz() - before) <= before / 1000
    assert (f"tsc_early_khz={kilohertz()}" in quick()) == bool(before)


@pytest.fixture
def root(tmp_path: Path) -> Root:
    """As much of one as tells it from others."""
    (tmp_path / "root").mkdir()
    return Root(tmp_path / "root")


ENTRY = HostFile("/etc/modprobe.d/optimux.conf", "options vfio-pci ids=1234:1111\n", "binding")
FILES: dict[str, str | bytes] = {"/opt/given/options.json": "{}"}


def _key(root: Root, which: Accelerator = tcg("no KVM")) -> str:  # noqa: B008 - a value
    return key(inputs_of(debian_machine("it", root, [ENTRY], FILES, parameters=("quiet",), more=("-s",)), which))


def test_a_kept_machine_is_of_its_inputs(root: Root, monkeypatch: pytest.MonkeyPatch) -> None:
    """And of nothing that differs from run to run; the next test is the twin."""
    before = _key(root)
    monkeypatch.setattr("lab.l1.machine.kilohertz", lambda: 1234567)
    assert _key(root) == before


@pytest.mark.parametrize(
    "changed",
    [
        {"entries": [ENTRY.replace(content="options vfio-pci ids=10de:1b80\n")]},
        {"entries": [ENTRY.replace(mode=0o600)]},
        {"entries": []},
        {"files": {**FILES, "/etc/more": b"\n"}},
        {"parameters": ("quiet", "iommu=pt")},
        {"more": ()},
    ],
    ids=str,
)
def test_twin_another_input_makes_another_machine(root: Root, changed: dict[str, Any]) -> None:
    given = {"entries": [ENTRY], "files": FILES, "parameters": ("quiet",), "more": ("-s",), **changed}
    assert key(inputs_of(debian_machine("it", root, **given), tcg(""))) != _key(root)


def test_twin_so_do_another_root_and_another_processor(root: Root) -> None:
    before = _key(root)
    assert _key(root, tcg("").replace(cpu="qemu64")) != before
    os.utime(root.path, (0, 0))  # as one that was built at another time
    assert _key(root) != before


def test_twin_so_does_another_emulator(root: Root, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = _key(root)
    monkeypatch.setattr("lab.l1.saved.emulator", lambda: Root(tmp_path))
    assert _key(root) != before


@pytest.mark.parametrize(
    ("state", "grown", "words"),
    [
        (b"no state", 0, "QEMU ended .*: load of migration failed"),
        (b"", 0, "QEMU ended .*: load of migration failed"),
        (b"no state", 1, "its files have the sizes"),
    ],
    ids=["another file", "empty", "truncated"],
)
def test_a_broken_one_is_removed_with_a_warning(
    state: bytes, grown: int, words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """QEMU's own refusal of what is no state, or a file that is not as it was written: then it boots."""
    root = roots.trixie_root()
    with code_disk(root) as code:
        shutil.copytree(code.parent, tmp_path / "optimux/machines" / code.parent.name)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr("lab.l1.saved.emulator", lambda: root)
    (kernel,) = (root.path / "boot").glob("vmlinuz-*")

    def fill(place: Path) -> None:
        (place / "vmlinuz").symlink_to(kernel)
        for name, content in {"disk.ext4": bytes(1 << 20), "initrd.img": b"-", "state": state}.items():
            (place / name).write_bytes(content)
        sizes = {file.name: file.stat().st_size + grown for file in place.iterdir()}
        told = {"kilohertz": kilohertz(), "parameters": [], "more": [], "sizes": sizes}
        (place / "machine.json").write_text(json.dumps(told))

    making = Making("broken", root, (), lambda _: pytest.fail("it was there"))
    with kept(making.name, inputs_of(making, tcg("a test")), fill) as place, ExitStack() as stack:
        with pytest.warns(UserWarning, match=rf"the machine broken boots, {place} is removed: {words}"):
            assert restored(making, tcg("a test"), qemu_of(root, tmp_path), tmp_path, stack) is None
        assert not place.exists()


def test_the_code_and_the_time_are_those_of_now(
    by_address: L1, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same machine a second time beside the first one, with code that was written after it was kept."""
    shutil.copytree(CHECKOUT / "lab/scenarios", tmp_path / "lab/scenarios")
    for name in ("generator", "examples"):
        (tmp_path / name).mkdir()
    (tmp_path / "lab/scenarios/said.py").write_text("import time\n\ndef now():\n    return time.time()\n")
    monkeypatch.setattr("lab.l1.code.CHECKOUT", tmp_path)
    with l1_of(by_address_machine(), tmp_path_factory.mktemp("l1")) as second:
        before = time.time()
        assert before - 1 < second.call("said.now", 60) < time.time() + 1
    with pytest.raises(VmError, match=r"No module named 'lab\.scenarios\.said'"):
        by_address.call("said.now", 60)
