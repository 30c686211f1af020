"""What every kind of value has: how it is checked and loaded, described in words, and written back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Generic, TypeVar

if TYPE_CHECKING:
    from optimux.findings import Findings

T = TypeVar("T")
# More entries than any host has devices or VMs: what is longer is a mistake, and would only take time.
MOST = 10_000


class _Invalid:
    def __repr__(self) -> str:
        return "INVALID"


INVALID: Any = _Invalid()
_PLAIN = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-")


def joined(path: str, key: object) -> str:
    """A path with one more key; keys that are no plain words are quoted."""
    text = str(key)
    if not (0 < len(text) <= 64 and _PLAIN.issuperset(text)):
        from optimux.declare.wording import shown

        text = shown(text)
    return f"{path}.{text}" if path else text


class Kind(Generic[T]):
    """What values are allowed."""

    @property
    def allowed(self) -> str:
        """The same in words."""
        raise NotImplementedError(type(self))

    def load(self, value: object, path: str, findings: Findings) -> T:
        """The loaded value, or ``INVALID`` where ``findings`` says that there is none."""
        raise NotImplementedError(type(self))

    def written(self, value: T) -> Any:
        """The inverse of ``load``: plain TOML or JSON data."""
        return value

    def stand_in(self) -> T:
        """What takes an unusable value's place in a list, or ``INVALID`` where nothing can."""
        return INVALID  # type: ignore[no-any-return]

    def _refuse(self, value: object, path: str, findings: Findings, remedy: str = "") -> Any:
        from optimux.declare.wording import shown  # only bad input pays for it

        findings.unusable(path, shown(value), self.allowed, remedy or "Correct the value.")
        return INVALID
