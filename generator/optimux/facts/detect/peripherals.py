"""Keyboards, mice, USB devices and disks, each with the controller that it hangs on."""

from __future__ import annotations

import re

from optimux.facts.detect.pci import address_of
from optimux.facts.detect.root import Root, clean, number
from optimux.facts.devices import Disk, InputDevice, InputDeviceKind, UsbDevice, UsbDeviceKind
from optimux.pci import Address, Id
from optimux.sizes import Size

# linux/input-event-codes.h
EV_KEY, EV_REL, EV_ABS = 1, 2, 3
BTN_LEFT, BTN_TOOL_FINGER = 0x110, 0x145
# What udev's input_id builtin asks of a keyboard: Esc, the digits, Q to D; lid switches and media keys have none.
TYPING = 0xFFFFFFFE
SECTOR = 512
NO_DISKS = re.compile("(loop|ram|zram|dm-|md|sr|fd|nbd|zd)[0-9]+")
USB_CLASSES: dict[str, UsbDeviceKind] = {
    "01": "audio",
    "02": "network",
    "03": "hid",
    "08": "storage",
    "0e": "video",
    "e0": "bluetooth",
}


def controller_of(root: Root, path: str) -> Address | None:
    """The PCI function nearest to a device: the last address in its real path."""
    parts = (root.real(path) or "").split("/")
    return next((address for part in reversed(parts) if (address := address_of(part))), None)


def inputs(root: Root) -> tuple[InputDevice, ...]:
    """Every keyboard, mouse and touchpad once, by the path that stays with it."""
    folder = "/sys/class/input"
    names = _stable_names(root)
    found = []
    for event in sorted(
        (n for n in root.names(folder) if re.fullmatch("event[0-9]{1,5}", n)), key=lambda n: int(n[5:])
    ):
        device = f"{folder}/{event}/device"
        kind = _kind(root, device)
        if kind is None:
            continue
        stable = names.get(event)
        vendor, product = (root.number(f"{device}/id/{file}", 16) for file in ("vendor", "product"))
        usb = root.text(f"{device}/id/bustype") == "0003" and vendor is not None and product is not None
        found.append(
            InputDevice(
                path=clean(stable or f"/dev/input/{event}") or event,
                kind=kind,
                name=clean(root.text(f"{device}/name")),
                stable=stable is not None,
                usb_id=Id((vendor or 0) & 0xFFFF, (product or 0) & 0xFFFF) if usb else None,
            )
        )
    return tuple(found)


def _stable_names(root: Root) -> dict[str, str]:
    """The links that udev made, by what they point to; those by id, which follow the device to another port, win."""
    found: dict[str, str] = {}
    for folder in ("/dev/input/by-id", "/dev/input/by-path"):
        for name in root.names(folder):
            target = root.link(f"{folder}/{name}")
            if target and "-event" in name:
                found.setdefault(target, f"{folder}/{name}")
    return found


def _kind(root: Root, device: str) -> InputDeviceKind | None:
    events = _bits(root, f"{device}/capabilities/ev")
    keys = _bits(root, f"{device}/capabilities/key")
    if not events >> EV_KEY & 1:
        return None
    if events >> EV_ABS & 1 and keys >> BTN_TOOL_FINGER & 1:
        return "touchpad"
    if events >> EV_REL & 1 and _bits(root, f"{device}/capabilities/rel") & 3 == 3 and keys >> BTN_LEFT & 1:
        return "mouse"
    return "keyboard" if keys & TYPING == TYPING else None


def _bits(root: Root, path: str) -> int:
    """A bitmap of words of 64 bits, the highest first."""
    value = 0
    for word in (root.text(path) or "").split()[:32]:
        value = value << 64 | (number(word, 16) or 0)
    return value


def usb(root: Root) -> tuple[UsbDevice, ...]:
    """Every device that is no hub."""
    folder = "/sys/bus/usb/devices"
    found = []
    for name in root.names(folder):
        base = f"{folder}/{name}"
        if not re.fullmatch(r"[0-9]{1,3}-[0-9.]{1,32}", name) or root.text(f"{base}/bDeviceClass") == "09":
            continue
        vendor, product = (root.number(f"{base}/{file}", 16) for file in ("idVendor", "idProduct"))
        if vendor is not None and product is not None:
            words = [clean(root.text(f"{base}/{file}")) for file in ("manufacturer", "product")]
            found.append(
                UsbDevice(
                    id=Id(vendor & 0xFFFF, product & 0xFFFF),
                    port=name,
                    name=" ".join(word for word in words if word) or None,
                    controller=controller_of(root, base),
                    kinds=_usb_kinds(root, base, name),
                    removable={"removable": True, "fixed": False}.get(root.text(f"{base}/removable") or ""),
                )
            )
    return tuple(found)


def _usb_kinds(root: Root, base: str, name: str) -> tuple[UsbDeviceKind, ...]:
    interfaces = [entry for entry in root.names(base) if entry.startswith(f"{name}:")]
    classes = [root.text(f"{base}/{entry}/bInterfaceClass") or "" for entry in interfaces]
    return tuple(dict.fromkeys(USB_CLASSES.get(word, "other") for word in classes))


def disks(root: Root) -> tuple[Disk, ...]:
    """Every disk, and whether the host uses some of it."""
    folder = "/sys/block"
    used = _used_numbers(root)
    found = []
    for name in root.names(folder):
        base = f"{folder}/{name}"
        if NO_DISKS.fullmatch(name):
            continue
        sectors = root.number(f"{base}/size") or 0
        found.append(
            Disk(
                name=clean(name) or "unknown",
                path=_disk_path(root, name),
                model=clean(root.text(f"{base}/device/model")),
                size=Size(sectors * SECTOR) if 2 <= sectors < 1 << 53 else None,
                controller=controller_of(root, base),
                in_use=_in_use(root, base, used, 0),
                removable=root.text(f"{base}/removable") == "1",
            )
        )
    return tuple(found)


def _disk_path(root: Root, name: str) -> str | None:
    """By the maker's name where there is one; an eui or wwn says less to a person."""
    folder = "/dev/disk/by-id"
    links = [link for link in root.names(folder) if "-part" not in link and root.link(f"{folder}/{link}") == name]
    links.sort(key=lambda link: (link.startswith(("wwn-", "nvme-eui", "nvme-nvme", "scsi-")), len(link), link))
    return clean(f"{folder}/{links[0]}") if links else None


def _used_numbers(root: Root) -> set[str]:
    """Device numbers that are mounted, and the names of swap devices."""
    mounted = {words[2] for line in root.lines("/proc/self/mountinfo") if len(words := line.split()) > 2}
    swaps = {line.split()[0].rpartition("/")[2] for line in root.lines("/proc/swaps")[1:] if line.split()}
    return mounted | swaps | _mounted_sources(root)


def _mounted_sources(root: Root) -> set[str]:
    """A btrfs has a number of its own: the source after the dash names the device."""
    found = set()
    for line in root.lines("/proc/self/mountinfo"):
        source = line.partition(" - ")[2].split()[1:2]
        if source and source[0].startswith("/dev/"):
            found.add((root.link(source[0]) or source[0]).rpartition("/")[2])
    return found


def _in_use(root: Root, base: str, used: set[str], depth: int) -> bool:
    """The disk itself, its partitions, and what was built upon them: LUKS, LVM, RAID."""
    name = base.rpartition("/")[2]
    if name in used or (root.text(f"{base}/dev") or "none") in used:
        return True
    if depth > 6:
        return False
    entries = root.names(base)
    parts = [f"{base}/{entry}" for entry in entries if entry.startswith(name) and root.exists(f"{base}/{entry}/dev")]
    holders = [f"/sys/block/{entry}" for entry in root.names(f"{base}/holders")]
    return any(_in_use(root, part, used, depth + 1) for part in (*parts, *holders))
