"""NixOS: a module that a configuration imports, with what it reads beside it.

``nixos/host.nix`` is the module that the flake uses too. It decides nothing: ``nixos/plan.json`` has what Nix must know
while it evaluates, ``nixos/files`` what may be read later, at the places that packages have it.
"""

from __future__ import annotations

from shlex import quote
from typing import TYPE_CHECKING, Any

from optimux.acpi.battery import battery_table
from optimux.emit.apparmor import apparmor_rules
from optimux.emit.artifact import Artifact, HostFile
from optimux.emit.autostart import autostart_script
from optimux.emit.cards import cards_files
from optimux.emit.libvirt_hook import hook_script
from optimux.emit.libvirt_start import FOLDER, libvirt_commands, libvirt_files
from optimux.emit.looking_glass_client import client_entries, client_files_of_each_vm
from optimux.emit.modprobe import kvmfr_options, vfio_options
from optimux.emit.scream import scream_unit
from optimux.emit.text import commented
from optimux.emit.tmpfiles import quoted, tmpfiles_lines
from optimux.emit.udev import udev_entries
from optimux.emit.windows import medium_of, with_medium
from optimux.rules import rules
from optimux.shipped import shipped

if TYPE_CHECKING:
    from optimux.plan.model import DomainPlan, Plan

MODULE = """\
# Written by Optimux: the host's side of giving a GPU to a VM with Looking Glass.
# Keep this folder with your configuration, add ./optimux.nix to its imports, rebuild and reboot.
# Then define the VMs: virsh --connect qemu:///system define domains/NAME.xml
import ./host.nix {
  plan = builtins.fromJSON (builtins.readFile ./plan.json);
  files = builtins.path {
    path = ./files;
    name = "optimux-files";
  };
}
"""
# As systemd's own bin/ is all that a unit's bare program name is looked up in.
_PROGRAMS = "/run/current-system/sw/bin"
# Links into the store: renewed at each switch, where a copy would stay as it was, and virt-aa-helper resolves them to
# paths that it allows.
_TABLES = "/etc/optimux/acpi"


def nixos_artifacts(plan: Plan) -> list[Artifact]:
    """The folder ``nixos``: the module, what it knows, and the files that it refers to."""
    import json

    known = json.dumps(nixos_plan(plan), indent=2) + "\n"
    return [
        Artifact("nixos/optimux.nix", MODULE.encode()),
        Artifact("nixos/host.nix", shipped("emit/nixos_host.nix")),
        Artifact("nixos/plan.json", known.encode()),
        *(file.replace(path=f"nixos/files/{file.path}") for file in nixos_files(plan)),
    ]


def nixos_plan(plan: Plan) -> dict[str, Any]:
    """What evaluation must know. nixos-modules/plan.nix says the same of the options alone."""
    host = plan.host
    return {
        "kernelParams": host.kernel_params,
        "earlyModules": host.early_modules,
        "vfioOptions": vfio_options(plan),
        "softdeps": host.softdeps,
        "blacklist": host.blacklist,
        "byAddress": bool(host.override_addresses),
        "kvmfr": len(plan.kvmfr),
        "deviceAcl": host.device_acl,
        "deviceGroups": tuple(dict.fromkeys(memory.group for memory in plan.shared_memories)),
        "userGroups": [{"user": user, "group": group} for user, group in host.user_groups],
        "apparmor": host.platform.security_module == "apparmor",
        "client": bool(plan.clients),
        "tables": bool(plan.battery_tables),
        "onDemand": bool(cards_files(plan)),
        "scream": _scream(plan),
        "emulatedTpm": any(domain.tpm.backend == "emulator" for domain in plan.domains),
        "enrolledKeys": any(domain.firmware.loader == _enrolled_keys() for domain in plan.domains),
        "bridges": _bridges(plan),
        "hook": plan.has_hook,
        "autostart": any(domain.autostart for domain in plan.domains),
        "idleServices": host.idle_services,
    }


def nixos_files(plan: Plan) -> list[Artifact]:
    """The files by their place in a package."""
    host_files = [*udev_entries(plan), *client_entries(plan), *client_files_of_each_vm(plan), *libvirt_files(plan)]
    host_files += cards_files(plan)
    placed = {_place(entry.path): entry.data for entry in host_files if isinstance(entry, HostFile)}
    units = {f"lib/systemd/user/{scream.unit}": scream_unit(scream, f"{_PROGRAMS}/scream") for scream in plan.scream}
    texts = {
        "lib/tmpfiles.d/optimux.conf": _tmpfiles(plan),
        **units,
        **_lines("etc/modprobe.d/optimux-kvmfr.conf", "how large the kvmfr devices are.", kvmfr_options(plan)),
        **_lines("apparmor/libvirt-qemu", "what guests may open beyond libvirt's own rules.", _apparmor(plan)),
    }
    tables = {f"etc/optimux/acpi/{t.key}.aml": battery_table(t.battery) for t in plan.battery_tables}
    media = {_medium(domain): medium_of(domain) for domain in with_medium(plan.domains)}
    files = {**placed, **{path: text.encode() for path, text in texts.items()}, **tables, **media}
    return [Artifact(path, content) for path, content in files.items()] + _scripts(plan)


def _scripts(plan: Plan) -> list[Artifact]:
    scripts = {"optimux-libvirt": _libvirt_script(plan)}
    if plan.host.override_addresses:
        scripts["optimux-driver-override"] = _override_script(plan)
    if plan.has_hook:
        scripts["optimux-hook"] = hook_script(plan)
    if any(domain.autostart for domain in plan.domains):
        scripts["optimux-autostart"] = autostart_script(plan)
    return [Artifact(f"libexec/{name}", text.encode(), 0o755) for name, text in scripts.items()]


def _place(path: str) -> str:
    """Rules belong below lib/; what /etc has itself is linked there."""
    return f"lib/{path.removeprefix('/etc/')}" if path.startswith("/etc/udev/") else path.removeprefix("/")


def _lines(path: str, purpose: str, lines: tuple[str, ...]) -> dict[str, str]:
    return {path: commented(purpose, lines)} if lines else {}


def _apparmor(plan: Plan) -> tuple[str, ...]:
    """With AppArmor always a file, as the module includes one."""
    host = plan.host
    return (apparmor_rules(host) or ("# Nothing.",)) if host.platform.security_module == "apparmor" else ()


def _tmpfiles(plan: Plan) -> str:
    """Links to the tables, the shared memory, and the folder that everybody keeps images in."""
    folder = "d /var/lib/libvirt/images 0711 root root -"
    links = (f"L+ {quoted(table.path)} - - - - {_TABLES}/{table.key}.aml" for table in plan.battery_tables)
    return commented("what must lie in place before a VM starts.", (*tmpfiles_lines(plan), folder, *links))


def _enrolled_keys() -> str:
    return str(rules()["firmware"]["enrolledKeys"]["code"])


def _bridges(plan: Plan) -> list[str]:
    """As a firewall's rule names them: those with a name of their own, and all that libvirt names."""
    named = {network.name: network.bridge for network in plan.networks}
    chosen = rules()["libvirtNetworks"]["bridges"]
    return list(dict.fromkeys(named.get(name) or chosen for name in plan.used_networks))


def _scream(plan: Plan) -> list[dict[str, Any]]:
    port = rules()["scream"]["port"]
    return [
        {"name": scream.unit.removesuffix(".service"), "interface": scream.interface, "port": port}
        for scream in plan.scream
    ]


def _libvirt_script(plan: Plan) -> str:
    """Every command, whether or not another one fails; the status tells."""
    folder = f'"$(dirname "$0")/../{FOLDER.removeprefix("/")}"'
    commands = libvirt_commands(plan, "FOLDER")
    lines = [f"{{ {command.command.replace('FOLDER/', folder + '/')}; }} || status=1" for command in commands]
    media = with_medium(plan.domains)
    lines += [f"place {_medium(domain)} {quote(domain.guest_media.path)} || status=1" for domain in media]
    start = ("#!/bin/sh", f"# Written by Optimux: {_LIBVIRT_PURPOSE}", "status=0", *([_PLACE] if media else []))
    return "\n".join((*start, *lines, 'exit "$status"', ""))


_LIBVIRT_PURPOSE = "the networks and pools that VMs need are defined and started, images that are not there are made."
# A link into the store is renewed with the configuration. Whatever else is there is its maker's: it may have programs.
_PLACE = """\
place() {
  case "$(readlink "$2")" in
    */share/optimux/*.iso) ;;
    *) if [ -e "$2" ] || [ -L "$2" ]; then return 0; fi ;;
  esac
  mkdir -p "$(dirname "$2")" && ln -sfn "$(realpath "$(dirname "$0")/../$1")" "$2"
}"""


def _medium(domain: DomainPlan) -> str:
    return f"share/optimux/{domain.key}.iso"


def _override_script(plan: Plan) -> str:
    """A device that is not there must not keep the others from being marked."""
    addresses = " ".join(str(address) for address in plan.host.override_addresses)
    return (
        "#!/bin/sh\n"
        "# Written by Optimux: marks the cards by their address, before anything loads a driver.\n"
        f"for address in {addresses}; do\n"
        "  override=/sys/bus/pci/devices/$address/driver_override\n"
        '  if [ -e "$override" ]; then\n'
        '    echo vfio-pci > "$override"\n'
        "  else\n"
        '    echo "no PCI device at $address" >&2\n'
        "  fi\n"
        "done\n"
    )
