"""Can a GPU be given away: every precondition of one card, and the verdict that follows."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Final, Literal

from optimux.facts import Facts, PciDevice
from optimux.judge.finding import BLOCKS, BROKEN, Finding, blocking, broken, holds, unseen
from optimux.judge.outputs import ATTACHED, UNKNOWN, Outputs, outputs_of
from optimux.judge.roles import (
    Role,
    by_mux,
    displays,
    functions_of,
    group_mates,
    has_spice,
    host_needs,
    is_integrated,
    is_virtual,
    label,
)
from optimux.record import Record

Passthrough = Literal["ready", "after-changes", "no"]
READY: Final = "ready"
AFTER_CHANGES: Final = "after-changes"
IMPOSSIBLE: Final = "no"
_RANK = {READY: 0, AFTER_CHANGES: 1, IMPOSSIBLE: 2}


class Verdict(Record):
    """One display device: its part in the machine, its outputs, and whether it can be passed."""

    device: PciDevice
    role: Role
    outputs: Outputs
    findings: tuple[Finding, ...]

    @property
    def passthrough(self) -> Passthrough:
        """Whether it can be passed: now, after changes, or not."""
        if blocking(self.findings):
            return IMPOSSIBLE
        return AFTER_CHANGES if self.reasons else READY

    @property
    def reasons(self) -> tuple[Finding, ...]:
        """What is broken and more than advice; what blocks first."""
        found = [finding for finding in self.findings if finding.outcome == BROKEN and finding.weight != "advice"]
        return tuple(sorted(found, key=lambda finding: finding.weight != BLOCKS))

    def as_data(self) -> dict[str, Any]:
        """The verdict as ``detect --json`` prints it."""
        return {
            "address": str(self.device.address),
            "name": self.device.name,
            "role": self.role,
            "ownOutputs": self.outputs.own.value,
            "panel": self.outputs.panel.value,
            "passthrough": self.passthrough,
            "reasons": [{"found": f.found, "wanted": f.wanted, "remedy": f.remedy} for f in self.reasons],
            "evidence": [{"source": e.source, "found": e.found, "says": e.says} for e in self.outputs.evidence],
        }


def nearest_first(judged: Iterable[Verdict]) -> list[Verdict]:
    """By how near each is to being passed, the processor's own last; of equals the one that firmware does not use."""
    return sorted(judged, key=lambda v: (v.role == "integrated", _RANK[v.passthrough], v.device.boot_vga))


def verdicts(facts: Facts) -> tuple[Verdict, ...]:
    """A verdict for every display device, in the order of the addresses."""
    return tuple(_verdict(facts, device) for device in displays(facts))


def _verdict(facts: Facts, device: PciDevice) -> Verdict:
    outputs = outputs_of(facts, device)
    integrated = is_integrated(facts, device)
    role: Role = "integrated" if integrated else "discrete"
    return Verdict(device, role, outputs, tuple(_findings(facts, device, outputs, integrated=integrated)))


def _findings(facts: Facts, device: PciDevice, outputs: Outputs, *, integrated: bool) -> Iterator[Finding]:
    yield from _platform(facts)
    yield _alone(facts, device)
    if integrated:
        if len(displays(facts)) > 1:
            yield _integrated(facts)
        return
    yield from _iommu(facts, device)
    yield from _groups(facts, device)
    yield _panel(facts, outputs)
    yield from _console(facts, device)
    yield from _making(device)
    yield from _subsystem(facts, device)
    yield _driver(facts, device)


def _platform(facts: Facts) -> Iterator[Finding]:
    architecture, inside = facts.machine.architecture, facts.machine.inside
    if architecture not in (None, "x86_64"):
        remedy = "Use a PC with an x86-64 processor; Windows guests with a passed GPU run on no other."
        yield broken("machine.architecture", architecture or "", "x86_64", remedy, BLOCKS)
    if inside == "wsl":
        remedy = "Windows owns the GPU here. Boot Linux on the machine itself."
        yield broken("machine.inside", "the Windows Subsystem for Linux", "Linux on the machine itself", remedy, BLOCKS)
    if not has_spice(facts):
        found, wanted = f"{facts.os.name or facts.os.id}'s QEMU", "a QEMU with SPICE and ivshmem-plain"
        remedy = "Looking Glass needs both; without them the picture comes from the card's own outputs."
        yield broken("qemu.spice", found, wanted, remedy)
    if facts.cpu.virtualisation is False and inside != "vm" and architecture in (None, "x86_64"):
        word = "SVM" if facts.cpu.vendor == "amd" else "VT-x"
        remedy = f"Switch {word} on in the firmware's setup."
        yield broken("cpu.virtualisation", f"no {word} in the CPU's flags", f"{word}, for KVM", remedy)


def _alone(facts: Facts, device: PciDevice) -> Finding:
    own = {function.address for function in functions_of(facts, device)}
    integrated = is_integrated(facts, device)
    # A card that goes takes the functions that it made with it.
    others = [o for o in displays(facts) if o.address not in own and (integrated or not is_virtual(o))]
    wanted = "a second display device, which stays with the host"
    if others:
        return holds("gpu.second", label(others[0]), wanted)
    if integrated:
        remedy = "There is no card that could be given away."
    elif facts.machine.form in ("laptop", None):
        off = "Is the integrated GPU off? Choose the hybrid mode in the firmware's setup or the maker's tool."
        remedy = by_mux(facts, off)
    else:
        remedy = "Switch the integrated GPU on in the firmware's setup, or add a second card for the host."
    return broken("gpu.second", "the only display device", wanted, remedy, BLOCKS)


def _integrated(facts: Facts) -> Finding:
    cards = [other for other in displays(facts) if not is_integrated(facts, other)]
    remedy = f"Give {label(cards[0])} instead." if cards else "Add a card to give away."
    return broken("gpu.role", "part of the processor", "a discrete GPU", remedy, BLOCKS)


def _iommu(facts: Facts, device: PciDevice) -> Iterator[Finding]:
    wanted = "an IOMMU that is on"
    # Facts that were written by hand may have the groups alone.
    numbers = {other.iommu_group for other in facts.devices} - {None}
    state = facts.iommu.state or ("on" if numbers else None)
    word = "AMD-Vi (IOMMU)" if facts.cpu.vendor == "amd" else "VT-d"
    if state == "on":
        yield holds("iommu.state", f"{facts.iommu.groups or len(numbers)} groups", wanted)
        if device.iommu_group is None:
            remedy = 'Look for "DMAR" or "AMD-Vi" in the kernel\'s log: it leaves this device out.'
            yield broken("iommu.group", "no IOMMU group", "a group for every function", remedy, BLOCKS)
    elif state == "off-in-kernel":
        off = [word_ for word_ in facts.kernel_params if word_.endswith("iommu=off")]
        found = f"{facts.iommu.table} in the firmware, no groups in the kernel" + (f", {off[0]}" if off else "")
        own = f"Take {off[0]} off the kernel's command line" if off else "Boot with the parameters of the bundle"
        yield broken("iommu.state", found, wanted, f"{own}: {_parameter(facts)}.")
    else:
        found = "no IOMMU groups, and no DMAR or IVRS table"
        if state is None:
            found = "no IOMMU groups; the firmware's tables cannot be seen"
        remedy = f"Switch {word} on in the firmware's setup; without it no device can be passed."
        yield broken("iommu.state", found, wanted, remedy, BLOCKS)


def _parameter(facts: Facts) -> str:
    return "AMD-Vi is then on by itself" if facts.cpu.vendor == "amd" else "intel_iommu=on"


def _groups(facts: Facts, device: PciDevice) -> Iterator[Finding]:
    """VFIO gives groups whole: a member that a host driver holds keeps all of it from the guest."""
    card = functions_of(facts, device)
    mates = group_mates(facts, device)
    needed = [mate for mate in mates if host_needs(facts, mate, (*card, *mates))]
    wanted = "no function in the card's IOMMU group that the host needs"
    if needed:
        found = f"group {needed[0].iommu_group} with {', '.join(label(mate) for mate in needed)}"
        remedy = (
            "Try another slot, or the firmware's ACS setting. A kernel with the ACS override patch splits the group, "
            "but then a guest can reach what is beside it."
        )
        yield broken("iommu.mates", found, wanted, remedy, BLOCKS)
        return
    if device.iommu_group is not None:
        yield holds("iommu.mates", f"group {device.iommu_group}", wanted)
    if mates and not all(mate.driver == "vfio-pci" for mate in mates):
        found = f"group {mates[0].iommu_group} with {', '.join(label(mate) for mate in mates)}"
        yield broken("iommu.given", found, "the group given whole", "Give them too: list them in otherDevices.")


def _panel(facts: Facts, outputs: Outputs) -> Finding:
    wanted = "a built-in screen that hangs on another GPU"
    if outputs.panel.value == ATTACHED:
        dark = "Switch the firmware to its hybrid mode, where there is one: the screen goes dark with the card."
        return broken("gpu.panel", "it drives the built-in screen", wanted, by_mux(facts, dark), BLOCKS)
    if outputs.panel.value == UNKNOWN:
        return unseen("gpu.panel", "not known", wanted, "If the built-in screen goes dark, it hangs on this card.")
    return holds("gpu.panel", outputs.panel.value, wanted)


def _console(facts: Facts, device: PciDevice) -> Iterator[Finding]:
    """A card that firmware shows its console on is in the host's use from the first second."""
    shown = [c for c in facts.connectors_of(device.address) if c.status == "connected" and c.enabled and c.is_output]
    if device.boot_vga or device.boot_display:
        remedy = "Make the other GPU the primary display in the firmware's setup, and plug the monitor in there."
        yield broken("gpu.console", "the boot display", "another GPU as the boot display", remedy)
    elif shown:
        what = ", ".join(c.monitor or c.name for c in shown)
        remedy = "Plug the host's monitors into the other GPU."
        yield broken("gpu.monitors", f"shows a picture on {what}", "no monitor of the host", remedy)


def _making(device: PciDevice) -> Iterator[Finding]:
    """The driver that makes virtual functions goes when the physical one is given, and they with it."""
    if device.sriov and device.sriov.role == "physical" and device.sriov.enabled:
        remedy = "Give one of its virtual functions, or write 0 to its sriov_numvfs first."
        found = f"it has made {device.sriov.enabled} virtual functions"
        yield broken("gpu.sriov", found, "a physical function without virtual ones", remedy)


def _subsystem(facts: Facts, device: PciDevice) -> Iterator[Finding]:
    """A guest's driver knows a laptop's card by its subsystem ids, which some firmwares set over ACPI alone."""
    if device.subsystem_id is None or device.subsystem_id.vendor or is_virtual(device):
        return
    wanted, found = "the maker's subsystem ids", f"subsystem ids of {device.subsystem_id}"
    if facts.machine.form == "laptop":
        remedy = "Show the guest the maker's: set gpus.<name>.subsystemIds, as Windows on the bare machine shows them."
        yield broken("gpu.subsystem", found, wanted, remedy)
    else:
        yield unseen("gpu.subsystem", found, wanted, "If the guest's driver refuses the card, set subsystemIds.")


def _driver(facts: Facts, device: PciDevice) -> Finding:
    wanted = "every function bound to vfio-pci"
    held = [f for f in functions_of(facts, device) if f.driver != "vfio-pci" and not f.is_bridge]
    if not held:
        return holds("gpu.driver", "vfio-pci", wanted)
    if is_virtual(device) and held[0].driver is None:
        return holds("gpu.driver", "nothing: libvirt binds a virtual function when its VM starts", wanted)
    found = ", ".join(f"{f.address} by {f.driver or 'nothing'}" for f in held)
    remedy = "optimux init, then optimux apply: vfio-pci has it from the next boot on."
    return broken("gpu.driver", found, wanted, remedy)
