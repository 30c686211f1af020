"""Memory, what backs it, and where vCPUs run: only what is stated."""

from __future__ import annotations

from optimux.emit.domain_xml.compute import blockio, cpu_tune
from optimux.emit.xml import element
from optimux.notation import libvirt
from optimux.patch.concerns.stated import WHY, Handler, put, run, switch
from optimux.patch.draft import Draft
from optimux.patch.node import Node, new_node
from optimux.sizes import Size

_KIB = 1024
_FLAGS = ("hugepages", "locked", "nosharepages")


def resources(draft: Draft) -> None:
    """``<memory>``, ``<memoryBacking>``, ``<cputune>``, ``<iothreads>``."""
    run(draft, _HANDLERS)


def _memory(draft: Draft) -> None:
    cpu = draft.root.child("cpu")
    if cpu is not None and cpu.child("numa") is not None:
        draft.unpatched("memory", "NUMA cells divide the memory: change them together")
        return
    present = draft.root.child("memory")
    before = None
    if present is None:
        draft.insert(draft.root, element("memory", text=str(draft.plan.ram.kib), unit="KiB"), WHY)
    else:
        before = libvirt.size(present.words, present.get("unit"), _KIB)
        _size(draft, present, draft.plan.ram, _KIB)
    current = draft.root.child("currentMemory")
    if current is None:
        return
    balloon = libvirt.size(current.words, current.get("unit"), _KIB)
    # A balloon that was smaller than the memory stays as small, one of all of it stays all of it.
    if balloon is None or balloon == before or balloon > draft.plan.ram.bytes:
        _size(draft, current, draft.plan.ram, _KIB)


def _size(draft: Draft, node: Node, wanted: Size, default: int) -> None:
    """In the unit that stands there, where it divides the size."""
    if libvirt.size(node.words, node.get("unit"), default) == wanted.bytes:
        return
    scale = libvirt.scale(node.get("unit"), default)
    if scale is None or wanted.bytes % scale:
        draft.set(node, "unit", "KiB", WHY)
        scale = _KIB
    draft.set_text(node, str(wanted.bytes // scale), WHY)


def _flag(name: str) -> Handler:
    def handler(draft: Draft) -> None:
        on = bool(getattr(draft.plan.memory_backing, name))
        parent = draft.root.child("memoryBacking")
        if on or parent is not None:
            switch(draft, draft.ensure(draft.root, "memoryBacking"), element(name), on=on)

    return handler


def _page(draft: Draft) -> None:
    backing = draft.plan.memory_backing
    if not backing.hugepages or backing.hugepage_size is None:
        return
    parent = draft.ensure(draft.ensure(draft.root, "memoryBacking"), "hugepages")
    pages = list(parent.all("page"))
    if len(pages) > 1 or (pages and pages[0].get("nodeset")):
        draft.unpatched("memoryBacking.hugepageSize", "pages of several sizes are given to NUMA nodes")
        return
    if not pages:
        draft.insert(parent, element("page", size=backing.hugepage_size.kib, unit="KiB"), WHY)
    elif libvirt.size(pages[0].get("size"), pages[0].get("unit"), _KIB) != backing.hugepage_size.bytes:
        draft.set(pages[0], "size", backing.hugepage_size.kib, WHY)
        draft.set(pages[0], "unit", "KiB", WHY)


def _word(name: str, attribute: str) -> Handler:
    def handler(draft: Draft) -> None:
        value = getattr(draft.plan.memory_backing, name)
        put(draft, draft.ensure(draft.root, "memoryBacking"), element(name, **{f"{attribute}_": value}))

    return handler


def _pins(draft: Draft) -> None:
    built = cpu_tune(draft.plan.cpu_tune)
    if built is None:
        return
    tune = draft.ensure(draft.root, "cputune")
    for wanted in new_node(built).children:
        key = "vcpu" if wanted.local == "vcpupin" else "iothread"
        told = {key: wanted.get(key)} if key in wanted.attributes else {}
        present = tune.child(wanted.local, "", **told)
        if present is None:
            draft.add(tune, wanted)
            draft.did(f"added <{wanted.name}> {wanted.get(key)}".rstrip() + f" on {wanted.get('cpuset')}", WHY)
        else:
            draft.set(present, "cpuset", wanted.get("cpuset"), WHY)


def _iothreads(draft: Draft) -> None:
    built = blockio(draft.plan.cpu_tune)
    present = draft.root.child("iothreads")
    if built is None:
        if present is not None:
            draft.unpatched("cpuTune.iothreads", "a disk may be served by one of those that are there")
    else:
        put(draft, draft.root, built)


_HANDLERS: dict[str, Handler] = {
    "memory": _memory,
    **{f"memoryBacking.{name}": _flag(name) for name in _FLAGS},
    "memoryBacking.hugepageSize": _page,
    "memoryBacking.source": _word("source", "type"),
    "memoryBacking.access": _word("access", "mode"),
    "cpuTune.iothreads": _iothreads,
    "cpuTune": _pins,
}
