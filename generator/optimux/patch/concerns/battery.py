"""The battery table, by libvirt's element or by an argument."""

from __future__ import annotations

from optimux.emit.domain_xml.commandline import battery_arguments
from optimux.emit.xml import element
from optimux.patch.arguments import append, remove, update
from optimux.patch.draft import Draft
from optimux.patch.machine.arguments import Argument
from optimux.patch.node import Node
from optimux.patch.tables import judge

_WHY = "NVIDIA's laptop driver looks for a battery"
_CLASH = "two batteries clash"


def battery(draft: Draft) -> None:
    """The table once, and ACPI on."""
    plan = draft.plan
    if plan.battery is None:
        return
    features = draft.ensure(draft.root, "features")
    if features.child("acpi") is None:
        draft.insert(features, element("acpi"), "the battery is an ACPI device")
    kept = _kept(draft)
    if kept:
        draft.leave(f"the ACPI table {kept}", "it holds a battery and more; a second one of the name would clash")
    elif plan.battery_in_acpi:
        _remove_arguments(draft)
        _table(draft)
    else:
        _remove_tables(draft, f"an argument replaces it, and {_CLASH}")
        _argument(draft)
    _leave_others(draft)


def remove_battery(draft: Draft) -> None:
    """Take the battery out, in either form; tables that hold anything else stay."""
    if draft.plan.battery is not None:
        why = "the card's driver alone looks for a battery"
        _split_off(draft, why)
        remove(draft, _mine(draft), why)
        _remove_tables(draft, why)


def _kept(draft: Draft) -> str:
    """A table that gives the guest a battery beside other devices: it cannot go."""
    paths = [table.words for table in _tables(draft)] + [p for a in _arguments(draft) for p in a.paths]
    return next((path for path in paths if judge(draft, path).kind == "more"), "")


def _is_battery(draft: Draft, path: str) -> bool:
    return judge(draft, path).kind == "battery"


def _tables(draft: Draft) -> list[Node]:
    return [table for block in _blocks(draft) for table in block.all("table")]


def _blocks(draft: Draft) -> list[Node]:
    """Of ACPI tables: libvirt reads them all."""
    os = draft.root.child("os")
    return list(os.all("acpi")) if os is not None else []


def _arguments(draft: Draft) -> list[Argument]:
    return [argument for argument in draft.machine.of_option("acpitable") if argument.paths]


def _mine(draft: Draft) -> list[Argument]:
    """The ``-acpitable`` arguments of a battery alone."""
    return [a for a in _arguments(draft) if all(_is_battery(draft, path) for path in a.paths)]


def _remove_arguments(draft: Draft) -> None:
    _split_off(draft)
    why = "libvirt's own element replaces it, and two batteries clash"
    remove(draft, _mine(draft), lambda argument: _reason(draft, argument, why))


def _reason(draft: Draft, argument: Argument, why: str) -> str:
    if not argument.get("file"):
        path = argument.get("data")
        return f"file= is missing: QEMU takes {path} for a table without a header, and the guest has no battery"
    how = judge(draft, argument.paths[0]).how
    return f"{why}; {how}" if "cannot be read" in how else why


def _split_off(draft: Draft, why: str = _CLASH) -> None:
    """A battery among the several files of one argument leaves the others."""
    for argument in _arguments(draft):
        paths = argument.paths
        rest = [path for path in paths if not _is_battery(draft, path)]
        if rest and len(rest) < len(paths) and argument.get("file"):
            update(draft, argument, why, file=":".join(rest))


def _remove_tables(draft: Draft, why: str) -> None:
    for table in _tables(draft):
        if _is_battery(draft, table.words):
            draft.remove(table, why)
    for block in _blocks(draft):
        if not block.children and block.was_children:
            block.remove()


def _table(draft: Draft) -> None:
    os = draft.ensure(draft.root, "os")
    block = draft.ensure(os, "acpi")
    mine = [table for table in _tables(draft) if _is_battery(draft, table.words)]
    if not mine:
        draft.insert(block, element("table", text=draft.plan.battery_path, type_="raw"), _WHY)
        return
    first = next((table for table in mine if table.words == draft.plan.battery_path), mine[0])
    for other in mine:
        if other is not first:
            draft.remove(other, _CLASH)
    draft.set(first, "type", "raw", "slic overwrites the table's signature")
    how = judge(draft, first.words).how
    draft.set_text(first, draft.plan.battery_path, f"the planned table, where QEMU may read it; the old one: {how}")


def _argument(draft: Draft) -> None:
    _split_off(draft)
    mine = _mine(draft)
    if not mine:
        append(draft, battery_arguments(draft.plan), _WHY)
        return
    first = next((argument for argument in mine if argument.get("file") == draft.plan.battery_path), mine[0])
    remove(draft, [other for other in mine if other is not first], _CLASH)
    assert first.values is not None
    if set(first.values.values) == {"file"}:
        update(draft, first, _WHY, file=draft.plan.battery_path)
        return
    before = str(first)
    why = _reason(draft, first, "with other keys QEMU builds a header of its own around the table")
    first.rewrite(battery_arguments(draft.plan)[1])
    draft.did(f"changed the argument {before} to {first}", why)


def _leave_others(draft: Draft) -> None:
    paths = [table.words for table in _tables(draft)] + [p for a in _arguments(draft) for p in a.paths]
    for path in paths:
        verdict = judge(draft, path)
        if verdict.kind in ("other", "unknown"):
            draft.leave(f"the ACPI table {path}", verdict.how)
