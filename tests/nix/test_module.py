"""The native module on a complete laptop configuration, by nixpkgs' real ``lib.evalModules``."""

from __future__ import annotations

import json
import re
from copy import deepcopy
from typing import TYPE_CHECKING, Any

import pytest

from lab.errors import Refused
from optimux.plan.resolve import plan_from
from tests.golden_cases import artifacts
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
    assert config["environment"]["etc"]["modprobe.d/optimux-kvmfr.conf"]["source"].endswith("/optimux-kvmfr.conf")
    assert [package["name"] for package in config["services"]["udev"]["packages"]] == ["optimux-host"]
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
    source = config["environment"]["etc"]["looking-glass-client.ini"]["source"]
    assert source["text"] == "[win]\nfullScreen=yes\n"
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
    assert "libvirtd.service" in unit["wants"], "required, a restart of libvirtd would end it"
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
    boot, etc = result["config"]["boot"], result["config"]["environment"]["etc"]
    assert boot["initrd"]["kernelModules"] == []
    assert boot["blacklistedKernelModules"] == []
    assert boot["extraModprobeConfig"] == ""
    assert "modprobe.d/optimux-kvmfr.conf" in etc, "the shared memory is there in both"
    assert boot["kernelModules"] == ["kvmfr"]
    assert laptop(tmp_path)["specialisation"] == []


def test_a_name_that_no_boot_entry_can_have_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Refused, match=r"specialisation.*not of type"):
        laptop(tmp_path, specialisation="a/b")


# --- what is the user's own around it -------------------------------------------------------------------------------


def test_inputs_as_special_arguments(tmp_path: Path) -> None:
    """``specialArgs = inputs`` has an argument "optimux", which is the flake and nothing of the module's."""
    text = "{ optimux, ... }: { boot.kernelParams = [ optimux.name ]; }"
    case = Case(GOOD, users=("alice",), extra=own(tmp_path, text), special={"optimux": {"name": "the-flake"}})
    (result,) = evaluated([case], tmp_path)
    assert "the-flake" in result["native"]["config"]["boot"]["kernelParams"]


def test_guests_are_shut_down_with_the_host(tmp_path: Path) -> None:
    """VFIO devices cannot be suspended, which is NixOS' default."""
    libvirtd = laptop(tmp_path)["config"]["virtualisation"]["libvirtd"]
    assert (libvirtd["onShutdown"], libvirtd["onBoot"]) == ("shutdown", "ignore")
    text = '{ virtualisation.libvirtd.onShutdown = "suspend"; virtualisation.libvirtd.onBoot = "start"; }'
    libvirtd = laptop(tmp_path, own(tmp_path, text))["config"]["virtualisation"]["libvirtd"]
    assert (libvirtd["onShutdown"], libvirtd["onBoot"]) == ("suspend", "start")


def test_a_qemu_that_is_not_root_may_open_the_device(tmp_path: Path) -> None:
    text = "{ virtualisation.libvirtd.qemu.runAsRoot = false; }"
    users = laptop(tmp_path, own(tmp_path, text))["config"]["users"]["users"]
    assert users["qemu-libvirtd"]["extraGroups"] == ["kvm"]
    assert laptop(tmp_path)["config"]["users"]["users"]["qemu-libvirtd"]["extraGroups"] == []


def test_nftables_lets_guests_reach_libvirts_dnsmasq(tmp_path: Path) -> None:
    text = "{ networking.nftables.enable = true; }"
    interfaces = laptop(tmp_path, own(tmp_path, text))["config"]["networking"]["firewall"]["interfaces"]
    assert interfaces == {"virbr*": {"allowedTCPPorts": [53], "allowedUDPPorts": [53, 67, 547]}}
    assert laptop(tmp_path)["config"]["networking"]["firewall"]["interfaces"] == {}, "iptables has libvirt's own rules"


def test_images_with_enrolled_keys(tmp_path: Path) -> None:
    data = deepcopy(GOOD)
    data["vms"]["win"]["firmware"] = {"secureBoot": True}
    (result,) = evaluated([Case(data, users=("alice",))], tmp_path)
    links = result["native"]["config"]["systemd"]["tmpfiles"]["settings"]["optimux-firmware"]
    xml = artifacts(plan_from(json.loads(result["native"]["options"])))["domains/win.xml"].decode()
    (loader, template) = re.findall(r"(?:pflash'>|template=')([^<']*)", xml)
    assert set(links) == {loader, template}
    assert [links[path]["L+"]["argument"].rpartition("/")[2] for path in (loader, template)] == [
        "OVMF_CODE.ms.fd",
        "OVMF_VARS.ms.fd",
    ]
    assert "firmware='efi'" not in xml, "libvirt would find no image with the feature enrolled-keys"
    assert (
        "systemd" not in laptop(tmp_path)["config"]
        or laptop(tmp_path)["config"]["systemd"]["tmpfiles"]["settings"] == {}
    )


def test_paths_and_packages(tmp_path: Path) -> None:
    """Where a path is meant, Nix's own and what is built serve too."""
    (tmp_path / "x.rom").write_bytes(b"rom")
    text = """{ pkgs, ... }: {
      virtualisation.optimux.gpus.dgpu.rom.file = ./x.rom;
      virtualisation.optimux.vms.win.battery.path = pkgs.writeText "ssdt.aml" "table";
      virtualisation.optimux.vms.win.hooks.prepare = [
        (pkgs.writeText "fans" "" // { meta.mainProgram = "fans"; })
      ];
    }"""
    options = json.loads(laptop(tmp_path, own(tmp_path, text))["options"])
    assert re.fullmatch(r"/nix/store/[a-z0-9]{32}-x\.rom", options["gpus"]["dgpu"]["rom"]["file"])
    assert re.fullmatch(r"/nix/store/[a-z0-9]{32}-ssdt\.aml", options["vms"]["win"]["battery"]["path"])
    (program,) = options["vms"]["win"]["hooks"]["prepare"]
    assert program.endswith("-fans/bin/fans")
    assert plan_from(options).domains[0].prepare == (program,)


def test_a_wrong_path_is_told_in_words(tmp_path: Path) -> None:
    text = "{ virtualisation.optimux.gpus.dgpu.rom.file = 5; }"
    with pytest.raises(Refused, match=r"not of type .null or.*an absolute path") as refused:
        laptop(tmp_path, own(tmp_path, text))
    assert "[^" not in str(refused.value)


@pytest.mark.parametrize(
    ("text", "vendor"),
    [
        ('{ boot.kernelModules = [ "kvm-amd" ]; }', "amd"),
        ('{ boot.kernelModules = [ "kvm-intel" ]; }', "intel"),
        ('{ hardware.facter.report.hardware.cpu = [ { vendor_name = "AuthenticAMD"; } ]; }', "amd"),
        ("{ }", None),
    ],
)
def test_the_cpus_vendor_is_seen(text: str, vendor: str | None, tmp_path: Path) -> None:
    data = {key: value for key, value in GOOD.items() if key != "host"}
    case = Case({}, users=("alice",), settings=data, extra=own(tmp_path, text), wanted=("options", "failed"))
    (result,) = evaluated([case], tmp_path)
    assert json.loads(result["native"]["options"])["host"]["cpuVendor"] == vendor
    assert bool(result["native"]["failed"]) is (vendor is None)


def test_nvidias_own_services_rest_where_their_card_is_given_away(tmp_path: Path) -> None:
    services = laptop(tmp_path)["config"]["systemd"]["services"]
    assert services["nvidia-persistenced"]["enable"] is False
    assert "nvidia-persistenced" not in laptop(tmp_path, specialisation="passthrough")["config"]["systemd"]["services"]


def test_libvirt_is_brought_to_the_configuration(tmp_path: Path) -> None:
    unit = laptop(tmp_path)["config"]["systemd"]["services"]["optimux-libvirt"]
    assert "systemctl try-restart libvirtd.service" in unit["script"]
    assert "/libexec/optimux-libvirt\n" in unit["script"]
    assert re.search(r"systemd-tmpfiles --create \S+/lib/tmpfiles.d/optimux.conf", unit["script"])
    assert unit["restartTriggers"], "a changed verbatimConfig runs it again"


def test_autostart_is_of_the_boot_alone(tmp_path: Path) -> None:
    text = "{ virtualisation.optimux.vms.win.autostart = true; }"
    unit = laptop(tmp_path, own(tmp_path, text))["config"]["systemd"]["services"]["optimux-autostart"]
    assert unit["restartIfChanged"] is False, "a switch starts nothing that its user has shut down"
    assert {"optimux-domains.service", "optimux-libvirt.service"} <= set(unit["after"])
    assert "optimux-autostart" not in laptop(tmp_path)["config"]["systemd"]["services"]
