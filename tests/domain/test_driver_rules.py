"""What the plan refuses on libvirt's behalf, libvirt refuses or drops: each rule against both releases.

The plan's own check is taken away for that, so that the domain is written all the same.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from lab.consumers.survival import lost
from lab.errors import Refused
from optimux.emit.domain_xml import domain_xml
from optimux.errors import InvalidInput
from optimux.plan.resolve import plan_from
from tests.domain.releases import RELEASES, facts_of

if TYPE_CHECKING:
    from lab.consumers.libvirtd import Libvirtd

DISK = {"source": "/var/lib/libvirt/images/x.qcow2"}
RULES: list[tuple[str, dict[str, Any]]] = [
    ("vcpus", {"vcpus": 300}),
    ("cpu.topology", {"cpu": {"topology": {"cores": 200}}}),
    ("cpu.cache", {"cpu": {"mode": "host-model", "cache": "passthrough"}}),
    ("memoryBacking.source", {"memoryBacking": {"hugepages": True, "source": "anonymous"}}),
    ("lifecycle.onReboot", {"lifecycle": {"onPoweroff": "restart", "onReboot": "destroy"}}),
    ("tpm.version", {"tpm": {"version": "1.2"}}),
    ("disks[0].readonly", {"disks": [DISK | {"bus": "sata", "readonly": True}]}),
    ("disks[0].cache", {"disks": [DISK | {"io": "native"}]}),
    ("disks[0].cache", {"disks": [DISK | {"io": "native", "cache": "writeback"}]}),
    ("disks[0].driveAddress", {"disks": [DISK | {"bus": "usb", "driveAddress": "0:0:0:1"}]}),
    ("disks[0].driveAddress", {"disks": [DISK | {"bus": "sata", "driveAddress": "0:1:0:1"}]}),
    ("disks[0].driveAddress", {"disks": [DISK | {"bus": "sata", "driveAddress": "0:0:1:1"}]}),
    ("disks[0].driveAddress", {"disks": [DISK | {"bus": "scsi", "driveAddress": "0:1:0:0"}]}),
    ("disks[0].bus", {"disks": [DISK | {"bus": "nvme"}]}),
    ("video.ram", {"video": {"ram": 65536}}),
    ("video.vgamem", {"video": {"model": "virtio", "vgamem": 16384}}),
    ("video.heads", {"video": {"heads": 2}}),
    ("video.vram", {"video": {"vram": 20000}}),
    ("sound.codec", {"sound": {"model": "usb", "codec": "duplex"}}),
    ("smbios.bios.date", {"smbios": {"mode": "sysinfo", "bios": {"date": "2023-04-01"}}}),
    ("serials[1].port", {"serials": [{"port": 1}, {"port": 1}]}),
    ("serials[1].console", {"serials": [{"console": False}, {"port": 1, "console": True}]}),
    ("usb.redirectionPorts", {"usb": {"model": "none", "redirectionPorts": [0]}}),
    ("usb.hostDevices", {"usb": {"model": "none", "hostDevices": [{"id": "046d:c52b"}]}}),
    ("inputs[0].bus", {"usb": {"model": "none"}, "inputs": [{"type": "tablet", "bus": "usb"}]}),
    ("disks[0].bus", {"usb": {"model": "none"}, "disks": [DISK | {"bus": "usb"}]}),
    ("sound.model", {"usb": {"model": "none"}, "sound": {"model": "usb"}}),
    ("usb.redirectionPorts[0]", {"usb": {"ports": 2, "redirectionPorts": [3]}}),
    ("usb.redirectionPorts[0]", {"usb": {"model": "ich9-ehci1", "redirectionPorts": [7]}}),
    ("usb.redirectionPorts[1]", {"usb": {"redirectionPorts": [2, 2]}}),
    ("usb.redirectionPorts[0]", {"usb": {"redirectionPorts": [4], "hostDevices": [{"id": "046d:c52b", "port": 4}]}}),
]
# libvirt 9.0 takes these, and looks for firmware only when the VM starts.
TRIXIE_ALONE: list[tuple[str, dict[str, Any]]] = [
    ("powerManagement.suspendToDisk", {"powerManagement": {"suspendToDisk": True}}),
    ("networks[0].mac", {"networks": [{"mac": "00:00:00:00:00:00"}]}),
]
BOOKWORM_ALONE: list[tuple[str, dict[str, Any]]] = [("sound.model", {"sound": {"model": "virtio"}})]
# libvirt's schema says no, its parser lets it pass.
SCHEMA_ALONE: list[tuple[str, dict[str, Any]]] = [
    ("networks[0].source", {"networks": [{"type": "bridge", "source": "a+b"}]}),
]


def configuration(vm: dict[str, Any]) -> dict[str, Any]:
    return {"host": {}, "vms": {"ruled": {"memory": "1GiB", **vm}}}


def rule_ids(rules: list[tuple[str, dict[str, Any]]]) -> list[str]:
    return [f"{path}-{number}" for number, (path, _) in enumerate(rules)]


@pytest.mark.parametrize("release", RELEASES)
@pytest.mark.parametrize(("path", "vm"), RULES, ids=rule_ids(RULES))
def test_the_plan_refuses(path: str, vm: dict[str, Any], release: str) -> None:
    with pytest.raises(InvalidInput) as refusal:
        plan_from(configuration(vm), facts_of(release))
    assert [problem.path for problem in refusal.value.problems] == [f"vms.ruled.{path}"]


@pytest.fixture
def unchecked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("optimux.plan.checks.check_driver", lambda *_: None)
    monkeypatch.setattr("optimux.plan.disks._check_drive_address", lambda *_: None)


def is_whole(libvirtd: Libvirtd, vm: dict[str, Any], release: str) -> bool:
    """Whether libvirt takes the domain and keeps all of it."""
    (domain,) = plan_from(configuration(vm), facts_of(release)).domains
    xml = domain_xml(domain)
    try:
        return not lost(xml, libvirtd.kept(xml, "ruled"))
    except Refused:
        return False


@pytest.mark.usefixtures("unchecked")
class TestLibvirt:
    @pytest.mark.parametrize(("path", "vm"), RULES + TRIXIE_ALONE, ids=rule_ids(RULES + TRIXIE_ALONE))
    def test_trixie_refuses_too(self, path: str, vm: dict[str, Any], libvirtd_trixie: Libvirtd) -> None:
        assert not is_whole(libvirtd_trixie, vm, "trixie"), path

    @pytest.mark.parametrize(("path", "vm"), RULES + BOOKWORM_ALONE, ids=rule_ids(RULES + BOOKWORM_ALONE))
    def test_bookworm_refuses_too(self, path: str, vm: dict[str, Any], libvirtd_bookworm: Libvirtd) -> None:
        assert not is_whole(libvirtd_bookworm, vm, "bookworm"), path

    @pytest.mark.parametrize("vm", [{}, {"vcpus": 255}, {"disks": [DISK | {"bus": "scsi", "driveAddress": "0:0:3:1"}]}])
    def test_what_keeps_the_rules_is_whole(self, vm: dict[str, Any], libvirtd_trixie: Libvirtd) -> None:
        assert is_whole(libvirtd_trixie, vm, "trixie")


@pytest.mark.parametrize(("path", "vm"), TRIXIE_ALONE + SCHEMA_ALONE)
def test_the_plan_refuses_for_trixie(path: str, vm: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput, match=rf"ruled\.{path}".replace("[", r"\[")):
        plan_from(configuration(vm), facts_of("trixie"))


def test_canonical_spelling() -> None:
    """Pins and MAC addresses are written as libvirt writes them back."""
    tune = {"vcpuPin": {"0": "0-7,^2"}, "emulatorPin": "3,1,2", "iothreads": 1, "iothreadPin": {"1": "4,^4"}}
    plan = plan_from(configuration({"cpuTune": tune, "networks": [{"mac": "52:54:00:AA:bb:0C"}]}), facts_of("trixie"))
    xml = domain_xml(plan.domains[0])
    assert "<vcpupin vcpu='0' cpuset='0-1,3-7'/>" in xml
    assert "<emulatorpin cpuset='1-3'/>" in xml
    assert "<mac address='52:54:00:aa:bb:0c'/>" in xml
