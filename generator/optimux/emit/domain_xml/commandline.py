"""``<qemu:commandline>`` and ``<qemu:override>``: what libvirt has no element for."""

from __future__ import annotations

from optimux.emit.xml import Element, element
from optimux.notation.libvirt import bus_id
from optimux.notation.qemu.json_text import write_json
from optimux.notation.qemu.numbers import write_place
from optimux.plan.devices import Placement
from optimux.plan.model import DomainPlan, SharedMemory


def commandline(domain: DomainPlan) -> Element | None:
    """The arguments, or nothing where there are none."""
    arguments = [*kvmfr_arguments(domain), *battery_arguments(domain), *domain.extra_xml.qemu_args]
    return element("qemu:commandline", *(element("qemu:arg", value=a) for a in arguments)) if arguments else None


def kvmfr_arguments(domain: DomainPlan) -> list[str]:
    """The shared memory of the kvmfr module, which libvirt has no element for."""
    if domain.shared_memory is None or domain.shared_memory.kind != "kvmfr":
        return []
    device = _ivshmem(domain.shared_memory, domain.ivshmem, domain.ivshmem_id)
    return ["-device", device, "-object", _backend(domain.shared_memory)]


def _ivshmem(memory: SharedMemory, placement: Placement | None, name: str) -> str:
    values: dict[str, object] = {"driver": "ivshmem-plain", "id": name, "memdev": memory.name}
    if placement:
        values |= {"bus": bus_id(placement.address.bus), "addr": write_place(placement.address)}
        values |= {"multifunction": True} if placement.multifunction else {}
    return write_json(values)


def _backend(memory: SharedMemory) -> str:
    return write_json(
        {
            "qom-type": "memory-backend-file",
            "id": memory.name,
            "mem-path": memory.path,
            "size": memory.size.bytes,
            "share": True,
        }
    )


def battery_arguments(domain: DomainPlan) -> list[str]:
    """The battery table, for a libvirt that has no element for it."""
    if domain.battery is None or domain.battery_in_acpi:
        return []
    return ["-acpitable", f"file={domain.battery_path}"]


def overrides(domain: DomainPlan) -> Element | None:
    """``<qemu:override>`` of the GPU's subsystem ids (libvirt 8.2)."""
    if not domain.subsystem:
        return None
    properties = (
        element("qemu:property", name=name, type_="unsigned", value=value) for name, value in domain.subsystem
    )
    frontend = element("qemu:frontend", *properties)
    return element("qemu:override", element("qemu:device", frontend, alias="ua-gpu"))
