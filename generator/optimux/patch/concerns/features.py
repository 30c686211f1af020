"""Hypervisor features beside Hyper-V's, sleep and lifecycle: only what is stated."""

from __future__ import annotations

from optimux.emit.domain_xml.platform import lifecycle, power_management
from optimux.emit.xml import element, on_off
from optimux.patch.concerns.stated import WHY, Handler, merge, node_of, run
from optimux.patch.draft import Draft


def features(draft: Draft) -> None:
    """``<ioapic>`` and ``<pmu>``."""
    run(draft, {"features.ioapic": _ioapic, "features.pmu": _pmu})


def power(draft: Draft) -> None:
    """What power off, reboot and crash do, and the sleep states."""
    run(draft, {**{f"lifecycle.{key}": _event(tag) for key, tag in _EVENTS.items()}, **_SLEEP})


def _ioapic(draft: Draft) -> None:
    driver = draft.plan.features.ioapic
    parent = draft.ensure(draft.root, "features")
    present = parent.child("ioapic")
    if driver == "default":
        if present is not None:
            draft.remove(present, WHY)
    elif present is None:
        draft.insert(parent, element("ioapic", driver=driver), WHY)
    else:
        draft.set(present, "driver", driver, WHY)


def _pmu(draft: Draft) -> None:
    state = on_off(draft.plan.features.pmu)
    parent = draft.ensure(draft.root, "features")
    present = parent.child("pmu")
    if present is None:
        draft.insert(parent, element("pmu", state=state), WHY)
    else:
        draft.set(present, "state", state, WHY)


_EVENTS = {"onPoweroff": "on_poweroff", "onReboot": "on_reboot", "onCrash": "on_crash"}


def _event(tag: str) -> Handler:
    def handler(draft: Draft) -> None:
        wanted = next(item for item in lifecycle(draft.plan.lifecycle) if item.name == tag)
        present = draft.root.child(tag)
        if present is None:
            draft.insert(draft.root, wanted, WHY)
        else:
            draft.set_text(present, wanted.text or "", WHY)

    return handler


def _sleep(tag: str) -> Handler:
    def handler(draft: Draft) -> None:
        wanted = node_of(power_management(draft.plan.power_management)).child(tag)
        assert wanted is not None
        parent = draft.ensure(draft.root, "pm")
        present = parent.child(tag)
        if present is None:
            draft.insert(parent, element(tag, enabled=wanted.get("enabled")), WHY)
        else:
            merge(draft, present, wanted)

    return handler


_SLEEP: dict[str, Handler] = {
    "powerManagement.suspendToMem": _sleep("suspend-to-mem"),
    "powerManagement.suspendToDisk": _sleep("suspend-to-disk"),
}
