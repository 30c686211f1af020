"""Frozen values without generated code.

Optimux starts once per command, so the price of a class is paid at every run: ``@dataclass`` compiles an
``__init__`` per class (about 0.4 ms each), this base compiles nothing. Type checkers see a frozen dataclass.
"""

from __future__ import annotations

from typing import Any, Self, dataclass_transform


@dataclass_transform(frozen_default=True)
class Record:
    """A frozen value whose fields are its class annotations, in order, base classes first.

    Construct by position or by keyword; compare, hash and print by value. A class may define
    ``__post_init__`` to check its ranges. Raises ``TypeError`` for missing, unknown or doubled fields.
    """

    _fields: tuple[str, ...] = ()
    _defaults: dict[str, Any] = {}  # noqa: RUF012 - replaced per class, never mutated

    def __init_subclass__(cls) -> None:
        own = [name for name in cls.__dict__.get("__annotations__", {}) if not name.startswith("_")]
        inherited = [name for name in cls._fields if name not in own]
        cls._fields = (*inherited, *own)
        cls._defaults = cls._defaults | {name: cls.__dict__[name] for name in own if name in cls.__dict__}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        fields = self._fields
        if len(args) > len(fields):
            raise TypeError(f"{type(self).__name__} takes {len(fields)} values, got {len(args)}")
        values = dict(zip(fields, args, strict=False))
        if clash := values.keys() & kwargs.keys():
            raise TypeError(f"{type(self).__name__}: {sorted(clash)} given twice")
        values = self._defaults | values | kwargs
        if values.keys() != set(fields):
            missing = [name for name in fields if name not in values]
            unknown = sorted(values.keys() - set(fields))
            raise TypeError(f"{type(self).__name__}: missing {missing}, unknown {unknown}")
        self.__dict__.update(values)
        self.__post_init__()

    def __post_init__(self) -> None:
        """Check the value's ranges; the base accepts everything."""

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"{type(self).__name__} is frozen; use replace()")

    def __delattr__(self, name: str) -> None:
        raise AttributeError(f"{type(self).__name__} is frozen")

    def _values(self) -> tuple[Any, ...]:
        return tuple(self.__dict__[name] for name in self._fields)

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and self._values() == other._values()  # type: ignore[attr-defined]

    def __hash__(self) -> int:
        return hash((type(self), self._values()))

    def __repr__(self) -> str:
        inner = ", ".join(f"{name}={self.__dict__[name]!r}" for name in self._fields)
        return f"{type(self).__name__}({inner})"

    def replace(self, **changes: Any) -> Self:
        """A copy with some fields changed."""
        return type(self)(**(dict(zip(self._fields, self._values(), strict=True)) | changes))
