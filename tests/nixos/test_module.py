"""The emitted module, evaluated by Nix with nixpkgs' module system and upstream's option types."""

from __future__ import annotations

import re
from hashlib import sha256
from typing import TYPE_CHECKING, Any

import pytest

from lab.consumers.host_files import nix_instantiate_parse, systemd_tmpfiles, udevadm_verify
from lab.errors import Refused
from lab.nix.evaluator import configuration, evaluate
from optimux.acpi.battery import battery_table
from optimux.emit.artifact import HostFile
from optimux.emit.looking_glass_client import client_entries
from optimux.emit.modprobe import modprobe_entries
from optimux.emit.nixos import nixos_artifacts, nixos_module
from optimux.emit.udev import udev_entries
from optimux.nix_text import string
from tests.golden_cases import CASES
from tests.nixos.plans import CARD, NASTY, by_address, everything, module_of, on_nixos, plan, usual, written

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from lab.consumers.roots import Root
    from optimux.emit.artifact import HostEntry
    from optimux.plan.model import Plan
    from tests.golden_cases import Case


def texts(entries: Iterable[HostEntry]) -> dict[str, str]:
    """The host's files by path."""
    return {entry.path: entry.data.decode() for entry in entries if isinstance(entry, HostFile)}


def changed(plan: Plan, old: str, new: str) -> str:
    """The module with one thing wrong with it."""
    text = nixos_module(plan)
    assert text.count(old) == 1
    return text.replace(old, new)


@pytest.mark.parametrize("make", [usual, by_address, everything], ids=lambda make: make.__name__)
def test_boot(make: Any, tmp_path: Path) -> None:
    planned = make()
    boot = configuration([written(planned, tmp_path)])["boot"]
    assert boot["initrd"]["kernelModules"] == sorted(planned.host.early_modules)
    assert boot["blacklistedKernelModules"] == sorted(planned.host.blacklist)
    assert boot["kernelParams"] == list(planned.host.kernel_params)
    assert boot["kernelModules"] == ["kvmfr"]
    assert boot["extraModulePackages"] == [{"name": "kvmfr"}]
    (modprobe,) = texts(modprobe_entries(planned)).values()
    wanted = [line for line in modprobe.splitlines() if not line.startswith("blacklist ")]
    assert boot["extraModprobeConfig"].splitlines() == wanted
    assert any(line.startswith("softdep nouveau pre: vfio-pci") for line in wanted)


@pytest.mark.parametrize("make", [usual, by_address, everything], ids=lambda make: make.__name__)
def test_files_are_those_of_other_distributions(make: Any, tmp_path: Path) -> None:
    planned = make()
    config = configuration([written(planned, tmp_path)])
    rules = {package["path"]: package["text"] for package in config["services"]["udev"]["packages"]}
    assert rules == {f"lib{path.removeprefix('/etc')}": text for path, text in texts(udev_entries(planned)).items()}
    assert "lib/udev/rules.d/70-kvmfr.rules" in rules
    etc = {f"/etc/{path}": file["text"] for path, file in config["environment"]["etc"].items()}
    assert etc == texts(client_entries(planned))
    assert "/etc/looking-glass-client.ini" in etc


def test_libvirtd(tmp_path: Path) -> None:
    libvirtd = configuration([written(usual(), tmp_path)])["virtualisation"]["libvirtd"]
    assert libvirtd["enable"] is True
    assert libvirtd["qemu"]["swtpm"] == {"enable": True}
    lines = libvirtd["qemu"]["verbatimConfig"].splitlines()
    assert lines[0] == "namespaces = []"
    assert re.findall(r'"([^"]*)"', "".join(lines[1:])) == list(usual().host.device_acl)


def test_libvirtd_without_kvmfr_and_tpm(tmp_path: Path) -> None:
    """NixOS' own default stays where there is nothing to add to it."""
    vm = {"gpu": "dgpu", "memory": "16GiB", "tpm": {"backend": "none"}}
    planned = plan(gpus={"dgpu": {"functions": CARD}}, lookingGlass={"memory": "shm"}, vms={"win11": vm})
    config = configuration([written(planned, tmp_path)])
    qemu = config["virtualisation"]["libvirtd"]["qemu"]
    assert qemu["swtpm"] == {"enable": False}
    assert qemu["verbatimConfig"] == "namespaces = []\n"
    assert config["boot"]["kernelModules"] == []


def test_users_sound_and_apparmor(tmp_path: Path) -> None:
    config = configuration([written(everything(), tmp_path)])
    assert config["users"]["users"].keys() == {"alice"}
    assert config["users"]["users"]["alice"]["extraGroups"] == ["kvm"]
    assert config["security"]["apparmor"]["includes"] == {"local/abstractions/libvirt-qemu": "/dev/kvmfr0 rw,\n"}
    service = config["systemd"]["user"]["services"]["optimux-scream"]
    command = service["serviceConfig"]["ExecStart"]
    assert re.fullmatch(r"/nix/store/[a-z0-9]{32}-scream/bin/scream -i virbr1 -o alsa -v", command)
    assert config["networking"]["firewall"]["interfaces"] == {"virbr1": {"allowedUDPPorts": [4010]}}


def test_tables_and_shared_memory(tmp_path: Path) -> None:
    planned = everything()
    module = written(planned, tmp_path)
    rules = configuration([module])["systemd"]["tmpfiles"]["settings"]["optimux"]
    memory = rules.pop("/dev/shm/looking-glass-other")["f"]
    assert memory == {"mode": "0660", "user": "alice", "group": "kvm", "age": "-", "argument": ""}
    for domain in planned.domains:
        (rule,) = [
            rules[path]["L+"] for path in rules if path.replace("%%", "%").replace("\\\\", "\\") == domain.battery_path
        ]
        assert re.fullmatch(rf"/nix/store/[a-z0-9]{{32}}-{re.escape(domain.key)}-battery\.aml", rule["argument"])
        table = module.with_name(f"{domain.key}-battery.aml").read_bytes()
        assert domain.battery is not None
        assert table == battery_table(domain.battery)


def test_tables_in_the_store_are_the_users_own() -> None:
    vm = {"memory": "16GiB", "battery": {"path": "/nix/store/abc-table/battery.aml"}}
    planned = plan(vms={"win11": vm})
    assert [artifact.path for artifact in nixos_artifacts(planned)] == ["nixos/optimux.nix"]
    assert "tmpfiles" not in nixos_module(planned)


def test_tmpfiles_takes_the_paths(trixie: Root, tmp_path: Path) -> None:
    """Written as nixpkgs' system/boot/systemd/tmpfiles.nix writes it: each field in single quotes."""
    planned = everything()
    settings = configuration([written(planned, tmp_path)])["systemd"]["tmpfiles"]["settings"]["optimux"]
    lines = [
        f"'{kind}' '{path}' '{rule['mode']}' 'root' 'root' '{rule['age']}' {rule['argument']}\n"
        for path, kinds in settings.items()
        for kind, rule in kinds.items()
    ]
    actions = "\n".join(systemd_tmpfiles(trixie, "".join(lines)))
    assert [domain.battery_path in actions for domain in planned.domains] == [True, True]
    with pytest.raises(Refused, match="Failed to replace specifiers"):
        systemd_tmpfiles(trixie, "".join(lines).replace("%%", "%"))


def test_udev_takes_the_rules(trixie: Root, tmp_path: Path) -> None:
    """nixpkgs runs the same check when it builds the rules, names resolved late."""
    planned = plan(gpus={"dgpu": {"functions": CARD}}, vms={"win11": {"gpu": "dgpu", "memory": "16GiB"}})
    packages = configuration([written(planned, tmp_path)])["services"]["udev"]["packages"]
    files = {package["path"].rsplit("/", 1)[1]: package["text"] for package in packages}
    udevadm_verify(trixie, files)
    broken = files | {"70-kvmfr.rules": files["70-kvmfr.rules"].replace('MODE="0660"', 'MODE=="0660"')}
    with pytest.raises(Refused, match="MODE"):
        udevadm_verify(trixie, broken)


def test_text_of_the_users_stays_text(tmp_path: Path) -> None:
    config = configuration([written(everything(), tmp_path)])
    assert f"title={NASTY}\n" in config["environment"]["etc"]["looking-glass-client.ini"]["text"]


def test_users_override_defaults(tmp_path: Path) -> None:
    own = module_of(
        tmp_path,
        "{\n"
        '  environment.etc."looking-glass-client.ini".text = "[app]\\n";\n'
        "  virtualisation.libvirtd.qemu.swtpm.enable = false;\n"
        "}\n",
    )
    config = configuration([written(usual(), tmp_path), own])
    assert config["environment"]["etc"]["looking-glass-client.ini"]["text"] == "[app]\n"
    assert config["virtualisation"]["libvirtd"]["qemu"]["swtpm"]["enable"] is False


def test_users_add_to_what_is_no_default(tmp_path: Path) -> None:
    own = module_of(
        tmp_path,
        '{ boot.kernelParams = [ "quiet" ]; virtualisation.libvirtd.qemu.verbatimConfig = "max_files = 9\\n"; }\n',
    )
    config = configuration([written(usual(), tmp_path), own])
    assert sorted(config["boot"]["kernelParams"]) == sorted([*usual().host.kernel_params, "quiet"])
    qemu_conf = config["virtualisation"]["libvirtd"]["qemu"]["verbatimConfig"]
    assert "max_files = 9" in qemu_conf
    assert "/dev/kvmfr0" in qemu_conf


def test_disabling_libvirtd_is_a_conflict(tmp_path: Path) -> None:
    own = module_of(tmp_path, "{ virtualisation.libvirtd.enable = false; }\n")
    with pytest.raises(Refused, match=r"virtualisation\.libvirtd\.enable' has conflicting definition values"):
        configuration([written(usual(), tmp_path), own])


BROKEN = [
    ("a wrong type", 'kernelModules = [ "kvmfr" ];', "kernelModules = 1;", r"boot\.kernelModules' is not of type"),
    ("white space", '"iommu=pt"', '"iommu pt"', r"boot\.kernelParams.*' is not of type"),
    ("a gone option", "libvirtd.enable = true;", "libvirtd.qemu.ovmf.enable = true;", r"ovmf' does not exist"),
    ("no package", "kernelPackages.kvmfr", "kernelPackages.none", r"attribute 'none' missing"),
    ("no path", "udev.packages = [", 'udev.packages = [\n    "rules"', r"services\.udev\.packages.*' is not of type"),
]


@pytest.mark.parametrize(("old", "new", "reason"), [case[1:] for case in BROKEN], ids=[case[0] for case in BROKEN])
def test_a_broken_module_is_refused(old: str, new: str, reason: str, tmp_path: Path) -> None:
    with pytest.raises(Refused, match=reason):
        configuration([written(usual(), tmp_path, changed(usual(), old, new))])


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_every_case_evaluates_on_nixos(case: Case, tmp_path: Path) -> None:
    planned = on_nixos(case)
    config = configuration([written(planned, tmp_path)])
    assert config["boot"]["kernelParams"] == list(planned.host.kernel_params)
    assert set(config["boot"]["blacklistedKernelModules"]) == set(planned.host.blacklist)
    assert ("optimux-driver-override" in config["boot"]["initrd"]["systemd"]["services"]) is bool(
        planned.host.override_addresses
    )
    assert config["virtualisation"]["libvirtd"]["enable"] is True


def test_nix_parses_every_case(trixie: Root) -> None:
    """One parse for all, by trixie's Nix."""
    modules = [nixos_module(on_nixos(case)) for case in CASES]
    assert "vfio_pci" in nix_instantiate_parse(trixie, "[\n" + "\n".join(f"({text})" for text in modules) + "\n]")
    with pytest.raises(Refused, match="syntax error"):
        nix_instantiate_parse(trixie, modules[0].rstrip().removesuffix("}"))


def test_hash_of_the_table_is_in_its_store_path(tmp_path: Path) -> None:
    """The link's target follows the table's content: another battery, another path."""
    module = written(usual(), tmp_path)
    link = usual().domains[0].battery_path
    first = configuration([module])["systemd"]["tmpfiles"]["settings"]["optimux"][link]["L+"]["argument"]
    table = module.with_name("win11-battery.aml")
    seen = evaluate("--expr", f'builtins.hashFile "sha256" (/. + {string(str(table))})')
    assert seen == sha256(table.read_bytes()).hexdigest()
    table.write_bytes(b"another")
    second = configuration([module])["systemd"]["tmpfiles"]["settings"]["optimux"][link]["L+"]["argument"]
    assert first != second
