"""What CPU the guest sees."""

from __future__ import annotations

from optimux.emit.domain_xml.compute import cpu as built
from optimux.emit.xml import element
from optimux.patch.cpu_argument import say_or_take_over
from optimux.patch.draft import Draft, describe
from optimux.patch.node import Node, new_node
from optimux.patch.order import place

_WHY = "the guest sees the host's own CPU"
_KVM_MODES = ("host-passthrough", "host-model")


def cpu(draft: Draft) -> None:
    """Mode, topology, address width and features of the plan."""
    say_or_take_over(draft)
    options = draft.plan.cpu
    if options.mode in _KVM_MODES and draft.root.get("type") == "qemu":
        draft.set(draft.root, "type", "kvm", f"{options.mode} needs KVM")
    wanted = new_node(built(draft.plan.cpu, draft.plan.extra_xml.cpu))
    node = draft.root.child("cpu")
    if node is None:
        node = place(draft.root, Node("cpu", "cpu", "", {}))
        for name, value in wanted.attributes.items():
            node.set(name, value)
        draft.did(f"added <cpu mode='{options.mode}'>", _WHY)
    elif node.get("mode", "custom") != options.mode:
        _switch(draft, node, wanted)
    for name in ("check", "migratable"):
        if draft.states(f"cpu.{name}") and name in wanted.attributes:
            draft.set(node, name, wanted.get(name), "the configuration says so")
    _topology(draft, node, wanted.child("topology") if _counts(draft) else None)
    _cache(draft, node, wanted.child("cache"))
    _width(draft, node, wanted.child("maxphysaddr"))
    for feature in wanted.all("feature"):
        _feature(draft, node, feature)


def _switch(draft: Draft, node: Node, wanted: Node) -> None:
    """Another mode: a named model, its match and its check belong to the old one."""
    for name, value in wanted.attributes.items():
        draft.set(node, name, value, _WHY)
    for name in ("match", "deprecated_features"):
        draft.unset(node, name, "it belongs to a named model")
    if "migratable" not in wanted.attributes:
        draft.unset(node, "migratable", f"{wanted.get('mode')} has no such setting")
    for name in ("model", "vendor"):
        if (child := node.child(name)) is not None:
            draft.remove(child, "it names another CPU")


def _counts(draft: Draft) -> bool:
    """Whether the number of CPUs is stated. Without a topology of its own the domain needs none."""
    return draft.states("cpu.topology") or draft.states("vcpus")


def _topology(draft: Draft, node: Node, wanted: Node | None) -> None:
    if wanted is None:
        return
    if (reason := _bound(draft, node)) is not None:
        draft.leave("the number of CPUs", reason)
        return
    why = "the configuration says so"
    vcpu = draft.root.child("vcpu")
    if vcpu is None:
        draft.insert(draft.root, element("vcpu", text=str(draft.plan.vcpus)), why)
    else:
        draft.set_text(vcpu, str(draft.plan.vcpus), why)
        if vcpu.get("current").isdecimal() and int(vcpu.get("current")) > draft.plan.vcpus:
            draft.unset(vcpu, "current", "it is more than there are")
    present = node.child("topology")
    if present is None:
        place(node, wanted)
        draft.did("added <topology>", why)
        return
    for name, value in wanted.attributes.items():
        if name in present.attributes or value != "1":
            draft.set(present, name, value, why)
    # libvirt writes levels of its own back, such as clusters='1'.
    for name in [name for name in present.attributes if name not in wanted.attributes]:
        draft.set(present, name, "1", "the configuration's topology has no such level")


def _bound(draft: Draft, node: Node) -> str | None:
    """Why the number of CPUs must stay: something counts on it."""
    if node.child("numa") is not None:
        return "the NUMA cells name them one by one"
    if draft.root.child("vcpus") is not None:
        return "<vcpus> names them one by one"
    tune = draft.root.child("cputune")
    if tune is None:
        return None
    numbers = [int(pin.get("vcpu")) for pin in tune.children if pin.get("vcpu").isdecimal()]
    ranged = [pin for pin in tune.children if "vcpus" in pin.attributes]
    return "<cputune> speaks of them one by one" if ranged or max(numbers, default=0) >= draft.plan.vcpus else None


def _cache(draft: Draft, node: Node, wanted: Node | None) -> None:
    if wanted is None:
        return
    present = node.child("cache")
    if present is None:
        place(node, wanted)
        draft.did(f"added <cache mode='{wanted.get('mode')}'>", "the guest sees the host's caches")
    elif present.get("mode") != wanted.get("mode") and draft.states("cpu.cache"):
        draft.unset(present, "level", "the mode goes for all levels")
        for name, value in wanted.attributes.items():
            draft.set(present, name, value, "the configuration says so")
    elif present.get("mode") != wanted.get("mode"):
        draft.leave(f"<cache mode='{present.get('mode')}'>", "it was set on purpose, and works")


def _width(draft: Draft, node: Node, wanted: Node | None) -> None:
    if wanted is None:
        return
    present = node.child("maxphysaddr")
    why = "devices map no more than the IOMMU can address"
    if present is None:
        place(node, wanted)
        draft.did(f"added {describe(wanted)}", why)
        return
    for name, value in wanted.attributes.items():
        draft.set(present, name, value, why)
    for name in [name for name in present.attributes if name not in wanted.attributes]:
        draft.unset(present, name, why)


def _feature(draft: Draft, node: Node, wanted: Node) -> None:
    present = node.child("feature", name=wanted.get("name"))
    if present is None:
        place(node, wanted)
        draft.did(f"added the CPU feature {wanted.get('name')}", f"policy {wanted.get('policy')}")
    else:
        draft.set(present, "policy", wanted.get("policy"), "the configuration says so")
