"""Reading AML bytes: numbers, names, package lengths, data objects (ACPI 6.5 §20.2.2 to §20.2.4)."""

from __future__ import annotations

from optimux.acpi import aml, names
from optimux.acpi.aml import Buffer, Integer, NamePath, Package, String, Term
from optimux.acpi.error import AmlError

# Far deeper than firmware nests, far shallower than Python's stack.
MAX_DEPTH = 32
VAR_PACKAGE = 0x13
_INTEGER_WIDTHS = {aml.BYTE: 1, aml.WORD: 2, aml.DWORD: 4, aml.QWORD: 8}


class UndecodableError(Exception):
    """Bytes that this reader does not know; the message says which and where. Never leaves the decoder.

    ``cursor`` is the one that is lost: those around it stand behind the package that it was reading.
    """

    def __init__(self, cursor: Cursor, message: str) -> None:
        super().__init__(message)
        self.cursor = cursor


class Cursor:
    """A position in a table's bytes. Offsets in messages count from the table's first byte."""

    def __init__(self, data: bytes, position: int, end: int, integer_bits: int) -> None:
        self.data, self.position, self.end = data, position, end
        self.ones = (1 << integer_bits) - 1

    def take(self, count: int) -> bytes:
        """The next bytes."""
        left = self.end - self.position
        if count > left:
            raise UndecodableError(self, f"{count} bytes wanted at offset {self.position:#06x}, {left} left")
        self.position += count
        return self.data[self.position - count : self.position]

    def peek(self) -> int | None:
        """The next byte, or None at the end."""
        return self.data[self.position] if self.position < self.end else None

    def byte(self) -> int:
        """The next byte."""
        return self.take(1)[0]

    def number(self, width: int) -> int:
        """A little-endian number of ``width`` bytes."""
        return int.from_bytes(self.take(width), "little")

    def opcode(self) -> tuple[int, ...]:
        """One byte, or two after the prefix 0x5B."""
        first = self.byte()
        return (first, self.byte()) if first == 0x5B else (first,)

    def package_end(self) -> int:
        """Where the package whose length comes next ends."""
        start = self.position
        lead = self.byte()
        width = lead >> 6
        length = lead & 0x3F if width == 0 else lead & 0xF | self.number(width) << 4
        if length <= width or start + length > self.end:
            left = self.end - start
            raise UndecodableError(
                self, f"the package length {length} at offset {start:#06x} does not fit, {left} left"
            )
        return start + length

    def segment(self) -> str:
        """One NameSeg in ASL's spelling."""
        start = self.position
        text = self.take(4).decode("latin-1")
        try:
            names.segment(text)
        except AmlError:
            raise UndecodableError(self, f"{text!a} at offset {start:#06x} is no name") from None
        return names.short(text)

    def path(self) -> str:
        """A NameString in ASL's spelling."""
        start = self.position
        prefix = self._prefix()
        path = prefix + ".".join(self.segment() for _ in range(self._segment_count()))
        if not path:
            raise UndecodableError(self, f"an empty name at offset {start:#06x}")
        return path

    def _prefix(self) -> str:
        if self.peek() == 0x5C:
            return chr(self.byte())
        start = self.position
        while self.peek() == 0x5E:
            self.position += 1
        return "^" * (self.position - start)

    def _segment_count(self) -> int:
        lead = self.peek()
        if lead not in (names.NULL_NAME, names.DUAL_NAME, names.MULTI_NAME):
            return 1
        self.byte()
        return {names.NULL_NAME: 0, names.DUAL_NAME: 2}[lead] if lead != names.MULTI_NAME else self.byte()

    def data_object(self, depth: int = 0) -> Term:
        """A constant: integer, string, buffer, package, or a name that stands for one."""
        start, lead = self.position, self.peek()
        if depth > MAX_DEPTH:
            raise UndecodableError(self, f"data nested deeper than {MAX_DEPTH} at offset {start:#06x}")
        if lead is None:
            raise UndecodableError(self, f"no value at offset {start:#06x}, where one is due")
        if lead in b"\\^./_" or 0x41 <= lead <= 0x5A:
            return NamePath(self.path())
        self.byte()
        return self._constant(lead, start, depth)

    def _constant(self, opcode: int, start: int, depth: int) -> Term:
        if opcode in (aml.ZERO, aml.ONE, aml.ONES):
            return Integer(self.ones if opcode == aml.ONES else opcode)
        if opcode in _INTEGER_WIDTHS:
            return Integer(self.number(_INTEGER_WIDTHS[opcode]))
        if opcode == aml.STRING:
            return self._string(start)
        if opcode == aml.BUFFER:
            return self._buffer(depth)
        if opcode in (aml.PACKAGE, VAR_PACKAGE):
            return self._package(opcode, depth)
        raise UndecodableError(self, unknown((opcode,), start))

    def _string(self, start: int) -> String:
        end = self.data.find(0, self.position, self.end)
        if end < 0:
            raise UndecodableError(self, f"the string at offset {start:#06x} has no end")
        text = self.take(end + 1 - self.position)[:-1]
        if not text.isascii():
            raise UndecodableError(self, f"the string at offset {start:#06x} is no ASCII")
        return String(text.decode("ascii"))

    def _buffer(self, depth: int) -> Buffer:
        end = self.package_end()
        inner = self.within(end)
        inner.data_object(depth + 1)  # the size; what the bytes do not fill is zero
        self.position = end
        return Buffer(inner.take(end - inner.position))

    def _package(self, opcode: int, depth: int) -> Package:
        end = self.package_end()
        inner = self.within(end)
        if opcode == VAR_PACKAGE:
            inner.data_object(depth + 1)
        else:
            inner.byte()
        self.position = end
        elements = []
        while inner.peek() is not None:
            elements.append(inner.data_object(depth + 1))
        if len(elements) > 255:
            raise UndecodableError(self, f"a package of {len(elements)} elements at offset {inner.position:#06x}")
        return Package(tuple(elements))

    def within(self, end: int) -> Cursor:
        """A cursor at the same place that stops earlier."""
        return Cursor(self.data, self.position, end, self.ones.bit_length())


def unknown(opcode: tuple[int, ...], offset: int) -> str:
    """How an opcode that is not decoded is named."""
    return f"opcode 0x{''.join(f'{byte:02X}' for byte in opcode)} at offset {offset:#06x}"
