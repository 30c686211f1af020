"""The kinds in another notation: one method a kind, so that a checker says which one a notation has forgotten."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from optimux.declare.containers import ListOf, MapOf, Overrides, Table
from optimux.declare.scalars import Bool, Choice, Int, Parsed, Scalar, Text

if TYPE_CHECKING:
    from optimux.declare.kind import Kind

R = TypeVar("R")


class Renderer(ABC, Generic[R]):
    """What a kind becomes, by kind."""

    def of(self, kind: Kind[Any]) -> R:
        """The kind, whichever it is. Raises ``NotImplementedError`` for one that has no method here."""
        match kind:
            case Bool():
                return self.bool(kind)
            case Int():
                return self.int(kind)
            case Text() | Parsed():
                return self.text(kind)
            case Choice():
                return self.choice(kind)
            case Scalar():
                return self.scalar(kind)
            case ListOf():
                return self.list_of(kind)
            case MapOf():
                return self.map_of(kind)
            case Table():
                return self.table(kind)
            case Overrides():
                return self.overrides(kind)
        raise NotImplementedError(type(kind))

    @abstractmethod
    def bool(self, kind: Bool) -> R:
        """true or false."""

    @abstractmethod
    def int(self, kind: Int) -> R:
        """A whole number between two bounds."""

    @abstractmethod
    def text(self, kind: Text | Parsed[Any]) -> R:
        """Text that matches a pattern."""

    @abstractmethod
    def choice(self, kind: Choice[Any]) -> R:
        """One of a few words."""

    @abstractmethod
    def scalar(self, kind: Scalar) -> R:
        """Text, a number or a truth value."""

    @abstractmethod
    def list_of(self, kind: ListOf[Any]) -> R:
        """A list of values of one kind."""

    @abstractmethod
    def map_of(self, kind: MapOf[Any, Any]) -> R:
        """A table whose keys the user chooses."""

    @abstractmethod
    def table(self, kind: Table[Any]) -> R:
        """A table with declared keys."""

    @abstractmethod
    def overrides(self, kind: Overrides) -> R:
        """Some of the keys of a table."""
