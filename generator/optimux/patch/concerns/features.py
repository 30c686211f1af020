"""Hypervisor features beside Hyper-V's, sleep and lifecycle: only what is stated."""

from __future__ import annotations

from optimux.emit.domain_xml.platform import lifecycle, power_management
from optimux.emit.xml import element, on_off
from optimux.patch.concerns.stated import WHY, Handler, put, run
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
    if driver == "default":
        for present in list(parent.all("ioapic")):
            draft.remove(present, WHY)
    else:
        put(draft, parent, element("ioapic", driver=driver))


def _pmu(draft: Draft) -> None:
    put(draft, draft.ensure(draft.root, "features"), element("pmu", state=on_off(draft.plan.features.pmu)))


_EVENTS = {"onPoweroff": "on_poweroff", "onReboot": "on_reboot", "onCrash": "on_crash"}


def _event(tag: str) -> Handler:
    def handler(draft: Draft) -> None:
        put(draft, draft.root, next(item for item in lifecycle(draft.plan.lifecycle) if item.name == tag))

    return handler


def _sleep(tag: str) -> Handler:
    def handler(draft: Draft) -> None:
        states = power_management(draft.plan.power_management).children
        put(draft, draft.ensure(draft.root, "pm"), next(item for item in states if item.name == tag))

    return handler


_SLEEP: dict[str, Handler] = {
    "powerManagement.suspendToMem": _sleep("suspend-to-mem"),
    "powerManagement.suspendToDisk": _sleep("suspend-to-disk"),
}
