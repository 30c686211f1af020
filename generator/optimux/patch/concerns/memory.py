"""The shared memory of Looking Glass: ``<shmem>`` or kvmfr, and the switch from one to the other."""

from __future__ import annotations

from itertools import chain, count

from optimux.emit.domain_xml.commandline import kvmfr_arguments
from optimux.emit.domain_xml.devices import shmem
from optimux.emit.xml import element
from optimux.notation.libvirt import bus_id, size
from optimux.notation.qemu.json_text import read_json, write_json
from optimux.notation.qemu.numbers import write_place
from optimux.patch.arguments import append, remove, update
from optimux.patch.draft import Draft, describe
from optimux.patch.machine.aliases import aliases
from optimux.patch.machine.arguments import Argument
from optimux.patch.node import Node
from optimux.patch.placing import free_ivshmem_address, named, place_shmem
from optimux.patch.ports import drop_empty_bridges, free_slot_of_argument, used_buses
from optimux.pci import Address
from optimux.plan.model import OTHER_IVSHMEM_ID, SharedMemory

_NAME = "looking-glass"
_UNWANTED = "there is no picture to show"
_OTHER = "the memory is {} now; both together confuse the guest"
_BACKENDS = ("memory-backend-file", "memory-backend-shm", "memory-backend-memfd", "memory-backend-ram")


def memory(draft: Draft) -> None:
    """One device of the planned kind and size; what the other kind left goes."""
    planned = draft.plan.shared_memory
    if planned is None:
        return
    used = used_buses(draft)
    if planned.kind == "shm":
        _remove_pairs(draft, _backends(draft, planned), _OTHER.format("a file in /dev/shm"))
        _shmem(draft, planned)
    else:
        _remove_shmem(draft, planned, _OTHER.format("the kvmfr module's"))
        _kvmfr(draft, planned)
    drop_empty_bridges(draft, used)
    _leave_others(draft, planned)


def remove_memory(draft: Draft) -> None:
    """Take Looking Glass's memory out, in either form; another program's stays."""
    planned = draft.plan.shared_memory
    if planned is not None:
        _remove_pairs(draft, _backends(draft, planned), _UNWANTED)
        _remove_shmem(draft, planned, _UNWANTED)


def place_memory(draft: Draft) -> None:
    """Give the device that is there an address, where it has none."""
    planned = draft.plan.shared_memory
    if planned is None:
        return
    for node in _shmems(draft, planned) if draft.plan.ivshmem is not None else ():
        place_shmem(draft, node)
    devices = _devices(draft)
    for backend in _backends(draft, planned)[:1]:
        for device in devices.get(backend.get("id"), ())[:1]:
            _place_argument(draft, device)


def _shmems(draft: Draft, planned: SharedMemory) -> list[Node]:
    """The ``<shmem>`` elements that are Looking Glass's, by name; the planned name's first."""
    devices = draft.root.child("devices")
    every = list(devices.all("shmem")) if devices is not None else []
    mine = [node for node in every if node.get("name") == planned.name or node.get("name").startswith(_NAME)]
    return sorted(mine, key=lambda node: node.get("name") != planned.name)


def _backends(draft: Draft, planned: SharedMemory) -> list[Argument]:
    """The ``-object`` arguments that are Looking Glass's, by path; the planned path first."""
    objects = [a for a in draft.machine.of_option("object") if a.get("qom-type") in _BACKENDS]
    mine = [a for a in objects if _is_ours(a.get("mem-path"), planned)]
    return sorted(mine, key=lambda argument: argument.get("mem-path") != planned.path)


def _is_ours(path: str, planned: SharedMemory) -> bool:
    return path == planned.path or path.startswith(("/dev/kvmfr", f"/dev/shm/{_NAME}"))


def _devices(draft: Draft) -> dict[str, list[Argument]]:
    """The plain ``-device ivshmem…`` by the memory that each names."""
    found: dict[str, list[Argument]] = {}
    for argument in draft.machine.of_option("device"):
        if argument.get("driver").startswith("ivshmem"):
            found.setdefault(argument.get("memdev"), []).append(argument)
    return found


def _remove_pairs(draft: Draft, backends: list[Argument], why: str) -> None:
    devices = _devices(draft)
    gone = [argument for backend in backends for argument in (*devices.get(backend.get("id"), ()), backend)]
    remove(draft, gone, why)


def _remove_shmem(draft: Draft, planned: SharedMemory, why: str) -> None:
    for node in _shmems(draft, planned):
        draft.remove(node, why)


def _shmem(draft: Draft, planned: SharedMemory) -> None:
    present = _shmems(draft, planned)
    if not present:
        node = draft.insert(draft.devices, shmem(draft.plan, planned), "Looking Glass shows the picture through it")
        if (place := node.child("address")) is not None:
            draft.drop(place)
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


def _size(draft: Draft, node: Node, planned: SharedMemory) -> None:
    written = node.child("size")
    if written is None:
        draft.insert(node, element("size", text=str(planned.size.mib), unit="M"), "the planned displays need it")
        return
    present = size(written.words, written.get("unit"))
    if present == planned.size.bytes:
        return
    stated = draft.states("lookingGlass.size")
    is_larger = present is not None and present > planned.size.bytes and not present & (present - 1)
    if is_larger and not stated:
        draft.leave(f"<size unit='{written.get('unit')}'>{written.words}", f"the displays need {planned.size} of it")
        return
    why = "the configuration states it" if stated else "the planned displays need it"
    draft.set(written, "unit", "M", why)
    draft.set_text(written, str(planned.size.mib), why)


def _kvmfr(draft: Draft, planned: SharedMemory) -> None:
    backends = _backends(draft, planned)
    if not backends:
        _add_pair(draft, planned)
        return
    backend, *more = backends
    _remove_pairs(draft, [other for other in more if other.get("id") != backend.get("id")], "one device is enough")
    update(draft, backend, "Looking Glass opens the kvmfr module's device", mem_path=planned.path, share=True)
    if backend.get("qom-type") != "memory-backend-file":
        update(draft, backend, "only a file's memory has a path", qom_type="memory-backend-file")
    if backend.size("size") != planned.size.bytes:
        update(draft, backend, f"the module is loaded with {planned.size}, and QEMU must ask for as much",
               size=planned.size.bytes)  # fmt: skip
    _device(draft, backend)


def _device(draft: Draft, backend: Argument) -> None:
    """One plain device of the memory, at a place of its own."""
    devices = _devices(draft).get(backend.get("id"), [])
    if not devices:
        append(draft, _planned_words(draft, backend.get("id"))[:2], "the memory has no device yet")
        return
    device, *more = devices
    remove(draft, more, "one device is enough")
    update(draft, device, "Looking Glass takes plain shared memory", driver="ivshmem-plain")
    if device.get("id") in aliases(draft.root).values():
        update(draft, device, "libvirt gives the id to a device of its own", id=_free_id(draft))
    _place_argument(draft, device)


def _add_pair(draft: Draft, planned: SharedMemory) -> None:
    """Both arguments; only the memory where a device waits for one of its name already."""
    why = "Looking Glass shows the picture through it"
    words = _planned_words(draft, planned.name)
    if _devices(draft).get(planned.name):
        append(draft, words[2:], why)
        _place_argument(draft, _devices(draft)[planned.name][0])
        return
    used = {argument.get("id") for argument in draft.machine.of_option("object")}
    if planned.name in used:
        words = _planned_words(draft, _free_name(planned.name, used))
    append(draft, words, why)


def _free_name(name: str, used: set[str]) -> str:
    return next(free for free in chain([name], (f"{name}-{n}" for n in count(2))) if free not in used)


def _planned_words(draft: Draft, backend: str) -> list[str]:
    """The emitter's arguments, with a free id and place for the device."""
    option, device, other, memory_ = kvmfr_arguments(draft.plan)
    values = read_json(device) | {"memdev": backend}
    values["id"] = _free_id(draft, values["id"])
    place = free_ivshmem_address(draft)
    if place is not None:
        values |= _bus_and_place(place)
    return [option, write_json(values), other, write_json(read_json(memory_) | {"id": backend})]


def _free_id(draft: Draft, wanted: str = OTHER_IVSHMEM_ID) -> str:
    """libvirt's own ids are as good as taken: its <shmem> is shmem0 too."""
    used = {argument.get("id") for argument in draft.machine.of_option("device")} | set(aliases(draft.root).values())
    return wanted if wanted not in used else _free_name(OTHER_IVSHMEM_ID, used)


def _bus_and_place(place: Address) -> dict[str, str]:
    return {"bus": bus_id(place.bus), "addr": write_place(place)}


def _place_argument(draft: Draft, device: Argument) -> None:
    """An address for a device that has none, or one that something else of the domain has too, or not the stated one.

    Without a planned place only ``key=value`` needs one: QEMU makes what stands so before all that is JSON.
    """
    if draft.plan.ivshmem is None:
        if device.values is not None and not device.values.is_json and not device.get("addr"):
            why = "without a place QEMU gives it the first slot, before libvirt's own devices"
            update(draft, device, why, **_bus_and_place(free_slot_of_argument(draft)))
        return
    found = next((d for d in draft.machine.devices if d.argument is device), None)
    why = "without a place of its own it can collide"
    if found is not None and found.place is not None:
        slot, function = found.place
        if all(other is found for other in draft.machine.at(slot)):
            wanted = draft.plan.ivshmem.address
            is_there = slot == (draft.machine.bus_of(wanted.bus), wanted.slot) or not draft.states("pci.ivshmem")
            if function == 0 and (is_there or not _has_free_planned_place(draft, device)):
                return
            why = "a guest finds nothing in a slot without function 0" if function else "the configuration says so"
    elif device.get("addr") and device.get("bus"):
        return
    place = free_ivshmem_address(draft)
    if place is not None:
        update(draft, device, why, **_bus_and_place(place))


def _has_free_planned_place(draft: Draft, device: Argument) -> bool:
    """Whether nobody is at the planned place of a device that works where it is, which is said else."""
    assert draft.plan.ivshmem is not None
    wanted = draft.plan.ivshmem.address
    bus = draft.machine.bus_of(wanted.bus)
    others = draft.machine.at((bus, wanted.slot)) if bus is not None else []
    if others:
        draft.leave(f"the argument {device} where it is", f"{named(others[0])} is at {wanted}")
    return not others


def _leave_others(draft: Draft, planned: SharedMemory) -> None:
    mine = {id(node) for node in _shmems(draft, planned)}
    for node in draft.all_devices():
        if node.local == "shmem" and id(node) not in mine:
            draft.leave(describe(node), "it is not Looking Glass's; its client takes the first device by default")
    ours = {backend.get("id") for backend in _backends(draft, planned)}
    for name, devices in _devices(draft).items():
        for device in devices if name not in ours else ():
            draft.leave(f"the argument {device}", "its memory is not Looking Glass's")
