"""A recorded tree from a short description: what /sys, /proc and /etc of such a machine hold.

A machine's ``machine.toml`` has its devices one a line: address, class, id, subsystem id, driver, IOMMU group (``-``
for none), then words: ``boot`` (boot_vga), ``parent=ADDRESS``, or an attribute's name and content.
"""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.detect.edid import edid

if TYPE_CHECKING:
    from collections.abc import Iterator

MACHINES = Path(__file__).parent / "machines"
GIB = 1 << 20  # in KiB


def names() -> list[str]:
    """Every described machine."""
    return sorted(path.parent.name for path in MACHINES.glob("*/machine.toml"))


def described(name: str) -> dict[str, Any]:
    """A machine's description."""
    return tomllib.loads((MACHINES / name / "machine.toml").read_text(encoding="utf-8"))


def plant(root: Path, machine: dict[str, Any]) -> Path:
    """Write the tree beneath ``root``."""
    for make in (_devices, _connectors, _cpu, _firmware, _system, _disks, _inputs, _usb):
        make(root, machine)
    for path, content in machine.get("files", {}).items():
        put(root, path, content)
    for path, target in machine.get("links", {}).items():
        link(root, path, target)
    return root


def put(root: Path, path: str, content: str | bytes) -> None:
    """A file, with its folders."""
    file = root / path.lstrip("/")
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(content.encode() if isinstance(content, str) else content)


def link(root: Path, path: str, target: str) -> None:
    """A symbolic link, with its folders; an absolute target of the tree becomes a relative one, as in sysfs."""
    place = root / path.lstrip("/")
    place.parent.mkdir(parents=True, exist_ok=True)
    if target.startswith("/"):
        target = "../" * (path.strip("/").count("/")) + target.lstrip("/")
    place.symlink_to(target)


def _lines(text: str) -> Iterator[list[str]]:
    for line in text.splitlines():
        words = line.partition("#")[0].split()
        if words:
            yield words


def _devices(root: Path, machine: dict[str, Any]) -> None:
    places: dict[str, str] = {}
    (root / "sys/bus/pci/devices").mkdir(parents=True, exist_ok=True)
    for address, class_, id_, subsystem, driver, group, *words in _lines(machine.get("devices", "")):
        given = dict(word.partition("=")[::2] for word in words)
        physical = given.pop("physfn", None)
        above = places.get(given.pop("parent", ""), f"/sys/devices/pci{address.rpartition(':')[0]}")
        place = places[address] = f"{above}/{address}"
        link(root, f"/sys/bus/pci/devices/{address}", place)
        _function(root, place, class_, id_, subsystem, given)
        if driver != "-":
            put(root, f"/sys/bus/pci/drivers/{driver}/uevent", "")
            link(root, f"{place}/driver", f"/sys/bus/pci/drivers/{driver}")
            module = given.pop("module", driver.replace("-", "_"))
            put(root, f"/sys/module/{module}/refcnt", "0\n")
            link(root, f"/sys/bus/pci/drivers/{driver}/module", f"/sys/module/{module}") if not (
                root / f"sys/bus/pci/drivers/{driver}/module"
            ).is_symlink() else None
        if physical:
            link(root, f"{place}/physfn", places[physical])
        if group != "-":
            link(root, f"{place}/iommu_group", f"/sys/kernel/iommu_groups/{group}")
            link(root, f"/sys/kernel/iommu_groups/{group}/devices/{address}", place)


def _function(root: Path, place: str, class_: str, id_: str, subsystem: str, given: dict[str, str]) -> None:
    vendor, device = id_.split(":")
    sub_vendor, sub_device = subsystem.split(":") if subsystem != "-" else ("0000", "0000")
    content = {
        "vendor": f"0x{vendor}",
        "device": f"0x{device}",
        "class": f"0x{class_}00",
        "subsystem_vendor": f"0x{sub_vendor}",
        "subsystem_device": f"0x{sub_device}",
        "revision": "0x01",
        "irq": "0",
        "enable": "1",
        "driver_override": "(null)",
        "power_state": "D0",
        "power/runtime_status": "active",
        "power/control": "auto",
        "d3cold_allowed": "1",
        "numa_node": "-1",
        "modalias": _alias(vendor, device, sub_vendor, sub_device, class_),
        "resource": "0x0000000000000000 0x0000000000000000 0x0000000000000000\n" * 7,
    }
    if class_ == "0300":
        content["boot_vga"] = "0"
    for key, value in given.items():
        if key not in ("module", "boot"):
            content[key.replace("|", "/")] = value.replace("_", " ") if key == "reset_method" else value
    if "boot" in given:
        content["boot_vga"] = "1"
    if subsystem == "-":  # nobody wrote it down, which is not zeroes
        del content["subsystem_vendor"], content["subsystem_device"]
    for name, text in content.items():
        put(root, f"{place}/{name}", f"{text}\n")
    # Whoever reads it resumes the device; lspci reads a tree's.
    put(root, f"{place}/config", _config(vendor, device, class_, sub_vendor, sub_device))


def _alias(*numbers: str) -> str:
    *ids, class_ = (number.upper() for number in numbers)
    return "pci:v0000{}d0000{}sv0000{}sd0000{}bc{}sc{}i00".format(*ids, class_[:2], class_[2:])


def _config(vendor: str, device: str, class_: str, sub_vendor: str, sub_device: str) -> bytes:
    """The first 64 bytes of configuration space (PCI Local Bus 3.0 §6.1)."""
    data = bytearray(64)
    data[0:2], data[2:4] = (int(value, 16).to_bytes(2, "little") for value in (vendor, device))
    data[8] = 1
    data[0x0A], data[0x0B] = int(class_[2:], 16), int(class_[:2], 16)
    if class_ == "0604":
        data[0x0E] = 1
    else:
        data[0x2C:0x2E], data[0x2E:0x30] = (int(v, 16).to_bytes(2, "little") for v in (sub_vendor, sub_device))
    return bytes(data)


def _connectors(root: Path, machine: dict[str, Any]) -> None:
    """``card PCI-address`` makes a node; ``card-NAME status [WxH@R monitor [hdr]]`` a connector of it."""
    places: dict[str, str] = {}
    for first, second, *words in _lines(machine.get("drm", "")):
        card, _, name = first.partition("-")
        if not name:
            device = f"/sys/bus/pci/devices/{second}"
            real = "/" + str((root / device.lstrip("/")).resolve().relative_to(root.resolve()))
            places[card] = f"{real}/drm/{card}"
            render = f"renderD{128 + int(card[4:])}"
            for node in (card, render):
                put(root, f"{real}/drm/{node}/dev", "226:0\n")
                link(root, f"{real}/drm/{node}/device", real)
                link(root, f"/sys/class/drm/{node}", f"{real}/drm/{node}")
            continue
        place = f"{places[card]}/{first}"
        put(root, f"{place}/status", f"{second}\n")
        put(root, f"{place}/enabled", "enabled\n" if second == "connected" else "disabled\n")
        put(root, f"{place}/edid", edid(*words) if words else b"")
        link(root, f"/sys/class/drm/{first}", place)


def _cpu(root: Path, machine: dict[str, Any]) -> None:
    cpu = machine.get("cpu", {})
    if not cpu:
        return
    cores = [list(map(int, core.split("+"))) for core in cpu["cores"].split()]
    count = sum(len(core) for core in cores)
    flags = cpu.get("flags", "fpu lm vmx pdpe1gb" if cpu["vendor"] == "GenuineIntel" else "fpu lm svm pdpe1gb")
    entry = (
        f"vendor_id\t: {cpu['vendor']}\nmodel name\t: {cpu['model']}\nflags\t\t: {flags}\n"
        f"address sizes\t: {cpu.get('bits', 39)} bits physical, 48 bits virtual\n"
    )
    put(root, "/proc/cpuinfo", "\n".join(f"processor\t: {number}\n{entry}" for number in range(count)))
    system = "/sys/devices/system/cpu"
    put(root, f"{system}/online", f"0-{count - 1}\n")
    caches = cpu.get("caches", f"0-{count - 1}").split()
    for core in cores:
        for thread in core:
            put(root, f"{system}/cpu{thread}/topology/thread_siblings_list", ",".join(map(str, core)) + "\n")
            put(root, f"{system}/cpu{thread}/topology/physical_package_id", "0\n")
            mine = next(cache for cache in caches if thread in _range(cache))
            put(root, f"{system}/cpu{thread}/cache/index3/shared_cpu_list", f"{mine}\n")
    if "efficient" in cpu:
        put(root, "/sys/devices/cpu_atom/cpus", f"{cpu['efficient']}\n")
    put(root, "/sys/devices/system/node/node0/cpulist", f"0-{count - 1}\n")


def _range(text: str) -> list[int]:
    parts = [part.partition("-") for part in text.split(",")]
    return [number for low, _, high in parts for number in range(int(low), int(high or low) + 1)]


def _firmware(root: Path, machine: dict[str, Any]) -> None:
    tables = machine.get("acpi", {})
    for name in ("DSDT", *tables):
        put(root, f"/sys/firmware/acpi/tables/{name}", _table(name, tables.get(name, 0)))
    if "mux" in machine:
        put(root, "/sys/devices/platform/asus-nb-wmi/gpu_mux_mode", f"{machine['mux']}\n")


def _table(name: str, width: int) -> bytes:
    """A header, and the width where this table has it."""
    data = bytearray(64)
    data[:4] = name.encode()
    if name == "DMAR":
        data[36] = width - 1
    if name == "IVRS":
        data[36:40] = (width << 15).to_bytes(4, "little")
    return bytes(data)


def _system(root: Path, machine: dict[str, Any]) -> None:
    dmi = {"sys_vendor": "vendor", "product_name": "product", "chassis_type": "chassis"}
    for file, key in dmi.items():
        if key in machine:
            put(root, f"/sys/class/dmi/id/{file}", f"{machine[key]}\n")
    if "memory" in machine:
        free = machine["memory"] * GIB - 400_000
        put(root, "/proc/meminfo", f"MemTotal:       {free} kB\nMemFree:        {free // 2} kB\n")
        for size in (2048, 1048576):
            for file in ("nr_hugepages", "free_hugepages"):
                put(root, f"/sys/kernel/mm/hugepages/hugepages-{size}kB/{file}", "0\n")
    put(root, "/proc/sys/kernel/osrelease", f"{machine.get('kernel', '6.12.41+deb13-amd64')}\n")
    put(root, "/proc/sys/kernel/arch", f"{machine.get('architecture', 'x86_64')}\n")
    put(root, "/proc/cmdline", f"{machine.get('cmdline', 'BOOT_IMAGE=/vmlinuz root=UUID=x ro quiet')}\n")


def _disks(root: Path, machine: dict[str, Any]) -> None:
    """``NAME ADDRESS GIB [by-id name] [used]``: one disk a line, mounted where it is ``used``."""
    mounts = []
    for number, (name, address, size, *words) in enumerate(_lines(machine.get("disks", ""))):
        place = f"{_place(root, address)}/block/{name}"
        put(root, f"{place}/size", f"{int(size) << 21}\n")
        put(root, f"{place}/dev", f"8:{number}\n")
        link(root, f"/sys/block/{name}", place)
        if words[:1] not in ([], ["used"]):
            put(root, f"/dev/{name}", "")
            link(root, f"/dev/disk/by-id/{words[0]}", f"/dev/{name}")
        if "used" in words:
            mounts.append(f"{22 + number} 1 8:{number} / / rw - ext4 /dev/{name} rw\n")
    if mounts:
        put(root, "/proc/self/mountinfo", "".join(mounts))


def _place(root: Path, address: str) -> str:
    return "/" + str((root / f"sys/bus/pci/devices/{address}").resolve().relative_to(root.resolve()))


KEYS = "402000000 3803078f800d001 feffffdfffefffff fffffffffffffffe"


def _inputs(root: Path, machine: dict[str, Any]) -> None:
    """``keyboard NAME [id]``: NAME is the one in /dev/input/by-path, an id makes it a USB device."""
    for number, (_, name, *words) in enumerate(_lines(machine.get("inputs", ""))):
        device = f"/sys/class/input/event{number}/device"
        put(root, f"{device}/capabilities/ev", "120013\n")
        put(root, f"{device}/capabilities/key", f"{KEYS}\n")
        put(root, f"/dev/input/event{number}", "")
        link(root, f"/dev/input/by-path/{name}", f"/dev/input/event{number}")
        if words:
            put(root, f"{device}/id/bustype", "0003\n")
            for file, value in zip(("vendor", "product"), words[0].split(":"), strict=True):
                put(root, f"{device}/id/{file}", f"{value}\n")


def _usb(root: Path, machine: dict[str, Any]) -> None:
    """``PORT ADDRESS ID CLASS name_of_it [removable|fixed]``: one device a line, on the controller at the address."""
    for port, address, id_, class_, name, *words in _lines(machine.get("usb", "")):
        place = f"{_place(root, address)}/usb{port.partition('-')[0]}/{port}"
        vendor, product = id_.split(":")
        files = {"idVendor": vendor, "idProduct": product, "bDeviceClass": "00", "product": name.replace("_", " ")}
        files |= {"removable": words[0]} if words else {}
        for file, value in files.items():
            put(root, f"{place}/{file}", f"{value}\n")
        put(root, f"{place}/{port}:1.0/bInterfaceClass", f"{class_}\n")
        link(root, f"/sys/bus/usb/devices/{port}", place)
