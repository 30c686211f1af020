"""Compositors of Debian, each in a session of logind's on a display: which nodes of the cards they open and keep.

Two cards are kept free by the rule that ``apply`` writes. The third is not: the twin of every start.
"""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import os
import pwd
import re
import struct
import subprocess
import time
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lab.scenarios import pci, program
from lab.scenarios.agent import settle

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

USER = "alice"
PRIMARY, CARD, OTHER, RENDERS = "0000:00:02.0", "0000:01:00.0", "0000:03:00.0", "0000:04:00.0"
FREE = (CARD, RENDERS)
CONFIG = "/opt/given/options.json"
RULE, _APPLIED = Path("/etc/udev/rules.d/72-optimux-seat.rules"), Path("/run/seat.rules")
# What each twin of the rule lacks.
_LACKING = {"whole": "", "no seat": r'ENV\{ID_SEAT\}="seat-optimux", ', "no tag": r'TAG-="master-of-seat", '}
_DRM = Path("/sys/kernel/debug/dri")
_UNIT, _LOG, _TERMINAL = "desktop.service", Path("/run/desktop.log"), 7
_VT_ACTIVATE, _VT_WAITACTIVE = 0x5606, 0x5607  # linux/vt.h
_PUT_MAP = 0x4610  # linux/fb.h: FBIOPUT_CON2FBMAP
_IN_OPEN, _IN_NONBLOCK = 0x20, 0x800  # sys/inotify.h
_SECONDS = 600  # of a compositor's start, too, which renders by an emulated processor that others use as well
# Nothing but a session of logind's.
PAM = """auth required pam_permit.so
account required pam_permit.so
session required pam_systemd.so
"""


class Desktop:
    """A compositor's program, how it is started, and with what environment; ``{cards}`` are what it may add."""

    def __init__(self, program: str, command: str, **environment: str) -> None:
        self.program, self.command, self.environment = program, command.split(), environment


# All of them draw with the processor: the emulated cards can do nothing else.
DESKTOPS = {
    "sway": Desktop("sway", "sway --config /dev/null", WLR_RENDERER="pixman", WLR_LIBINPUT_NO_DEVICES="1"),
    "weston": Desktop("weston", "weston --backend=drm --renderer=pixman --additional-devices={cards}"),
    "x11": Desktop("Xorg", f"Xorg :0 vt{_TERMINAL} -keeptty -noreset -nolisten tcp"),
    "kde": Desktop(
        "kwin_wayland", "dbus-run-session kwin_wayland --drm --no-lockscreen --no-global-shortcuts", KWIN_COMPOSE="Q"
    ),
    "gnome": Desktop(
        "mutter", "dbus-run-session mutter --wayland --display-server --no-x11", GALLIUM_DRIVER="softpipe"
    ),
}


def nodes(*addresses: str) -> list[str]:
    """The names of the DRM nodes of functions: a card, and what renders where it does."""
    found = (Path(f"/sys/bus/pci/devices/{address}").glob("**/drm/*/dev") for address in addresses)
    return sorted(e.parent.name for entries in found for e in entries if not e.parent.is_symlink())


class Watch:
    """Counts how often DRM nodes are opened, by whomever, from now on; also those that come later."""

    def __init__(self) -> None:
        libc = ctypes.CDLL(None, use_errno=True)
        self._counts: Counter[str] = Counter()
        self._queue = libc.inotify_init1(_IN_NONBLOCK)
        assert libc.inotify_add_watch(self._queue, b"/dev/dri", _IN_OPEN) > 0, os.strerror(ctypes.get_errno())

    def opened(self, *addresses: str) -> dict[str, int]:
        """The nodes of these functions that were, and how often, since it began."""
        with contextlib.suppress(BlockingIOError):
            while data := os.read(self._queue, 1 << 16):
                while data:
                    (length,) = struct.unpack_from("12xI", data)
                    self._counts[data[16 : 16 + length].rstrip(b"\0").decode()] += 1
                    data = data[16 + length :]
        own = nodes(*addresses)
        return {name: count for name, count in self._counts.items() if name in own}


@contextlib.contextmanager
def running(name: str, seat: str | None = None) -> Iterator[None]:
    """A desktop that has drawn on the host's display, or on the card at a ``seat`` of its own, and rests."""
    desktop = DESKTOPS[name]
    settings = {"PAMName": "desktop", "StandardOutput": f"truncate:{_LOG}", "StandardError": f"append:{_LOG}"}
    environment = desktop.environment
    if seat:
        environment = environment | {"XDG_SEAT": seat, "XDG_SESSION_CLASS": "greeter"}
    else:
        _switch_to(_TERMINAL)
        settings |= {"TTYPath": f"/dev/tty{_TERMINAL}", "StandardInput": "tty"}
    line = ["systemd-run", "--quiet", f"--unit={_UNIT}", f"--uid={USER}"]
    line += [f"--property={key}={value}" for key, value in settings.items()]
    line += [f"--setenv={key}={value}" for key, value in environment.items()]
    cards = ",".join(node for node in nodes(CARD, OTHER) if node.startswith("card"))
    line += [word.replace("{cards}", cards) for word in desktop.command]
    subprocess.run(line, check=True, timeout=_SECONDS)
    try:
        _await(lambda: desktop.program in drawing(CARD if seat else PRIMARY), name)
        _await(_rests, name)
        yield
    finally:
        subprocess.run(["systemctl", "stop", _UNIT], check=False, timeout=_SECONDS)
        subprocess.run(["systemctl", "reset-failed", _UNIT], check=False, timeout=_SECONDS, capture_output=True)


def _switch_to(terminal: int) -> None:
    """The session that is made there is the seat's active one, which alone is given devices."""
    with Path("/dev/tty0").open("wb", buffering=0) as console:
        fcntl.ioctl(console, _VT_ACTIVATE, terminal)
        fcntl.ioctl(console, _VT_WAITACTIVE, terminal)


def _await(holds: Callable[[], bool], name: str) -> None:
    end = time.monotonic() + _SECONDS
    while not holds():
        # It lasts as long as the unit; asking systemd takes an emulated machine a good part of a start.
        assert Path(f"/sys/fs/cgroup/system.slice/{_UNIT}").exists(), f"{name} has ended: {_LOG.read_text()[-4000:]}"
        assert time.monotonic() < end, f"{name} does not come to rest: {_LOG.read_text()[-4000:]}"
        time.sleep(0.3)


def drawing(address: str) -> set[str]:
    """The programs whose buffers a function's display shows (drm_framebuffer_print_info)."""
    return set(re.findall(r"allocated by = (\S+)", (_DRM / address / "state").read_text()))


def _rests() -> bool:
    """Whether the user's processes have used less than a twentieth of a second."""
    slice_ = Path(f"/sys/fs/cgroup/user.slice/user-{pwd.getpwnam(USER).pw_uid}.slice/cpu.stat")

    def used() -> int:
        return int(slice_.read_text().split()[1])  # usage_usec

    before = used()
    time.sleep(1)
    return used() - before < 50_000


def ready() -> None:
    """The cards at rest on the host; polkit, which a session's first use would start, runs."""
    if not _DRM.exists():
        subprocess.run(["mount", "-t", "debugfs", "debug", "/sys/kernel/debug"], check=True, timeout=_SECONDS)
    subprocess.run(["systemctl", "start", "polkit"], check=True, timeout=_SECONDS)
    settle()
    assert [len(nodes(address)) for address in (PRIMARY, CARD, OTHER, RENDERS)] == [2, 1, 1, 2]


def _gpu(verb: str, gpu: str, *more: str) -> tuple[int, str, str, float]:
    return program.called("gpu", verb, CONFIG, "--gpu", gpu, *more, seconds=_SECONDS)


def started(name: str) -> dict[str, Any]:
    """A desktop opens neither card that is kept free, is not in the way of taking one, nor opens it when it comes back.

    Told is what it does with the third: how often it opens which nodes, and what ``gpu take`` says of that.
    """
    watch, began = Watch(), time.monotonic()
    with running(name):
        seen: dict[str, Any] = {"seconds": {"start": time.monotonic() - began}}
        seen["opened"], untouched = watch.opened(OTHER), watch.opened(*FREE)
        assert untouched == {}, f"opened as it started: {untouched}"
        code, said, seen["words"], _ = _gpu("take", "other")
        seen["taken"] = code == 0
        assert pci.driver(OTHER) == ("vfio-pci" if seen["taken"] else "bochs-drm")
        for verb in ("take", "give"):
            code, said, errors, seen["seconds"][verb] = _gpu(verb, "card")
            assert code == 0, (said, errors)
        settle()
        _await(_rests, name)
        untouched = watch.opened(*FREE)
        assert untouched == {}, f"opened after the card came back: {untouched}"
    if seen["taken"]:
        code, said, errors, _ = _gpu("give", "other")
        assert code == 0, (said, errors)
    return seen


def opened(name: str, rule: str, seat: str | None = None) -> dict[str, int]:
    """How often a desktop opens which nodes of those kept free, with a rule that lacks something."""
    _rule(rule)
    watch = Watch()
    with running(name, seat):
        return watch.opened(*FREE)


def _rule(which: str) -> None:
    """A twin lacks a part of the rule; the cards appear anew, as at a boot."""
    if not _APPLIED.exists():
        _APPLIED.write_text(RULE.read_text())
    whole, before = _APPLIED.read_text(), RULE.read_text()
    wanted = re.sub(_LACKING[which], "", whole)
    assert (wanted == whole) == (which == "whole")
    if wanted == before:
        return
    RULE.write_text(wanted)
    subprocess.run(["udevadm", "control", "--reload"], check=True, timeout=_SECONDS)
    for address in FREE:
        driver = Path(f"/sys/bus/pci/devices/{address}/driver").resolve()
        (driver / "unbind").write_text(address)
        (driver / "bind").write_text(address)
    settle()


def seats(rule: str) -> dict[str, Any]:
    """With a rule: logind's seats that can show pictures, what ``keep-free`` and doctor's check say of the card."""
    _rule(rule)
    listed = subprocess.run(["loginctl", "list-seats", "--no-legend"], capture_output=True, text=True, timeout=_SECONDS)
    graphical = []
    for seat in listed.stdout.split():
        line = ["loginctl", "show-seat", "--value", "--property=CanGraphical", seat]
        if subprocess.run(line, capture_output=True, text=True, timeout=_SECONDS).stdout.strip() == "yes":
            graphical.append(seat)
    code, said, _, _ = _gpu("keep-free", "card")
    return {"graphical": graphical, "code": code, "said": said, "doctor": _looked_at()}


def _looked_at() -> list[str]:
    """The outcomes of doctor's check of the seats; a whole look takes an emulated machine long."""
    from optimux.facts.detect import Root, drm
    from optimux.facts.detect.pci import functions
    from optimux.facts.model import Facts
    from optimux.files.documents import read_json
    from optimux.host.doctor import Look, examine
    from optimux.host.doctor.areas.desktops import seat
    from optimux.plan.resolve import plan_from

    root = Root.at()
    facts = Facts(devices=drm.with_nodes(root, functions(root)))
    return [result.outcome for result in examine(Look(root, facts, plan_from(read_json(CONFIG))), [seat])]


def console_moved() -> str:
    """The console is on the host's display; moved to the card it refuses."""
    (framebuffer,) = (entry.name for entry in Path(f"/sys/bus/pci/devices/{CARD}/graphics").iterdir())
    (own,) = (entry.name for entry in Path(f"/sys/bus/pci/devices/{PRIMARY}/graphics").iterdir())
    try:
        _map_console(framebuffer)
        code, _, words, _ = _gpu("take", "card")
        assert code == 1, words
    finally:
        _map_console(own)
    return words


def _map_console(framebuffer: str) -> None:
    with Path(f"/dev/{framebuffer}").open("rb", buffering=0) as file:
        fcntl.ioctl(file, _PUT_MAP, struct.pack("II", 1, int(framebuffer.removeprefix("fb"))))
