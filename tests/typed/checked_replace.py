"""A plugin of mypy: ``replace()`` of a frozen value takes its fields, each of its own type, as its constructor does."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mypy.nodes import ARG_NAMED_OPT
from mypy.plugin import MethodSigContext, Plugin
from mypy.typeops import bind_self
from mypy.types import CallableType, FunctionLike, Instance, get_proper_type

if TYPE_CHECKING:
    from collections.abc import Callable

BASE = "optimux.record.Frozen"


class CheckedReplace(Plugin):
    """Asked for each method call by its full name, such as ``optimux.options.gpus.Gpu.replace``."""

    def get_method_signature_hook(self, fullname: str) -> Callable[[MethodSigContext], FunctionLike] | None:
        owner, _, method = fullname.rpartition(".")
        if method != "replace":
            return None
        found = self.lookup_fully_qualified(owner)
        is_ours = found is not None and getattr(found.node, "has_base", lambda _: False)(BASE)
        return _as_the_constructor if is_ours else None


def _as_the_constructor(context: MethodSigContext) -> FunctionLike:
    """The constructor's arguments, by keyword, none of them needed."""
    value = get_proper_type(context.type)
    if not isinstance(value, Instance) or (method := value.type.get_method("__init__")) is None:
        return context.default_signature
    constructor = get_proper_type(method.type)
    if not isinstance(constructor, CallableType) or method.info.fullname == BASE:
        return context.default_signature
    fields = bind_self(constructor, value)
    return fields.copy_modified(
        arg_kinds=[ARG_NAMED_OPT] * len(fields.arg_kinds), ret_type=value, name=f"replace of {value.type.name}"
    )


def plugin(version: str) -> type[Plugin]:
    """What mypy calls."""
    return CheckedReplace
