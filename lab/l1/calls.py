"""Calls of scenarios in a script's commands, made without a Python of their own: an emulated machine takes seconds to
start one.
"""

from __future__ import annotations

import json
import re
import shlex
import traceback
from typing import TYPE_CHECKING, Any, Protocol

from optimux.vm.errors import Crashed

if TYPE_CHECKING:
    from lab.l1.driver import Shell

# As calls.nix writes them.
_CALL = re.compile(r"(?:[A-Z]+=\S+ )*python3 -m lab\.scenarios\.agent (\S+) (\S.*)", re.DOTALL)


class Call(Protocol):
    """Calls a scenario's function, by its name, with arguments and a limit in seconds: what it returns."""

    def __call__(self, function: str, arguments: dict[str, Any], seconds: float) -> Any: ...


class Calling:
    """A ``shell`` that runs a script's first call of a scenario as it stands; for each later one it makes the ``call``
    and says what the command would.
    """

    def __init__(self, shell: Shell, call: Call) -> None:
        self._shell, self._call = shell, call
        self._has_called = False

    def __call__(self, command: str, seconds: float) -> tuple[int, str, str]:
        asked = asked_in(command)
        if asked is None or not self._has_called:
            self._has_called |= asked is not None
            return self._shell(command, seconds)
        try:
            returned = self._call(*asked, seconds)
        except Crashed:
            raise
        except Exception:
            return 1, "", traceback.format_exc()
        return 0, f"{json.dumps(returned)}\n", ""


def asked_in(command: str) -> tuple[str, dict[str, Any]] | None:
    """The scenario that a command calls, and its arguments; nothing for any other command."""
    found = _CALL.fullmatch(command)
    if found is None:
        return None
    (arguments,) = shlex.split(found[2])
    return found[1], json.loads(arguments)
