"""Reading a table back: header, checksum verdict, and the objects whose values stand in the bytes.

It decodes what battery tables are made of. Code that computes (fields, branches, calls) is named and skipped.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from optimux.acpi import names, objects
from optimux.acpi.aml import Integer, NamePath
from optimux.acpi.cursor import MAX_DEPTH, Cursor, UndecodableError, unknown
from optimux.acpi.table import HEADER_SIZE, ParsedTable, parse_table
from optimux.errors import InvalidInput, Problem
from optimux.record import Record

if TYPE_CHECKING:
    from collections.abc import Mapping

    from optimux.acpi.aml import Term

SIGNATURES = ("SSDT", "DSDT", "PSDT")
# Firmware nests some ten deep; a bound keeps the paths of a hostile table short.
MAX_SEGMENTS = 64
# Objects that start with a package length, known by name alone (§20.2.5.2); scopes of their own among them
# hold objects after a few fixed bytes.
_SKIPPED = {
    (0x5B, 0x81): "Field",
    (0x5B, 0x86): "IndexField",
    (0x5B, 0x87): "BankField",
    (0xA1,): "Else",
    (0xA2,): "While",
}
_SCOPES = {
    (0x10,): ("Scope", 0),
    (0x5B, 0x82): ("Device", 0),
    (0x5B, 0x85): ("ThermalZone", 0),
    (0x5B, 0x84): ("PowerResource", 3),
    (0x5B, 0x83): ("Processor", 6),
}
_REGION, _MUTEX, _EVENT, _ALIAS = (0x5B, 0x80), (0x5B, 0x01), (0x5B, 0x02), (0x06,)


class DecodedObject(Record):
    """One object: ``path`` is absolute, ``value`` is what a Name or a constant Method yields.

    ``offset`` counts from the table's first byte; ``note`` says what was not decoded, or nothing.
    """

    path: str
    kind: str
    offset: int
    value: Term | None = None
    arguments: int | None = None
    note: str = ""


class DecodedTable(Record):
    """The header with its verdict, the objects in the table's order, and what was not decoded."""

    table: ParsedTable
    objects: tuple[DecodedObject, ...]
    notes: tuple[str, ...]

    def value(self, path: str) -> Term | None:
        r"""What ``\_SB.PCI0.BAT0._BIF`` yields, through names that stand for values; None when unknown."""
        return resolve({entry.path: entry for entry in self.objects}, path)


def decode(data: bytes, source: str = "") -> DecodedTable:
    """Read a table. Raises ``InvalidInput`` when it is no table or not one that holds AML."""
    table = parse_table(data, source)
    if table.header.signature not in SIGNATURES:
        found = f"a table with the signature {table.header.signature}"
        raise InvalidInput([Problem(source, found, ", ".join(SIGNATURES), "Give it a table that holds AML.")])
    # Integers have 64 bits from revision 2 on (§19.6.29).
    bits = 32 if table.header.revision < 2 else 64
    walker = _Walker()
    walker.terms(Cursor(data, HEADER_SIZE, table.length, bits), names.ROOT, 0)
    if table.trailing:
        walker.notes.append(f"ignored: {table.trailing} bytes after the table's end")
    return DecodedTable(table, tuple(walker.objects), tuple(walker.notes))


def resolve(known: Mapping[str, DecodedObject], path: str) -> Term | None:
    """The value behind ``path`` among objects by their paths; a name that leads out of the table is the value."""
    value: Term | None = None
    for _ in range(MAX_DEPTH):
        entry = known.get(path)
        if entry is None:
            return value
        value = entry.value
        if not isinstance(value, NamePath):
            return value
        path = _lookup(known, path, value.text)
    return None


def _lookup(known: Mapping[str, DecodedObject], path: str, target: str) -> str:
    """Where a name seen in the object at ``path`` leads: a single segment is searched for upwards (§5.3)."""
    scope = names.absolute(path, "^")
    direct = names.absolute(scope, target)
    prefix, segments = names.split(target)
    if prefix or len(segments) != 1:
        return direct
    while (found := names.absolute(scope, target)) not in known and scope != names.ROOT:
        scope = names.absolute(scope, "^")
    return found


class _Walker:
    """Collects objects from nested lists of terms."""

    def __init__(self) -> None:
        self.objects: list[DecodedObject] = []
        self.notes: list[str] = []

    def terms(self, cursor: Cursor, scope: str, depth: int) -> None:
        """Everything up to the cursor's end. Where only a package is unknown, reading goes on behind it."""
        while cursor.peek() is not None:
            try:
                self._term(cursor, scope, depth)
            except UndecodableError as reason:
                self._give_up(cursor, reason)

    def _give_up(self, cursor: Cursor, reason: UndecodableError) -> None:
        note = f"not decoded: {reason}"
        if reason.cursor is cursor:
            # Nothing says where the next term starts.
            cursor.position = cursor.end
            note += f"; skipped to offset {cursor.end:#06x}"
        self.notes.append(note)

    def _term(self, cursor: Cursor, scope: str, depth: int) -> None:
        offset = cursor.position
        if depth > MAX_DEPTH:
            raise UndecodableError(cursor, f"objects nested deeper than {MAX_DEPTH} at offset {offset:#06x}")
        opcode = cursor.opcode()
        if opcode in _SCOPES:
            self._scope(cursor, scope, depth, opcode, offset)
        elif opcode == (objects.NAME,):
            self._name(cursor, scope, offset)
        elif opcode == (objects.METHOD,):
            self._method(cursor, scope, offset)
        elif opcode == (objects.EXTERNAL,):
            self._external(cursor, scope, offset)
        elif opcode == (objects.IF,):
            self._if(cursor, scope, depth)
        elif opcode in _SKIPPED:
            cursor.position = cursor.package_end()
            self.notes.append(f"not decoded: {_SKIPPED[opcode]}, {unknown(opcode, offset)}")
        else:
            self._small(cursor, scope, opcode, offset)

    def _scope(self, cursor: Cursor, scope: str, depth: int, opcode: tuple[int, ...], offset: int) -> None:
        kind, fixed = _SCOPES[opcode]
        inner = _enter(cursor)
        path = _place(inner, scope)
        inner.take(fixed)
        self._add(path, kind, offset)
        self.terms(inner, path, depth + 1)

    def _name(self, cursor: Cursor, scope: str, offset: int) -> None:
        path = _place(cursor, scope)
        try:
            self._add(path, "Name", offset, value=cursor.data_object())
        except UndecodableError:
            self._add(path, "Name", offset, note="value not decoded")
            raise

    def _method(self, cursor: Cursor, scope: str, offset: int) -> None:
        inner = _enter(cursor)
        path = _place(inner, scope)
        arguments = inner.byte() & 7
        value, note = _constant_of(inner)
        self._add(path, "Method", offset, value=value, arguments=arguments, note=note)

    def _external(self, cursor: Cursor, scope: str, offset: int) -> None:
        path = _place(cursor, scope)
        kind = objects.OBJECT_TYPES.get(cursor.byte(), "UnknownObj")
        self._add(path, "External", offset, arguments=cursor.byte(), note=kind)

    def _if(self, cursor: Cursor, scope: str, depth: int) -> None:
        inner = _enter(cursor)
        condition = inner.data_object()
        if not isinstance(condition, Integer):
            raise UndecodableError(inner, f"a condition at offset {inner.position:#06x}")
        # If (0) is how compilers hide External from old interpreters; whatever else is in it does not exist.
        if condition.value or inner.peek() == objects.EXTERNAL:
            self.terms(inner, scope, depth + 1)

    def _small(self, cursor: Cursor, scope: str, opcode: tuple[int, ...], offset: int) -> None:
        if opcode == _ALIAS:
            target = NamePath(cursor.path())
            self._add(_place(cursor, scope), "Alias", offset, value=target)
        elif opcode == _REGION:
            self._add(_place(cursor, scope), "OperationRegion", offset)
            cursor.byte()
            cursor.data_object()
            cursor.data_object()
        elif opcode in (_MUTEX, _EVENT):
            self._add(_place(cursor, scope), "Mutex" if opcode == _MUTEX else "Event", offset)
            cursor.take(opcode == _MUTEX)
        else:
            raise UndecodableError(cursor, unknown(opcode, offset))

    def _add(
        self,
        path: str,
        kind: str,
        offset: int,
        value: Term | None = None,
        arguments: int | None = None,
        note: str = "",
    ) -> None:
        self.objects.append(DecodedObject(path, kind, offset, value, arguments, note))


def _enter(cursor: Cursor) -> Cursor:
    """A cursor for the package that starts here; the outer one goes on behind it."""
    end = cursor.package_end()
    inner = cursor.within(end)
    cursor.position = end
    return inner


def _place(cursor: Cursor, scope: str) -> str:
    """The absolute path of the name that comes next."""
    offset = cursor.position
    path = names.absolute(scope, cursor.path())
    if path.count(".") > MAX_SEGMENTS:
        raise UndecodableError(cursor, f"a path of more than {MAX_SEGMENTS} names at offset {offset:#06x}")
    return path


def _constant_of(body: Cursor) -> tuple[Term | None, str]:
    """What a method returns when all that it does is return a constant, and a note when it does more."""
    if body.peek() is None:
        return None, ""
    offset = body.position
    try:
        opcode = body.opcode()
        if opcode != (objects.RETURN,):
            return None, f"not decoded: {unknown(opcode, offset)}"
        return body.data_object(), ""
    except UndecodableError as reason:
        return None, f"not decoded: {reason}"
