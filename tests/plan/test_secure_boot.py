"""Secure Boot's three states: what libvirt is asked for, what it then chooses, and keys that are too old."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest

from optimux.emit.domain_xml import domain_xml
from optimux.errors import InvalidInput
from optimux.facts import Facts
from optimux.facts.software import FirmwareFacts, FirmwareImage
from optimux.plan.resolve import plan_from

if TYPE_CHECKING:
    from lab.consumers.libvirtd import Libvirtd

STATES: dict[Any, tuple[bool, bool]] = {
    # stated: secure-boot, enrolled-keys
    None: (True, False),
    "off": (False, False),
    False: (False, False),
    "capable": (True, False),
    "on": (True, True),
    True: (True, True),
}


def data(**firmware: Any) -> dict[str, Any]:
    host = {"distribution": "debian", "cpuVendor": "intel"}
    stated = {key: value for key, value in firmware.items() if value is not None}
    return {
        "host": host,
        "vms": {"w": {"memory": "2GiB", "firmware": stated, "networks": [], "battery": {"enable": False}}},
    }


def xml(**firmware: Any) -> str:
    return domain_xml(plan_from(data(**firmware)).domains[0])


@pytest.mark.parametrize("stated", STATES)
def test_what_is_asked_for(stated: Any) -> None:
    text = xml(secureBoot=stated)
    enabled = {name: value == "yes" for value, name in re.findall(r"<feature enabled='(\w+)' name='([\w-]+)'", text)}
    secure, enrolled = STATES[stated]
    assert enabled == {"secure-boot": secure, "enrolled-keys": enrolled}
    assert ("<smm state='on'/>" in text) is secure


def test_what_libvirt_chooses(libvirtd_trixie: Libvirtd) -> None:
    """The image and the template of its variables, which libvirt 9.2 and newer show when they take a domain."""
    images = {
        "off": ("OVMF_CODE_4M.fd", "OVMF_VARS_4M.fd"),
        "capable": (r"OVMF_CODE_4M\.secboot(\.strictnx)?\.fd", "OVMF_VARS_4M.fd"),
        "on": (r"OVMF_CODE_4M\.(secboot|ms)(\.strictnx)?\.fd", "OVMF_VARS_4M.ms.fd"),
    }
    for state, (code, variables) in images.items():
        kept = libvirtd_trixie.kept(xml(secureBoot=state), "w")
        assert re.search(f"<loader[^>]*>/usr/share/OVMF/{code}</loader>", kept), kept
        assert f"/usr/share/OVMF/{variables}" in kept
        assert ("secure='yes'" in kept) is (state != "off")


def test_the_choice_is_not_ours_with_an_image_of_the_users() -> None:
    text = xml(loader="/usr/share/OVMF/OVMF_CODE_4M.fd")
    assert "secure=" not in text
    assert "<smm" not in text


@pytest.mark.parametrize("state", ["capable", "on", True])
def test_no_state_with_bios(state: Any) -> None:
    with pytest.raises(InvalidInput, match=r'secureBoot: found (capable|on); allowed: only with type = "efi"'):
        plan_from(data(type="bios", secureBoot=state))
    assert "<firmware" not in xml(type="bios")
    assert "<firmware" not in xml(type="bios", secureBoot="off")


def warned(keys: tuple[int, ...], **firmware: Any) -> list[str]:
    """What is said of a machine whose only enrolled image has keys of those years."""
    image = FirmwareImage(path="/a", secure_boot=True, enrolled_keys=True, template="/usr/share/OVMF/v.fd", keys=keys)
    plan = plan_from(data(**firmware), Facts(firmware=FirmwareFacts(images=(image,))))
    return [warning.found for warning in plan.warnings if warning.path == "vms.w.firmware.secureBoot"]


def test_keys_of_2011_alone() -> None:
    assert warned((2011,), secureBoot="on") == ["on, with the keys of 2011 alone in /usr/share/OVMF/v.fd"]
    assert warned((2011, 2023), secureBoot="on") == []
    assert warned((), secureBoot="on") == []
    assert warned((2011,)) == []
    own = {"loader": "/usr/share/OVMF/c.fd", "nvramTemplate": "/usr/share/OVMF/v.fd", "secureBoot": "on"}
    assert len(warned((2011,), **own)) == 1
    assert warned((2011,), **{**own, "nvramTemplate": "/usr/share/OVMF/other.fd"}) == []
