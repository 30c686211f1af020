"""``-cpu`` among the arguments: it comes after libvirt's own, and QEMU takes the last. It becomes XML where it can."""

from __future__ import annotations

import re

from optimux.emit.xml import Element, element
from optimux.patch.arguments import remove
from optimux.patch.draft import Draft
from optimux.patch.machine.arguments import Argument
from optimux.patch.node import Node

_FLAGS = {
    "hv-relaxed": "relaxed", "hv-vapic": "vapic", "hv-vpindex": "vpindex", "hv-runtime": "runtime",
    "hv-synic": "synic", "hv-stimer": "stimer", "hv-reset": "reset", "hv-frequencies": "frequencies",
    "hv-reenlightenment": "reenlightenment", "hv-tlbflush": "tlbflush", "hv-ipi": "ipi", "hv-evmcs": "evmcs",
    "hv-avic": "avic", "hv-emsr-bitmap": "emsr_bitmap", "hv-xmm-input": "xmm_input",
}  # fmt: skip
# Words of QEMU's that are no feature of a CPU, and that libvirt has no element for.
_FOREIGN = re.compile(r"hv-.*|kvm-.*|x-.*|phys-bits|host-phys-bits.*|guest-phys-bits|(x?level|min-.*|full-).*|"
                      r"family|stepping|vendor|model.*|check|enforce|pmu|tsc-.*|l3-cache|cache-info|fill-mtrr-mask|"
                      r"migratable|host-cache-info|topoext-.*|apic-id|.*-id|legacy-.*|tcg-.*|enforce-.*")  # fmt: skip
_NAME = re.compile(r"[a-z0-9][a-z0-9.-]*")
_MODE = "host-passthrough"  # what libvirt calls QEMU's host
_WINS = "it comes after libvirt's and wins: what hyperv and cpu set has no effect"


def cpu_arguments(draft: Draft) -> list[Argument]:
    """Every ``-cpu``."""
    return list(draft.machine.of_option("cpu"))


def say_or_take_over(draft: Draft) -> None:
    """Where both concerns are asked for, the argument becomes XML; else, and where it cannot, it is said."""
    for argument in cpu_arguments(draft):
        parts = _parts(argument)
        if parts is not None and {"hyperv", "cpu"} <= set(draft.concerns) and len(cpu_arguments(draft)) == 1:
            _take_over(draft, argument, parts)
            return
        draft.leave(f"the argument {argument}", _WINS)


Part = tuple[str, Element]


def _parts(argument: Argument) -> list[Part] | None:
    """What the argument says, as elements below ``hyperv``, ``kvm``, ``clock`` or ``cpu``; ``None`` for what cannot."""
    assert argument.cpu is not None
    if argument.cpu.model != "host":
        return None
    found = [_part(name, value) for name, value in argument.cpu.features]
    return None if None in found else [part for part in found if part is not None]


def _part(name: str, value: str) -> Part | None:
    switch = {"on": True, "off": False}.get(value)
    if name in _FLAGS and switch is not None:
        return "hyperv", element(_FLAGS[name], state=value)
    if name == "hv-time" and switch is not None:
        return "clock", element("timer", name="hypervclock", present="yes" if switch else "no")
    if name == "hv-spinlocks" and value != "off":
        return _spinlocks(value)
    if name == "hv-vendor-id" and re.fullmatch(r"[^,]{1,12}", value):
        return "hyperv", element("vendor_id", state="on", value=value)
    if name == "kvm" and switch is not None:
        return "kvm", element("hidden", state="off" if switch else "on")
    if name == "host-cache-info" and switch:
        return "cpu", element("cache", mode="passthrough")
    if name == "migratable" and switch is not None:
        return "cpu", element("migratable", state=value)
    if switch is None or _FOREIGN.fullmatch(name) or not _NAME.fullmatch(name):
        return None
    return "cpu", element("feature", policy="require" if switch else "disable", name=name)


def _spinlocks(value: str) -> Part | None:
    try:
        count = int(value, 0)
    except ValueError:
        return None
    return ("hyperv", element("spinlocks", state="on", retries=count)) if 4095 <= count < 1 << 32 else None


def _take_over(draft: Draft, argument: Argument, parts: list[Part]) -> None:
    why = f"{argument} says so, and would win over libvirt's"
    cpu = draft.root.child("cpu") or draft.insert(draft.root, element("cpu"), why)
    if cpu.get("mode", "custom") != _MODE:
        draft.set(cpu, "mode", _MODE, why)
        for name in ("match", "deprecated_features"):
            draft.unset(cpu, name, "it belongs to a named model")
        for name in ("model", "vendor"):
            if (child := cpu.child(name)) is not None:
                draft.remove(child, "it names another CPU")
    for where, wanted in parts:
        _merge(draft, cpu, where, wanted, why)
    remove(draft, [argument], "the domain says the same in libvirt's words, and this would win over them")


def _merge(draft: Draft, cpu: Node, where: str, wanted: Element, why: str) -> None:
    if wanted.name == "migratable":
        draft.set(cpu, "migratable", wanted.attributes["state"], why)
        return
    parent = cpu if where == "cpu" else draft.root.child("clock") if where == "clock" else None
    if where == "clock" and parent is None:
        parent = draft.insert(draft.root, element("clock", offset="utc"), why)
    if parent is None:
        parent = draft.ensure(draft.ensure(draft.root, "features"), where)
        if where == "hyperv" and parent.span is None:
            parent.set("mode", "custom")
    key = {"name": wanted.attributes["name"]} if "name" in wanted.attributes else {}
    present = parent.child(wanted.name, **key)
    if present is None:
        draft.insert(parent, wanted, why)
    for name, value in wanted.attributes.items() if present is not None else ():
        draft.set(present, name, value, why) if present is not None else None
