"""AML objects and statements as frozen values (ACPI 6.5 §20.2.5.1 to §20.2.5.3)."""

from __future__ import annotations

from optimux.acpi import names
from optimux.acpi.aml import INDENT, Integer, NamePath, Term
from optimux.acpi.error import AmlError
from optimux.acpi.length import with_length

NAME, SCOPE, METHOD, EXTERNAL = 0x08, 0x10, 0x14, 0x15
IF, RETURN, EXTENDED, DEVICE = 0xA0, 0xA4, 0x5B, 0x82
MAX_ARGUMENTS = 7
OBJECT_TYPES = {0: "UnknownObj", 1: "IntObj", 2: "StrObj", 3: "BuffObj", 4: "PkgObj", 6: "DeviceObj", 8: "MethodObj"}


def _block(head: str, body: tuple[Term, ...], indent: int) -> str:
    inner, outer = INDENT * (indent + 1), INDENT * indent
    lines = "".join(f"{inner}{term.asl(indent + 1)}\n" for term in body)
    return f"{head}\n{outer}{{\n{lines}{outer}}}"


def _joined(body: tuple[Term, ...]) -> bytes:
    return b"".join(term.encode() for term in body)


class _Named(Term):
    """An object that the namespace gets under one name."""

    name: str

    def __post_init__(self) -> None:
        names.segment(self.name)


class Name(_Named):
    """A named constant."""

    value: Term

    def encode(self) -> bytes:
        return bytes((NAME,)) + names.segment(self.name) + self.value.encode()

    def asl(self, indent: int = 0) -> str:
        return f"Name ({names.spelled(self.name)}, {self.value.asl(indent)})"


class Method(_Named):
    """A method that is not serialized."""

    arguments: int
    body: tuple[Term, ...]

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0 <= self.arguments <= MAX_ARGUMENTS:
            raise AmlError(f"{self.arguments} arguments; a method takes 0 to {MAX_ARGUMENTS}")

    def encode(self) -> bytes:
        content = names.segment(self.name) + bytes((self.arguments,)) + _joined(self.body)
        return bytes((METHOD,)) + with_length(content)

    def asl(self, indent: int = 0) -> str:
        return _block(f"Method ({names.spelled(self.name)}, {self.arguments}, NotSerialized)", self.body, indent)


class Return(Term):
    """The end of a method, with its value."""

    value: Term

    def encode(self) -> bytes:
        return bytes((RETURN,)) + self.value.encode()

    def asl(self, indent: int = 0) -> str:
        return f"Return ({self.value.asl(indent)})"


class Device(_Named):
    """A device and what it holds."""

    body: tuple[Term, ...]

    def encode(self) -> bytes:
        return bytes((EXTENDED, DEVICE)) + with_length(names.segment(self.name) + _joined(self.body))

    def asl(self, indent: int = 0) -> str:
        return _block(f"Device ({names.spelled(self.name)})", self.body, indent)


class Scope(Term):
    """More objects for a place that exists."""

    path: NamePath
    body: tuple[Term, ...]

    def encode(self) -> bytes:
        return bytes((SCOPE,)) + with_length(self.path.encode() + _joined(self.body))

    def asl(self, indent: int = 0) -> str:
        return _block(f"Scope ({self.path.asl()})", self.body, indent)


class External(Term):
    """An object of another table, which the compiler and the disassembler have to know of.

    Encoded inside ``If (Zero)``, as iasl does: interpreters older than ACPI 6.0 do not know the opcode.
    """

    path: NamePath
    object_type: int = 6
    arguments: int = 0

    def __post_init__(self) -> None:
        if self.object_type not in OBJECT_TYPES or not 0 <= self.arguments <= MAX_ARGUMENTS:
            raise AmlError(f"an external of type {self.object_type} with {self.arguments} arguments")

    def encode(self) -> bytes:
        external = bytes((EXTERNAL,)) + self.path.encode() + bytes((self.object_type, self.arguments))
        return bytes((IF,)) + with_length(Integer(0).encode() + external)

    def asl(self, _indent: int = 0) -> str:
        return f"External ({self.path.asl()}, {OBJECT_TYPES[self.object_type]})"
