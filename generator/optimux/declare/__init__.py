"""How options and facts are declared: each field once, everything else derived from it."""

from optimux.declare.kinds import (
    Bool,
    Choice,
    Int,
    Kind,
    ListOf,
    MapOf,
    Overrides,
    Parsed,
    Scalar,
    Table,
    Text,
)
from optimux.declare.option import REQUIRED, Declared, Option, option

__all__ = [
    "REQUIRED",
    "Bool",
    "Choice",
    "Declared",
    "Int",
    "Kind",
    "ListOf",
    "MapOf",
    "Option",
    "Overrides",
    "Parsed",
    "Scalar",
    "Table",
    "Text",
    "option",
]
