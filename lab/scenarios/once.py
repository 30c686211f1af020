"""Scenarios on the machine that runs the tests, each of them once: NixOS' scripts make the same calls as tests do."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

_P = ParamSpec("_P")
_T = TypeVar("_T")
# Where a scenario's logs go: nothing that it shows depends on it.
_FOLDER = "folder"
_RETURNED: dict[tuple[object, ...], Any] = {}


def once(function: Callable[_P, _T], *arguments: _P.args, **named: _P.kwargs) -> _T:
    """What ``function`` returns; it is not called again with the same arguments once it did. Raises what it raises."""
    given = inspect.signature(function).bind(*arguments, **named).arguments
    key = (function, *((name, value) for name, value in given.items() if name != _FOLDER))
    if key not in _RETURNED:
        _RETURNED[key] = function(*arguments, **named)
    returned: _T = _RETURNED[key]
    return returned
