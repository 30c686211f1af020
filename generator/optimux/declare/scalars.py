"""Kinds of one value: truth, numbers, text, words."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

from optimux.declare.kind import Kind

if TYPE_CHECKING:
    from typing_extensions import TypeForm

    from optimux.findings import Findings

T = TypeVar("T")
W = TypeVar("W", bound=str)


class Bool(Kind[bool]):
    """true or false."""

    @property
    def allowed(self) -> str:
        return "true or false"

    def load(self, value: object, path: str, findings: Findings) -> bool:
        if isinstance(value, bool):
            return value
        return self._refuse(value, path, findings, "Write it without quotes.")  # type: ignore[no-any-return]


class Int(Kind[int]):
    """A whole number from ``least`` to ``most``, both included."""

    def __init__(self, least: int = 0, most: int = 2**31 - 1) -> None:
        self.least = least
        self.most = most

    @property
    def allowed(self) -> str:
        return f"a whole number from {self.least} to {self.most}"

    def load(self, value: object, path: str, findings: Findings) -> int:
        if isinstance(value, int) and not isinstance(value, bool) and self.least <= value <= self.most:
            return value
        return self._refuse(value, path, findings)  # type: ignore[no-any-return]


# XML 1.0 §2.2: what no document can hold, escaped or not; surrogates cannot be encoded at all.
NOT_IN_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")


class Text(Kind[str]):
    """Text that matches ``pattern`` whole; one line unless the pattern says more. ``allowed`` names it in words."""

    def __init__(self, pattern: str = r"[^\n\r]*", allowed: str = "one line of text", most: int = 4096) -> None:
        self.pattern = pattern
        self.most = most
        self._allowed = allowed
        self._compiled: re.Pattern[str] | None = None

    @property
    def allowed(self) -> str:
        return self._allowed

    def load(self, value: object, path: str, findings: Findings) -> str:
        if not isinstance(value, str):
            return self._refuse(value, path, findings, _quotes(value))  # type: ignore[no-any-return]
        if len(value) > self.most:
            remedy = f"Shorten it to {self.most} characters."
            return self._refuse(value, path, findings, remedy)  # type: ignore[no-any-return]
        if NOT_IN_XML.search(value):
            return self._refuse(value, path, findings, "Remove the control characters.")  # type: ignore[no-any-return]
        if self._compiled is None:
            self._compiled = re.compile(self.pattern)
        if self._compiled.fullmatch(value):
            return value
        return self._refuse(value, path, findings)  # type: ignore[no-any-return]


class Choice(Kind[W]):
    """One of a few words, those of a ``Literal``: ``Choice(Bind)`` with ``Bind = Literal["id", "address"]``.

    ``formerly`` are words of older releases, each with the one that took its place: taken, with a warning.
    ``booleans`` are the words that false and true stand for, where the option has been a truth value. ``called`` are
    other names for the same, in lower case: taken in any, without a warning.
    """

    def __init__(
        self,
        words: TypeForm[W],
        formerly: Mapping[str, W] | None = None,
        booleans: tuple[W, W] | None = None,
        called: Mapping[str, W] | None = None,
    ) -> None:
        self.words: tuple[W, ...] = words.__args__  # type: ignore[attr-defined] # a Literal's, in its order
        self.formerly = formerly or {}
        self.booleans = booleans
        self.called = called or {}

    @property
    def allowed(self) -> str:
        return "one of " + ", ".join(f'"{word}"' for word in self.words)

    def load(self, value: object, path: str, findings: Findings) -> W:
        if self.booleans and isinstance(value, bool):
            return self.booleans[value]
        for word in self.words:
            if word == value:
                return word
        if isinstance(value, str) and value.lower() in self.called:
            return self.called[value.lower()]
        if isinstance(value, str) and value in self.formerly:
            today = self.formerly[value]
            findings.warn(path, f'"{value}", a former name', self.allowed, f'Write "{today}": it means the same.')
            return today
        from optimux.declare.wording import nearest

        return self._refuse(value, path, findings, nearest(value, (*self.words, *self.called)))  # type: ignore[no-any-return]


class Parsed(Kind[T]):
    """Text that a parser turns into a small value; the parser raises ``ValueError`` with the reason."""

    def __init__(self, parse: Callable[[str], T], allowed: str, pattern: str, name: str) -> None:
        self.parse = parse
        self._allowed = allowed
        self.pattern = pattern
        self.name = name

    @property
    def allowed(self) -> str:
        return self._allowed

    def load(self, value: object, path: str, findings: Findings) -> T:
        if not isinstance(value, str):
            return self._refuse(value, path, findings, _quotes(value))  # type: ignore[no-any-return]
        try:
            return self.parse(value)
        except ValueError as reason:
            return self._refuse(value, path, findings, f"It is {reason}.")  # type: ignore[no-any-return]

    def written(self, value: T) -> Any:
        return str(value)


class Scalar(Kind[str | int | bool]):
    """A value of a foreign settings file: text of one line, a whole number, or a truth value."""

    @property
    def allowed(self) -> str:
        return "one line of text, a whole number, or true or false"

    def load(self, value: object, path: str, findings: Findings) -> str | int | bool:
        if isinstance(value, bool | int) and abs(value) < 1 << 63:
            return value
        if isinstance(value, str) and value.isprintable():
            return value
        return self._refuse(value, path, findings)  # type: ignore[no-any-return]


def _quotes(value: object) -> str:
    from optimux.declare.wording import quotes

    return quotes(value)
