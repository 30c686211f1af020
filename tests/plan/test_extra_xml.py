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
