"""The aliases that libvirt gives devices: ``qemu:override`` and ``-set`` name devices by them (qemu_alias.c)."""

from __future__ import annotations

from collections.abc import Iterator

from optimux.notation.libvirt import is_user_alias
from optimux.patch.node import Node

_COUNTED = {
    "hostdev": "hostdev",
    "video": "video",
    "sound": "sound",
    "shmem": "shmem",
    "input": "input",
    "interface": "net",
    "channel": "channel",
    "serial": "serial",
    "redirdev": "redir",
    "rng": "rng",
    "watchdog": "watchdog",
    "memballoon": "balloon",
}


def user_alias(node: Node) -> str | None:
    """The alias that the domain itself gives, which libvirt keeps."""
    alias = node.child("alias")
    return alias.get("name") if alias is not None and is_user_alias(alias.get("name")) else None


def aliases(root: Node) -> dict[Node, str]:
    """Each counted device's alias. A user's own takes no number: the devices behind it move up."""
    devices = root.child("devices")
    counts: dict[str, int] = {}
    found = {}
    for node in _in_order(devices) if devices is not None else ():
        own = user_alias(node)
        if own is not None:
            found[node] = own
            continue
        kind = "hostdev" if node.get("type") == "hostdev" else _COUNTED[node.local]
        found[node] = f"{kind}{counts.setdefault(kind, 0)}"
        counts[kind] += 1
    return found


def _in_order(devices: Node) -> Iterator[Node]:
    """Passed network cards get their number before other passed devices."""
    yield from (node for node in devices.children if node.local == "interface")
    yield from (node for node in devices.children if node.local in _COUNTED and node.local != "interface")
