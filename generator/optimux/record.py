"""Frozen values without generated code.

Optimux starts once per command, so the price of a class is paid at every run: ``@dataclass`` compiles an
``__init__`` per class (about 0.4 ms each), this base compiles nothing. Type checkers see a frozen dataclass.
"""

from __future__ import annotations

from typing import Any, Self, dataclass_transform


class Frozen:
    """A frozen value whose fields are its class annotations, in order, base classes first.

    Construct by position or by keyword; compare, hash and print by value. A class may define
    ``__post_init__`` to check its ranges. Raises ``TypeError`` for missing, unknown or doubled fields.
    """

    _fields: tuple[str, ...] = ()
    _names: frozenset[str] = frozenset()
    _defaults: dict[str, Any] = {}  # noqa: RUF012 - replaced per class, never mutated

    def __init_subclass__(cls) -> None:
        annotations: dict[str, Any] = cls.__dict__.get("__annotations__", {})  # noqa: RUF063 - no values are needed
        own = [name for name in annotations if not name.startswith("_")]
        inherited = [name for name in cls._fields if name not in own]
        cls._fields = (*inherited, *own)
        cls._names = frozenset(cls._fields)
        cls._defaults = cls._defaults | {name: cls.__dict__[name] for name in own if name in cls.__dict__}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        values = self.__dict__
        if len(args) == len(self._fields) and not kwargs:
            values.update(zip(self._fields, args, strict=True))
            self.__post_init__()
            return
        values.update(self._defaults)
        if args:
            values.update(zip(self._fields, args, strict=False))
        values.update(kwargs)
        if values.keys() != self._names or len(args) > len(self._fields) or (args and kwargs):
            self._check(args, kwargs)
        self.__post_init__()

    def _check(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        """The slow path: say what is wrong with the arguments, if anything is."""
        fields, name = self._fields, type(self).__name__
        if len(args) > len(fields):
            raise TypeError(f"{name} takes {len(fields)} values, got {len(args)}")
        if clash := sorted(kwargs.keys() & set(fields[: len(args)])):
            raise TypeError(f"{name}: {clash} given twice")
        missing = [field for field in fields if field not in self.__dict__]
        unknown = sorted(self.__dict__.keys() - self._names)
        if missing or unknown:
            raise TypeError(f"{name}: missing {missing}, unknown {unknown}")

    def __post_init__(self) -> None:
        """Check the value's ranges; the base accepts everything."""

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"{type(self).__name__} is frozen; use replace()")

    def __delattr__(self, name: str) -> None:
        raise AttributeError(f"{type(self).__name__} is frozen")

    def _values(self) -> tuple[Any, ...]:
        return tuple(map(self.__dict__.__getitem__, self._fields))

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and self._values() == other._values()

    def __hash__(self) -> int:
        return hash((type(self), self._values()))

    def __repr__(self) -> str:
        inner = ", ".join(f"{name}={self.__dict__[name]!r}" for name in self._fields)
        return f"{type(self).__name__}({inner})"

    def replace(self, **changes: Any) -> Self:
        """A copy with some fields changed."""
        return type(self)(**(dict(zip(self._fields, self._values(), strict=True)) | changes))


@dataclass_transform(frozen_default=True)
class Record(Frozen):
    """A ``Frozen`` value whose constructor type checkers derive from the annotations."""
