"""NixOS test scripts, run on machines of our own: as much of the driver's interface as they use."""

from __future__ import annotations

import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

_COMMAND_SECONDS = 900  # as the driver's own default
_UNIT_SECONDS = 300
_STEP_SECONDS = 1.0


class Shell(Protocol):
    """Runs a command in a machine: its exit status, its standard output, its standard error."""

    def __call__(self, command: str, seconds: float) -> tuple[int, str, str]: ...


class ScriptError(Exception):
    """Something in a machine is not as the script asks for."""


class Machine:
    """A machine that boots when it is first spoken to."""

    def __init__(self, name: str, boot: Callable[[], Shell]) -> None:
        self.name, self._boot = name, boot
        self._shell: Shell | None = None
        self._down = False

    def execute(self, command: str, timeout: float = _COMMAND_SECONDS) -> tuple[int, str]:
        """Exit status and standard output."""
        return self._run(command, timeout)[:2]

    def succeed(self, *commands: str, timeout: float = _COMMAND_SECONDS) -> str:
        """The output of commands that must end well."""
        output = ""
        for command in commands:
            status, said, errors = self._run(command, timeout)
            if status:
                raise ScriptError(f"{self.name}: `{command}` exited with {status}: {said}{errors}")
            output += said
        return output

    def _run(self, command: str, seconds: float) -> tuple[int, str, str]:
        if self._down:
            raise ScriptError(f"{self.name} is shut down")
        self._shell = self._shell or self._boot()
        return self._shell(command, seconds)

    def wait_for_unit(self, unit: str, timeout: float = _UNIT_SECONDS) -> None:
        """Until the unit is active; one that failed will not be. The time begins once the machine is up."""
        self._shell = self._shell or self._boot()
        end = time.monotonic() + timeout
        while (state := self.execute(f"systemctl is-active {unit}")[1].strip()) != "active":
            if state == "failed" or time.monotonic() > end:
                said = self.execute(f"systemctl status --no-pager --lines=50 {unit}")[1]
                raise ScriptError(f"{self.name}: {unit} is {state}: {said}")
            time.sleep(_STEP_SECONDS)

    def shutdown(self) -> None:
        """It is not spoken to any more; others with the same system may use it still."""
        self._down = True


class Here(Machine):
    """The machine that runs the tests, which is up."""

    def wait_for_unit(self, unit: str, timeout: float = _UNIT_SECONDS) -> None:
        """No unit is part of what such a script is about."""


@contextmanager
def _subtest(name: str) -> Iterator[None]:
    try:
        yield
    except Exception as error:
        error.add_note(f"in the subtest: {name}")
        raise


def run_script(script: str, machines: Mapping[str, Machine]) -> None:
    """Run a test script, which knows its machines by their names. Raises whatever it raises."""
    names: dict[str, Any] = {name.replace("-", "_"): machine for name, machine in machines.items()}
    exec(compile(script, "testScript", "exec"), names | {"subtest": _subtest})
