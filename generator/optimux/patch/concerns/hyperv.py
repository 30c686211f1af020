"""Hidden hypervisor and the Hyper-V set."""

from __future__ import annotations

from optimux.emit.domain_xml.platform import enlightenment
from optimux.emit.xml import element
from optimux.patch.concerns.stated import put
from optimux.patch.cpu_argument import say_or_take_over
from optimux.patch.draft import Draft
from optimux.patch.node import Node
from optimux.plan.guest import Enlightenment

_FAST = "Windows runs faster under KVM with it"
_HIDDEN = "drivers that refuse to run in a VM look for it"


def hyperv(draft: Draft) -> None:
    """``<hyperv>``, ``<kvm><hidden>``, ``<vmport>`` and the timer that the synthetic timers need."""
    say_or_take_over(draft)
    if draft.plan.hyperv:
        _enlightenments(draft)
    options = draft.plan.features
    if options.kvm_hidden:
        _state(draft, draft.ensure(draft.ensure(draft.root, "features"), "kvm"), "hidden", "on", _HIDDEN)
    elif draft.states("features.kvmHidden"):
        _off(draft, "kvm", "hidden")
    if options.vmport and draft.states("features.vmport"):
        _state(draft, draft.ensure(draft.root, "features"), "vmport", "on", "the configuration says so")
    if not options.vmport:
        _state(draft, draft.ensure(draft.root, "features"), "vmport", "off", _HIDDEN)
    if draft.plan.hyperv and draft.plan.clock.timers.hypervclock:
        _timer(draft)


def _off(draft: Draft, block: str, name: str) -> None:
    """What is on only where somebody switched it on."""
    features = draft.root.child("features")
    parent = features.child(block) if features is not None else None
    present = parent.child(name) if parent is not None else None
    if present is not None:
        draft.set(present, "state", "off", "the configuration says so")


def _enlightenments(draft: Draft) -> None:
    block = draft.ensure(draft.ensure(draft.root, "features"), "hyperv")
    if block.get("mode") == "passthrough":
        draft.set(block, "mode", "custom", "passthrough takes what the host has, not what is planned")
    elif block.span is None:
        block.set("mode", "custom")
    for planned in draft.plan.hyperv:
        _enlightenment(draft, block, planned)
    names = {planned.name for planned in draft.plan.hyperv}
    for child in block.children:
        if (
            child.local not in names
            and child.get("state") == "on"
            and draft.states(f"hyperv.{_option_of(child.local)}")
        ):
            draft.set(child, "state", "off", "the configuration says so")
        elif child.local not in names and child.get("state") == "on":
            draft.leave(f"Hyper-V's {child.local}", "the configuration does not ask for it, nor is it in the way")


def _option_of(name: str) -> str:
    """The option of an enlightenment: libvirt's name of it in camel case."""
    first, *rest = name.split("_")
    return first + "".join(word.capitalize() for word in rest)


def _enlightenment(draft: Draft, block: Node, planned: Enlightenment) -> None:
    node = block.child(planned.name)
    if node is None:
        draft.insert(block, enlightenment(planned), _FAST)
        return
    draft.set(node, "state", "on", _FAST)
    for name, value in planned.attributes:
        draft.set(node, name, value, _FAST)
    for name in planned.children:
        _state(draft, node, name, "on", _FAST)


def _state(draft: Draft, parent: Node, name: str, state: str, why: str) -> None:
    put(draft, parent, element(name, state=state), why)


def _timer(draft: Draft) -> None:
    clock = draft.root.child("clock")
    if clock is None:
        # libvirt's own default, so that adding the timer does not change the guest's time.
        clock = draft.insert(draft.root, element("clock", offset="utc"), "the Hyper-V clock needs it")
    timer = clock.child("timer", name="hypervclock")
    why = "the synthetic timers need Hyper-V's clock"
    if timer is None:
        draft.insert(clock, element("timer", name="hypervclock", present="yes"), why)
    else:
        draft.set(timer, "present", "yes", why)
