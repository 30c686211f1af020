"""Devices of a domain with nothing of the host behind them: empty disks, networks without a host, silent ports."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from lxml.etree import _Element

DISK = "/var/empty/optimux-disk"
_DISK_KEEPS = ("address", "alias", "boot", "readonly", "serial", "shareable", "target", "vendor", "product", "wwn")
_NETWORK_KEEPS = ("mac", "model", "address", "alias", "boot", "link", "acpi")
_PORT_KEEPS = ("target", "address", "alias", "boot")
_DISK_DRIVER = ("name", "queues", "iothread", "event_idx", "iommu", "ats", "packed", "page_per_vq", "copy_on_read")
# Behind these stands nothing of the host but a SPICE client, which need not be there.
_OF_SPICE = ("spicevmc", "spiceport", "qemu-vdagent", "null")


def reduce_device(device: _Element, folder: str) -> Iterator[str]:
    """Change or remove one child of ``<devices>``; what was replaced, in words. ``folder`` stands for shared ones."""
    rom = device.find("rom")
    if rom is not None and rom.get("file"):
        yield f"ROM {rom.get('file')}: none"
        rom.attrib.pop("file", "")
    reducer = _REDUCERS.get(str(device.tag))
    if reducer:
        yield from reducer(device)
    elif device.tag == "filesystem" and device.get("type", "mount") == "mount":
        yield from _folder(device, folder)


def _disk(device: _Element) -> Iterator[str]:
    """A file of libvirt's simplest kind; no bytes of it are there when QEMU is started."""
    from lxml import etree

    target = device.find("target")
    name = target.get("dev", "") if target is not None else ""
    had = device.find("source") is not None
    driver = device.find("driver")
    kept = {key: driver.get(key, "") for key in _DISK_DRIVER if driver is not None and driver.get(key)}
    _keep(device, _DISK_KEEPS)
    device.attrib.pop("rawio", "")
    device.attrib.pop("sgio", "")
    device.set("type", "file")
    if device.get("device") == "lun":
        device.set("device", "disk")
    device.insert(0, etree.Element("driver", {**kept, "type": "raw"}))
    if had:
        device.insert(1, etree.Element("source", {"file": f"{DISK}-{name}"}))
        yield f"disk {name}: an empty one"


def _interface(device: _Element) -> Iterator[str]:
    if device.get("type") == "hostdev":
        return
    if device.get("type") != "user" or device.find("backend") is not None:
        mac = device.find("mac")
        yield f"network {mac.get('address', '') if mac is not None else device.get('type')}: one without a host"
    device.attrib.clear()
    device.set("type", "user")
    _keep(device, _NETWORK_KEEPS)


def _graphics(device: _Element) -> Iterator[str]:
    """SPICE and VNC that listen nowhere; windows on the host's screen are left out."""
    from lxml import etree

    kind = device.get("type", "")
    if kind not in ("spice", "vnc"):
        remove(device)
        yield f"graphics {kind}: left out"
        return
    device.attrib.clear()
    device.set("type", kind)
    _keep(device, ("alias",))
    etree.SubElement(device, "listen", {"type": "none"})
    yield f"graphics {kind}: listening nowhere"


def _video(device: _Element) -> Iterator[str]:
    driver, model = device.find("driver"), device.find("model")
    if driver is not None and driver.get("name"):
        device.remove(driver)
        yield "video: without a helper process"
    if model is not None:
        acceleration = model.find("acceleration")
        if acceleration is not None:
            model.remove(acceleration)
            yield "video: without acceleration"
        model.attrib.pop("blob", "")


def _audio(device: _Element) -> Iterator[str]:
    kind, number = device.get("type", ""), device.get("id", "1")
    _keep(device, ())
    device.attrib.clear()
    device.attrib.update({"id": number, "type": "none"})
    if kind not in ("none", "spice"):
        yield f"audio {kind}: silent"


def _port(device: _Element) -> Iterator[str]:
    """Serial and parallel ports, consoles, channels, redirected USB."""
    kind = device.get("type", "")
    if kind in _OF_SPICE:
        return
    target = device.find("target")
    if target is not None and target.get("type") == "guestfwd":
        remove(device)
        yield "guestfwd: left out"
        return
    device.attrib.pop("tty", "")
    device.set("type", "null")
    _keep(device, _PORT_KEEPS)
    name = target.get("name") if target is not None else None
    yield f"{device.tag} {name or kind}: one that nobody listens to"


def _smartcard(device: _Element) -> Iterator[str]:
    if device.get("mode") != "passthrough" or device.get("type") != "spicevmc":
        remove(device)
        yield "smartcard: left out"


def _rng(device: _Element) -> Iterator[str]:
    backend = device.find("backend")
    if backend is None or backend.get("model") == "builtin":
        return
    kind = backend.text or backend.get("type") or ""
    backend.clear()
    backend.set("model", "random")
    backend.text = "/dev/urandom"
    if kind != "/dev/urandom":
        yield f"random numbers of {kind}: of /dev/urandom"


def _left_out(device: _Element) -> Iterator[str]:
    words = {"tpm": "TPM", "memory": "memory module"}.get(str(device.tag), str(device.tag))
    remove(device)
    yield f"{words}: left out"


def _hostdev(device: _Element) -> Iterator[str]:
    """Those of PCI keep their place, see ``stand_ins``."""
    kind = device.get("type", "")
    if kind in ("pci", "mdev"):
        return
    remove(device)
    yield f"host device of {kind}: left out"


def _folder(device: _Element, folder: str) -> Iterator[str]:
    source = device.find("source")
    if source is not None and source.get("dir"):
        yield f"shared folder {source.get('dir')}: an empty one"
        source.set("dir", folder)


def _keep(device: _Element, tags: tuple[str, ...]) -> None:
    for child in list(device):
        if child.tag not in tags:
            device.remove(child)


def remove(device: _Element) -> None:
    """Take a device out of its domain."""
    parent = device.getparent()
    if parent is not None:
        parent.remove(device)


_REDUCERS: dict[str, Callable[[_Element], Iterator[str]]] = {
    "disk": _disk,
    "interface": _interface,
    "graphics": _graphics,
    "video": _video,
    "audio": _audio,
    "serial": _port,
    "parallel": _port,
    "console": _port,
    "channel": _port,
    "redirdev": _port,
    "smartcard": _smartcard,
    "rng": _rng,
    "tpm": _left_out,
    "memory": _left_out,
    "lease": _left_out,
    "hostdev": _hostdev,
}
