"""The escape hatch's prefix, declared where nothing of the plan's own needs it."""

from __future__ import annotations

import xml.etree.ElementTree as ET

import pytest

from optimux.emit.domain_xml import domain_xml
from optimux.plan.resolve import plan_from

QEMU = "http://libvirt.org/schemas/domain/qemu/1.0"
CAPABILITIES = "<qemu:capabilities><qemu:add capability='blockdev'/></qemu:capabilities>"


def _xml(**extra: str) -> str:
    host = {"distribution": "debian", "cpuVendor": "intel", "libvirtVersion": "11.3"}
    return domain_xml(plan_from({"host": host, "vms": {"win": {"memory": "1GiB", "extraXml": extra}}}).domains[0])


def test_a_prefix_of_the_users_is_declared() -> None:
    root = ET.fromstring(_xml(domain=CAPABILITIES))
    assert root.find(f"{{{QEMU}}}capabilities/{{{QEMU}}}add") is not None


@pytest.mark.parametrize("extra", [{}, {"domain": "<title>Games</title>"}], ids=["none", "another"])
def test_else_it_is_not(extra: dict[str, str]) -> None:
    assert "xmlns:qemu" not in _xml(**extra)


@pytest.mark.parametrize(
    ("devices", "id_"),
    [
        ("<shmem name='mine'><model type='ivshmem-plain'/></shmem>", "looking-glass-device"),
        ("<rng model='virtio'/><shmem name='mine'/>", "looking-glass-device"),
        ("<!-- no <shmem> --><rng model='virtio'/>", "shmem0"),
        ("<x><shmem/></x>", "shmem0"),
        ("", "shmem0"),
    ],
)
def test_an_element_of_the_users_has_libvirts_id(devices: str, id_: str) -> None:
    """libvirt counts elements; what a comment says, or what is inside another element, is none."""
    card = {"card": {"functions": [{"address": "0000:01:00.0", "id": "10de:249d"}]}}
    vm = {"memory": "1GiB", "gpu": "card", "extraXml": {"devices": devices}}
    host = {"distribution": "debian", "cpuVendor": "intel", "libvirtVersion": "11.3"}
    text = domain_xml(plan_from({"host": host, "gpus": card, "vms": {"win": vm}}).domains[0])
    assert f'"ivshmem-plain","id":"{id_}"' in text
