"""The emitted module, evaluated by Nix with nixpkgs' module system and upstream's option types."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from typing import TYPE_CHECKING, Any

import pytest

from lab.consumers.host_files import nix_instantiate_parse, systemd_tmpfiles, udevadm_verify
from lab.errors import Refused
from lab.nix.evaluator import configuration
from optimux.acpi.battery import battery_table
from optimux.emit.apparmor import apparmor_rules
from optimux.emit.artifact import HostFile
from optimux.emit.looking_glass_client import client_entries
from optimux.emit.modprobe import vfio_options
from optimux.emit.nixos import nixos_artifacts
from optimux.emit.udev import udev_entries
from tests.golden_cases import CASES
from tests.nixos.plans import CARD, by_address, everything, module_of, on_nixos, plan, usable, usual, written

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from lab.consumers.roots import Root
    from optimux.emit.artifact import HostEntry
    from optimux.plan.model import Plan
    from tests.golden_cases import Case

MAKERS = [usual, by_address, everything]


def texts(entries: Iterable[HostEntry]) -> dict[str, bytes]:
    """The host's files by path."""
    return {entry.path: entry.data for entry in entries if isinstance(entry, HostFile)}


def files(planned: Plan) -> dict[str, bytes]:
    """What lies beside the module, by its place in a package."""
    prefix = "nixos/files/"
    return {
        artifact.path.removeprefix(prefix): artifact.content
        for artifact in nixos_artifacts(planned)
        if artifact.path.startswith(prefix)
    }


@pytest.mark.parametrize("make", MAKERS, ids=lambda make: make.__name__)
def test_boot(make: Any, tmp_path: Path) -> None:
    planned = make()
    boot = configuration([written(planned, tmp_path)])["boot"]
    assert boot["initrd"]["kernelModules"] == sorted(planned.host.early_modules)
    assert boot["blacklistedKernelModules"] == sorted(planned.host.blacklist)
    assert boot["kernelParams"] == list(planned.host.kernel_params)
    assert boot["kernelModules"] == ["kvmfr"]
    assert boot["extraModulePackages"] == [{"name": "kvmfr"}]
    lines = boot["extraModprobeConfig"].splitlines()
    wanted = [f"softdep {driver} pre: vfio-pci" for driver in planned.host.softdeps]
    options = " ".join(vfio_options(planned))
    assert lines == [*([f"options vfio-pci {options}"] if options else []), *wanted]
    assert wanted


@pytest.mark.parametrize("make", MAKERS, ids=lambda make: make.__name__)
def test_files_are_those_of_other_distributions(make: Any, tmp_path: Path) -> None:
    planned = make()
    config = configuration([written(planned, tmp_path)])
    (package,) = config["services"]["udev"]["packages"]
    assert re.fullmatch(r"/nix/store/[a-z0-9]{32}-optimux-files", package)
    assert config["systemd"]["tmpfiles"]["packages"] == [package]
    beside = files(planned)
    rules = texts(udev_entries(planned))
    assert {path: beside[f"lib/{path.removeprefix('/etc/')}"] for path in rules} == rules
    assert "/etc/udev/rules.d/70-kvmfr.rules" in rules
    clients = texts(client_entries(planned))
    assert {path: beside[path.removeprefix("/")] for path in clients} == clients
    assert (
        config["environment"]["etc"]["looking-glass-client.ini"]["source"] == f"{package}/etc/looking-glass-client.ini"
    )
    assert config["environment"]["etc"]["optimux"]["source"] == f"{package}/etc/optimux"


@pytest.mark.parametrize("make", MAKERS, ids=lambda make: make.__name__)
def test_what_is_referred_to_is_there(make: Any, tmp_path: Path) -> None:
    """Every path below the module's files that any option names, and a twin that is not there."""
    planned = make()
    named = set(re.findall(r"-optimux-files/([^\"'\s\\;]+)", json.dumps(configuration([written(planned, tmp_path)]))))
    beside = files(planned)
    missing = [path for path in named if path not in beside and not any(p.startswith(f"{path}/") for p in beside)]
    assert missing == []
    assert {"lib/tmpfiles.d/optimux.conf", "libexec/optimux-libvirt", "etc/optimux"} <= named


def test_sizes_of_kvmfr_reach_its_module(tmp_path: Path) -> None:
    planned = everything()
    etc = configuration([written(planned, tmp_path)])["environment"]["etc"]
    assert etc["modprobe.d/optimux-kvmfr.conf"]["source"].endswith("/etc/modprobe.d/optimux-kvmfr.conf")
    sizes = ",".join(str(memory.size.mib) for memory in planned.kvmfr)
    assert (
        files(planned)["etc/modprobe.d/optimux-kvmfr.conf"]
        .decode()
        .endswith(f"\noptions kvmfr static_size_mb={sizes}\n")
    )


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


def test_a_host_without_vms(tmp_path: Path) -> None:
    config = configuration([written(plan(), tmp_path)])
    assert config["boot"]["kernelModules"] == []
    assert config["environment"]["etc"] == {}
    assert config["environment"]["systemPackages"] == []
    assert "optimux-libvirt" in config["systemd"]["services"]


def test_apparmor(tmp_path: Path) -> None:
    planned = everything()
    config = configuration([written(planned, tmp_path)])
    (include,) = config["security"]["apparmor"]["includes"].values()
    assert re.fullmatch(r'include "/nix/store/[a-z0-9]{32}-optimux-files/apparmor/libvirt-qemu"\n?', include)
    assert files(planned)["apparmor/libvirt-qemu"].decode().splitlines()[1:] == list(apparmor_rules(planned.host))
    assert configuration([written(usual(), tmp_path)])["security"]["apparmor"]["includes"] == {}


def test_scream(tmp_path: Path) -> None:
    config = configuration([written(everything(), tmp_path)])
    (name,) = config["systemd"]["user"]["services"]
    assert config["systemd"]["user"]["services"][name]["wantedBy"] == ["graphical-session.target"]
    assert config["systemd"]["packages"] == config["systemd"]["tmpfiles"]["packages"]
    assert config["networking"]["firewall"]["interfaces"]["virbr1"]["allowedUDPPorts"] == [4010]
    assert {"name": "scream"} in config["environment"]["systemPackages"]
    unit = files(everything())[f"lib/systemd/user/{name}.service"].decode()
    assert "ExecStart=/run/current-system/sw/bin/scream -i virbr1 -o alsa -v\n" in unit
    assert configuration([written(usual(), tmp_path)])["systemd"]["packages"] == []


def test_users(tmp_path: Path) -> None:
    config = configuration([written(everything(), tmp_path)])
    assert config["users"]["users"]["alice"]["extraGroups"] == ["kvm"]


def test_tables_are_linked_where_the_domains_look(trixie: Root) -> None:
    planned = everything()
    beside = files(planned)
    conf = beside["lib/tmpfiles.d/optimux.conf"].decode()
    actions = "\n".join(systemd_tmpfiles(trixie, conf.replace(" alice ", " root ")))
    for domain in planned.domains:
        assert domain.battery_path in actions
        assert f"/etc/optimux/acpi/{domain.key}.aml" in conf
        assert domain.battery is not None
        assert beside[f"etc/optimux/acpi/{domain.key}.aml"] == battery_table(domain.battery)
    assert "f /dev/shm/looking-glass-other 0660 alice kvm -\n" in conf
    assert "d /var/lib/libvirt/images 0711 root root -\n" in conf
    with pytest.raises(Refused, match="Failed to replace specifiers"):
        systemd_tmpfiles(trixie, conf.replace(" alice ", " root ").replace("%%", "%"))


def test_tables_in_the_store_are_the_users_own() -> None:
    vm = {"memory": "16GiB", "battery": {"path": "/nix/store/abc-table/battery.aml"}}
    beside = files(plan(vms={"win11": vm}))
    assert not any(path.startswith("etc/optimux/acpi/") for path in beside)
    assert b"L+" not in beside["lib/tmpfiles.d/optimux.conf"]


def test_udev_takes_the_rules(trixie: Root) -> None:
    """nixpkgs runs the same check when it builds the rules, names resolved late."""
    planned = plan(gpus={"dgpu": {"functions": CARD}}, vms={"win11": {"gpu": "dgpu", "memory": "16GiB"}})
    rules = {path.rsplit("/", 1)[1]: text.decode() for path, text in files(planned).items() if path.endswith(".rules")}
    udevadm_verify(trixie, rules)
    broken = rules | {"70-kvmfr.rules": rules["70-kvmfr.rules"].replace('MODE="0660"', 'MODE=="0660"')}
    with pytest.raises(Refused, match="MODE"):
        udevadm_verify(trixie, broken)


def test_users_override_defaults(tmp_path: Path) -> None:
    own = module_of(
        tmp_path,
        "{\n"
        '  environment.etc."looking-glass-client.ini".text = "[app]\\n";\n'
        "  virtualisation.libvirtd.qemu.swtpm.enable = false;\n"
        '  virtualisation.libvirtd.onShutdown = "suspend";\n'
        "}\n",
    )
    config = configuration([written(usual(), tmp_path), own])
    assert config["environment"]["etc"]["looking-glass-client.ini"]["source"]["text"] == "[app]\n"
    assert config["virtualisation"]["libvirtd"]["qemu"]["swtpm"]["enable"] is False
    assert config["virtualisation"]["libvirtd"]["onShutdown"] == "suspend"


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
    ("host.nix", "optional hasKvmfr", "toString (optional hasKvmfr", r"syntax error"),
    ("host.nix", "qemu.swtpm.enable", "qemu.ovmf.enable", r"ovmf' does not exist"),
    ("host.nix", "config.boot.kernelPackages.kvmfr;", "config.boot.kernelPackages.none;", r"attribute 'none' missing"),
    (
        "host.nix",
        "services.udev.packages = [ files ]",
        'services.udev.packages = [ "x" ]',
        r"udev\.packages.*not of type",
    ),
    ("plan.json", '"iommu=pt"', '"iommu pt"', r"boot\.kernelParams.*' is not of type"),
    ("plan.json", '"hook"', '"hooks"', r"attribute 'hook' missing"),
]


@pytest.mark.parametrize(("name", "old", "new", "reason"), BROKEN, ids=[case[1] for case in BROKEN])
def test_a_broken_module_is_refused(name: str, old: str, new: str, reason: str, tmp_path: Path) -> None:
    module = written(usual(), tmp_path)
    file = module.with_name(name)
    text = file.read_text(encoding="utf-8")
    assert old in text
    file.write_text(text.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(Refused, match=reason):
        configuration([module])


@pytest.mark.parametrize("case", [case for case in CASES if usable(case)], ids=lambda case: case.name)
def test_every_case_evaluates_on_nixos(case: Case, tmp_path: Path) -> None:
    planned = on_nixos(case)
    config = configuration([written(planned, tmp_path)])
    assert config["boot"]["kernelParams"] == list(planned.host.kernel_params)
    assert set(config["boot"]["blacklistedKernelModules"]) == set(planned.host.blacklist)
    assert ("optimux-driver-override" in config["boot"]["initrd"]["systemd"]["services"]) is bool(
        planned.host.override_addresses
    )
    assert config["virtualisation"]["libvirtd"]["enable"] is True


def test_nix_parses_the_module(trixie: Root) -> None:
    """By trixie's Nix."""
    (module,) = (a.content.decode() for a in nixos_artifacts(usual()) if a.path == "nixos/host.nix")
    assert "optimux-libvirt" in nix_instantiate_parse(trixie, module)
    with pytest.raises(Refused, match="syntax error"):
        nix_instantiate_parse(trixie, module.rstrip().removesuffix("}"))


def test_another_battery_another_path(tmp_path: Path) -> None:
    """The link's target follows the table's content."""
    module = written(usual(), tmp_path)
    first = configuration([module])["environment"]["etc"]["optimux"]["source"]
    module.with_name("files").joinpath("etc/optimux/acpi/win11.aml").write_bytes(b"another")
    assert configuration([module])["environment"]["etc"]["optimux"]["source"] != first


# --- the unit that settles libvirt: its script, run -------------------------------------------------------------------

RECORDERS = """
systemctl() { echo "systemctl $*"; }
systemd-tmpfiles() { echo "systemd-tmpfiles ${2##*/}"; }
"""


def settled(folder: Path, *, conf: str, hook: bool) -> list[str]:
    """What the script calls where libvirtd started with ``conf``, with the hook in place or not."""
    module = written(usual(), folder)
    config = configuration([module])
    script = config["systemd"]["services"]["optimux-libvirt"]["script"]
    state = folder / "libvirt"
    (state / "hooks/qemu.d").mkdir(parents=True)
    (state / "qemu.conf").write_text(conf)
    (folder / "wanted").write_text(config["virtualisation"]["libvirtd"]["qemu"]["verbatimConfig"])
    script = re.sub(r"/nix/store/[a-z0-9]{32}-qemu\.conf", str(folder / "wanted"), script)
    script = re.sub(r"/nix/store/[a-z0-9]{32}-optimux-files", str(module.with_name("files")), script)
    script = script.replace("/var/lib/libvirt", str(state))
    if hook:
        (state / "hooks/qemu.d/optimux").symlink_to(module.with_name("files") / "libexec/optimux-hook")
    (module.with_name("files") / "libexec/optimux-libvirt").write_text("#!/bin/sh\necho networks\n")
    command, text = ["bash", "-e"], RECORDERS + script  # as NixOS runs it
    done = subprocess.run(command, input=text, capture_output=True, text=True, check=True, timeout=30)
    assert done.stderr == ""
    return done.stdout.splitlines()


ACL = ",\n".join(f'  "{device}"' for device in usual().host.device_acl)
READ = f'user = "root"\n\nnamespaces = []\ncgroup_device_acl = [\n{ACL}\n]\n\n'
ALWAYS = ["systemd-tmpfiles optimux.conf", "networks"]
RESTART = "systemctl try-restart libvirtd.service"


@pytest.mark.parametrize(
    ("conf", "hook", "restarted"),
    [(READ, True, False), ("namespaces = []\n", True, True), (READ, False, True), ("", False, True)],
    ids=["all is read", "an older qemu.conf", "no hook yet", "neither"],
)
def test_libvirtd_is_restarted_where_it_has_not_read_what_is_set(
    conf: str, hook: bool, restarted: bool, tmp_path: Path
) -> None:
    assert settled(tmp_path, conf=conf, hook=hook) == [*([RESTART] if restarted else []), *ALWAYS]


def test_nftables_takes_the_bridges(tmp_path: Path) -> None:
    """As nixpkgs' firewall-nftables.nix writes a rule for an interface: its name is not quoted there."""
    if shutil.which("nft") is None:
        pytest.skip("no nft (Debian: nftables)")
    own = module_of(tmp_path, "{ networking.nftables.enable = true; }\n")
    interfaces = configuration([written(usual(), tmp_path), own])["networking"]["firewall"]["interfaces"]
    rules = [
        f"iifname {interface} {protocol} dport {{ {', '.join(map(str, ports[key]))} }} accept"
        for interface, ports in interfaces.items()
        for protocol, key in (("tcp", "allowedTCPPorts"), ("udp", "allowedUDPPorts"))
    ]
    assert checked(rules) == (0, "")
    assert checked([rule.replace("virbr*", "virbr **") for rule in rules])[0] == 1


def checked(rules: list[str]) -> tuple[int, str]:
    """nft's verdict, in a network of its own."""
    table = "\n".join(["table inet nixos-fw {", "  chain input-allow {", *rules, "  }", "}", ""])
    command = ["unshare", "--map-root-user", "--net", "nft", "--check", "--file", "-"]
    done = subprocess.run(command, input=table, capture_output=True, text=True, check=False, timeout=30)
    return done.returncode, done.stderr
