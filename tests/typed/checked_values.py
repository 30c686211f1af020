"""A plugin of mypy: a frozen value made of another takes its fields, each of its own type, as its constructor does.

That is ``replace()``, and ``settled``, which takes from a table what it is not given: the table must have it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from mypy.errorcodes import ARG_TYPE, CALL_ARG
from mypy.nodes import ARG_NAMED_OPT, ARG_POS, CallExpr, Var
from mypy.plugin import FunctionSigContext, MethodSigContext, Plugin
from mypy.subtypes import is_subtype
from mypy.typeops import bind_self
from mypy.types import CallableType, FunctionLike, Instance, TypeType, get_proper_type

if TYPE_CHECKING:
    from collections.abc import Callable

    from mypy.types import Type

BASE = "optimux.record.Frozen"
SETTLED = "optimux.plan.devices.settled"


class CheckedValues(Plugin):
    """Asked for each call by its full name, such as ``optimux.options.gpus.Gpu.replace``."""

    def get_method_signature_hook(self, fullname: str) -> Callable[[MethodSigContext], FunctionLike] | None:
        owner, _, method = fullname.rpartition(".")
        if method != "replace":
            return None
        found = self.lookup_fully_qualified(owner)
        is_ours = found is not None and getattr(found.node, "has_base", lambda _: False)(BASE)
        return _replace if is_ours else None

    def get_function_signature_hook(self, fullname: str) -> Callable[[FunctionSigContext], FunctionLike] | None:
        return _settled if fullname == SETTLED else None


def _replace(context: MethodSigContext) -> FunctionLike:
    """The constructor's arguments, by keyword, none of them needed."""
    value = get_proper_type(context.type)
    fields = _fields(value) if isinstance(value, Instance) else None
    if fields is None:
        return context.default_signature
    return _optional(fields).copy_modified(ret_type=fields.ret_type, name=f"replace of {_name(fields)}")


def _settled(context: FunctionSigContext) -> FunctionLike:
    """The kind, the table, and then as ``replace`` of the kind."""
    signature = get_proper_type(context.default_signature)
    call = context.context
    if not isinstance(signature, CallableType) or not isinstance(call, CallExpr) or len(call.args) < 2:
        return context.default_signature
    kind, table = (get_proper_type(context.api.get_expression_type(argument)) for argument in call.args[:2])
    value = get_proper_type(kind.ret_type if isinstance(kind, CallableType) else None)
    fields = _fields(value) if isinstance(value, Instance) else None
    if fields is None or not isinstance(table, Instance):
        return context.default_signature
    for name, wanted in zip(fields.arg_names, fields.arg_types, strict=True):
        if name not in call.arg_names:
            _judge_taken(context, table, str(name), wanted, fields)
    optional = _optional(fields)
    return optional.copy_modified(
        arg_types=[TypeType.make_normalized(fields.ret_type), table, *optional.arg_types],
        arg_kinds=[ARG_POS, ARG_POS, *optional.arg_kinds],
        arg_names=[None, None, *optional.arg_names],
        ret_type=fields.ret_type,
        name=f"settled of {_name(fields)}",
    )


def _judge_taken(context: FunctionSigContext, table: Instance, name: str, wanted: Type, fields: CallableType) -> None:
    """What is taken from the table must be there, and of the field's own type."""
    found = table.type.get(name)
    of = table.type.name
    if found is None or not isinstance(found.node, Var) or found.node.type is None:
        context.api.fail(f"{of} has no {name} for {_name(fields)}", context.context, code=CALL_ARG)
    elif not is_subtype(found.node.type, wanted):
        said = f"{name} of {of} is {found.node.type}, {_name(fields)} needs {wanted}"
        context.api.fail(said, context.context, code=ARG_TYPE)


def _fields(value: Instance) -> CallableType | None:
    """The constructor of one of our values without its self, which returns the value; none for another class."""
    method = value.type.get_method("__init__")
    constructor = get_proper_type(method.type) if method is not None else None
    if method is None or not isinstance(constructor, CallableType) or method.info.fullname == BASE:
        return None
    return bind_self(constructor, value).copy_modified(ret_type=value)


def _optional(fields: CallableType) -> CallableType:
    return fields.copy_modified(arg_kinds=[ARG_NAMED_OPT] * len(fields.arg_kinds))


def _name(fields: CallableType) -> str:
    value = get_proper_type(fields.ret_type)
    return value.type.name if isinstance(value, Instance) else str(value)


def plugin(version: str) -> type[Plugin]:
    """What mypy calls."""
    return CheckedValues
