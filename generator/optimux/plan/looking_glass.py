"""The shared memory: one device a GPU, as large as the largest display of the VMs that take turns with it."""

from __future__ import annotations

from collections.abc import Mapping

from optimux.declare.kind import joined
from optimux.findings import Findings
from optimux.options.looking_glass import LookingGlass
from optimux.options.model import Options
from optimux.options.vm import Vm
from optimux.plan.memory_size import frame_memory, needed_mib
from optimux.plan.model import SharedMemory
from optimux.rules import rules
from optimux.sizes import Size


def looking_glass_of(options: Options, vm: Vm) -> LookingGlass:
    """The top-level table with the VM's own keys over it."""
    return options.looking_glass.replace(**vm.looking_glass) if vm.looking_glass else options.looking_glass


def resolve_memories(
    options: Options, tables: Mapping[str, LookingGlass], findings: Findings
) -> tuple[SharedMemory, ...]:
    """The devices of all GPUs that some VM shows through Looking Glass: kvmfr first, in the order of their numbers."""
    users: dict[str, list[str]] = {}
    for key, vm in options.vms.items():
        if vm.gpu is not None and vm.gpu in options.gpus and tables[key].enable:
            users.setdefault(vm.gpu, []).append(key)
    counts = {"kvmfr": 0, "shm": 0}
    memories: list[SharedMemory] = []
    for gpu in (name for name in options.gpus if name in users):
        keys = users[gpu]
        first = tables[keys[0]]
        _check_agreement(keys, tables, findings)
        size = max((_size(key, options.vms[key], tables[key], findings) for key in keys), key=lambda s: s.bytes)
        memories.append(_memory(gpu, first, size, counts[first.memory], len(memories)))
        counts[first.memory] += 1
    if counts["kvmfr"] > (most := rules()["lookingGlass"]["kvmfrDevices"]):
        found, because = f"{counts['kvmfr']} kvmfr devices", ("vms", "gpus", "lookingGlass")
        findings.error("lookingGlass.memory", found, f"at most {most}", "Use shm for some.", because)
    return tuple(sorted(memories, key=lambda memory: memory.kind))


def _memory(gpu: str, table: LookingGlass, size: Size, number: int, index: int) -> SharedMemory:
    name = "looking-glass" if index == 0 else f"looking-glass-{gpu}"
    path = f"/dev/kvmfr{number}" if table.memory == "kvmfr" else f"/dev/shm/{name}"
    return SharedMemory(gpu, table.memory, table.release, name, path, size, table.user, table.group)


def _check_agreement(keys: list[str], tables: Mapping[str, LookingGlass], findings: Findings) -> None:
    """One device has one kind, one owner and one protocol, whichever VM uses it."""
    first = tables[keys[0]]
    for key in keys[1:]:
        for attribute in ("memory", "user", "group", "release"):
            mine, theirs = getattr(tables[key], attribute), getattr(first, attribute)
            if mine != theirs:
                remedy = f"VMs that take turns with one GPU share its memory; agree with vms.{keys[0]}."
                because = [f"{joined('vms', keys[0])}.lookingGlass.{attribute}", f"lookingGlass.{attribute}"]
                findings.error(f"{joined('vms', key)}.lookingGlass.{attribute}", mine, str(theirs), remedy, because)


def _size(key: str, vm: Vm, table: LookingGlass, findings: Findings) -> Size:
    path = "lookingGlass" if "size" not in vm.looking_glass else f"{joined('vms', key)}.lookingGlass"
    judged_by = ("memory", "release", "size", "sizeRule", "displays")
    because = [
        f"{table}.{key}" for key in judged_by for table in ("lookingGlass", f"{joined('vms', key)}.lookingGlass")
    ]
    needed = max((frame_memory(d, table.release, table.size_rule) for d in table.displays), key=lambda s: s.bytes)
    size = table.size or needed
    limit = rules()["lookingGlass"]["kvmfrBelowMiB"]
    if table.memory == "kvmfr" and size.mib >= limit:
        key, remedy = (
            ("size", f'Use {needed}, or memory = "shm".') if table.size else ("displays", 'Use memory = "shm".')
        )
        findings.error(f"{path}.{key}", size, f"below {limit}MiB for kvmfr", remedy, because)
    _check_fit(path, table, size, because, findings)
    return size


def _check_fit(path: str, table: LookingGlass, size: Size, because: list[str], findings: Findings) -> None:
    """Too small is an error, except by the rule of two frames, where it is what was asked for."""
    need = max(needed_mib(display, table.release) for display in table.displays)
    have = size.bytes / (1 << 20)
    allowed = f"at least {need:.2f} MiB for release {table.release}"
    if have < need and table.size_rule == "two-frames":
        findings.warn(f"{path}.sizeRule", size, allowed, 'The picture may stay black; use sizeRule = "release".')
    elif have < need:
        findings.error(f"{path}.size", size, allowed, "Leave it out, or raise it to the next power of two.", because)
    elif have - need < have * rules()["lookingGlass"]["spareShare"]:
        found = f"{size} for {need:.2f} MiB"
        findings.warn(
            f"{path}.displays", found, "some room to spare", f"Set size = {Size(size.bytes * 2)} if frames fail."
        )
