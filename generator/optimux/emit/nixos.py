"""NixOS: one module that a configuration imports, and the tables that it refers to.

Option names and types are those of nixpkgs 26.05. What NixOS has an option for is set there, not written as a file
under /etc: only so does it reach stage 1, and only so can the user override it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from optimux.acpi.battery import battery_table
from optimux.emit.artifact import Artifact, HostFile
from optimux.emit.looking_glass_client import client_entries
from optimux.emit.nixos_boot import boot_bindings
from optimux.emit.nixos_scream import scream_bindings
from optimux.emit.udev import udev_entries
from optimux.nix_text import (
    Attributes,
    Binding,
    Call,
    Expression,
    Template,
    attributes,
    bind,
    default,
    render_bindings,
)

if TYPE_CHECKING:
    from optimux.plan.model import DomainPlan, Plan

# All four arguments, whichever are used: the layout depends on their number, and readers expect them.
HEAD = """\
# Written by Optimux: the host's side of giving a GPU to a VM with Looking Glass.
# Keep this folder with your configuration, add ./optimux.nix to its imports, rebuild and reboot.
# Then define the VMs: virsh --connect qemu:///system define domains/NAME.xml
{
  config,
  lib,
  pkgs,
  ...
}:
{
"""
LINKS = (
    "Links into the store: they are renewed at each switch, where a copy (C, C+) would stay as it was, and "
    "virt-aa-helper resolves them to paths that it allows."
)


def nixos_artifacts(plan: Plan) -> list[Artifact]:
    """The module ``nixos/optimux.nix``, and beside it the battery tables that it takes into the store."""
    tables = [
        Artifact(f"nixos/{_table_name(domain)}", battery_table(domain.battery))
        for domain in _table_owners(plan)
        if domain.battery
    ]
    return [Artifact("nixos/optimux.nix", nixos_module(plan).encode()), *tables]


def nixos_module(plan: Plan) -> str:
    """The module's text."""
    sections = (boot_bindings, _udev, _tmpfiles, _libvirtd, _apparmor, _client, _users, scream_bindings)
    bindings = [binding for section in sections for binding in section(plan)]
    return HEAD + render_bindings(bindings, "  ") + "}\n"


def _table_owners(plan: Plan) -> list[DomainPlan]:
    """The first domain of each table's path; a path in the store is the user's own derivation."""
    owners: dict[str, DomainPlan] = {}
    for domain in plan.domains:
        if domain.battery and not domain.battery_path.startswith("/nix/store/"):
            owners.setdefault(domain.battery_path, domain)
    return list(owners.values())


def _table_name(domain: DomainPlan) -> str:
    return f"{domain.key}-battery.aml"


def _udev(plan: Plan) -> list[Binding]:
    files = [entry for entry in udev_entries(plan) if isinstance(entry, HostFile)]
    packages = [
        Call("pkgs.writeTextDir", (f"lib{file.path.removeprefix('/etc')}", file.data.decode())) for file in files
    ]
    why = (
        "As packages, which keep the files' names: uaccess must be tagged before 73-seat-late.rules, and "
        "services.udev.extraRules becomes 99-local.rules."
    )
    return [bind("services.udev.packages", packages, why)] if packages else []


def _tmpfiles(plan: Plan) -> list[Binding]:
    files = [
        Binding(
            (_tmpfiles_path(memory.path), "f"),
            attributes(mode="0660", user=memory.user or "root", group=memory.group),
        )
        for memory in plan.shm
    ]
    links = [
        Binding(
            (_tmpfiles_path(domain.battery_path), "L+", "argument"),
            Template((Expression(f"./{_table_name(domain)}"),)),
            "" if index else LINKS,
        )
        for index, domain in enumerate(_table_owners(plan))
    ]
    if not files and not links:
        return []
    return [bind("systemd.tmpfiles.settings.optimux", Attributes((*files, *links)), _tmpfiles_why(plan))]


def _tmpfiles_why(plan: Plan) -> str:
    what = ["the shared memory, before QEMU or the client would create it as theirs"] if plan.shm else []
    what += ["the battery table, at the path that the domain names"] if _table_owners(plan) else []
    return "What must lie in place before a VM starts:\n" + "\n".join(f"- {line}" for line in what)


def _tmpfiles_path(path: str) -> str:
    """NixOS quotes the path; within quotes tmpfiles.d(5) still reads backslashes and specifiers."""
    return path.replace("\\", "\\\\").replace("%", "%%")


def _libvirtd(plan: Plan) -> list[Binding]:
    bindings = [bind("virtualisation.libvirtd.enable", True, "What runs the VMs, and what emulates their TPMs.")]
    if any(domain.tpm.backend == "emulator" for domain in plan.domains):
        bindings.append(bind("virtualisation.libvirtd.qemu.swtpm.enable", default(True)))
    if plan.host.device_acl:
        why = (
            "Setting these drops NixOS' default, the line with namespaces, and libvirt's list of devices: both are "
            "repeated, with the shared memory added."
        )
        bindings.append(bind("virtualisation.libvirtd.qemu.verbatimConfig", _qemu_conf(plan), why))
    return bindings


def _qemu_conf(plan: Plan) -> str:
    devices = ",\n".join(f'  "{device}"' for device in plan.host.device_acl)
    return f"namespaces = []\ncgroup_device_acl = [\n{devices}\n]\n"


def _apparmor(plan: Plan) -> list[Binding]:
    if not plan.host.apparmor_rules:
        return []
    why = (
        "Without effect today: the libvirt of nixpkgs installs no AppArmor profiles, so guests are not confined. "
        "This is where the rules belong once it does."
    )
    names = ("security", "apparmor", "includes", "local/abstractions/libvirt-qemu")
    return [Binding(names, "".join(f"{rule}\n" for rule in plan.host.apparmor_rules), why)]


def _client(plan: Plan) -> list[Binding]:
    files = [entry for entry in client_entries(plan) if isinstance(entry, HostFile)]
    if not files:
        return []
    why = "The client of Looking Glass, and its settings for every user."
    if any(memory.release == "idd" for memory in plan.shared_memories):
        why += "\nThe release idd needs a client of the master branch: override the package where it is B7."
    texts = [
        Binding(("environment", "etc", file.path.removeprefix("/etc/"), "text"), default(file.data.decode()))
        for file in files
    ]
    return [bind("environment.systemPackages", [Expression("pkgs.looking-glass-client")], why), *texts]


def _users(plan: Plan) -> list[Binding]:
    groups: dict[str, list[str]] = {}
    for user, group in plan.host.user_groups:
        groups.setdefault(user, []).append(group)
    why = "For the client, where no seat's uaccess gives it the shared memory."
    return [
        Binding(("users", "users", user, "extraGroups"), names, why if index == 0 else "")
        for index, (user, names) in enumerate(groups.items())
    ]
