"""libvirt's networks and storage pools as XML, in libvirt's own order."""

from __future__ import annotations

from typing import TYPE_CHECKING

from optimux.emit.xml import element, render

if TYPE_CHECKING:
    from optimux.emit.xml import Element
    from optimux.plan.model import NetworkPlan, PoolPlan


def network_xml(network: NetworkPlan) -> str:
    """``<network>``: a bridge of the host's, and libvirt's dnsmasq on it."""
    return render(
        element(
            "network",
            element("name", text=network.name),
            element("uuid", text=network.uuid),
            None if network.forward == "isolated" else element("forward", mode=network.forward),
            element("bridge", name=network.bridge, stp="on", delay="0"),
            element("ip", _dhcp(network), address=network.address, prefix=network.prefix),
        )
    )


def _dhcp(network: NetworkPlan) -> Element | None:
    if network.dhcp is None:
        return None
    first, last = network.dhcp
    return element("dhcp", element("range", start=first, end=last))


def pool_xml(pool: PoolPlan) -> str:
    """``<pool>``: a folder of images."""
    return render(
        element(
            "pool",
            element("name", text=pool.name),
            element("uuid", text=pool.uuid),
            element("target", element("path", text=pool.path)),
            type_="dir",
        )
    )
