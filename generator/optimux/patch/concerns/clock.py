"""The guest's clock and timers: only what is stated."""

from __future__ import annotations

from optimux.emit.domain_xml.platform import clock as built
from optimux.emit.xml import element
from optimux.patch.concerns.stated import WHY, Handler, put, run
from optimux.patch.draft import Draft
from optimux.patch.node import Node

# The option of each timer, by libvirt's name of it.
_TIMERS = {
    "rtc": "rtcTickpolicy",
    "pit": "pitTickpolicy",
    "hpet": "hpet",
    "kvmclock": "kvmclock",
    "hypervclock": "hypervclock",
    "tsc": "tscNative",
}


def clock(draft: Draft) -> None:
    """``<clock>`` and its ``<timer>`` elements."""
    run(draft, _HANDLERS)


def _clock(draft: Draft) -> Node:
    present = draft.root.child("clock")
    # libvirt's own default, so that a timer that is added does not change the guest's time.
    return present or draft.insert(draft.root, element("clock", offset="utc"), WHY)


def _offset(draft: Draft) -> None:
    node = _clock(draft)
    if node.get("offset") != draft.plan.clock.offset:
        for name in ("adjustment", "basis", "timezone", "start"):
            draft.unset(node, name, f"{draft.plan.clock.offset} has no such setting")
    draft.set(node, "offset", draft.plan.clock.offset, WHY)


def _timer(name: str) -> Handler:
    def handler(draft: Draft) -> None:
        timers = (item for item in built(draft.plan).children if item.attributes.get("name") == name)
        node, wanted = _clock(draft), next(timers, None)
        if wanted is None:
            _without(draft, node.child("timer", name=name))
        else:
            put(draft, node, wanted, by=("name",))

    return handler


def _without(draft: Draft, present: Node | None) -> None:
    """Nothing is written for a tick policy of none, and for a TSC that is not native."""
    if present is None:
        return
    name = "mode" if present.get("name") == "tsc" else "tickpolicy"
    draft.unset(present, name, WHY)
    if set(present.attributes) == {"name"} or present.attributes == {"name": "tsc", "present": "yes"}:
        draft.remove(present, "it says nothing any more")


_HANDLERS: dict[str, Handler] = {
    "clock.offset": _offset,
    **{f"clock.timers.{key}": _timer(name) for name, key in _TIMERS.items()},
}
