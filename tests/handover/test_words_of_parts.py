"""The smaller parts of a hand-over to the letter: cards, the kernel's calls, states, an evening with a VM, desktops."""

from __future__ import annotations

import errno
import json
import os
import signal
import stat
import time
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from optimux.errors import OptimuxError
from optimux.host.handover import hook, kernel, processes, state
from optimux.host.handover.cards import Card, CardFunction, cards_of
from optimux.host.handover.give import give
from optimux.host.handover.keep_free import SEAT, Kept, advice, current_desktop, desktops, kept
from optimux.host.handover.kernel import Kernel, Refused, Stuck
from optimux.host.handover.nodes import BLOCK, CHARACTER, Node, Sysfs
from optimux.host.handover.picture import _incomplete, look
from optimux.host.handover.processes import Scan, _range
from optimux.host.handover.state import State, Store, Was
from optimux.host.handover.statx import Statx
from optimux.host.handover.verdict import GIVEN
from optimux.host.looking_glass import Heartbeat, release_of
from optimux.pci import Address, Id
from tests.bad_input.edits import edited
from tests.detect.tree import put
from tests.handover.machine import CARD, GPU, process

if TYPE_CHECKING:
    from collections.abc import Iterator


def test_the_cards_of_a_plan() -> None:
    from optimux.plan.resolve import plan_from

    (card,) = cards_of(plan_from(edited({"gpus.rtx3070.bind": "on-demand"})))
    plan = plan_from(edited({}))
    assert card == Card(
        "rtx3070",
        tuple(CardFunction(function.address, function.id) for function in plan.gpus[0].functions),
        True,
        tuple(domain.name for domain in plan.domains),
    )
    assert card.addresses == tuple(function.address for function in plan.gpus[0].functions)
    assert len(card.domains) == 1
    assert not cards_of(plan)[0].on_demand
    bare = plan.replace(domains=tuple(domain.replace(host_devices=()) for domain in plan.domains))
    assert cards_of(bare)[0].domains == ()


@pytest.fixture
def limits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """How long each call of the kernel's may take."""
    found: list[float] = []
    real = kernel._within

    def within(child: int, seconds: float) -> int | None:
        found.append(seconds)
        return real(child, seconds)

    monkeypatch.setattr(kernel, "_within", within)
    return found


def test_how_long_the_kernel_is_waited_for(limits: list[float], tmp_path: Path) -> None:
    (tmp_path / "attribute").touch()
    Kernel(str(tmp_path)).write("/attribute", "x")
    assert limits == [3.0]
    os.mkfifo(tmp_path / "waits")
    with pytest.raises(Refused, match=r"^/waits took 'x' for more than 0\.05 s$"):
        Kernel(f"{tmp_path}/").write("/waits", "x\n", 0.05)
    assert limits[1:] == [0.05, 0.2]
    assert (kernel.UNBIND_SECONDS, kernel.RUN_SECONDS) == (8.0, 10.0)


def test_a_writer_that_was_killed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "attribute").touch()
    for status, said in ((signal.SIGKILL, "the writer ended with -9"), (255 << 8, "the writer ended with 255")):
        monkeypatch.setattr(kernel, "_within", lambda child, seconds, status=status: status)
        with pytest.raises(Refused, match=f"^/attribute refused 'x': {said}$"):
            Kernel(str(tmp_path)).write("/attribute", "x")
    monkeypatch.setattr(kernel, "_within", lambda child, seconds: errno.EBUSY << 8)
    with pytest.raises(Refused, match=r"^/attribute refused 'x': Device or resource busy$"):
        Kernel(str(tmp_path)).write("/attribute", "x")


def test_what_is_read_of_the_kernel(tmp_path: Path) -> None:
    (tmp_path / "text").write_bytes(b"\0 auto\xff\n\0\n")
    (tmp_path / "link").symlink_to("../drivers/vfio-pci")
    seen = Kernel(f"{tmp_path}/")
    assert (seen.text("/text"), seen.text("/none")) == ("auto\ufffd", None)
    assert (seen.target("/link"), seen.target("/text")) == ("vfio-pci", None)
    assert (seen.exists("/link"), seen.exists("/none"), seen.systemd) == (True, False, False)
    put(tmp_path, "/run/systemd/system/x", "")
    assert seen.systemd
    assert Kernel().root == ""


def test_what_programs_say(monkeypatch: pytest.MonkeyPatch) -> None:
    assert Kernel().run("sh", "-c", "echo ' out'; echo err >&2; cat") == "out\nerr"
    with pytest.raises(Refused, match=r"^sh -c exit 3: ended with 3$"):
        Kernel().run("sh", "-c", "exit 3")
    with pytest.raises(Refused, match=r"^no-such-program cannot be run: No such file or directory$"):
        Kernel().run("no-such-program", "x")
    with pytest.raises(Refused, match=r"^sleep 9 did not end within 0\.05 s$"):
        Kernel().run("sleep", "9", seconds=0.05)
    assert Kernel().run("sh", "-c", "ps -o sid= -p $$ | tr -d ' '; echo $$").split()[0].isdecimal()
    assert str(Stuck("writing /x", 7)) == (
        "writing /x did not end in time; process 7 still waits for it inside the kernel"
    )


def test_turns_until_the_time_is_over(monkeypatch: pytest.MonkeyPatch) -> None:
    now, slept = [0.0], list[float]()

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        now[0] += seconds

    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    monkeypatch.setattr(time, "sleep", sleep)
    assert len(list(Kernel().rounds(1.0, 0.25))) == 5
    assert slept == [0.25] * 4
    assert len(list(Kernel().rounds(0.1))) == 2
    assert slept[4:] == [0.1]


def test_a_stat_that_says_little(tmp_path: Path) -> None:
    for text, alive in (("7 (a) b) S 1", True), ("7 (x) Z 1", False), ("", False)):
        put(tmp_path, "/proc/7/stat", text)
        assert Kernel(str(tmp_path)).alive(7) == alive


WAS = Was(Address.parse(GPU), "bochs-drm", "bochs", None, "auto")
STATE = State("my card", "win", (WAS,), ("0000:00:01.0", "auto"), ("nvidia",), (("systemctl", "start", "x"),))


def test_a_state_as_it_is_kept(tmp_path: Path) -> None:
    store = Store(f"{tmp_path}/")
    assert not store.exists("my card")
    store.write(STATE.replace(announced=("/x",), inhibitor="i", stuck=(7, GPU), complete=True))
    file = tmp_path / "run/optimux/card-my card.json"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert json.loads(file.read_text()) == {
        "card": "my card",
        "domain": "win",
        "port": ["0000:00:01.0", "auto"],
        "loaded": ["nvidia"],
        "stopped": [["systemctl", "start", "x"]],
        "announced": ["/x"],
        "inhibitor": "i",
        "stuck": [7, GPU],
        "complete": True,
        "functions": [{"address": GPU, "driver": "bochs-drm", "module": "bochs", "override": None, "control": "auto"}],
    }
    assert file.read_text().startswith('{\n "card"')
    assert store.exists("my card")
    file.write_text("{}")
    with pytest.raises(OptimuxError, match=r"card\.json holds something else than a card's state: 'functions'$"):
        store.read("my card")
    file.chmod(0o666)
    said = r"card-my card\.json may have been written by others: it is not trusted\. Look who made it; remove it\.$"
    with pytest.raises(OptimuxError, match=said):
        store.read("my card")
    store.clear("my card")
    assert not store.exists("my card")


def test_the_lock_of_a_hand_over(tmp_path: Path) -> None:
    asked: list[float] = []

    class Asked(Kernel):
        def rounds(self, seconds: float, step: float = 0.1) -> Iterator[None]:
            asked.append(seconds)
            yield None

    store = Store(str(tmp_path))
    said = "^another hand-over is at work. Nothing was changed; try again when it has ended.$"
    with store.lock(Asked()), pytest.raises(OptimuxError, match=said), store.lock(Asked()):
        pytest.fail("it was had twice")
    assert asked == [5.0, 5.0]
    assert (tmp_path / "run/optimux/handover.lock").exists()
    assert state.FOLDER == "/run/optimux"


def test_a_state_that_cannot_be_kept(tmp_path: Path) -> None:
    (tmp_path / "run").write_text("")
    store = Store(str(tmp_path))
    with pytest.raises(OptimuxError, match="cannot be written"):
        store.write(STATE)
    with pytest.raises(OptimuxError, match="cannot be removed"):
        store.clear("my card")
    with pytest.raises(OptimuxError, match="cannot be read"):
        store.read("my card")


def test_the_device_behind_a_path(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    call = Statx()
    assert call.device("/dev/null") == (CHARACTER, 1, 3)
    assert (call.device(str(tmp_path / "file")), call.device("/none")) == (None, None)
    for block in (path for path in Path("/dev").iterdir() if path.is_block_device()):
        number = block.stat().st_rdev
        assert call.device(str(block)) == (BLOCK, os.major(number), os.minor(number))


def test_what_is_special_in_a_folder() -> None:
    """A device, and what is of no type; a pipe, a file and what has gone say nothing."""
    null, file, made = os.open("/dev/null", 0), os.open(__file__, 0), os.eventfd(0)
    first, last = os.pipe()
    folder = os.open("/proc/self/fd", os.O_RDONLY)
    try:
        names = [str(number) for number in (null, file, made, first, 9999)]
        assert list(Statx().special(folder, names)) == [(str(null), (CHARACTER, 1, 3)), (str(made), None)]
    finally:
        for descriptor in (null, file, made, first, last, folder):
            os.close(descriptor)


def test_a_mappings_name() -> None:
    assert _range(b"00400000-00ff0000") == "400000-ff0000"


@pytest.mark.parametrize(
    ("flags", "name", "used"),
    [
        ("rw-s", "/harmless", True),
        ("r-xs", "/harmless", True),
        ("rw-p", "/harmless", False),
        ("rw-s", "/other", False),
        ("rw-p", "/dev/x", True),
        ("rw-s", "/dev/x", True),
    ],
)
def test_mappings_of_any_name(flags: str, name: str, used: bool, tmp_path: Path) -> None:
    """Shared ones of any name, others only of what lies in /dev; after many that are neither."""
    nodes = tuple(
        Node((CHARACTER, 9, number), path, "mem", Address.parse(GPU))
        for number, path in ((1, "/harmless"), (2, "/dev/x"))
    )
    lines = "7f00-7f10 r-xp 00000000 fe:01 9 /lib/x\n7f10-7f20 rw-p 00000000 00:00 0\n" * 3
    process(tmp_path, 77, "x", maps=f"{lines}7f20-7f30 {flags} 00000000 00:05 4 {name}\n")
    scan = Scan(nodes, str(tmp_path))
    assert [(use.pid, use.node, use.function, use.how, use.tid) for use in scan.run()] == (
        [(77, name, GPU, "mapped", None)] if used else []
    )
    assert (scan.unseen, scan.exporting, scan.mounts) == ([], [], {77: 77})


def test_who_has_a_buffer_in_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    """What has no type may be one; its name tells."""
    node = Node((CHARACTER, 9, 1), "/x", "mem", Address.parse(GPU))
    scan = Scan((node,))
    special = [("3", (CHARACTER, 9, 1)), ("4", (CHARACTER, 9, 2)), ("5", None), ("6", None)]
    monkeypatch.setattr(scan, "_statx", SimpleNamespace(special=lambda folder, numbers: special))
    names = {"5": "/dmabuf:x", "6": "anon_inode:[eventfd]"}
    monkeypatch.setattr(processes, "_target", lambda number, folder: names[number])
    assert list(scan._behind(77, 0, [])) == [node]
    assert scan.exporting == [77]


@pytest.mark.parametrize(
    ("user", "live", "unseen", "paths", "found"),
    [
        (0, True, [], [], ()),
        (1000, True, [], [], ("this is not root: counts and mappings of others are not shown",)),
        (1000, False, [], [], ()),
        (1000, True, [7], [], ("1 process of other users could not be looked into",)),
        (0, True, [7, 8], [], ("2 processes could not be looked into",)),
        (1000, False, [7, 8], [], ("2 processes could not be looked into",)),
        (0, True, [], ["/sys/a", "/etc/passwd", "/sys/b"], ("/sys/a could not be read", "/sys/b could not be read")),
    ],
)
def test_what_a_look_leaves_out(
    user: int,
    live: bool,
    unseen: list[int],
    paths: list[str],
    found: tuple[str, ...],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: user)
    (tmp_path / "proc").mkdir()
    scan, sysfs = Scan((), str(tmp_path)), Sysfs(str(tmp_path))
    scan.unseen, sysfs.unseen = unseen, paths
    assert _incomplete(scan, sysfs, live=live) == found


FREE = f"E:ID_SEAT={SEAT}\n"


def test_a_card_without_a_node(machine: Path) -> None:
    none = CARD.replace(functions=())
    assert kept(none, str(machine)) == Kept(
        "card", None, False, "no function: not there; compare with optimux detect", False
    )
    put(machine, "/run/udev/data/c226:1", FREE)
    assert kept(CARD, str(machine)) == Kept("card", "/dev/dri/card1", True)
    found = kept(CARD.replace(functions=CARD.functions[1:]), str(machine))
    assert found == Kept(
        "card", None, False, "snd_hda_intel, xhci_hcd shows no picture device of it, so no desktop opens one"
    )


def test_what_each_desktop_is_told() -> None:
    assert advice(CARD, "/dev/dri/card7", "niri").endswith('ignore-drm-device "/dev/dri/card7" }')
    assert '"/dev/dri/cardN"' in advice(CARD, None, "niri")
    small = CARD.replace(functions=(CardFunction(Address.parse(GPU), Id.parse("0012:0003")),))
    assert advice(small, None, "cosmic").endswith("=0x0012:0x0003")
    assert set(desktops()) == {"gnome", "kde", "sway", "weston", "hyprland", "niri", "cosmic", "x11"}
    assert current_desktop({"XDG_CURRENT_DESKTOP": "x:Sway"}) == "sway"
    assert current_desktop({"XDG_SESSION_TYPE": "wayland"}) is None


def test_when_a_hook_acts(machine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its own stages, cards on demand, VMs that have them; the stage before takes, the one after gives."""
    called: list[str] = []
    for name in ("_before", "_after"):
        monkeypatch.setattr(hook, name, lambda card, *_, name=name: called.append(f"{name} {card.name}"))
    cards = [
        {"name": name, "bind": bind, "functions": [], "domains": domains}
        for name, bind, domains in (("a", "on-demand", ["win"]), ("b", "vfio-pci", ["win"]), ("c", "on-demand", ["x"]))
    ]
    put(machine, "/cards.json", json.dumps({"cards": cards}))
    monkeypatch.setattr(hook, "INSTALLED", str(machine / "cards.json"))
    monkeypatch.setattr(hook, "Store", lambda: Store(str(machine)))
    for stage in ("prepare/begin", "release/end", "start/begin"):
        hook.run("win", stage, print)
    assert called == ["_before a", "_after a"]


def test_what_a_hook_does(machine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[tuple[Any, ...]] = []

    class Took:
        def __init__(self, *arguments: Any) -> None:
            made.append(arguments)

        def run(self) -> None:
            made.append(("run",))

    monkeypatch.setattr(hook, "Taking", Took)
    monkeypatch.setattr(hook, "look", lambda card: look(card, str(machine)))
    monkeypatch.setattr(hook, "give", lambda *arguments: made.append(arguments))
    store, held, waited = Store(str(machine)), Kernel(str(machine)), list[tuple[float, float]]()
    hook._before(CARD, "win", held, store, print)
    (card, _, _, seen, _, domain, stop, again), ran = made
    assert (card, domain, stop, again[1:], ran) == (
        CARD, "win", (), ("-m", "optimux", "gpu", "give", "--gpu", "card"), ("run",)
    )  # fmt: skip
    assert seen().card == CARD
    made.clear()

    def rounds(self: Kernel, seconds: float, step: float = 0.1) -> Iterator[None]:
        waited.append((seconds, step))
        yield from (None, None)

    monkeypatch.setattr(Kernel, "rounds", rounds)
    for known in (None, STATE.replace(card="card", domain="other")):
        if known:
            store.write(known)
        hook._after(CARD, "win", held, store, print)
    assert made == []
    store.write(STATE.replace(card="card"))
    hook._after(CARD, "win", held, store, print)
    assert made == [(CARD, held, store, print, None)]
    assert waited == [(5.0, 0.5)]


def test_a_heart_beats_again_only_after_a_beat(tmp_path: Path) -> None:
    """What has no header between is no beat, and what comes after it is a beginning."""
    path = tmp_path / "memory"
    heart = Heartbeat(str(path))
    found = []
    for content in (b"LGMP1", b"XXXX2", b"LGMP3", b"LGMP3", b"LGMP4"):
        path.write_bytes(content.ljust(8192, b"\0"))
        found.append(heart.beats())
    assert found == [False, False, False, False, True]
    assert release_of(b"\0shmFile\0\0shmDevice\0") == ("idd", "shmDevice")
    assert release_of(b"\0shmFiles\0") is None


def test_words_that_are_kept() -> None:
    assert (hook.BEFORE, hook.AFTER, GIVEN) == ("prepare/begin", "release/end", "given")


def test_whose_end_is_asked_for_before_a_card_is_given(tmp_path: Path) -> None:
    asked: list[int] = []

    class Asked(Kernel):
        def alive(self, pid: int) -> bool:
            asked.append(pid)
            return True

    store = Store(str(tmp_path))
    store.write(STATE.replace(card="card", stuck=(7, GPU)))
    with pytest.raises(Refused) as caught:
        give(CARD, Asked(str(tmp_path)), store, print)
    assert str(caught.value) == (
        f"process 7 still waits for the kernel to let {GPU} go. Close what holds it (optimux gpu status); "
        "the card then comes back by itself."
    )
    assert asked == [7]
