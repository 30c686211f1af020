"""libvirt itself: started now and at boot, with the networks that the VMs are on."""

from __future__ import annotations

from optimux.emit.artifact import HostCommand, HostEntry
from optimux.plan.model import Plan
from optimux.rules import rules

# Root's default is this too, a user's is qemu:///session: one form for both.
VIRSH = "virsh --connect qemu:///system"


def libvirt_start_entries(plan: Plan) -> list[HostEntry]:
    """After qemu.conf is in place; where libvirt runs already, nothing changes."""
    command = rules()["hostCommands"]["libvirtStart"][plan.host.distribution]
    start = HostCommand(command, "starts libvirt, now and at boot")
    return [start, *(command for name in network_names(plan) for command in _network(name))]


def network_names(plan: Plan) -> list[str]:
    """libvirt's networks that the VMs are on."""
    networks = (network for domain in plan.domains for network in domain.networks)
    return list(dict.fromkeys(network.source for network in networks if network.type == "network"))


def _network(name: str) -> list[HostCommand]:
    """virsh refuses to start a network that is active, so the list of those comes first."""
    from shlex import quote

    word = quote(name)
    start = f"{VIRSH} net-list --name | grep -Fqx -- {word} || {VIRSH} net-start {word}"
    return [
        HostCommand(f"{VIRSH} net-autostart {word}", f"starts the network {name} of libvirt at boot"),
        HostCommand(start, f"starts the network {name} now, unless it is active"),
    ]
