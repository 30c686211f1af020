"""The option set as NixOS options, and the forms that their values must have, from the model alone.

A pattern is the type's name and documentation; that a value has another form is found by the module's assertions,
together with everything else that is wrong, where nixpkgs' own type check would stop at the first.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from optimux.declare import (
    REQUIRED,
    Bool,
    Choice,
    Declared,
    Int,
    Kind,
    ListOf,
    MapOf,
    Option,
    Overrides,
    Parsed,
    Scalar,
    Table,
    Text,
)
from optimux.declare import values as shared
from optimux.declare.kind import MOST
from optimux.declare.renderer import Renderer
from optimux.nix_text import Attributes, Binding, Call, Expression, Value, render, render_bindings, string
from optimux.options.posix import posix

Form = Text | Parsed[Any]

# What a NixOS configuration says already: platform.nix beside the generated file takes it from there.
READ_ONLY = (
    "host.distribution",
    "host.initramfs",
    "host.bootLoader",
    "host.libvirtVersion",
    "host.qemuVersion",
    "host.kernelVersion",
)
FROM_CONFIG = (*READ_ONLY, "host.cpuVendor", "host.securityModule")
# Lists that must not be empty: the assertions say more of what belongs there than "no value defined".
EMPTY_BY_DEFAULT = ("functions",)

HEAD = """\
# Written by `optimux schema --format nix`, from the same model as the generator: do not edit.
# "options" are the options below virtualisation.optimux; "shape" is what assertions.nix holds their values against.
{ lib, platform }:
let
  inherit (lib) mkOption types;
  # Refuses what is no string. Whether the string has the form is for the assertions, which report all at once.
  matching =
    form:
    types.strMatching form.pattern
    // {
      check = lib.isString;
      description = form.allowed;
    };
  # Also a path of Nix's, which is copied into the store, or a package: its program where it has one, else all of it.
  located =
    form:
    types.coercedTo types.path (
      value: if value ? meta.mainProgram then lib.getExe value else "${value}"
    ) (matching form);
  # Words of older releases, each with the one that took its place.
  renamed =
    words:
    types.coercedTo (types.enum (lib.attrNames words)) (
      word: lib.warn "optimux: '${word}' is '${words.${word}}' now" words.${word}
    );
"""


def nix_options(table: type[Declared]) -> str:
    """The file nixos-modules/options.nix."""
    tables = list(_shared_tables(table))
    forms = _forms((*tables, *_nested(table)))
    types = [Binding((name,), _form_type(name, kind)) for name, kind in forms.items()]
    patterns = [Binding((name,), form) for name, kind in forms.items() if (form := _form(kind))]
    names = {id(kind): name for name, kind in forms.items()}
    options = [Binding((f"{_name(t)}Options",), _options(t, {}, "", names)) for t in tables]
    bound = [Binding(("forms",), _set(patterns)), *types, *options]
    result = [("options", _options(table, {}, "", names)), ("shape", _Shapes(names).keys(table) or _set([]))]
    body = _set(Binding((key,), value) for key, value in result)
    return f"{HEAD}{render_bindings(bound, '  ')}in\n{render(body)}\n"


def nix_value(value: Any) -> Value:
    """Plain TOML or JSON data as a Nix value."""
    if value is None:
        return Expression("null")
    if isinstance(value, Mapping):
        return _set(Binding((key,), nix_value(item)) for key, item in value.items())
    if isinstance(value, list | tuple):
        return tuple(nix_value(item) for item in value)
    plain: str | bool | int = value
    return plain


def _set(bindings: Iterable[Binding]) -> Attributes:
    return Attributes(tuple(bindings))


def _some(**values: Value | None) -> Attributes | None:
    """The set of what is not ``None``, or ``None`` where nothing is left."""
    kept = tuple(Binding((key,), value) for key, value in values.items() if value is not None)
    return Attributes(kept) if kept else None


# --- names: every form and every table once ---------------------------------------------------------------------


def _name(table: type[Declared]) -> str:
    return table.__name__[0].lower() + table.__name__[1:]


def _camel(constant: str) -> str:
    first, *others = constant.lower().split("_")
    return first + "".join(word.title() for word in others)


def _shared_tables(table: type[Declared]) -> Iterator[type[Declared]]:
    """Every table that stands in a list or a map, or may be null, inner ones first, each once."""
    seen: dict[type[Declared], None] = {}
    for inner, wrapped in _tables_in(table):
        if wrapped:
            seen.setdefault(inner)
    yield from seen


def _tables_in(table: type[Declared]) -> Iterator[tuple[type[Declared], bool]]:
    """The tables below one, inner ones first, and whether each needs a submodule of its own."""
    for declared in table.options:
        kind, wrapped = _item(declared.kind), declared.nullable or isinstance(declared.kind, ListOf | MapOf)
        if isinstance(kind, Overrides):  # each of its keys may be null
            yield from ((inner, True) for inner, _ in _tables_in(kind.table))
        if isinstance(kind, Table):
            yield from _tables_in(kind.table)
            yield kind.table, wrapped


def _nested(table: type[Declared]) -> Iterator[type[Declared]]:
    yield from (inner for inner, _ in _tables_in(table))
    yield table


def _item(kind: Kind[Any]) -> Kind[Any]:
    while isinstance(kind, ListOf | MapOf):
        kind = kind.item
    return kind


def _forms(tables: Iterable[type[Declared]]) -> dict[str, Form]:
    """Every kind of text by name: the one under which it is shared, else that of the first option that has it."""
    named = {id(kind): _camel(key) for key, kind in vars(shared).items() if key.isupper()}
    found: dict[int, tuple[str, Form]] = {}
    for table in tables:
        for option in table.options:
            for suffix, kind in _texts(option.kind):
                place = f"{_name(table)}{option.key[0].upper()}{option.key[1:]}{suffix}"
                found.setdefault(id(kind), (named.get(id(kind), place), kind))
    return dict(found.values())


def _texts(kind: Kind[Any], suffix: str = "") -> Iterator[tuple[str, Form]]:
    if isinstance(kind, Text | Parsed):
        yield suffix, kind
    elif isinstance(kind, MapOf):
        yield from _texts(kind.key, f"{suffix}Name")
    if isinstance(kind, ListOf | MapOf):
        yield from _texts(kind.item, suffix)


def _form(kind: Form) -> Attributes | None:
    pattern = posix(kind.pattern)
    return None if pattern is None else _some(pattern=pattern, allowed=kind.allowed)


def _form_type(name: str, kind: Form) -> Expression:
    judge = "located" if kind is shared.PATH else "matching"
    return Expression("types.lines" if _form(kind) is None else f"{judge} forms.{name}")


# --- options ----------------------------------------------------------------------------------------------------

Names = Mapping[int, str]  # of the forms, by the identity of the kind


def _options(table: type[Declared], defaults: Mapping[str, Any], prefix: str, names: Names) -> Attributes:
    """The options of a table. ``defaults`` are those of the table around it, by attribute name."""
    return _set(
        Binding((o.key,), _option(o, defaults.get(o.attribute, o.default), f"{prefix}{o.key}", names))
        for o in table.options
    )


def _option(declared: Option, default: Any, path: str, names: Names) -> Value:
    kind = declared.kind
    if isinstance(kind, Table) and isinstance(default, Declared):
        return _options(kind.table, vars(default), f"{path}.", names)
    if isinstance(kind, Overrides):
        return _set(Binding((o.key,), _override(o, names)) for o in kind.table.options)
    type_ = _Types(names).of(kind)
    bindings = [Binding(("type",), Expression(f"types.nullOr {_grouped(type_)}" if declared.nullable else type_))]
    if path in FROM_CONFIG:
        own = render(_set([*bindings, *_words(declared)]), "  ")
        return Call("mkOption", (Expression(f"(platform.{path.partition('.')[2]} // {own})"),))
    return Call("mkOption", (_set([*bindings, *_default(declared, default), *_words(declared)]),))


def _override(declared: Option, names: Names) -> Value:
    """The same key, where null inherits."""
    type_ = Expression(f"types.nullOr {_grouped(_Types(names).of(declared.kind))}")
    doc = f"{declared.doc} Here null inherits the value of lookingGlass."
    return Call("mkOption", (_some(type=type_, default=Expression("null"), description=doc) or (),))


def _default(declared: Option, default: Any) -> Iterator[Binding]:
    if declared.key in EMPTY_BY_DEFAULT and declared.required:
        default = ()
    if default is not REQUIRED:
        yield Binding(("default",), nix_value(None if default is None else declared.kind.written(default)))


def _words(declared: Option) -> Iterator[Binding]:
    yield Binding(("description",), f"{declared.doc} Unit: {declared.unit}." if declared.unit else declared.doc)
    if declared.example is not None:
        yield Binding(("example",), nix_value(declared.example))


class _Types(Renderer[str]):
    """Each kind as a type of nixpkgs."""

    def __init__(self, names: Names) -> None:
        self._names = names

    def bool(self, _kind: Bool) -> str:
        return "types.bool"

    def int(self, kind: Int) -> str:
        return f"types.ints.between {_number(kind.least)} {_number(kind.most)}"

    def text(self, kind: Form) -> str:
        return self._names[id(kind)]

    def choice(self, kind: Choice[Any]) -> str:
        today = f"types.enum [ {' '.join(map(string, kind.words))} ]"
        if kind.booleans:
            off, on = map(string, kind.booleans)
            return f"types.coercedTo types.bool (on: if on then {on} else {off}) ({today})"
        if not kind.formerly:
            return today
        former = " ".join(f"{string(word)} = {string(now)};" for word, now in kind.formerly.items())
        return f"renamed {{ {former} }} ({today})"

    def scalar(self, _kind: Scalar) -> str:
        return "types.oneOf [ types.bool types.int types.str ]"

    def list_of(self, kind: ListOf[Any]) -> str:
        return f"types.listOf {_grouped(self.of(kind.item))}"

    def map_of(self, kind: MapOf[Any, Any]) -> str:
        return f"types.attrsOf {_grouped(self.of(kind.item))}"

    def table(self, kind: Table[Any]) -> str:
        return f"types.submodule {{ options = {_name(kind.table)}Options; }}"

    def overrides(self, kind: Overrides) -> str:
        """Written as options of its own: only a table that stands once can be overridden."""
        raise NotImplementedError(f"{_name(kind.table)} cannot be overridden in a list or a map")


def _number(value: int) -> str:
    return str(value) if value >= 0 else f"({value})"


def _grouped(text: str) -> str:
    return f"({text})" if " " in text else text


# --- shapes -----------------------------------------------------------------------------------------------------


class _Shapes(Renderer[Value | None]):
    """What a value must look like beyond its type; ``None`` where the type says all."""

    def __init__(self, names: Names) -> None:
        self._names = names

    def bool(self, _kind: Bool) -> None:
        return None

    def int(self, _kind: Int) -> None:
        return None

    def text(self, kind: Form) -> Value | None:
        return None if _form(kind) is None else Expression(f"forms.{self._names[id(kind)]}")

    def choice(self, _kind: Choice[Any]) -> None:
        return None

    def scalar(self, _kind: Scalar) -> None:
        return None

    def list_of(self, kind: ListOf[Any]) -> Value | None:
        least, most = kind.least or None, kind.most if kind.most < MOST else None
        return _some(items=self.of(kind.item), least=least, most=most)

    def map_of(self, kind: MapOf[Any, Any]) -> Value | None:
        most = kind.most if kind.most < MOST else None
        return _some(names=self.of(kind.key), each=self.of(kind.item), most=most)

    def table(self, kind: Table[Any]) -> Value | None:
        return self.keys(kind.table)

    def overrides(self, kind: Overrides) -> Value | None:
        return self.keys(kind.table)

    def keys(self, table: type[Declared]) -> Attributes | None:
        """What the keys of a table must look like."""
        shapes = ((declared.key, self._option(declared)) for declared in table.options)
        kept = tuple(Binding((key,), shape) for key, shape in shapes if shape is not None)
        return _some(table=Attributes(kept)) if kept else None

    def _option(self, declared: Option) -> Value | None:
        shape = self.of(declared.kind)
        if not declared.required or declared.key in EMPTY_BY_DEFAULT:
            return shape
        return _some(required=declared.kind.allowed, value=shape)
