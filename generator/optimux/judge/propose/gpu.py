"""``gpus.dgpu``: the card with every function, and how it is bound."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from optimux.judge.propose.entry import Entry
from optimux.judge.roles import functions_of, group_mates, is_integrated, is_virtual
from optimux.rules import rules

if TYPE_CHECKING:
    from optimux.facts import Facts, PciDevice
    from optimux.judge.gpus import Verdict

TABLE = "gpus.dgpu"


def gpu_entries(facts: Facts, verdict: Verdict) -> Iterator[Entry]:
    """The card of a verdict."""
    card = [f for f in functions_of(facts, verdict.device) if not f.is_bridge][:4]
    mates = group_mates(facts, verdict.device)[:16]
    names = "; ".join(f"{f.address} {f.name}" for f in card if f.name)
    yield Entry(TABLE, "functions", [_function(f) for f in card], names)
    if mates:
        why = f"IOMMU group {verdict.device.iommu_group} is given whole."
        yield Entry(TABLE, "otherDevices", [_function(mate) for mate in mates], why)
        yield Entry(TABLE, "softdeps", _softdeps(card, mates), "What drives these devices now must wait for vfio-pci.")
    yield from _bind(facts, verdict, (*card, *mates))
    if verdict.device.boot_vga or verdict.device.boot_display:
        yield Entry(TABLE, "releaseFramebuffer", True, "The firmware's console is on this card.")
    yield from _subsystem(facts, verdict.device)


def _subsystem(facts: Facts, device: PciDevice) -> Iterator[Entry]:
    """A laptop's card that reports zeroes has, nearly always, the ids that the rest of the board has."""
    if facts.machine.form != "laptop" or device.subsystem_id is None or device.subsystem_id.vendor:
        return
    beside = [*facts.slot(device.address), *(d for d in facts.devices if d.is_display and is_integrated(facts, d))]
    known = next((d for d in beside if d.subsystem_id and d.subsystem_id.vendor), None)
    if known is None or known.subsystem_id is None:
        return
    ids = {"vendor": known.subsystem_id.vendor, "device": known.subsystem_id.device}
    why = (
        "the card reports zeroes, by which the guest's driver does not know it; these are the ids "
        f"{known.subsystem_id} of {known.address}."
    )
    yield Entry(TABLE, "subsystemIds", ids, why, True, "those that Windows on the bare machine shows (SUBSYS_).")


def _function(device: PciDevice) -> dict[str, Any]:
    return {"address": str(device.address), "id": str(device.id)}


def _softdeps(card: list[PciDevice], mates: tuple[PciDevice, ...]) -> list[str]:
    table = rules()["drivers"]
    known = table["vendors"].get(f"{card[0].id.vendor:04x}", {"softdeps": []})["softdeps"]
    seen = [name.replace("-", "_") for device in (*card, *mates) for name in (*device.modules, device.driver) if name]
    return list(dict.fromkeys([*known, *table["companions"], *(name for name in seen if name != "vfio_pci")]))


def _bind(facts: Facts, verdict: Verdict, given: tuple[PciDevice, ...]) -> Iterator[Entry]:
    """By id unless the host has a twin; by libvirt where the native driver must make virtual functions first."""
    addresses = {device.address for device in given}
    ids = {device.id for device in given}
    twins = [device for device in facts.devices if device.id in ids and device.address not in addresses]
    sriov = verdict.device.sriov
    if is_virtual(verdict.device) or (sriov and sriov.enabled):
        yield Entry(TABLE, "bind", "on-demand", "SR-IOV: its own driver must be bound while virtual functions exist.")
    elif twins:
        yield Entry(
            TABLE, "bind", "address", f"{twins[0].address} has the id {twins[0].id} too and stays with the host."
        )
