"""L2: libvirt runs a domain on the card until its guest has reported, and stops it again."""

from __future__ import annotations

import hashlib
import json
import os
import secrets
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lab.scenarios import device, libvirt, power
from lab.scenarios.emulated import adapted
from lab.scenarios.given import given
from optimux.record import Record
from optimux.vm.linux.guest import guest_parameters
from optimux.vm.linux.guest_report import parse_report
from optimux.vm.qemu.accel import DEVICE, unusable
from optimux.vm.verify.supplies import expected_supplies

if TYPE_CHECKING:
    from collections.abc import Callable

    from lab.scenarios.given import Given
    from optimux.vm.linux.guest_report import GuestReport

FOLDER = Path("/var/lib/libvirt/images/guest")
KERNEL, INITRD = FOLDER / "vmlinuz", FOLDER / "initrd"
WHOLE, WORDS = FOLDER / "guest.elf", FOLDER / "words"  # both in one, and kernel parameters for that
# QEMU (11.1), where it emulates L1, may deliver to L2 once more the last interrupt that KVM injected, at any
# instruction until L2 leaves again, masked or not. Hyper-V's timer is handled for long without leaving, with locks
# held: about one boot in fifty hung on one of them. The processor's own timer is acknowledged first, which leaves.
_OWN_TIMER = "nopv"
# The guest has two serial ports and no network, and hides nothing: what else its kernel would do in a second machine
# takes an emulated one longer.
_QUICK = (
    *("lsm=", "audit=0", "init_on_alloc=0", "ipv6.disable=1", "8250.nr_uarts=2", "rcupdate.rcu_expedited=1"),
    *("initcall_blacklist=jent_mod_init,trace_eval_init,load_system_certificate_list", "rodata=off", "pci=noearly"),
)
_SEEN = Path("/run/optimux-l2")
_FIRST_SECONDS, _LAST_SECONDS = 150, 450  # 20 on an idle machine
RUN_SECONDS = _FIRST_SECONDS + _LAST_SECONDS + 120
_STEP_SECONDS = 0.5
_WORDS = 64  # bytes that a page begins with


class Seen(Record):
    """``values`` is what ``run`` returned, ``report`` what its guest said in it."""

    values: dict[str, Any]
    report: GuestReport


class SilentError(RuntimeError):
    """A guest whose report did not come in time."""


def seen(values: dict[str, Any]) -> Seen:
    """Raises ``ValueError`` for a report that is not whole."""
    report = parse_report(values["report"], values["token"])
    if report is None:
        raise ValueError(f"no report of {values['token']} in: {values['report']}")
    return Seen(values, report)


def has_kvm() -> bool:
    """Whether this machine can run guests by hardware, real or emulated. The node alone may stand for nothing."""
    return not unusable(DEVICE)


def require_kvm() -> None:
    """For machines whose domains libvirt has to define as they are. Raises ``RuntimeError`` with what is missing."""
    if not has_kvm():
        raise RuntimeError(
            "no /dev/kvm in this machine: the host's KVM must allow nesting (kvm_intel or kvm_amd nested=1)"
        )


def boot(command_line: str) -> dict[str, str]:
    """The direct boot of the small guest, of one file where this machine has it: see ``lab/l1/guest.py``."""
    words = (command_line, *_clock())
    if WHOLE.exists():
        words = (*words, WORDS.read_text(encoding="utf-8"), *_QUICK)
        return {"kernel": str(WHOLE), "cmdline": " ".join(words)}
    return {"kernel": str(KERNEL), "initrd": str(INITRD), "cmdline": " ".join(words)}


def _clock() -> tuple[str, ...]:
    """How a guest of an emulated machine tells the time: by the counter whose rate this machine was told, see
    ``lab/l1/clock.py``.
    """
    told = Path("/proc/cmdline").read_text(encoding="utf-8").split()
    rate = tuple(word for word in told if word.startswith("tsc_early_khz="))
    return (_OWN_TIMER, *rate) if rate else ()


def make_guest() -> None:
    """The small guest, of the kernel that runs here, where it did not come with the machine's image."""
    if WHOLE.exists():
        return
    from optimux.vm.linux.busybox import find_busybox
    from optimux.vm.linux.initramfs import initramfs
    from optimux.vm.linux.kernel import find_kernel

    kernel = find_kernel()
    FOLDER.mkdir(parents=True, exist_ok=True)
    KERNEL.write_bytes(kernel.image.read_bytes())
    INITRD.write_bytes(initramfs(kernel, find_busybox()).read_bytes())


def once(options: str, xml: str) -> dict[str, Any]:
    """``run``, or what it saw when another scenario had this machine run the same domain: booting it takes longest."""
    key = hashlib.sha256(Path(options).read_bytes() + Path(xml).read_bytes()).hexdigest()
    kept = _SEEN / f"{key}.json"
    if not kept.exists():
        values = run(options, xml)
        _SEEN.mkdir(exist_ok=True)
        kept.write_text(json.dumps(values), encoding="utf-8")
    return dict(json.loads(kept.read_text(encoding="utf-8")))


def run(options: str, xml: str, *, confined: bool = True) -> dict[str, Any]:
    """Start the domain in the file ``xml``, wait for its guest's report, stop it; what was seen on the way, as JSON.

    Raises ``SilentError`` with the console where no report comes in time: see ``until_heard``.
    """
    plan, token = given(options, xml), secrets.token_hex(8)
    words = guest_parameters(token, tuple(expected_supplies(plan.subject.battery)))
    started = adapted(plan.subject.xml, boot(words), has_kvm())
    if not confined:
        started = libvirt.unconfined(started)
    values = until_heard(lambda limit: _attempt(plan, started, token, limit))
    stopped = {address: power.settled(address) for address in plan.passed}
    return values | {"token": token, "stopped": stopped, "started": started, "kvm": has_kvm()}


def until_heard(attempt: Callable[[float], dict[str, Any]]) -> dict[str, Any]:
    """What an attempt of at most some seconds returns, and the number of ``attempts``: a second one, with more
    patience, where the guest of the first was silent. Raises ``SilentError`` where that of the second is, too.
    """
    try:
        return {"attempts": 1, **attempt(_FIRST_SECONDS)}
    except SilentError:
        return {"attempts": 2, **attempt(_LAST_SECONDS)}


def _attempt(plan: Given, started: str, token: str, limit: float) -> dict[str, Any]:
    """Raises ``SilentError``."""
    name, memory, functions = libvirt.name_of(started), plan.memory, list(plan.passed)
    seeds = {page: os.urandom(_WORDS) for page in device.written_by_host(memory.size.bytes)}
    if memory.kind == "kvmfr":
        device.write_as(memory.user or "root", memory.path, memory.size.bytes, seeds)
    logs = libvirt.serial_files(started)
    for log in logs:
        log.unlink(missing_ok=True)
    before = time.monotonic()
    libvirt.start(started)
    try:
        created = time.monotonic() - before
        report = _report(logs, token, limit)
        reported = time.monotonic() - before
        written = {}
        if memory.kind == "kvmfr":
            written = device.read_as(memory.user or "root", memory.path, memory.size.bytes)
        return {
            "live": libvirt.live_xml(name),
            "status": libvirt.qmp(name, "query-status"),
            "pci": libvirt.qmp(name, "query-pci"),
            "running": {address: power.state(address) for address in functions},
            "report": report,
            "seconds": {"created": created, "reported": reported},
            "seeds": _hexadecimal(seeds),
            "written": _hexadecimal(written),
        }
    finally:
        libvirt.stop(name)


def _hexadecimal(pages: dict[int, bytes]) -> dict[int, str]:
    return {page: data.hex() for page, data in pages.items()}


def _report(logs: tuple[Path, Path], token: str, limit: float) -> str:
    console, report = logs
    end = time.monotonic() + limit
    while True:
        text = report.read_text(errors="replace").replace("\r", "") if report.exists() else ""
        if f"end {token}\n" in text:
            return text[text.find(f"begin {token}") :]  # UEFI writes to this port as well
        if time.monotonic() > end:
            tail = console.read_text(errors="replace")[-3000:] if console.exists() else "(nothing)"
            raise SilentError(f"no report within {limit} s; the guest's console ends with:\n{tail}")
        time.sleep(_STEP_SECONDS)
