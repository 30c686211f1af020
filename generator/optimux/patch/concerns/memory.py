"""The shared memory of Looking Glass: ``<shmem>`` or kvmfr, and the switch from one to the other."""

from __future__ import annotations

import json

from optimux.emit.domain_xml.commandline import kvmfr_arguments
from optimux.emit.domain_xml.devices import shmem
from optimux.emit.xml import element
from optimux.patch.addresses import Bus, argument_address
from optimux.patch.arguments import Argument, append, arguments, remove, update
from optimux.patch.draft import Draft, describe
from optimux.patch.node import Node
from optimux.patch.placing import free_ivshmem_address, place_shmem
from optimux.pci import Address
from optimux.plan.model import SharedMemory

_NAME = "looking-glass"
_OTHER = "the memory is {} now; both together confuse the guest"


def memory(draft: Draft) -> None:
    """One device of the planned kind and size; what the other kind left goes."""
    planned = draft.plan.shared_memory
    if planned is None:
        return
    if planned.kind == "shm":
        _remove_arguments(draft, planned)
        _shmem(draft, planned)
    else:
        _remove_shmem(draft, planned)
        _kvmfr(draft, planned)
    _leave_others(draft, planned)


def place_memory(draft: Draft) -> None:
    """Give the device that is there an address, where it has none."""
    planned = draft.plan.shared_memory
    if planned is None or draft.plan.ivshmem is None:
        return
    for node in _shmems(draft, planned):
        place_shmem(draft, node)
    for backend in _backends(draft, planned):
        device = _device(draft, backend)
        if device is not None:
            _place_argument(draft, device)


def _shmems(draft: Draft, planned: SharedMemory) -> list[Node]:
    """The ``<shmem>`` elements that are Looking Glass's, by name; the planned name's first."""
    devices = draft.root.child("devices")
    every = list(devices.all("shmem")) if devices is not None else []
    mine = [node for node in every if node.get("name") == planned.name or node.get("name").startswith(_NAME)]
    return sorted(mine, key=lambda node: node.get("name") != planned.name)


def _backends(draft: Draft, planned: SharedMemory) -> list[Argument]:
    """The ``-object`` arguments that are Looking Glass's, by path; the planned path first."""
    objects = [a for a in arguments(draft) if a.option == "object" and a.get("qom-type") == "memory-backend-file"]
    mine = [a for a in objects if _is_ours(a.get("mem-path"), planned)]
    return sorted(mine, key=lambda argument: argument.get("mem-path") != planned.path)


def _is_ours(path: str, planned: SharedMemory) -> bool:
    return path == planned.path or path.startswith(("/dev/kvmfr", f"/dev/shm/{_NAME}"))


def _device(draft: Draft, backend: Argument) -> Argument | None:
    """The ``-device`` of a backend."""
    devices = (a for a in arguments(draft) if a.option == "device" and a.get("driver").startswith("ivshmem"))
    return next((a for a in devices if a.get("memdev") == backend.get("id")), None)


def _remove_arguments(draft: Draft, planned: SharedMemory) -> None:
    for backend in _backends(draft, planned):
        _remove_pair(draft, backend, _OTHER.format("a file in /dev/shm"))


def _remove_pair(draft: Draft, backend: Argument, why: str) -> None:
    device = _device(draft, backend)
    if device is not None:
        remove(draft, device, why)
    remove(draft, backend, why)


def _remove_shmem(draft: Draft, planned: SharedMemory) -> None:
    for node in _shmems(draft, planned):
        draft.remove(node, _OTHER.format("the kvmfr module's"))


def _shmem(draft: Draft, planned: SharedMemory) -> None:
    present = _shmems(draft, planned)
    if not present:
        node = draft.insert(draft.devices, shmem(draft.plan, planned), "Looking Glass shows the picture through it")
        if (place := node.child("address")) is not None:
            place.remove()
        place_shmem(draft, node)
        return
    node, *more = present
    for other in more:
        draft.remove(other, "one device is enough")
    draft.set(node, "name", planned.name, "the client opens this file")
    _plain_model(draft, node)
    _size(draft, node, planned)


def _plain_model(draft: Draft, node: Node) -> None:
    model = node.child("model")
    why = "Looking Glass takes plain shared memory"
    if model is None:
        draft.insert(node, element("model", type_="ivshmem-plain"), why)
    else:
        draft.set(model, "type", "ivshmem-plain", why)
    for name in ("server", "msi"):
        if (child := node.child(name)) is not None:
            draft.remove(child, why)


_UNITS = {"": 1, "b": 1, "bytes": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9} | {
    word: 1 << shift for shift, words in ((10, "K k KiB"), (20, "M MiB"), (30, "G GiB")) for word in words.split()
}


def _size(draft: Draft, node: Node, planned: SharedMemory) -> None:
    size = node.child("size")
    why = "the planned displays need it"
    if size is None:
        draft.insert(node, element("size", text=str(planned.size.mib), unit="M"), why)
        return
    unit = _UNITS.get(size.get("unit"))
    if unit is not None and size.words.isdecimal() and int(size.words) * unit == planned.size.bytes:
        return
    draft.set(size, "unit", "M", why)
    draft.set_text(size, str(planned.size.mib), why)


def _kvmfr(draft: Draft, planned: SharedMemory) -> None:
    backends = _backends(draft, planned)
    if not backends:
        append(draft, _planned_words(draft, planned.name), "Looking Glass shows the picture through it")
        return
    backend, *more = backends
    for other in more:
        if other.get("mem-path") == backend.get("mem-path") or other.get("id") == backend.get("id"):
            _remove_pair(draft, other, "it is there twice")
    why = "the planned memory"
    update(draft, backend, why, mem_path=planned.path, share=True)
    if backend.size("size") != planned.size.bytes:
        update(draft, backend, why, size=planned.size.bytes)
    device = _device(draft, backend)
    if device is None:
        append(draft, _planned_words(draft, backend.get("id"))[:2], "the memory has no device yet")
    elif draft.plan.ivshmem is not None:
        _place_argument(draft, device)


def _planned_words(draft: Draft, backend: str) -> list[str]:
    """The emitter's arguments, with a free id and place for the device."""
    option, device, *rest = kvmfr_arguments(draft.plan)
    values = json.loads(device) | {"memdev": backend}
    used = {a.get("id") for a in arguments(draft)}
    values["id"] = next(name for name in (values["id"], *(f"shmem{n}" for n in range(1, 99))) if name not in used)
    place = free_ivshmem_address(draft)
    if place is not None:
        values |= _bus_and_place(place)
    return [option, json.dumps(values, separators=(",", ":")), *rest]


def _bus_and_place(place: Address) -> dict[str, str]:
    return {"bus": "pcie.0" if place.bus == 0 else f"pci.{place.bus}", "addr": f"0x{place.slot:x}"}


def _place_argument(draft: Draft, device: Argument) -> None:
    """An address for a device that has none, or one that an element of the domain has too."""
    present = argument_address(device.get("bus"), device.get("addr"))
    if present is not None and all(node is None for node in Bus(draft).at((present.bus, present.slot))):
        return
    if present is None and device.get("addr") and device.get("bus"):
        return
    place = free_ivshmem_address(draft)
    if place is not None:
        update(draft, device, "without a place of its own it can collide", **_bus_and_place(place))


def _leave_others(draft: Draft, planned: SharedMemory) -> None:
    mine = _shmems(draft, planned)
    for node in draft.all_devices():
        if node.local == "shmem" and node not in mine:
            draft.leave(describe(node), "it is not Looking Glass's; its client takes the first device by default")
