"""PCI functions as sysfs shows them, without waking one (Documentation/ABI/testing/sysfs-bus-pci)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from optimux.declare import Choice
from optimux.facts.detect.root import Root, clean, number
from optimux.facts.detect.words import known
from optimux.facts.devices import PciDevice, PowerState, RuntimeStatus, Sriov
from optimux.pci import Address, Id
from optimux.sizes import Size

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

DEVICES = "/sys/bus/pci/devices"
# include/linux/ioport.h: what /sys's "resource" says of each range.
MEMORY = 0x200
BARS = 6
POWER_STATES = Choice(PowerState)
RUNTIME = Choice(RuntimeStatus)


def address_of(name: str) -> Address | None:
    """The address that a folder's name is, or ``None``."""
    try:
        return Address.parse(name)
    except ValueError:
        return None


def functions(root: Root) -> tuple[PciDevice, ...]:
    """Every function, in the order of the addresses."""
    return _functions(root, _folders(root))


def around(root: Root, own: Collection[Address]) -> tuple[PciDevice, ...]:
    """The functions at the addresses ``own``, those of their buses and IOMMU groups, and the ports above, in order."""
    folders = _folders(root)
    groups = {address: root.link(f"{base}/iommu_group") for address, base in folders}
    theirs = {groups.get(address) for address in own} - {None}
    buses = {(address.domain, address.bus) for address in own}
    ports = {_upstream(root, base) for address, base in folders if address in own}
    near = (
        (address, base)
        for address, base in folders
        if (address.domain, address.bus) in buses or address in ports or groups[address] in theirs
    )
    return _functions(root, near)


def _folders(root: Root) -> list[tuple[Address, str]]:
    """Every function's folder, in the order of the addresses."""
    named = ((address, f"{DEVICES}/{name}") for name in root.names(DEVICES) if (address := address_of(name)))
    return sorted(named, key=lambda pair: (*pair[0].device, pair[0].function))


def _functions(root: Root, folders: Iterable[tuple[Address, str]]) -> tuple[PciDevice, ...]:
    found = (_function(root, address, base) for address, base in folders)
    return tuple(device for device in found if device is not None)


def _function(root: Root, address: Address, base: str) -> PciDevice | None:
    """One function; ``None`` for one that has gone, or of which the record has nothing."""
    there = set(root.names(base))
    vendor, device, class_ = (root.number(f"{base}/{name}", 16) for name in ("vendor", "device", "class"))
    if vendor is None or device is None or class_ is None:
        if there:
            root.unseen.setdefault(base, "no vendor, device and class that can be read")
        return None

    def text(name: str) -> str | None:
        return root.text(f"{base}/{name}") if name in there else None

    def link(name: str) -> str | None:
        return root.link(f"{base}/{name}") if name in there else None

    driver, override = link("driver"), text("driver_override")
    boot_display, status = text("boot_display"), root.text(f"{base}/power/runtime_status")
    return PciDevice(
        address=address,
        id=Id(vendor & 0xFFFF, device & 0xFFFF),
        pci_class=f"{class_ >> 8 & 0xFFFF:04x}",
        subsystem_id=_subsystem(text("subsystem_vendor"), text("subsystem_device")),
        driver=module_name(driver),
        driver_override=None if override in (None, "", "(null)") else module_name(override),
        modules=_own_module(root, base) if driver else (),
        iommu_group=number(link("iommu_group")),
        boot_vga=text("boot_vga") == "1",
        boot_display=None if boot_display is None else boot_display == "1",
        upstream=_upstream(root, base),
        power_state=known(POWER_STATES, text("power_state")),
        runtime_status=known(RUNTIME, status),
        d3cold_allowed=_flag(text("d3cold_allowed")),
        reset_methods=_words(text("reset_method")),
        bar_sizes=_bar_sizes(root, base, there, awake=status == "active"),
        bar_size=_bar_size(text("resource")) if class_ >> 16 == 0x03 else None,
        sriov=_sriov(link("physfn"), text("sriov_totalvfs"), text("sriov_numvfs")),
        removable={"removable": True, "fixed": False}.get(text("removable") or ""),
        numa_node=_at_least_0(number(text("numa_node"))),
    )


def module_name(name: str | None) -> str | None:
    """A driver's name in the letters of a module's: a driver may be called anything."""
    return re.sub("[^A-Za-z0-9_-]+", "_", name[:64]) if name else None


def _own_module(root: Root, base: str) -> tuple[str, ...]:
    """The module behind the bound driver: what to wait for is a module, and its driver may be called otherwise."""
    name = module_name(root.link(f"{base}/driver/module"))
    return (name,) if name else ()


def _subsystem(vendor: str | None, device: str | None) -> Id | None:
    numbers = (number(vendor, 16), number(device, 16))
    if None in numbers:
        return None
    return Id(*(value & 0xFFFF for value in numbers if value is not None))


def _words(text: str | None) -> tuple[str, ...]:
    return tuple(word for word in (text or "").split() if re.fullmatch("[a-z_]{1,32}", word))


def _flag(text: str | None) -> bool | None:
    return {"1": True, "0": False}.get(text or "")


def _at_least_0(value: int | None) -> int | None:
    return value if value is not None and 0 <= value < 1 << 16 else None


def _upstream(root: Root, base: str) -> Address | None:
    """The port is the folder in which the function's own lies."""
    real = root.real(base)
    return address_of(real.split("/")[-2]) if real and real.count("/") > 1 else None


def _bar_sizes(root: Root, base: str, there: set[str], *, awake: bool) -> tuple[Size, ...]:
    """What the resizable BARs can be, bit N standing for 2^N MiB. Reading it resumes the device: only where it runs."""
    files = sorted(name for name in there if re.fullmatch("resource[0-5]_resize", name)) if awake else []
    masks = [number(root.text(f"{base}/{name}", awake=True), 16) or 0 for name in files]
    largest = max(masks, default=0)
    return tuple(Size.mib_of(1 << bit) for bit in range(24) if largest >> bit & 1)


def _bar_size(resource: str | None) -> Size | None:
    """The largest memory range of lines of first, last and flags."""
    sizes = []
    for line in (resource or "").splitlines()[:BARS]:
        numbers = [number(word, 16) for word in line.split()]
        if len(numbers) == 3 and None not in numbers:
            first, last, flags = (value or 0 for value in numbers)
            if flags & MEMORY and last > first:
                sizes.append(last - first + 1)
    largest = max(sizes, default=0)
    return Size(largest) if 1 << 10 <= largest < 1 << 60 else None


def _sriov(physical: str | None, total: str | None, enabled: str | None) -> Sriov | None:
    if physical:
        return Sriov(role="virtual")
    most = _at_least_0(number(total))
    return Sriov(role="physical", total=most, enabled=_at_least_0(number(enabled)) or 0) if most else None


def named(root: Root, devices: tuple[PciDevice, ...]) -> tuple[PciDevice, ...]:
    """The devices with their names: udev's database has them, else the list pci.ids of this machine."""
    from optimux.facts.detect.names import Names

    names = Names(Root.at())
    return tuple(device.replace(name=clean(_from_udev(root, device) or names.of(device.id))) for device in devices)


def _from_udev(root: Root, device: PciDevice) -> str | None:
    words = {}
    for line in root.lines(f"/run/udev/data/+pci:{device.address}"):
        key, _, value = line.partition("=")
        words[key] = value
    vendor, model = words.get("E:ID_VENDOR_FROM_DATABASE"), words.get("E:ID_MODEL_FROM_DATABASE")
    return f"{vendor or ''} {model}".strip() if model else None
