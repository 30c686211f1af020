"""The native module on a complete laptop configuration, by nixpkgs' real ``lib.evalModules``."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from lab.errors import Refused
from tests.nix.nixos import Case, evaluated
from tests.nix.test_assertions import GOOD

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.xdist_group("nix")


def own(folder: Path, text: str) -> str:
    """A module of the user's."""
    path = folder / "own.nix"
    path.write_text(text, encoding="utf-8")
    return str(path)


def laptop(folder: Path, extra: str | None = None, **settings: Any) -> Any:
    """What the laptop's configuration adds up to, and nothing fails."""
    case = Case(GOOD, users=("alice",), settings=settings, extra=extra)
    (result,) = evaluated([case], folder)
    assert result["native"]["failed"] == []
    return result["native"]


def test_a_laptop(tmp_path: Path) -> None:
    config = laptop(tmp_path)["config"]
    assert config["boot"]["kernelParams"] == ["intel_iommu=on", "iommu=pt"]
    assert config["boot"]["initrd"]["kernelModules"] == ["vfio", "vfio_iommu_type1", "vfio_pci"]
    modprobe = config["boot"]["extraModprobeConfig"]
    assert "options vfio-pci ids=10de:249d,10de:228b\n" in modprobe
    assert "softdep nouveau pre: vfio-pci\n" in modprobe
    assert "options kvmfr static_size_mb=32\n" in modprobe
    assert [package["path"] for package in config["services"]["udev"]["packages"]] == [
        "lib/udev/rules.d/70-kvmfr.rules",
        "lib/udev/rules.d/72-optimux-idle-power.rules",
    ]
    acl = config["virtualisation"]["libvirtd"]["qemu"]["verbatimConfig"]
    assert acl.startswith('namespaces = []\ncgroup_device_acl = [\n  "/dev/null",\n')
    assert acl.endswith('  "/dev/kvmfr0"\n]\n')
    assert config["users"]["users"]["alice"]["extraGroups"] == ["kvm"]


def test_defaults_give_way_to_the_user(tmp_path: Path) -> None:
    text = """{
      environment.etc."looking-glass-client.ini".text = "[win]\\nfullScreen=yes\\n";
      virtualisation.libvirtd.qemu.swtpm.enable = false;
    }"""
    config = laptop(tmp_path, own(tmp_path, text))["config"]
    assert config["environment"]["etc"]["looking-glass-client.ini"]["text"] == "[win]\nfullScreen=yes\n"
    assert config["virtualisation"]["libvirtd"]["qemu"]["swtpm"]["enable"] is False


def test_lists_of_the_user_join_ours(tmp_path: Path) -> None:
    text = '{ boot.kernelParams = [ "quiet" ]; boot.blacklistedKernelModules = [ "pcspkr" ]; }'
    boot = laptop(tmp_path, own(tmp_path, text))["config"]["boot"]
    assert set(boot["kernelParams"]) == {"quiet", "intel_iommu=on", "iommu=pt"}
    assert {"pcspkr", "nouveau"} <= set(boot["blacklistedKernelModules"])


def test_disabled_it_sets_nothing(tmp_path: Path) -> None:
    text = "{ lib, ... }: { virtualisation.optimux.enable = lib.mkForce false; }"
    off = laptop(tmp_path, own(tmp_path, text))["config"]
    case = Case({}, users=("alice",), settings={}, extra=own(tmp_path, text))
    (empty,) = evaluated([case], tmp_path)
    assert off == empty["native"]["config"]
    assert off["boot"]["kernelParams"] == []
    assert off["systemd"]["services"] == {}


def test_the_unit_that_defines_the_vms(tmp_path: Path) -> None:
    services = laptop(tmp_path)["config"]["systemd"]["services"]
    unit = services["optimux-domains"]
    assert "libvirtd.service" in unit["requires"]
    assert "libvirtd.service" in unit["after"]
    program, script, task, virsh, state = unit["serviceConfig"]["ExecStart"].split()
    assert task.endswith("-optimux-domains.json")
    assert script.endswith("-define-domains.py")
    assert virsh.endswith("-libvirt-11.3.0/bin/virsh")
    assert state == "/var/lib/optimux/domains.json"
    assert unit["serviceConfig"]["StateDirectory"] == "optimux"
    assert program.endswith("/bin/python3")
    assert "optimux-domains" not in laptop(tmp_path, define=False)["config"]["systemd"]["services"]


def test_versions_are_the_systems(tmp_path: Path) -> None:
    case = Case(GOOD, users=("alice",), extra=own(tmp_path, VERSIONS))
    (result,) = evaluated([case], tmp_path)
    host = json.loads(result["native"]["options"])["host"]
    assert (host["libvirtVersion"], host["kernelVersion"]) == ("12.1.0", "6.18.2")
    assert (host["distribution"], host["initramfs"], host["bootLoader"]) == ("nixos", None, None)


VERSIONS = """{ lib, pkgs, ... }: {
  virtualisation.libvirtd.package = lib.mkForce (pkgs.libvirt // { version = "12.1.0-rc1"; });
  boot.kernelPackages = lib.mkForce { inherit (pkgs) kvmfr; kernel.version = "6.18.2-hardened1"; };
}"""


def test_the_specialisation_has_the_cards(tmp_path: Path) -> None:
    result = laptop(tmp_path, specialisation="passthrough")
    assert result["specialisation"] == ["passthrough"]
    boot = result["config"]["boot"]
    assert boot["initrd"]["kernelModules"] == []
    assert boot["blacklistedKernelModules"] == []
    assert "softdep" not in boot["extraModprobeConfig"]
    assert "static_size_mb" in boot["extraModprobeConfig"], "the shared memory is there in both"
    assert laptop(tmp_path)["specialisation"] == []


def test_a_name_that_no_boot_entry_can_have_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Refused, match=r"specialisation.*not of type"):
        laptop(tmp_path, specialisation="a/b")
