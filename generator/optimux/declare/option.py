"""One option: key, kind, default, words. The class that collects them is the declaration."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, TypeVar, dataclass_transform, overload

from optimux.record import Frozen

if TYPE_CHECKING:
    from optimux.declare.kind import Kind

T = TypeVar("T")


class _Required:
    def __repr__(self) -> str:
        return "REQUIRED"


REQUIRED = _Required()


class Option:
    """A declared field: its spelling in TOML, JSON and Nix, its kind, its default and its words.

    ``default`` is ``REQUIRED``, ``None`` (may be null, meaning is in ``doc``), or a loaded value.
    ``unit`` is the unit of a bare number. ``example`` is written as the user would write it.
    """

    def __init__(self, key: str, kind: Kind[Any], default: Any, doc: str, example: Any, unit: str | None) -> None:
        self.key = key
        self.kind = kind
        self.default = default
        self.doc = doc
        self.example = example
        self.unit = unit
        self.attribute = ""

    def __set_name__(self, owner: type, name: str) -> None:
        self.attribute = name

    @property
    def required(self) -> bool:
        """Whether the user must give it."""
        return self.default is REQUIRED

    @property
    def nullable(self) -> bool:
        """Whether null is allowed."""
        return self.default is None

    @property
    def written_default(self) -> Any:
        """The default as the user would write it; ``None`` where null is it, or where there is none."""
        return None if self.nullable or self.required else self.kind.written(self.default)

    def stand_in(self) -> Any:
        """The example as a loaded value: what a required option has where the user's own cannot be read."""
        from optimux.findings import Findings

        return self.kind.load(self.example, self.key, Findings())


@overload
def option(key: str, kind: Kind[T], *, doc: str, example: Any = None, unit: str | None = None) -> T: ...
@overload
def option(
    key: str, kind: Kind[T], *, default: None, doc: str, example: Any = None, unit: str | None = None
) -> T | None: ...
@overload
def option(key: str, kind: Kind[T], *, default: T, doc: str, example: Any = None, unit: str | None = None) -> T: ...
def option(
    key: str, kind: Kind[Any], *, default: Any = REQUIRED, doc: str, example: Any = None, unit: str | None = None
) -> Any:
    """Declare a field of a ``Declared`` class; the field's annotation is the type of the kind's values."""
    return Option(key, kind, default, doc, example, unit)


@dataclass_transform(frozen_default=True, kw_only_default=True, field_specifiers=(option,))
class Declared(Frozen):
    """A table whose fields are annotated ``option(...)`` class attributes, in order; built by keyword."""

    options: ClassVar[tuple[Option, ...]] = ()
    by_key: ClassVar[dict[str, Option]] = {}

    def __init_subclass__(cls) -> None:
        own = [value for value in cls.__dict__.values() if isinstance(value, Option)]
        cls.options = (*cls.options, *own)
        cls.by_key = {declared.key: declared for declared in cls.options}
        cls._fields = tuple(declared.attribute for declared in cls.options)
        cls._names = frozenset(cls._fields)
        cls._defaults = {o.attribute: o.default for o in cls.options if o.default is not REQUIRED}
