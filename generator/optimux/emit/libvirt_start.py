"""libvirt itself: started now and at boot, with the networks, pools and images that the VMs need."""

from __future__ import annotations

from shlex import quote
from typing import TYPE_CHECKING

from optimux.emit.artifact import HostCommand, HostEntry, HostFile
from optimux.emit.libvirt_xml import network_xml, pool_xml
from optimux.rules import families

if TYPE_CHECKING:
    from collections.abc import Iterator

    from optimux.plan.model import ImagePlan, Plan

# Root's default is this too, a user's is qemu:///session: one form for both.
VIRSH = "virsh --connect qemu:///system"
FOLDER = "/etc/optimux/libvirt"


def libvirt_start_entries(plan: Plan) -> list[HostEntry]:
    """After qemu.conf is in place; where libvirt runs already, nothing changes."""
    command = families()["hostCommands"]["libvirtStart"][plan.host.platform.distribution]
    units = families()["hostCommands"]["libvirtUnit"][plan.host.platform.distribution]
    start = HostCommand(
        command,
        "starts libvirt, now and at boot",
        unless=" || ".join(
            f"{{ systemctl is-enabled --quiet {unit} && systemctl is-active --quiet {unit}; }}" for unit in units
        ),
        undo=f"systemctl disable {units[-1]}",
    )
    return [*libvirt_files(plan), start, *libvirt_commands(plan, FOLDER)]


def libvirt_files(plan: Plan) -> list[HostFile]:
    """What the commands define."""
    networks = [
        HostFile(
            f"{FOLDER}/networks/{network.name}.xml", network_xml(network), f"the network {network.name} of libvirt"
        )
        for network in plan.networks
    ]
    pools = [
        HostFile(f"{FOLDER}/pools/{pool.name}.xml", pool_xml(pool), f"the storage pool {pool.name} of libvirt")
        for pool in plan.pools
    ]
    return [*networks, *pools]


def libvirt_commands(plan: Plan, folder: str) -> list[HostCommand]:
    """What libvirt is told while it runs, again and again without harm. ``folder`` has the files."""
    commands = [
        _define("net", "networks", network.name, folder, f"defines {network.name}") for network in plan.networks
    ]
    commands += [command for name in plan.used_networks for command in _network(name)]
    commands += [command for pool in plan.pools for command in _pool(pool.name, folder)]
    return [*commands, *map(_image, plan.images)]


def _define(kind: str, below: str, name: str, folder: str, purpose: str) -> HostCommand:
    """Due when its file changed; a network or a pool that was there before keeps its place when ours goes."""
    path, word = f"{folder}/{below}/{name}.xml", quote(name)
    return HostCommand(
        f"{VIRSH} {kind}-define {quote(path)}",
        purpose,
        after=(path,),
        undo=f"{VIRSH} {kind}-destroy {word}; {VIRSH} {kind}-undefine {word}",
    )


def _network(name: str) -> Iterator[HostCommand]:
    """virsh refuses to start a network that is active, so the list of those comes first."""
    word = quote(name)
    yield _autostart("net", word, f"starts the network {name} of libvirt at boot")
    active = f"{VIRSH} net-list --name | grep -Fqx -- {word}"
    start = f"{VIRSH} net-list --name | grep -Fqx -- {word} || {VIRSH} net-start {word}"
    yield HostCommand(start, f"starts the network {name} now, unless it is active", unless=active)


def _pool(name: str, folder: str) -> Iterator[HostCommand]:
    word = quote(name)
    yield _define("pool", "pools", name, folder, f"defines the storage pool {name}")
    yield _autostart("pool", word, f"starts the storage pool {name} at boot")
    # pool-list pads its columns.
    active = f"{VIRSH} pool-list --name | sed 's/ *$//' | grep -Fqx -- {word}"
    start = f"{active} || {{ {VIRSH} pool-build {word} && {VIRSH} pool-start {word}; }}"
    yield HostCommand(
        start, f"makes its folder and starts the storage pool {name} now, unless it is active", unless=active
    )


def _autostart(kind: str, word: str, purpose: str) -> HostCommand:
    return HostCommand(
        f"{VIRSH} {kind}-autostart {word}",
        purpose,
        unless=f"{VIRSH} {kind}-list --all --autostart --name | sed 's/ *$//' | grep -Fqx -- {word}",
        undo=f"{VIRSH} {kind}-autostart --disable {word}",
    )


def _image(image: ImagePlan) -> HostCommand:
    path = quote(image.path)
    folder = quote(image.path.rpartition("/")[0] or "/")
    make = f"mkdir -p {folder} && qemu-img create -q -f {image.format} {path} {image.size.bytes}"
    return HostCommand(
        f"test -e {path} || {{ {make}; }}",
        f"makes an empty image at {image.path}, unless one is there",
        unless=f"test -e {path}",
    )
