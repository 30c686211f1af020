"""A recorded machine with a card of three functions: a display, its sound, and USB with a stick."""

from __future__ import annotations

from typing import TYPE_CHECKING

from optimux.host.handover.cards import Card, CardFunction
from optimux.pci import Address, Id
from tests.detect.tree import link, put

if TYPE_CHECKING:
    from pathlib import Path

GPU, SOUND, USB = "0000:01:00.0", "0000:01:00.1", "0000:01:00.2"
PORT, PRIMARY = "0000:00:01.0", "0000:00:02.0"
IDS = {GPU: "1234:1111", SOUND: "8086:2668", USB: "1b36:000d"}
DRIVERS = {GPU: "bochs-drm", SOUND: "snd_hda_intel", USB: "xhci_hcd"}
MODULES = {GPU: "bochs", SOUND: "snd_hda_intel", USB: "xhci_pci"}
CLASSES = {GPU: "0x038000", SOUND: "0x040300", USB: "0x0c0330"}
BELOW_PORT = f"/sys/devices/pci0000:00/{PORT}"
CARD = Card("card", tuple(CardFunction(Address.parse(a), Id.parse(i)) for a, i in IDS.items()), True, ("win",))


def plant(root: Path) -> Path:
    """The machine at rest: everything bound to the host's drivers, and nobody at the card."""
    function(root, f"/sys/devices/pci0000:00/{PRIMARY}", "1af4:1050", "0x030000", "virtio-pci", "virtio_pci", 1)
    put(root, f"/sys/devices/pci0000:00/{PRIMARY}/boot_vga", "1")
    function(root, BELOW_PORT, "1b36:000c", "0x060400", "pcieport", "", 2)
    for group, address in enumerate((GPU, SOUND, USB), 10):
        place = f"{BELOW_PORT}/{address}"
        function(root, place, IDS[address], CLASSES[address], DRIVERS[address], MODULES[address], group)
    put(root, f"{BELOW_PORT}/{GPU}/boot_vga", "0")
    node(root, f"{BELOW_PORT}/{GPU}/drm/card1", "drm", "dri/card1", "226:1")
    node(root, f"{BELOW_PORT}/{GPU}/drm/renderD129", "drm", "dri/renderD129", "226:129")
    node(root, f"{BELOW_PORT}/{GPU}/graphics/fb1", "graphics", "fb1", "29:1")
    node(root, f"{BELOW_PORT}/{GPU}/i2c-5/i2c-dev/i2c-5", "i2c-dev", "i2c-5", "89:5")
    node(root, f"{BELOW_PORT}/{SOUND}/sound/card1/controlC1", "sound", "snd/controlC1", "116:9")
    stick = f"{BELOW_PORT}/{USB}/usb2/2-1/2-1:1.0/host3/block/sdb"
    node(root, stick, "block", "sdb", "8:16")
    node(root, f"{stick}/sdb1", "block", "sdb1", "8:17")
    for name in ("card1", "renderD129"):
        link(root, f"/sys/class/drm/{name}", f"{BELOW_PORT}/{GPU}/drm/{name}")
        link(root, f"{BELOW_PORT}/{GPU}/drm/{name}/device", f"{BELOW_PORT}/{GPU}")
    connector = f"{BELOW_PORT}/{GPU}/drm/card1/card1-HDMI-A-1"
    for name, content in (("status", "disconnected"), ("enabled", "disabled")):
        put(root, f"{connector}/{name}", content)
    link(root, "/sys/class/drm/card1-HDMI-A-1", connector)
    keyboard = "/sys/devices/platform/i8042/serio0/input/input3"
    put(root, f"{keyboard}/capabilities/key", "402000000 3803078f800d001 feffffdfffefffff fffffffffffffffe")
    link(root, "/sys/class/input/input3", keyboard)
    put(root, "/proc/fb", "0 virtio_gpudrmfb\n1 bochs-drmdrmfb\n")
    put(root, "/sys/class/vtconsole/vtcon1/name", "(M) frame buffer device")
    put(root, "/sys/class/vtconsole/vtcon1/bind", "1")
    put(root, "/etc/passwd", "root:x:0:0::/root:/bin/sh\nanna:x:1000:1000::/home/anna:/bin/sh\n")
    process(root, 1, "systemd", cgroup="/init.scope")
    return root


def function(root: Path, place: str, id_: str, class_: str, driver: str, module: str, group: int) -> None:
    """One PCI function with its driver, module and group."""
    vendor, _, device = id_.partition(":")
    address = place.rpartition("/")[2]
    files = {
        "vendor": f"0x{vendor}",
        "device": f"0x{device}",
        "class": class_,
        "driver_override": "(null)",
        "power_state": "D0",
        "reset_method": "pm",
        "power/runtime_status": "active",
        "power/control": "auto",
    }
    for name, content in files.items():
        put(root, f"{place}/{name}", f"{content}\n")
    link(root, f"/sys/bus/pci/devices/{address}", place)
    link(root, f"{place}/driver", f"/sys/bus/pci/drivers/{driver}")
    link(root, f"{place}/iommu_group", f"/sys/kernel/iommu_groups/{group}")
    link(root, f"/sys/bus/pci/drivers/{driver}/{address}", place)
    if module:
        put(root, f"/sys/module/{module}/refcnt", "0")
        (root / f"sys/module/{module}/holders").mkdir(exist_ok=True)
        if not (root / f"sys/bus/pci/drivers/{driver}/module").is_symlink():
            link(root, f"/sys/bus/pci/drivers/{driver}/module", f"/sys/module/{module}")


def node(root: Path, place: str, subsystem: str, name: str, number: str) -> None:
    """A device node's folder in sysfs."""
    put(root, f"{place}/dev", f"{number}\n")
    put(root, f"{place}/uevent", f"MAJOR={number.split(':')[0]}\nDEVNAME={name}\n")
    link(root, f"{place}/subsystem", f"/sys/class/{subsystem}")


def process(
    root: Path,
    pid: int,
    name: str,
    *,
    uid: int = 0,
    cgroup: str = "/system.slice/x.service",
    opened: tuple[str, ...] = (),
    maps: str = "",
    state: str = "S",
) -> None:
    """A process with descriptors on these paths."""
    base = f"/proc/{pid}"
    put(root, f"{base}/status", f"Name:\t{name}\nState:\t{state} (x)\nUid:\t{uid}\t{uid}\t{uid}\t{uid}\n")
    put(root, f"{base}/cgroup", f"0::{cgroup}\n")
    put(root, f"{base}/maps", maps)
    put(root, f"{base}/mountinfo", "22 1 254:1 / / rw shared:1 - ext4 /dev/vda1 rw\n")
    put(root, f"{base}/exe", "")
    descriptors(root, base, opened)
    (root / f"proc/{pid}/task/{pid}").mkdir(parents=True, exist_ok=True)


def descriptors(root: Path, base: str, opened: tuple[str, ...]) -> None:
    """Descriptors of a process or a thread."""
    (root / base.lstrip("/") / "fd").mkdir(parents=True, exist_ok=True)
    for number, target in enumerate(("/dev/null", *opened)):
        (root / f"{base.lstrip('/')}/fd/{number}").symlink_to(target)
