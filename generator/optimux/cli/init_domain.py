"""What ``init`` takes from a domain that exists: its name, its disks, its MAC address."""

from __future__ import annotations

from typing import Any

from optimux.declare.values import MAC
from optimux.errors import InvalidInput, Problem
from optimux.files.read import read_bytes
from optimux.findings import Findings
from optimux.judge.propose import Existing


def read_existing(path: str) -> Existing:
    """The domain in a file, as ``virsh dumpxml --inactive`` prints it. Raises ``InvalidInput``."""
    from lxml import etree

    parser = etree.XMLParser(resolve_entities=False, no_network=True, huge_tree=False)
    try:
        domain = etree.fromstring(read_bytes(path), parser)
    except etree.XMLSyntaxError as error:
        raise _refused(path, f"malformed XML: {error.msg}") from None
    name = domain.findtext("name") if domain.tag == "domain" else None
    if not name:
        raise _refused(path, "no <domain> with a <name>")
    disks = tuple(disk for element in domain.iterfind("devices/disk") if (disk := _disk(element)))
    mac = domain.find("devices/interface/mac")
    address = mac.get("address") if mac is not None else None
    return Existing(name.strip(), disks, address if address and _is_mac(address) else None)


def _refused(path: str, found: str) -> InvalidInput:
    return InvalidInput([Problem(path, found, "a libvirt domain", "Print one with virsh dumpxml --inactive.")])


def _is_mac(text: str) -> bool:
    findings = Findings()
    MAC.load(text, "mac", findings)
    return not findings.problems


def _disk(element: Any) -> dict[str, Any] | None:
    """One disk as options; one of a kind that they do not have is left out."""
    source = element.find("source")
    device = element.get("device", "disk")
    kind = {"file": "file", "dev": "block"}
    key = next((key for key in kind if source is not None and source.get(key)), None)
    if key is None or device not in ("disk", "cdrom"):
        return None
    disk: dict[str, Any] = {"source": source.get(key)}
    if kind[key] == "block":
        disk["type"] = "block"
    if device == "cdrom":
        disk["device"] = "cdrom"
    driver, target, boot = (element.find(tag) for tag in ("driver", "target", "boot"))
    if driver is not None and driver.get("type") in ("qcow2", "raw"):
        disk["format"] = driver.get("type")
    if target is not None and target.get("bus") in ("virtio", "sata", "scsi", "usb", "nvme"):
        disk["bus"] = target.get("bus")
        disk["target"] = target.get("dev")
    if boot is not None and (boot.get("order") or "").isdecimal():
        disk["bootOrder"] = int(boot.get("order"))
    return disk
