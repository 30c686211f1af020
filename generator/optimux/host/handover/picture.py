"""One look at a card: what drives each function, what is on it, who holds it. Nothing is changed or woken."""

from __future__ import annotations

import errno
import os
import re
from typing import TYPE_CHECKING

from optimux.facts.detect import drm, pci
from optimux.facts.detect.pci import DEVICES
from optimux.facts.detect.root import Root
from optimux.host.handover.console import console
from optimux.host.handover.describe import holders
from optimux.host.handover.modules import Module, module_of
from optimux.host.handover.nodes import Link, Node, Sysfs
from optimux.host.handover.processes import Scan
from optimux.host.handover.storage import Mounted, mounted
from optimux.record import Record

if TYPE_CHECKING:
    from optimux.facts import PciDevice
    from optimux.facts.devices import Connector
    from optimux.host.handover.cards import Card
    from optimux.host.handover.holder import Holder, Use
    from optimux.pci import Address

_BY_DEVICE = "/dev/vfio/devices/"
# What is plugged out like any stick; what hangs on it is told by the keyboards.
_GRACEFUL = ("input", "hidraw")


class Function(Record):
    """One function of the card as it is now; ``device`` is ``None`` where nothing sits at the address."""

    address: Address
    expected: str
    device: PciDevice | None


class Picture(Record):
    """A card and all that matters for handing it over."""

    card: Card
    functions: tuple[Function, ...]
    mates: tuple[PciDevice, ...]  # of its IOMMU groups, bridges left out
    beside: tuple[PciDevice, ...]  # on its bus, outside the plan
    port: PciDevice | None
    connectors: tuple[Connector, ...]
    nodes: tuple[Node, ...]
    links: tuple[Link, ...]
    keyboards: tuple[str, ...]
    other_keyboards: bool
    firmware_framebuffer: str | None
    console: str | None
    holders: tuple[Holder, ...]
    mounts: tuple[Mounted, ...]
    stacked: tuple[Node, ...]
    modules: tuple[Module, ...]
    hidden: tuple[tuple[str, int], ...]  # module, references that no process shows
    exporting: tuple[int, ...]  # processes with some device's buffer in hand
    machine: str | None  # the process that has the card through VFIO
    incomplete: tuple[str, ...]

    @property
    def devices(self) -> tuple[PciDevice, ...]:
        """The functions that are there."""
        return tuple(function.device for function in self.functions if function.device)


def look(card: Card, root: str | None = None) -> Picture:
    """The card on this machine, or in a recorded tree. Raises ``OptimuxError`` where the root cannot be read."""
    place = root or "/"
    sysfs, files = Sysfs(place), Root.at(root)
    devices = drm.with_nodes(files, pci.around(files, card.addresses))
    by_address = {device.address: device for device in devices}
    functions = tuple(Function(f.address, str(f.id), by_address.get(f.address)) for f in card.functions)
    own = tuple(function.device for function in functions if function.device)
    below = [sysfs.below(device.address) for device in own]
    nodes = tuple(node for found in below for node in found.nodes)
    stacked = sysfs.stacked(nodes)
    groups = _vfio_nodes(sysfs, tuple(device.address for device in own))
    modules = tuple(m for device in own if device.driver != "vfio-pci" and (m := module_of(sysfs, device)))
    modules = tuple({module.name: module for module in modules}.values())
    others = _others(sysfs, modules, own)
    scan = Scan((*(n for n in nodes if n.subsystem not in _GRACEFUL), *stacked, *groups, *others), place)
    uses = scan.run()
    wanted = {node.name for node in (*nodes, *stacked)}
    by_machine = {node.name for node in groups}
    vms = holders((use for use in uses if use.node in by_machine), sysfs)
    return Picture(
        card=card,
        functions=functions,
        mates=_mates(own, devices),
        beside=tuple(d for d in devices if _shares_bus(d, own) and d not in own),
        port=by_address.get(own[0].upstream) if own and own[0].upstream else None,
        connectors=drm.connectors(files, own),
        nodes=nodes,
        links=tuple(link for found in below for link in found.links),
        keyboards=tuple(name for found in below for name in found.keyboards),
        other_keyboards=_other_keyboards(sysfs, own),
        firmware_framebuffer=next((f.firmware_framebuffer for f in below if f.firmware_framebuffer), None)
        or _in_iomem(sysfs, own),
        console=console(sysfs, nodes),
        holders=holders((use for use in uses if use.node in wanted and use.node not in by_machine), sysfs),
        mounts=mounted(sysfs, (*nodes, *stacked), scan.mounts.values()),
        stacked=stacked,
        modules=modules,
        hidden=_hidden(modules, uses),
        exporting=tuple(scan.exporting),
        machine=str(vms[0]) if vms else None,
        incomplete=_incomplete(scan, sysfs, live=root is None),
    )


def _mates(own: tuple[PciDevice, ...], devices: tuple[PciDevice, ...]) -> tuple[PciDevice, ...]:
    groups = {device.iommu_group for device in own} - {None}
    return tuple(d for d in devices if d.iommu_group in groups and not d.is_bridge and d not in own)


def _shares_bus(device: PciDevice, own: tuple[PciDevice, ...]) -> bool:
    return any((device.address.domain, device.address.bus) == (d.address.domain, d.address.bus) for d in own)


def machine_of(card: Card, root: str | None = None) -> str | None:
    """The process that has the card through VFIO, if one does.

    A group can be open once (drivers/vfio/group.c): where each opens, no process need be looked into.
    """
    sysfs = Sysfs(root or "/")
    nodes = _vfio_nodes(sysfs, card.addresses)
    groups = [node.name for node in nodes if not node.name.startswith(_BY_DEVICE)]
    answers = [_errno(path) for path in groups] if root is None else [errno.ENOENT]
    if not nodes or (groups and not any(answers)):
        return None
    found = holders(Scan(nodes, root or "/").run(), sysfs)
    return str(found[0]) if found else "a process that no descriptor shows" if errno.EBUSY in answers else None


def _errno(path: str) -> int:
    """Why a node does not open; 0 where it does."""
    try:
        os.close(os.open(path, os.O_RDONLY | os.O_CLOEXEC))
    except OSError as error:
        return error.errno or errno.EIO
    return 0


def _vfio_nodes(sysfs: Sysfs, own: tuple[Address, ...]) -> tuple[Node, ...]:
    """The nodes by which a machine has the card: the groups', and with iommufd each function's own.

    Source: Documentation/driver-api/vfio.rst.
    """
    found = []
    for address in own:
        group = sysfs.target(f"{DEVICES}/{address}/iommu_group")
        places = {f"/sys/class/vfio/{group}": f"/dev/vfio/{group}"}
        by_device = f"{DEVICES}/{address}/vfio-dev"
        places |= {f"{by_device}/{name}": f"{_BY_DEVICE}{name}" for name in sysfs.names(by_device)}
        for folder, name in places.items():
            words = (sysfs.text(f"{folder}/dev") or "").split(":")
            if len(words) == 2 and all(word.isdecimal() for word in words):
                found.append(Node(("character", int(words[0]), int(words[1])), name, "vfio", address))
    return tuple(found)


def _others(sysfs: Sysfs, modules: tuple[Module, ...], own: tuple[PciDevice, ...]) -> tuple[Node, ...]:
    """The nodes of other devices of the same drivers: their users hold the modules too."""
    mine = {device.address for device in own}
    theirs = {address for module in modules for address in module.addresses} - mine
    return tuple(node.replace(name=f"{node.name}@") for address in theirs for node in sysfs.below(address).nodes)


def _hidden(modules: tuple[Module, ...], uses: tuple[Use, ...]) -> tuple[tuple[str, int], ...]:
    found = []
    for module in modules:
        own = {str(address) for address in module.addresses}
        seen = sum(use.function in own for use in uses)
        if count := module.unexplained(seen):
            found.append((module.name, count))
    return tuple(found)


def _other_keyboards(sysfs: Sysfs, own: tuple[PciDevice, ...]) -> bool:
    """Whether a keyboard is left that does not hang on the card."""
    mine = {str(device.address) for device in own}
    for name in sysfs.names("/sys/class/input"):
        if not re.fullmatch("input[0-9]+", name):
            continue
        real = os.path.realpath(f"{sysfs.root}/sys/class/input/{name}")
        if not mine & set(real.split("/")) and sysfs.is_keyboard(f"/sys/class/input/{name}"):
            return True
    return False


def _in_iomem(sysfs: Sysfs, own: tuple[PciDevice, ...]) -> str | None:
    """Firmware's framebuffer within a range of the card's; kernels before 6.9 have no other place that tells."""
    depth, mine = -1, {str(device.address) for device in own}
    for line in (sysfs.text("/proc/iomem") or "").splitlines():
        indent, name = len(line) - len(line.lstrip()), line.partition(" : ")[2]
        if depth >= 0 and indent <= depth:
            depth = -1
        if name in mine:
            depth = indent
        elif depth >= 0 and name in ("BOOTFB", "efifb", "vesafb", "simpledrm", "simplefb"):
            return name
    return None


def _incomplete(scan: Scan, sysfs: Sysfs, *, live: bool) -> tuple[str, ...]:
    found = []
    if scan.unseen:
        count = len(scan.unseen)
        whose = " of other users" if live and os.geteuid() else ""
        found.append(f"{count} process{'es' if count != 1 else ''}{whose} could not be looked into")
    elif live and os.geteuid():
        found.append("this is not root: counts and mappings of others are not shown")
    found += [f"{path} could not be read" for path in sysfs.unseen if path.startswith("/sys/")]
    return tuple(found)
