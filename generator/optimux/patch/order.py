"""Where libvirt writes an element among its siblings (virDomainDefFormat and its like, libvirt 11.3)."""

from __future__ import annotations

from optimux.patch.node import Node

_DOMAIN = (
    "name uuid hwuuid genid title description metadata maxMemory memory currentMemory blkiotune memtune memoryBacking "
    "vcpu vcpus iothreads iothreadids defaultiothread cputune numatune resource bootloader bootloader_args sysinfo os "
    "idmap features cpu clock on_poweroff on_reboot on_crash on_lockfailure pm perf devices seclabel keywrap "
    "launchSecurity commandline capabilities override deprecation"
)
_DEVICES = (
    "emulator disk controller lease filesystem interface smartcard serial parallel console channel input tpm graphics "
    "sound audio video hostdev redirdev redirfilter hub watchdog memballoon rng nvram panic shmem memory crypto iommu "
    "vsock pstore"
)
_OS = "type firmware init initarg loader nvram varstore boot kernel initrd cmdline shim dtb acpi bootmenu bios smbios"
_FEATURES = (
    "pae acpi apic hap privnet viridian hyperv kvm xen pvspinlock pmu vmport gic smm ioapic hpt htm nested-hv msrs"
)
_HYPERV = (
    "relaxed vapic spinlocks vpindex runtime synic stimer reset vendor_id frequencies reenlightenment tlbflush ipi "
    "evmcs avic emsr_bitmap xmm_input"
)
_CPU = "model vendor topology cache maxphysaddr feature numa"
_HOSTDEV = "driver source teaming boot alias rom acpi address"
_ORDERS = {
    name: {word: rank for rank, word in enumerate(words.split())}
    for name, words in (
        ("domain", _DOMAIN),
        ("devices", _DEVICES),
        ("os", _OS),
        ("features", _FEATURES),
        ("hyperv", _HYPERV),
        ("cpu", _CPU),
        ("hostdev", _HOSTDEV),
    )
}


def place(parent: Node, node: Node) -> Node:
    """Add an element behind the last of its name, else behind those that libvirt writes before it."""
    return parent.add(node, _index(parent, node))


def _index(parent: Node, node: Node) -> int:
    same = [number for number, child in enumerate(parent.children) if child.local == node.local]
    if same:
        return same[-1] + 1
    order = _ORDERS.get(parent.local, {})
    rank = order.get(node.local)
    if rank is None:
        return len(parent.children)
    # What the order does not know says nothing.
    before = [number for number, child in enumerate(parent.children) if order.get(child.local, rank + 1) < rank]
    return before[-1] + 1 if before else 0
