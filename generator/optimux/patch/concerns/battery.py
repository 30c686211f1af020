"""The battery table, by libvirt's element or by an argument."""

from __future__ import annotations

from optimux.emit.domain_xml.commandline import battery_arguments
from optimux.emit.xml import element
from optimux.patch.arguments import Argument, append, arguments, remove, update
from optimux.patch.draft import Draft
from optimux.patch.node import Node

_WHY = "NVIDIA's laptop driver looks for a battery"
# The fake battery that guides hand around under this name: a second device BAT0 would clash with ours.
_KNOWN = ("ssdt1.dat", "ssdt1.aml")


def battery(draft: Draft) -> None:
    """The table once, and ACPI on."""
    plan = draft.plan
    if plan.battery is None:
        return
    features = draft.ensure(draft.root, "features")
    if features.child("acpi") is None:
        draft.insert(features, element("acpi"), "the battery is an ACPI device")
    if plan.battery_in_acpi:
        _remove_arguments(draft)
        _table(draft)
    else:
        _remove_tables(draft)
        _argument(draft)
    _leave_others(draft)


def _is_ours(draft: Draft, path: str) -> bool:
    return path == draft.plan.battery_path or path.rpartition("/")[2].lower() in _KNOWN


def _tables(draft: Draft) -> list[Node]:
    os = draft.root.child("os")
    block = os.child("acpi") if os is not None else None
    return list(block.all("table")) if block is not None else []


def _arguments(draft: Draft) -> list[Argument]:
    """The ``-acpitable`` arguments that give the guest a battery of ours."""
    found = [argument for argument in arguments(draft) if argument.option == "acpitable"]
    return [argument for argument in found if _is_ours(draft, argument.get("file") or argument.get("data"))]


def _remove_arguments(draft: Draft) -> None:
    for argument in _arguments(draft):
        remove(draft, argument, "libvirt's own element replaces it, and two batteries clash")


def _remove_tables(draft: Draft) -> None:
    for table in _tables(draft):
        if _is_ours(draft, table.words):
            draft.remove(table, "an argument replaces it, and two batteries clash")
    os = draft.root.child("os")
    block = os.child("acpi") if os is not None else None
    if block is not None and not block.children and block.was_children:
        block.remove()


def _table(draft: Draft) -> None:
    os = draft.ensure(draft.root, "os")
    block = draft.ensure(os, "acpi")
    mine = [table for table in _tables(draft) if _is_ours(draft, table.words)]
    if not mine:
        draft.insert(block, element("table", text=draft.plan.battery_path, type_="raw"), _WHY)
        return
    first = next((table for table in mine if table.words == draft.plan.battery_path), mine[0])
    for other in mine:
        if other is not first:
            draft.remove(other, "two batteries clash")
    draft.set(first, "type", "raw", "slic overwrites the table's signature")
    draft.set_text(first, draft.plan.battery_path, "the planned table, where QEMU may read it")


def _argument(draft: Draft) -> None:
    mine = _arguments(draft)
    if not mine:
        append(draft, battery_arguments(draft.plan), _WHY)
        return
    first, *more = mine
    for other in more:
        remove(draft, other, "two batteries clash")
    if set(first.values) != {"file"}:
        # data= and further keys make QEMU build a header of its own around the table.
        first.values.clear()
    update(draft, first, _WHY, file=draft.plan.battery_path)


def _leave_others(draft: Draft) -> None:
    for table in _tables(draft):
        if not _is_ours(draft, table.words):
            draft.leave(f"the ACPI table {table.words}", "it is not the battery's")
    for argument in arguments(draft):
        if argument.option == "acpitable" and not _is_ours(draft, argument.get("file") or argument.get("data")):
            draft.leave(f"the ACPI table {argument.get('file') or argument.get('data')}", "it is not the battery's")
