"""The card from the host's drivers to vfio-pci and back, on a real kernel: rounds, refusals, kills."""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import signal
import subprocess
import time
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lab.scenarios import child, drawing, libvirt, pci, playing, program
from lab.scenarios.emulated import adapted
from lab.scenarios.holding import KINDS, node
from lab.scenarios.l2 import boot, has_kvm

if TYPE_CHECKING:
    from collections.abc import Iterator

FUNCTIONS = tuple(f"0000:01:00.{number}" for number in range(3))
NATIVE = dict(zip(FUNCTIONS, ("bochs-drm", "snd_hda_intel", "xhci_hcd"), strict=True))
VFIO = dict.fromkeys(FUNCTIONS, "vfio-pci")
HOOK = Path("/etc/libvirt/hooks/qemu.d/optimux")
PROGRAM = "/usr/local/bin/optimux"
SERVED = Path("/usr/local/sbin/optimux")  # found first
_SECONDS = 60
_LIMIT = 20
_LOOK_SECONDS = 4.0
_APPEAR_SECONDS = 30
_HANGS_SECONDS = 8
_COLOURS = itertools.cycle((0x2050A0, 0xA05020, 0x20A050))


def optimux(*arguments: str, seconds: float = _SECONDS) -> tuple[int, str, str, float]:
    """The program's exit status, output, errors, and how long it took."""
    return program.called("gpu", *arguments, seconds=seconds)


def installed(*arguments: str, seconds: float = _SECONDS) -> tuple[int, str, str, float]:
    """The same of the program as a shell finds it."""
    start = time.monotonic()
    done = subprocess.run([PROGRAM, "gpu", *arguments], capture_output=True, text=True, timeout=seconds)
    return done.returncode, done.stdout, done.stderr, time.monotonic() - start


def status() -> dict[str, Any]:
    """What ``gpu status`` says of the card."""
    code, said, errors, _ = optimux("status", "--json")
    assert code == 0, errors
    (gpu,) = json.loads(said)["gpus"]
    return dict(gpu)


def state() -> dict[str, Any]:
    """What hand-over may change, read from the kernel."""
    modules = (line.split()[:3] for line in Path("/proc/modules").read_text().splitlines())
    return {
        "drivers": {address: pci.driver(address) for address in FUNCTIONS},
        "override": {address: pci.attribute(address, "driver_override") for address in FUNCTIONS},
        "control": {address: pci.attribute(address, "power/control") for address in FUNCTIONS},
        "references": {name: count for name, _, count in modules if name in ("bochs", "snd_hda_intel", "xhci_pci")},
        "run": sorted(path.name for path in Path("/run/optimux").glob("card-*")),
    }


def settle() -> None:
    """Until udev has made the nodes."""
    subprocess.run(["udevadm", "settle", "--timeout=30"], check=True, timeout=40)


def usable() -> None:
    """Every function is the host's: a picture of another colour is shown, sound is played, the stick is read."""
    settle()
    assert state()["drivers"] == NATIVE, state()
    drawing.drawn(_appears(0, "drm/card*", "/dev/dri"), FUNCTIONS[0], next(_COLOURS))
    playing.played(_appears(1, "sound/card*/pcmC*p", "/dev/snd"))
    with open(_appears(2, "usb*/*/*/host*/target*/*/block/*", "/dev"), "rb") as stick:  # noqa: PTH123
        assert len(stick.read(512)) == 512


def _appears(function: int, pattern: str, folder: str) -> str:
    """A function's node; drivers look for codecs and disks once they have the function."""
    end = time.monotonic() + _APPEAR_SECONDS
    while True:
        with contextlib.suppress(RuntimeError):
            path = node(function, pattern, folder)
            if Path(path).exists():
                return path
        assert time.monotonic() < end, f"function {function} has no {pattern}"
        time.sleep(0.1)


def ready() -> dict[str, Any]:
    """The card at rest on the host, and nothing against giving it."""
    subprocess.run(["modprobe", "-a", "bochs", "snd_hda_intel", "xhci_pci"], check=True, timeout=_SECONDS)
    # The initramfs has the sound's driver, and none for what is behind it: looked for once more.
    pci.bind(FUNCTIONS[1], NATIVE[FUNCTIONS[1]])
    pci.write(FUNCTIONS[1], "driver_override", "\n")
    usable()
    seen = status()
    assert seen["verdict"] == "can", seen
    return seen


def there_and_back() -> dict[str, float]:
    """Host, vfio-pci, host, by the installed program: the same state afterwards; the seconds of each way."""
    before = state()
    code, said, errors, took = installed("take")
    assert code == 0, (said, errors, status())
    assert state()["drivers"] == VFIO, state()
    code, said, errors, gave = installed("give")
    assert code == 0, (said, errors)
    usable()
    assert state() == before, (state(), before)
    return {"take": took, "give": gave}


def for_nobody() -> dict[str, Any]:
    """Once more, but taken twice for no VM by name, as by a hook: what each is told, who has it after one's end."""
    before = state()
    codes = [optimux("take")[0] for _ in range(2)]
    codes.append(optimux("give")[0])
    drivers = state()["drivers"]
    usable()
    assert state() == before, (state(), before)
    return {"codes": codes, "drivers": drivers}


@contextlib.contextmanager
def held(kind: str) -> Iterator[tuple[int, str]]:
    """A process that holds the card: its number, and the node."""
    with child.staying(KINDS[kind]) as (pid, where):
        assert where.startswith("/dev/"), f"the holder {kind} said {where!r}"
        yield pid, where


def refused(kind: str) -> dict[str, Any]:
    """Taking the card from a holder: what was said, how long it took, and that nothing changed."""
    with held(kind) as (pid, where):
        before = state()
        code, said, errors, seconds = optimux("take")
        assert code == 1, (said, errors)
        assert state() == before, (state(), before)
    return {"words": errors, "process": pid, "node": where, "seconds": seconds}


def asked() -> str:
    """Who lets go when a removal is announced is asked, and the card is taken; what was said."""
    before = state()
    with held("polite"):
        code, said, errors, _ = optimux("take")
        assert code == 0, (said, errors)
        assert state()["drivers"] == VFIO, state()
    code, said, words, _ = optimux("give")
    assert code == 0, (said, words)
    usable()
    assert state() == before, (state(), before)
    return errors


def refused_while_frozen() -> dict[str, Any]:
    """One that would let go but is frozen is not waited for."""
    group = Path("/sys/fs/cgroup/frozen.scope")
    group.mkdir()
    with held("polite") as (pid, where):
        (group / "cgroup.procs").write_text(str(pid))
        (group / "cgroup.freeze").write_text("1")
        try:
            before = state()
            code, said, errors, seconds = optimux("take")
            assert code == 1, (said, errors)
            assert state() == before, (state(), before)
        finally:
            (group / "cgroup.freeze").write_text("0")
    return {"words": errors, "process": pid, "node": where, "seconds": seconds}


def refused_for_a_mount() -> str:
    """The stick as swap's and a mount's stand-in: a device mapper on it."""
    settle()
    block = node(2, "usb*/*/*/host*/target*/*/block/*", "/dev")
    size = Path(f"/sys/class/block/{block.rpartition('/')[2]}/size").read_text().strip()
    subprocess.run(["dmsetup", "create", "onstick", "--table", f"0 {size} linear {block} 0"], check=True, timeout=30)
    try:
        code, _, errors, _ = optimux("take")
        assert code == 1, errors
        return errors
    finally:
        subprocess.run(["dmsetup", "remove", "onstick"], check=True, timeout=30)


def killed_at_each_step() -> int:
    """The taker is killed before each of its actions; ``give`` makes the machine what it was. How many there are."""
    before = state()
    for step in range(40):
        ended = _killed(step)
        was_taken = state()["drivers"] != before["drivers"]
        code, said, errors, _ = optimux("give")
        assert code == 0, (step, said, errors)
        if was_taken:
            usable()
        assert state() == before, (step, state(), before)
        if ended:
            return step
    raise AssertionError("taking the card never ended")


def _killed(step: int) -> bool:
    """Whether the taker came to its end before the kill."""
    return child.ends(lambda: _take(step))


def _take(step: int) -> None:
    from optimux.host.handover.cards import INSTALLED, cards_from
    from optimux.host.handover.kernel import Kernel
    from optimux.host.handover.picture import look
    from optimux.host.handover.state import Store
    from optimux.host.handover.take import Taking

    class Mortal(Kernel):
        count = 0

        def _die(self) -> None:
            if self.count == step:
                os.kill(os.getpid(), signal.SIGKILL)
            self.count += 1

        def write(self, path: str, text: str, seconds: float = 3.0) -> None:
            self._die()
            super().write(path, text, seconds)

        def run(self, *command: str, seconds: float = 10.0) -> str:
            self._die()
            return super().run(*command, seconds=seconds)

    (card,) = cards_from(INSTALLED)
    kernel, store = Mortal(), Store()
    with store.lock(kernel):
        Taking(card, kernel, store, lambda: look(card), print).run()


@cache
def patient() -> int:
    """The hook's limit in seconds: ten times its own where others compute as well, who make Python's start take that.

    A look at the card takes two seconds where nobody does, and the hook itself four.
    """
    text, longer = HOOK.read_text(), f" {10 * _LIMIT} optimux gpu hook"
    if longer in text:
        return 10 * _LIMIT
    assert text.count(f" {_LIMIT} optimux gpu hook") == 1, text
    if installed("status")[3] < _LOOK_SECONDS:
        return _LIMIT
    HOOK.write_text(text.replace(f" {_LIMIT} optimux gpu hook", longer))
    return 10 * _LIMIT


def hurried() -> None:
    """For what looks at the hook's work and not at its start: its program is forked from here on."""
    patient()
    program.serve(str(SERVED), PROGRAM)


def domain(xml: str, *, managed: str = "no", confined: bool = False) -> str:
    """The generated domain for this machine, under its profile of AppArmor's where it is to be ``confined``."""
    text = Path(xml).read_text(encoding="utf-8")
    assert text.count("managed='no'") == len(FUNCTIONS), text
    text = adapted(text.replace("managed='no'", f"managed='{managed}'"), boot("quiet"), has_kvm())
    return text if confined else libvirt.unconfined(text)


def through_libvirt(xml: str, count: int) -> dict[str, Any]:
    """A VM starts with the card and ends, by libvirt and the hook alone: how long each took, and the hook's limit.

    In the first round its guest runs, whose processor would take the time that the hook needs; and that is a program
    of its own.
    """
    before = state()
    seconds: dict[str, Any] = {"limit": patient(), "start": [], "end": []}
    for number in range(count):
        if number:
            hurried()
        started, begin = domain(xml, confined=number == 0), time.monotonic()
        libvirt.start(started, paused=number > 0)
        running = time.monotonic()
        try:
            assert state()["drivers"] == VFIO, state()
            if number == 0:
                assert status()["verdict"] == "in-use", status()
                code, _, errors, _ = optimux("give")
                assert (code, "a VM has card" in errors) == (1, True), errors
        finally:
            end = time.monotonic()
            libvirt.stop(libvirt.name_of(started))
        seconds["start"].append(running - begin)
        seconds["end"].append(time.monotonic() - end)
        usable()
        assert state() == before, (state(), before)
    return seconds


def refused_by_libvirt(xml: str) -> dict[str, Any]:
    """The start is refused with the reason, libvirt answers meanwhile, and nothing has changed."""
    hurried()
    started = domain(xml)
    with held("mixer") as (pid, where):
        before, start = state(), time.monotonic()
        words = libvirt.refusal(started)
        seconds = time.monotonic() - start
        assert state() == before, (state(), before)
        subprocess.run(["virsh", "-c", "qemu:///system", "list"], check=True, timeout=10, capture_output=True)
    usable()
    return {"words": words, "process": pid, "node": where, "seconds": seconds}


def _kill_qemu(name: str) -> None:
    """QEMU ends by a signal: libvirt's release hook brings the card back."""
    assert _stays_awake(), "nothing keeps the host from sleeping"
    os.kill(int(Path(f"/run/libvirt/qemu/{name}.pid").read_text()), signal.SIGKILL)
    end = time.monotonic() + 180
    while (state()["drivers"] != NATIVE or _stays_awake()) and time.monotonic() < end:
        time.sleep(0.5)
    usable()
    assert not _stays_awake(), "the host may never sleep again"


def libvirtd_killed(xml: str) -> None:
    """libvirtd ends by a signal, and QEMU while it is gone: only the next libvirtd brings the card back."""
    hurried()
    before, started = state(), domain(xml)
    libvirt.start(started, paused=True)
    machine = int(Path(f"/run/libvirt/qemu/{libvirt.name_of(started)}.pid").read_text())
    kill = ["systemctl", "kill", "--kill-whom=main", "--signal=KILL", "libvirtd"]
    subprocess.run(kill, check=True, timeout=_SECONDS)
    os.kill(machine, signal.SIGKILL)
    time.sleep(2)
    assert state()["drivers"] == VFIO, state()
    subprocess.run(["systemctl", "restart", "libvirtd"], check=True, timeout=120)
    end = time.monotonic() + 180
    # The drivers are back before the hook has come to its end.
    while state() != before and time.monotonic() < end:
        time.sleep(0.5)
    usable()
    assert state() == before, (state(), before)


def two_at_once(one: str, other: str) -> list[str]:
    """Two VMs with the same card are started at once: libvirt's words for each. One has it until its QEMU is killed."""
    hurried()
    before, domains = state(), [domain(one), domain(other)]
    words = libvirt.both(*domains)
    runs = [libvirt.name_of(xml) for said, xml in zip(words, domains, strict=True) if not said]
    assert len(runs) == 1, words
    assert state()["drivers"] == VFIO, state()
    _kill_qemu(runs[0])
    assert state() == before, (state(), before)
    return words


def call_hook(name: str, *stage: str) -> tuple[int, str]:
    """The hook as libvirt calls it: exit status, and what it says."""
    line = [str(HOOK), name, *stage, "-"]
    done = subprocess.run(line, input="<domain/>", capture_output=True, text=True, timeout=_SECONDS)
    return done.returncode, done.stderr


def huge_pages() -> dict[str, Any]:
    """The kernel's count of huge pages: before, while a VM has its own, after; and where they are too many."""
    count = Path("/sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages")
    counts = [int(count.read_text())]
    for name, *stage in (("pages", "prepare", "begin"), ("pages", "release", "end")):
        code, said = call_hook(name, *stage)
        assert code == 0, said
        counts.append(int(count.read_text()))
    code, said = call_hook("too-much", "prepare", "begin")
    return {"counts": counts, "code": code, "words": said, "left": int(count.read_text())}


def _stays_awake() -> bool:
    """Whether the unit that inhibits sleep is there."""
    line = ["systemctl", "is-active", "--quiet", "optimux-awake-card.service"]
    return subprocess.run(line, timeout=_SECONDS).returncode == 0


def twin_managed(xml: str) -> dict[str, Any]:
    """Without our hook and with managed='yes' an open mixer hangs the start until it is closed."""
    kept = HOOK.read_text()
    HOOK.write_text("#!/bin/sh\n")
    file = Path("/run/managed.xml")
    file.write_text(domain(xml, managed="yes"))
    try:
        with held("mixer"):
            start = subprocess.Popen(["virsh", "-c", "qemu:///system", "create", str(file)], stderr=subprocess.PIPE)
            hung = _hangs(start)
        start.communicate(timeout=120)
        return {"hung": hung, "code": start.returncode}
    finally:
        HOOK.write_text(kept)
        with contextlib.suppress(subprocess.CalledProcessError):
            libvirt.stop("win")


def _hangs(start: subprocess.Popen[bytes]) -> bool:
    """Whether libvirtd comes to wait in the sound driver's removal, and for longer than any takes."""
    since = time.monotonic()
    end = since + 10 * _SECONDS
    while start.poll() is None and time.monotonic() < end:
        if not any(place.startswith("snd_") for place in _waits_in_kernel("libvirtd.service")):
            since = time.monotonic()
        if time.monotonic() > since + _HANGS_SECONDS:
            return True
        time.sleep(0.5)
    return False


def _waits_in_kernel(unit: str) -> list[str]:
    """The kernel's functions in which threads of the unit's sleep and take no signal."""
    found = []
    for number in Path(f"/sys/fs/cgroup/system.slice/{unit}/cgroup.threads").read_text().split():
        with contextlib.suppress(OSError):
            thread = Path("/proc") / number
            found += [(thread / "wchan").read_text()] if _sleeps(thread) else []
    return found


def _sleeps(thread: Path) -> bool:
    return (thread / "stat").read_text().rpartition(")")[2].split()[0] == "D"
