"""How options and facts are declared: each field once, everything else derived from it."""

from optimux.declare.containers import ListOf, MapOf, Overrides, Table
from optimux.declare.kind import Kind
from optimux.declare.option import REQUIRED, Declared, Option, option
from optimux.declare.scalars import Bool, Choice, Int, Parsed, Scalar, Text

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
