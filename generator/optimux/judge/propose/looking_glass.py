"""``lookingGlass``: the release by the card's outputs, the memory by the module, the mode by the screen."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from optimux.judge.outputs import NO
from optimux.judge.propose.entry import Entry
from optimux.judge.roles import NVIDIA, has_spice, is_integrated
from optimux.options.looking_glass import Display
from optimux.plan.memory_size import frame_memory, needed_mib
from optimux.rules import rules
from optimux.sizes import Size

if TYPE_CHECKING:
    from optimux.facts import Facts
    from optimux.facts.devices import Connector
    from optimux.judge.gpus import Verdict
    from optimux.options.looking_glass import Release

TABLE = "lookingGlass"


def looking_glass_entries(facts: Facts, verdict: Verdict) -> Iterator[Entry]:
    """What differs from the defaults."""
    if not has_spice(facts):
        yield Entry(TABLE, "enable", False, f"{facts.os.name or facts.os.id}'s QEMU has no ivshmem-plain and no SPICE.")
        return
    idd = verdict.device.pci_class == "0302" or verdict.outputs.own.value == NO
    if idd:
        seen = "The card has" if verdict.outputs.own.value == NO else "Cards of class 0302 have, as far as is known,"
        why = (
            f"{seen} no outputs: no plug can stand in for a monitor, and this release brings its own display. It "
            "is known to run without outputs"
        )
        nvidia = "; that NVIDIA's driver starts on every such laptop is not."
        why += nvidia if verdict.device.id.vendor == NVIDIA else "."
        yield Entry(TABLE, "release", "idd", why)
    if reason := _why_shm(facts):
        yield Entry(TABLE, "memory", "shm", reason, instead='"kvmfr", once the module can be loaded.')
    if facts.user:
        yield Entry(TABLE, "user", facts.user)
    if screen := _screen(facts):
        mode = screen.mode
        assert mode is not None
        display = {"width": mode.width, "height": mode.height}
        if mode.refresh_rate and mode.refresh_rate != 60:
            display["refreshRate"] = mode.refresh_rate
        yield Entry(TABLE, "displays", [display], f"The mode of {screen.monitor or screen.name}.")
        yield from _size(Display(width=mode.width, height=mode.height), "idd" if idd else "b7")


def _size(display: Display, release: Release) -> Iterator[Entry]:
    """Twice the memory where the mode only just fits: rounding in a later release would no longer."""
    need, have = needed_mib(display, release), frame_memory(display, release)
    if have.mib - need < have.mib * rules()["lookingGlass"]["spareShare"]:
        why = f"The mode needs {need:.2f} of {have}; this leaves room."
        yield Entry(TABLE, "size", str(Size(have.bytes * 2)), why)


def _why_shm(facts: Facts) -> str:
    """Why the kernel module is out of reach, or nothing."""
    kvmfr, security = facts.kvmfr, facts.security
    if kvmfr.state == "loaded":
        return ""
    if security.secure_boot and not security.own_key:
        return "Secure Boot is on and no key is enrolled that a module built here could be signed with."
    if kvmfr.state in ("missing", None):
        return "The kernel module kvmfr is neither installed nor packaged for this distribution."
    return ""


def _screen(facts: Facts) -> Connector | None:
    """The screen that the host keeps: a panel first, then what hangs on the integrated GPU."""
    shown = [c for c in facts.connectors if c.status == "connected" and c.mode]
    integrated = {d.address for d in facts.devices if d.is_display and is_integrated(facts, d)}
    return min(shown, key=lambda c: (not c.is_panel, c.address not in integrated, c.name), default=None)
