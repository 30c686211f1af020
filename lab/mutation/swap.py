"""A fault in a module that is loaded already: functions that exist get other code; all else needs a new run."""

from __future__ import annotations

import gc
import inspect
from collections import Counter
from collections.abc import Iterator, Sequence
from types import CodeType, FunctionType

# By these a function's code is found again: what a qualified name does not tell apart, its line mostly does.
Key = tuple[str, int]


def changed_functions(name: str, whole: str, faulty: str) -> dict[Key, CodeType] | None:
    """The new code by function; ``None`` where more than functions differ: what ran while the module was loaded."""
    pairs = list(_pairs(compile(whole, name, "exec"), compile(faulty, name, "exec")))
    counts = Counter(_key(old) for old, _ in pairs)
    changed = [(old, new) for old, new in pairs if _meaning(old) != _meaning(new)]
    # The body of a class or a module runs once, when it is loaded; of two of a name in one line none can be told.
    if any(not _is_function(old) or counts[_key(old)] > 1 for old, _ in changed):
        return None
    return {_key(old): new for old, new in changed}


def _key(code: CodeType) -> Key:
    return code.co_qualname, code.co_firstlineno


def _is_function(code: CodeType) -> bool:
    return bool(code.co_flags & inspect.CO_OPTIMIZED)


def _pairs(old: CodeType, new: CodeType) -> Iterator[tuple[CodeType, CodeType]]:
    """A code with what became of it, and the same of each that it holds; one that holds others now stands for all."""
    yield old, new
    mine, its = _inner(old), _inner(new)
    if len(mine) == len(its):
        for one, other in zip(mine, its, strict=True):
            yield from _pairs(one, other)


def _inner(code: CodeType) -> list[CodeType]:
    return [value for value in code.co_consts if isinstance(value, CodeType)]


def _meaning(code: CodeType) -> tuple[object, ...]:
    """What a code does, and for a function what those do that it makes; lines aside, since a fault may have fewer."""
    values = [(type(value), repr(value)) for value in code.co_consts if not isinstance(value, CodeType)]
    inner = [_meaning(value) if _is_function(code) else None for value in _inner(code)]
    names = code.co_names, code.co_varnames, code.co_freevars, code.co_cellvars
    return code.co_code, values, inner, names, code.co_exceptiontable


def functions_below(folder: str) -> dict[str, list[FunctionType]]:
    """Every function that exists and whose code is of a file in the folder, by that file."""
    found: dict[str, list[FunctionType]] = {}
    gc.unfreeze()  # what was there before the tests began is not listed else
    for each in gc.get_objects():
        if isinstance(each, FunctionType) and each.__code__.co_filename.startswith(folder):
            found.setdefault(each.__code__.co_filename, []).append(each)
    return found


def put_in(functions: Sequence[FunctionType], codes: dict[Key, CodeType]) -> None:
    """Give the functions their new code. Raises ``ValueError`` where the fault has other variables of its outer one."""
    for function in functions:
        code = codes.get(_key(function.__code__))
        if code is not None:
            function.__code__ = code
