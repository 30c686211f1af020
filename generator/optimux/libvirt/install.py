"""A domain in the variant that Windows is installed in: transient, beside the definition that stays.

libvirt starts a transient domain under the name and UUID of a defined one; when it ends, the definition is what it was.
So nothing of the variant, least of all the medium with the answers, can be there at a later start.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from optimux.libvirt.agent import Transport
from optimux.libvirt.binding import Asking
from optimux.patch.card import without_card

if TYPE_CHECKING:
    from collections.abc import Sequence

    from optimux.plan.model import DomainPlan

KEY_ENTER, HOLD = 28, 100  # linux/input-event-codes.h; milliseconds


def install_variant(xml: str, domain: DomainPlan, answers: str, *, without_gpu: bool = False) -> str:
    """The XML of the variant: one disk, Windows' medium behind it, the drivers' and the answers'."""
    from lxml import etree

    windows = domain.windows
    assert windows.unattended is not None
    assert windows.iso is not None
    root: Any = etree.fromstring(without_card(xml.encode(), domain) if without_gpu else xml.encode())
    devices = root.find("devices")
    for disk in devices.findall("disk"):
        target = disk.find("target").get("dev")
        if disk.get("device", "disk") == "disk" and target != windows.unattended.disk:
            devices.remove(disk)
    for boot in (*root.findall("os/boot"), *devices.findall("*/boot")):
        boot.getparent().remove(boot)
    _order(devices, windows.unattended.disk, 1)
    _order(devices, _with_medium(devices, windows.iso), 2)
    for path in (windows.virtio_win, answers):
        if path:
            _with_medium(devices, path)
    reboot = root.find("on_reboot")
    if reboot is not None:
        reboot.text = "restart"
    text: str = etree.tostring(root, encoding="unicode")
    return text


def _order(devices: Any, target: str, order: int) -> None:
    from lxml import etree

    for disk in devices.findall("disk"):
        if disk.find("target").get("dev") == target:
            boot = etree.Element("boot", order=str(order))
            disk.find("target").addnext(boot)


def _with_medium(devices: Any, path: str) -> str:
    """The target of the CD-ROM drive with that medium, which is added where there is none."""
    from lxml import etree

    for disk in devices.findall("disk"):
        source = disk.find("source")
        if source is not None and source.get("file") == path:
            found: str = disk.find("target").get("dev")
            return found
    taken = {disk.find("target").get("dev") for disk in devices.findall("disk")}
    target = next(name for letter in "abcdefghijklmnopqrstuvwxyz" if (name := f"sd{letter}") not in taken)
    drive = etree.Element("disk", type="file", device="cdrom")
    etree.SubElement(drive, "driver", name="qemu", type="raw")
    etree.SubElement(drive, "source", file=path)
    etree.SubElement(drive, "target", dev=target, bus="sata")
    etree.SubElement(drive, "readonly")
    disks = devices.findall("disk")
    disks[-1].addnext(drive)
    return target


class Machine(Asking):
    """See ``guest.installation.Machine``; ``answers`` is the path of the medium that goes."""

    def __init__(self, libvirt: Any, connection: Any, xml: str, answers: str) -> None:
        self._libvirt = libvirt
        self._connection = connection
        self._xml = xml
        self._answers = answers
        self._domain: Any = None

    def start(self) -> None:
        """Start the transient domain. Raises ``LibvirtError``."""
        self._domain = self._call(lambda: self._connection.createXML(self._xml, 0))

    def press(self) -> None:
        """Press Enter; a machine that is off gets none."""
        if self.is_running():
            linux = self._libvirt.VIR_KEYCODE_SET_LINUX
            self._call(lambda: self._domain.sendKey(linux, HOLD, [KEY_ENTER], 1, 0))

    def is_running(self) -> bool:
        """Whether it runs; a transient domain that ended is gone."""
        try:
            return bool(self._domain is not None and self._domain.isActive())
        except self._libvirt.libvirtError:
            return False

    def ping(self) -> None:
        """Ask the agent. Raises ``AgentError``."""
        Transport(self._libvirt, self._domain).command('{"execute": "guest-ping"}', 5)

    def eject(self) -> None:
        """Take the answers' medium out of the running machine. Raises ``LibvirtError``."""
        from lxml import etree

        if not self.is_running():
            return
        root: Any = etree.fromstring(self._call(lambda: self._domain.XMLDesc(0)).encode())
        for disk in root.iterfind("devices/disk"):
            source = disk.find("source")
            if source is not None and source.get("file") == self._answers:
                disk.remove(source)
                self._update(etree.tostring(disk, encoding="unicode"))

    def _update(self, xml: str) -> None:
        """A locked tray is opened: Windows holds it while it reads."""
        flags = self._libvirt.VIR_DOMAIN_AFFECT_LIVE | self._libvirt.VIR_DOMAIN_DEVICE_MODIFY_FORCE
        self._call(lambda: self._domain.updateDeviceFlags(xml, flags))


def disk_targets(xml: str) -> Sequence[str]:
    """The targets of a domain's hard disks."""
    from lxml import etree

    root: Any = etree.fromstring(xml.encode())
    disks = root.iterfind("devices/disk")
    return tuple(disk.find("target").get("dev") for disk in disks if disk.get("device", "disk") == "disk")
