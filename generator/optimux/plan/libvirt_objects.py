"""libvirt's networks and storage pools that the options declare, and the names of all networks that VMs are on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from optimux.declare.kind import joined
from optimux.plan.model import ImagePlan, NetworkPlan, PoolPlan
from optimux.plan.uuids import uuid_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from ipaddress import IPv4Interface

    from optimux.findings import Findings
    from optimux.options.host import LibvirtNetwork, StoragePool
    from optimux.options.model import Options
    from optimux.plan.model import DomainPlan


def resolve_networks(options: Options, findings: Findings) -> tuple[NetworkPlan, ...]:
    """The declared networks, in the order of the options."""
    _check_bridges(options.host.networks, findings)
    planned = (_network(name, network, findings) for name, network in options.host.networks.items())
    return tuple(network for network in planned if network)


def resolve_pools(pools: Mapping[str, StoragePool]) -> tuple[PoolPlan, ...]:
    """The declared pools, in the order of the options."""
    return tuple(PoolPlan(name, uuid_of("pool", name), pool.path) for name, pool in pools.items())


def used_networks(options: Options) -> tuple[str, ...]:
    """libvirt's networks that the VMs are on, and those that the options declare, each once."""
    cards = (card for vm in options.vms.values() for card in vm.networks)
    named = [card.source for card in cards if card.type == "network"]
    return tuple(dict.fromkeys((*options.host.networks, *named)))


def resolve_images(domains: Iterable[DomainPlan]) -> tuple[ImagePlan, ...]:
    """The images that are made where they do not exist, each path once."""
    disks = [disk for domain in domains for disk in domain.disks if disk.create and disk.source]
    return tuple(
        {disk.source: ImagePlan(disk.source, disk.format, disk.create) for disk in disks}.values()  # type: ignore[arg-type]
    )


def _network(name: str, network: LibvirtNetwork, findings: Findings) -> NetworkPlan | None:
    interface = _interface(name, network.address, findings)
    if interface is None:
        return None
    return NetworkPlan(
        name=name,
        uuid=uuid_of("network", name),
        bridge=network.bridge,
        forward=network.forward,
        address=str(interface.ip),
        prefix=interface.network.prefixlen,
        dhcp=_dhcp_range(interface) if network.dhcp else None,
    )


def _interface(name: str, text: str, findings: Findings) -> IPv4Interface | None:
    """The host's address on the bridge; ``None`` with a problem where no guest could have another one beside it."""
    from ipaddress import IPv4Interface

    path, remedy = (
        f"{joined('host.networks', name)}.address",
        'Write the host\'s own address, such as "192.168.150.1/24".',
    )
    try:
        interface = IPv4Interface(text)
    except ValueError:
        findings.error(path, text, "four numbers up to 255 and a prefix up to 32", remedy)
        return None
    network = interface.network
    if network.prefixlen > 30:
        findings.error(path, text, "a prefix of at most 30", "No guest has an address in a smaller network.")
        return None
    if interface.ip in (network.network_address, network.broadcast_address):
        findings.error(path, text, f"an address of a host in {network}", remedy)
        return None
    return interface


def _dhcp_range(interface: IPv4Interface) -> tuple[str, str]:
    """The longer run of addresses beside the host's own."""
    first, last = interface.network.network_address + 1, interface.network.broadcast_address - 1
    above, below = int(last) - int(interface.ip), int(interface.ip) - int(first)
    return (str(interface.ip + 1), str(last)) if above >= below else (str(first), str(interface.ip - 1))


def _check_bridges(networks: Mapping[str, LibvirtNetwork], findings: Findings) -> None:
    from optimux.findings import doubled

    named = ((name, network.bridge) for name, network in networks.items() if network.bridge)
    for name, bridge, first in doubled(named):
        mine, theirs = (f"{joined('host.networks', one)}.bridge" for one in (name, first))
        findings.error(mine, bridge, "each bridge once", f"It is host.networks.{first}'s.", [theirs])
