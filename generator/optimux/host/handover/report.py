"""A look at a card as plain data, for programs, and as lines for people."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from optimux.host.handover.describe import BROKERS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from optimux.host.handover.holder import Holder
    from optimux.host.handover.picture import Function, Picture
    from optimux.host.handover.verdict import Verdict


def as_data(picture: Picture, verdict: Verdict) -> dict[str, Any]:
    """Everything that was seen, and the verdict."""
    return {
        "gpu": picture.card.name,
        "onDemand": picture.card.on_demand,
        "verdict": verdict.word,
        "reasons": [
            {"key": f.key, "weight": f.weight, "outcome": f.outcome, "found": f.found, "remedy": f.remedy}
            for f in verdict.reasons
        ],
        "functions": [_function(function) for function in picture.functions],
        "holders": [_holder(holder) for holder in picture.holders],
        "mounts": [{"node": m.node, "where": m.where or None, "process": m.pid} for m in picture.mounts],
        "connectors": [{"name": c.name, "status": c.status, "enabled": c.enabled} for c in picture.connectors],
        "modules": [
            {"name": m.name, "drives": list(map(str, m.addresses)), "references": m.references} for m in picture.modules
        ],
        "machine": picture.machine,
        "incomplete": list(picture.incomplete),
    }


def _function(function: Function) -> dict[str, Any]:
    device = function.device
    return {
        "address": str(function.address),
        "id": str(device.id) if device else None,
        "driver": device.driver if device else None,
        "power": device.power_state if device else None,
        "group": device.iommu_group if device else None,
    }


def _holder(holder: Holder) -> dict[str, Any]:
    return {
        "process": holder.pid,
        "program": holder.program,
        "user": holder.user,
        "unit": holder.unit,
        "session": holder.session,
        "frozen": holder.state == "frozen",
        "broker": holder.program in BROKERS,
        "uses": [{"node": u.node, "function": u.function, "how": u.how, "thread": u.tid} for u in holder.uses],
    }


def lines(picture: Picture, verdict: Verdict) -> Iterator[str]:
    """The verdict first, with each reason and its remedy; then the functions."""
    yield f"{picture.card.name}: {verdict.sentence}"
    for finding in verdict.reasons:
        yield f"  - {finding.found}"
        if finding.remedy:
            yield f"    {finding.remedy}"
    if picture.machine:
        yield f"  {picture.machine}"
    for function in picture.functions:
        yield f"  {_told(function)}"


def _told(function: Function) -> str:
    device = function.device
    if device is None:
        return f"{function.address}  not there"
    driver = device.driver or "no driver"
    power = device.power_state or "power unknown"
    group = "no IOMMU group" if device.iommu_group is None else f"IOMMU group {device.iommu_group}"
    return f"{device.address}  {device.id}  {driver}, {power}, {group}"
