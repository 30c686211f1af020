"""The IOMMU: on, as wide as the guest's addresses, and groups that are given whole."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from optimux.host.doctor.check import Result, broken, check, holds, unseen
from optimux.judge.roles import label

if TYPE_CHECKING:
    from optimux.host.doctor.look import Look

GROUPS = "/sys/kernel/iommu_groups"
TABLES = "/sys/firmware/acpi/tables"


@check("iommu.on", "devices in IOMMU groups", "VFIO gives no device away without an IOMMU that keeps it in bounds.")
def on(look: Look) -> Iterator[Result]:
    """Whether devices are in groups, else where it is switched off."""
    facts = look.facts
    word = "AMD-Vi (IOMMU)" if facts.cpu.vendor == "amd" else "VT-d"
    if facts.iommu.state == "on":
        yield holds(f"{facts.iommu.groups} groups", GROUPS)
    elif facts.machine.inside == "container":
        yield unseen("this is a container: ask its host", GROUPS)
    elif facts.machine.inside == "vm":
        remedy = (
            "This is a virtual machine: give it an IOMMU of its own (libvirt: <iommu model='intel'>), or ask its host."
        )
        yield broken("no groups", GROUPS, remedy)
    elif facts.iommu.state == "off-in-kernel":
        off = next((word_ for word_ in facts.kernel_params if word_.endswith("iommu=off")), None)
        seen = f"the firmware has {facts.iommu.table}, the kernel made no groups" + (f": {off}" if off else "")
        remedy = f"Take {off} off the kernel's command line." if off else "Boot with the plan's kernel parameters."
        yield broken(seen, f"{TABLES}, {GROUPS}", remedy, "" if off else "optimux apply")
    elif facts.iommu.state == "off-or-absent":
        remedy = f"Switch {word} on in the firmware's setup."
        yield broken("no groups, and no DMAR or IVRS table", f"{GROUPS}, {TABLES}", remedy, SETUP)
    else:
        yield unseen("no groups; the firmware's tables are not shown here", TABLES, f"Is {word} on in the firmware?")


SETUP = "systemctl reboot --firmware-setup"


@check(
    "iommu.width",
    "guest addresses that the IOMMU can translate",
    'A guest that puts the card above the IOMMU\'s reach stops with "VFIO_MAP_DMA failed: Invalid argument" (-22).',
)
def width(look: Look) -> Iterator[Result]:
    """The width that the plan gives each guest, beside the IOMMU's."""
    iommu, cpu = look.facts.cpu.iommu_bits, look.facts.cpu.physical_bits
    for domain in look.domains:
        if not domain.card:
            continue
        if iommu is None or cpu is None:
            remedy = "Root may read the table that says so."
            yield unseen("the width of the IOMMU or of the CPU is not shown", TABLES, remedy, subject=domain.name)
            continue
        planned = domain.cpu.max_phys_addr
        guest = (planned and planned.bits) or min(cpu, (planned and planned.limit) or cpu)
        seen = f"guest {guest} bits, IOMMU {iommu} bits"
        if guest <= iommu:
            yield holds(seen, TABLES, domain.name)
        else:
            remedy = f"State vms.{domain.key}.cpu.maxPhysAddr with limit = {iommu}, then define the VM anew."
            yield broken(seen, TABLES, remedy, "optimux define CONFIG", domain.name)


@check(
    "iommu.group",
    "no member of the card's group with a driver of the host's",
    'A member that a host driver holds makes the whole group "not viable", and the VM does not start.',
)
def group(look: Look) -> Iterator[Result]:
    """Every member of every group that the card is in; bridges and members without a driver do not matter."""
    for card in look.cards:
        for number in sorted({d.iommu_group for d in look.devices(card) if d.iommu_group is not None}):
            members = [member for member in look.facts.group(number) if not member.is_bridge]
            others = [member for member in members if member.address not in card.functions]
            held = [member for member in others if member.driver not in (None, "vfio-pci", "vfio_pci")]
            where, subject = f"{GROUPS}/{number}", f"group {number}"
            if held:
                seen = ", ".join(f"{label(member)} by {member.driver}" for member in held)
                entry = f'{{ address = "{held[0].address}", id = "{held[0].id}" }}'
                remedy = f"Give it too, if the host can do without it: add {entry} to otherDevices of gpus.{card.name}."
                yield broken(seen, where, remedy, subject=subject)
            else:
                yield holds(f"{len(members)} devices, none but the card's", where, subject)


@check(
    "iommu.given",
    "a group for every function of the card",
    "A function without a group cannot be given away, and keeps the others on the host.",
)
def given(look: Look) -> Iterator[Result]:
    """Functions of the configuration that the machine has not, or that are in no group."""
    if look.facts.iommu.state != "on" or not look.facts.devices:
        return
    for card in look.cards:
        for address in card.functions:
            device = look.facts.device(address)
            where = f"/sys/bus/pci/devices/{address}"
            if device is None:
                remedy = "Compare the address with what the machine has: it changes with other cards and firmware."
                yield broken("no such device", where, remedy, "optimux detect", str(address))
            elif device.iommu_group is None and not device.is_bridge:
                remedy = 'Look for "DMAR" and "AMD-Vi" in the kernel\'s log: it leaves this device out.'
                yield broken("in no group", where, remedy, "journalctl -k -g 'DMAR|AMD-Vi'", str(address))
            elif not device.is_bridge:
                yield holds(f"group {device.iommu_group}", where, str(address))


@check(
    "kvm.there",
    "/dev/kvm, a character device",
    "Without KVM libvirt has no domain of this kind, and QEMU would emulate the processor, without VFIO.",
)
def kvm(look: Look) -> Iterator[Result]:
    """The device, else why it may be missing."""
    kind = look.root.kind("/dev/kvm")
    vendor = look.facts.cpu.vendor
    module, word = ("kvm_amd", "SVM") if vendor == "amd" else ("kvm_intel", "VT-x")
    if kind == "char":
        yield holds("a character device", "/dev/kvm")
    elif kind is None and not look.has("/dev"):
        yield unseen("this tree has no /dev", "/dev/kvm")
    elif look.facts.cpu.virtualisation is False:
        remedy = f"Switch {word} on in the firmware's setup."
        yield broken(f"missing, and no {word} among the CPU's flags", "/proc/cpuinfo", remedy, SETUP)
    else:
        yield broken("missing", "/dev/kvm", "Load its module, and read the log where that fails.", f"modprobe {module}")


CHECKS = (on, width, group, given, kvm)
