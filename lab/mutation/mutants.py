"""The faults that a source file can be given, each a small piece of it written otherwise."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

from optimux.record import Record

_COMPARED: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
}
_COMPUTED: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.FloorDiv,
    ast.FloorDiv: ast.Mult,
    ast.LShift: ast.RShift,
    ast.RShift: ast.LShift,
    ast.BitAnd: ast.BitOr,
    ast.BitOr: ast.BitAnd,
}
# What has no effect on a run, or only on its wording: types, and what a reader alone sees.
_UNSEEN = ("annotation", "returns", "decorator_list", "bases")


class Mutant(Record):
    """One fault: where it stands, the piece as it was and as it is now, the whole file with it, the line without it."""

    path: Path
    line: int
    was: str
    now: str
    source: str
    text: str = ""

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.fault}"

    @property
    def fault(self) -> str:
        """What became of what, in a few words."""
        return f"{_short(self.was)} -> {_short(self.now)}"


def _short(text: str) -> str:
    words = " ".join(text.split())
    return words if len(words) <= 60 else words[:59] + "…"


def mutants(path: Path) -> Iterator[Mutant]:
    """Every fault for one file, in the order of its lines."""
    source = path.read_text(encoding="utf-8")
    starts = _starts(source)
    for node, now in _faults(ast.parse(source)):
        assert isinstance(node, ast.expr | ast.stmt)
        first = starts[node.lineno - 1] + node.col_offset
        last = starts[(node.end_lineno or node.lineno) - 1] + (node.end_col_offset or 0)
        raw = source.encode()
        changed = raw[:first] + now.encode() + raw[last:]
        line = source.split("\n")[node.lineno - 1].strip()
        yield Mutant(path, node.lineno, raw[first:last].decode(), now, changed.decode(), line)


def _starts(source: str) -> list[int]:
    """The offset of each line in bytes, which is what columns are counted in."""
    offsets, position = [], 0
    for line in source.encode().split(b"\n"):
        offsets.append(position)
        position += len(line) + 1
    return offsets


def _faults(tree: ast.AST) -> Iterator[tuple[ast.AST, str]]:
    for node in _seen(tree):
        yield from ((where, text) for where, text in _of(node) if text)


def _seen(node: ast.AST) -> Iterator[ast.AST]:
    """The nodes that a run meets, in the order of the text."""
    if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
        return
    if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__":  # nobody imports a star
        return
    yield node
    if isinstance(node, ast.JoinedStr) or _is_type_variable(node):
        return
    for field, value in ast.iter_fields(node):
        if field in _UNSEEN:
            continue
        for child in value if isinstance(value, list) else [value]:
            if isinstance(child, ast.AST) and not _is_docstring(child):
                yield from _seen(child)


def _is_type_variable(node: ast.AST) -> bool:
    """Whether a call makes one: what it is called, and what it is bound to, is for checkers alone."""
    return isinstance(node, ast.Call) and ast.unparse(node.func) in ("TypeVar", "ParamSpec", "NewType")


def _is_docstring(node: ast.AST) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


def _of(node: ast.AST) -> Iterator[tuple[ast.AST, str]]:
    match node:
        case ast.Compare(ops=[op], left=left, comparators=comparators) if type(op) in _COMPARED:
            yield node, _written(ast.Compare(left, [_COMPARED[type(op)]()], comparators))
        case ast.BoolOp(op=op, values=values):
            yield node, _written(ast.BoolOp(ast.Or() if isinstance(op, ast.And) else ast.And(), values))
        case ast.BinOp(op=op, left=left, right=right) if type(op) in _COMPUTED and not _is_text(left, right):
            yield node, _written(ast.BinOp(left, _COMPUTED[type(op)](), right))
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            yield node, _written(operand)
        case ast.If(test=test) | ast.IfExp(test=test) | ast.While(test=test):
            yield test, f"(not {_written(test)})"
        case ast.comprehension(ifs=[test, *_]):
            yield test, "True"
        case ast.Return(value=ast.expr() as value) if not _is_none(value):
            yield value, "None"
        case ast.Raise() | ast.Continue() | ast.Break() | ast.Expr(value=ast.Call() | ast.Yield() | ast.YieldFrom()):
            yield node, "pass"
        case ast.Constant(value=bool() as value):
            yield node, str(not value)
        case ast.Constant(value=int() as value):
            yield node, str(value + 1)
        case ast.Constant(value=str() as value) if value:
            yield node, '""'


def _written(node: ast.expr) -> str:
    return f"({ast.unparse(node)})"


def _is_text(*nodes: ast.expr) -> bool:
    """Texts cannot be subtracted: every test would see it, and none be the better for it."""
    return any(isinstance(node, ast.JoinedStr | ast.List | ast.Tuple) or _is_string(node) for node in nodes)


def _is_string(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, str)


def _is_none(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and node.value is None
