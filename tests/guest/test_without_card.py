"""``--without-gpu``: the card goes whole, in whatever form it stands, and all else of the domain stays."""

from __future__ import annotations

from typing import Any

import pytest
from lxml import etree

from lab.consumers.libvirtd import Libvirtd
from lab.errors import Refused
from optimux.emit.domain_xml import domain_xml
from optimux.libvirt.install import install_variant
from optimux.plan.model import DomainPlan
from optimux.plan.resolve import plan_from
from tests.guest.test_installation import ANSWERS
from tests.guest.test_windows import GOOD

FUNCTIONS = [{"address": "0000:01:00.0", "id": "10de:249d"}, {"address": "0000:01:00.1", "id": "10de:228b"}]
DISK = """<hostdev mode='subsystem' type='pci' managed='yes'><source><address domain='0' bus='5' slot='0' function='0'/>
</source></hostdev>"""
STICK = "<hostdev mode='subsystem' type='usb'><source><vendor id='0x046d'/><product id='0xc52b'/></source></hostdev>"
MAILBOX = "<shmem name='mailbox'><model type='ivshmem-plain'/><size unit='M'>4</size></shmem>"
OWN = DISK + STICK + MAILBOX
WORDS = [
    *("-acpitable", "file=/srv/mine.aml", "-object", "memory-backend-ram,id=extra,size=1M"),
    *("-device", "ivshmem-plain,id=third,memdev=extra,bus=pcie.0,addr=0x1c"),
    *("-set", "device.third.master=off"),
]
OVERRIDE = """<qemu:device alias="ua-mailbox"><qemu:frontend>
<qemu:property name="master" type="string" value="off"/></qemu:frontend></qemu:device></qemu:override>"""
FORMS = [("shm", "acpi"), ("shm", "commandline"), ("kvmfr", "acpi"), ("kvmfr", "commandline")]


def planned(memory: str, battery: str, own: str = OWN) -> DomainPlan:
    """A VM with a card whose memory and table are elements or arguments, and things of the user's beside it."""
    return plan_from(
        {
            "host": {"distribution": "arch", "cpuVendor": "intel"},
            "gpus": {"d": {"functions": FUNCTIONS, "subsystemIds": {"vendor": 0x103C, "device": 0x8A4F}}},
            "lookingGlass": {"user": "alice", "memory": memory},
            "vms": {
                "w": GOOD
                | {
                    "gpu": "d",
                    "battery": {"attach": battery},
                    "extraXml": {"devices": own, "qemuArgs": WORDS},
                    # Nothing that the roots' libvirt lacks.
                    "tpm": {"backend": "none"},
                    "networks": [],
                    "windows": {**GOOD["windows"], "unattended": {"user": "a", "bypassRequirements": True}},
                }
            },
        }
    ).domains[0]


def of_the_card(xml: str) -> set[str]:
    """What of the card is in a domain."""
    root: Any = etree.fromstring(xml.encode())
    text = etree.tostring(root, encoding="unicode")
    return {
        name
        for name, path in {
            "functions": "devices/hostdev/source/address[@bus='0x01']",
            "memory": "devices/shmem[@name!='mailbox'] | //*[contains(@value, 'kvmfr')]",
            "device": "devices/shmem[@name!='mailbox'] | //*[contains(@value, 'looking-glass-device')]",
            "table": "os/acpi/table | //*[contains(@value, 'optimux-w.aml')]",
            "properties": "//*[@alias='ua-gpu']",
        }.items()
        if root.xpath(path)
    } | ({"a word"} if "ua-gpu" in text else set())


def of_the_users(xml: str) -> list[str]:
    """What of the user's own is in a domain, in its order."""
    root: Any = etree.fromstring(xml.encode())
    devices = [
        *root.xpath("devices/hostdev[@type='usb']/source/vendor/@id"),
        *root.xpath("devices/hostdev[@type='pci']/source/address[@bus='5' or @bus='0x05']/@slot"),
        *root.xpath("devices/shmem[@name='mailbox']/@name"),
    ]
    words = [str(word) for word in root.xpath("//*[local-name()='arg']/@value")]
    return [str(name) for name in devices] + words[-len(WORDS) :]


@pytest.mark.parametrize(("memory", "battery"), FORMS)
def test_the_card_goes_whole_and_nothing_else(memory: str, battery: str) -> None:
    plan = planned(memory, battery)
    xml = domain_xml(plan)
    with_it, without = (install_variant(xml, plan, ANSWERS, without_gpu=bare) for bare in (False, True))
    assert of_the_card(with_it) == {"functions", "memory", "device", "table", "properties", "a word"}
    assert of_the_card(without) == set()
    assert of_the_users(without) == of_the_users(with_it)
    assert of_the_users(without)[-len(WORDS) :] == WORDS
    assert len(of_the_users(without)) == len(WORDS) + 3


def test_an_override_of_another_device_stays() -> None:
    plan = planned("shm", "acpi")
    xml = domain_xml(plan).replace("</qemu:override>", OVERRIDE)
    xml = xml.replace("<shmem name='mailbox'>", "<shmem name='mailbox'><alias name='ua-mailbox'/>")
    bare = etree.fromstring(install_variant(xml, plan, ANSWERS, without_gpu=True).encode())
    assert bare.xpath("*[local-name()='override']/*/@alias") == ["ua-mailbox"]


def test_a_card_that_is_an_argument_goes_with_its_words() -> None:
    plan = planned("shm", "acpi")
    words = ("-device", "vfio-pci,host=0000:01:00.0,id=card", "-set", "device.card.x-vga=on")
    line = "".join(f"<qemu:arg value='{word}'/>" for word in words)
    xml = domain_xml(plan).replace("<qemu:commandline>", f"<qemu:commandline>{line}")
    assert "device.card" in install_variant(xml, plan, ANSWERS)
    bare = etree.fromstring(install_variant(xml, plan, ANSWERS, without_gpu=True).encode())
    assert bare.xpath("//*[local-name()='arg']/@value") == WORDS


@pytest.mark.parametrize(("memory", "battery"), FORMS)
def test_libvirt_makes_a_machine_of_it(memory: str, battery: str, libvirtd_trixie: Libvirtd) -> None:
    """The user's devices and words reach QEMU; of the card nothing does.

    libvirt makes no command line of a device that this machine has not: the twin is the card.
    """
    plan = planned(memory, battery, MAILBOX)
    xml = domain_xml(plan)
    line = " ".join(native(libvirtd_trixie, install_variant(xml, plan, ANSWERS, without_gpu=True)))
    assert " ".join(WORDS) in line
    assert "mailbox" in line
    assert not [word for word in ("vfio", "looking-glass", "kvmfr", "optimux-w.aml") if word in line]
    with pytest.raises(Refused, match=r"(?i)passthrough|vfio|host device"):
        native(libvirtd_trixie, install_variant(xml, plan, ANSWERS))


def native(daemon: Libvirtd, xml: str) -> list[str]:
    """QEMU's command line of a domain; ``Refused`` where libvirt makes none."""
    daemon.define(xml)
    try:
        return daemon.domxml_to_native("w")
    finally:
        daemon.undefine("w")
