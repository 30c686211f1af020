"""AML data as frozen values: integers, strings, ids, names, buffers, packages (ACPI 6.5 §20.2.2, §20.2.3, §20.2.5.4).

Each term has ``encode() -> bytes`` and ``asl(indent) -> str``, the source that a compiler turns into the same bytes.
"""

from __future__ import annotations

import re

from optimux.acpi import names
from optimux.acpi.error import AmlError, in_range
from optimux.acpi.length import with_length
from optimux.record import Record

INDENT = "    "
ZERO, ONE, ONES = 0x00, 0x01, 0xFF
BYTE, WORD, DWORD, QWORD = 0x0A, 0x0B, 0x0C, 0x0E
STRING, BUFFER, PACKAGE = 0x0D, 0x11, 0x12
ALL_ONES = (1 << 64) - 1
_SHORT_OPS = {0: bytes((ZERO,)), 1: bytes((ONE,)), ALL_ONES: bytes((ONES,))}
_PREFIXES = ((1, BYTE), (2, WORD), (4, DWORD), (8, QWORD))


class Term(Record):
    """Something that AML can hold."""

    def encode(self) -> bytes:
        """The AML bytes. Raises ``AmlError`` for what AML cannot hold."""
        raise NotImplementedError

    def asl(self, indent: int = 0) -> str:
        """The ASL source, without the first line's indentation."""
        raise NotImplementedError


class Integer(Term):
    """0 to 2^64 - 1 in the shortest form (§20.2.3), as iasl chooses it.

    The source is always hexadecimal: iasl refuses the words Zero and One as the revision of a ``_BIX``.
    """

    value: int

    def __post_init__(self) -> None:
        in_range(self.value, 64, "the integer")

    def encode(self) -> bytes:
        if op := _SHORT_OPS.get(self.value):
            return op
        width, prefix = next(choice for choice in _PREFIXES if self.value < 1 << 8 * choice[0])
        return bytes((prefix,)) + self.value.to_bytes(width, "little")

    def asl(self, _indent: int = 0) -> str:
        return f"0x{self.value:02X}"


class String(Term):
    """ASCII without NUL (§20.2.3)."""

    text: str

    def __post_init__(self) -> None:
        if not all(0 < ord(character) < 0x80 for character in self.text):
            raise AmlError(f"{self.text!r} is no ACPI string: ASCII without NUL")

    def encode(self) -> bytes:
        return bytes((STRING,)) + self.text.encode("ascii") + b"\0"

    def asl(self, _indent: int = 0) -> str:
        return '"' + "".join(map(_escaped, self.text)) + '"'


def _escaped(character: str) -> str:
    if character in '"\\':
        return "\\" + character
    return character if " " <= character <= "~" else f"\\x{ord(character):02X}"


class EisaId(Term):
    """A plug and play id such as ``PNP0C0A``, packed into 32 bits (§19.6.36): five bits a letter, four a digit."""

    text: str

    def __post_init__(self) -> None:
        if not re.fullmatch(r"[A-Z]{3}[0-9A-F]{4}", self.text):
            raise AmlError(f"{self.text!r} is no EISA id: three of A-Z and four of 0-9, A-F")

    @property
    def integer(self) -> Integer:
        """The id as the number that AML stores."""
        letters = [ord(letter) - 0x40 for letter in self.text[:3]]
        packed = letters[0] << 26 | letters[1] << 21 | letters[2] << 16 | int(self.text[3:], 16)
        return Integer(int.from_bytes(packed.to_bytes(4, "big"), "little"))

    def encode(self) -> bytes:
        return self.integer.encode()

    def asl(self, _indent: int = 0) -> str:
        return f'EisaId ("{self.text}")'


def eisa_text(value: int) -> str | None:
    """The id that a number packs, or None when it packs none."""
    if not 0 < value < 1 << 32:
        return None
    packed = int.from_bytes(value.to_bytes(4, "little"), "big")
    letters = "".join(chr(0x40 + (packed >> shift & 0x1F)) for shift in (26, 21, 16))
    text = f"{letters}{packed & 0xFFFF:04X}"
    return text if packed < 1 << 31 and re.fullmatch(r"[A-Z]{3}[0-9A-F]{4}", text) else None


class NamePath(Term):
    r"""A NameString (§20.2.2), kept in ASL's shortest spelling: ``\_SB_.PCI0`` becomes ``\_SB.PCI0``."""

    text: str

    def __post_init__(self) -> None:
        self.__dict__["text"] = names.canonical(self.text)

    def encode(self) -> bytes:
        return names.encode_path(self.text)

    def asl(self, _indent: int = 0) -> str:
        return names.spelled(self.text)


class Buffer(Term):
    """Bytes, all of them given (§20.2.5.4)."""

    data: bytes

    def encode(self) -> bytes:
        return bytes((BUFFER,)) + with_length(Integer(len(self.data)).encode() + self.data)

    def asl(self, _indent: int = 0) -> str:
        return f"Buffer (0x{len(self.data):02X}) {{ {', '.join(f'0x{byte:02X}' for byte in self.data)} }}"


class Package(Term):
    """Up to 255 data objects or names (§20.2.5.4)."""

    elements: tuple[Term, ...]

    def __post_init__(self) -> None:
        if len(self.elements) > 255:
            raise AmlError(f"a package of {len(self.elements)} elements; at most 255 can be encoded")

    def encode(self) -> bytes:
        content = b"".join(element.encode() for element in self.elements)
        return bytes((PACKAGE,)) + with_length(bytes((len(self.elements),)) + content)

    def asl(self, indent: int = 0) -> str:
        inner, outer = INDENT * (indent + 1), INDENT * indent
        lines = ",\n".join(inner + element.asl(indent + 1) for element in self.elements)
        return f"Package (0x{len(self.elements):02X})\n{outer}{{\n{lines}\n{outer}}}"
