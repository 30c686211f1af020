"""The flake's VM tests over the stand-in for nixpkgs, and machines for their scripts."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
import tempfile
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lab.consumers import roots
from lab.l1.calls import Calling
from lab.l1.driver import Here, Machine, run_script
from lab.l1.nixos import nixos_machine, read_system
from lab.l1.saved import l1_of
from lab.l1.store import Store
from lab.nix.flake import Flake, schemas
from lab.nix.standin import Versions
from lab.scenarios import agent
from lab.scenarios.once import once
from optimux.vm.errors import Crashed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from contextlib import ExitStack

    from lab.l1.driver import Shell
    from lab.l1.machine import L1
    from lab.l1.nixos import System

_OF_THE_ROOT = Versions("11.3.0", "10.0.0")
_ANSWER_SECONDS = 30  # on top of a command's own time


class Nodes:
    """Tests of the flake, built; and their machines, each booted once for all the scripts that use its system."""

    def __init__(
        self, names: Iterable[str], folder: Path, modules: Callable[[], Mapping[str, str | bytes]], stack: ExitStack
    ) -> None:
        """``modules`` gives the kernel modules for machines that ask for some; what is started ends with ``stack``."""
        self._folder, self._modules, self._stack = folder, modules, stack
        self._booted: dict[Path, L1] = {}
        flake = Flake(_folder_on_disk(stack), schemas(), _OF_THE_ROOT)
        checks = {name: f"checks.x86_64-linux.vm-{name}" for name in names}
        built = flake.builds([*checks.values()])
        self._tests = {name: built[check] for name, check in checks.items()}
        # A machine that scripts share has what any of them refers to.
        closure = {*flake.closure(built.values())} - {*built.values()}
        self._store = Store(sorted(closure), flake.folder, folder / "store")
        # One name for a system, of the first test that has it.
        tests = reversed(self._tests.values())
        self._names = {system: name for test in tests for name, system in _nodes(test).items()}

    def run(self, name: str, script: str = "") -> None:
        """Run the script of a test, or another one in its place. Raises what it raises.

        Where QEMU crashes it is run once more on new machines, with a warning: see ``L1.call``.
        """
        test = self._tests[name]
        nodes = _nodes(test)
        script = script or (test / "script.py").read_text(encoding="utf-8")
        try:
            self._run(script, nodes)
        except Crashed as error:
            warnings.warn(f"{name}: {error.message}; once more on new machines", stacklevel=2)
            self._booted.clear()
            self._run(script, nodes)
        finally:
            for l1 in self._booted.values():
                l1.rest()

    def _run(self, script: str, nodes: Mapping[str, str]) -> None:
        machines = self._machines(nodes)
        here = any(isinstance(machine, Here) for machine in machines.values())
        run_script(script if here else self._store.text(script), machines)

    def _machines(self, nodes: Mapping[str, str]) -> dict[str, Machine]:
        return {node: self._machine(node, Path(toplevel)) for node, toplevel in nodes.items()}

    def _machine(self, name: str, toplevel: Path) -> Machine:
        system = read_system(toplevel, self._store)
        if not system.settings["libvirtd"]["enable"]:
            return Here(name, lambda: _here(self._folder))

        def boot() -> Shell:
            if toplevel not in self._booted:
                self._booted[toplevel] = self._boot(system, self._names[str(toplevel)])
            return _inside(self._booted[toplevel])

        return Machine(name, boot)

    def _boot(self, system: System, name: str) -> L1:
        folder = Path(tempfile.mkdtemp(prefix=f"{name}-", dir=self._folder))
        machine = nixos_machine(f"nixos-{name}", roots.trixie_root(), system, self._modules)
        return self._stack.enter_context(l1_of(machine, folder))


def _nodes(test: Path) -> dict[str, str]:
    """By name: the system that a test's node boots."""
    return dict(json.loads((test / "nodes.json").read_text(encoding="utf-8")))


def _here(folder: Path) -> Shell:
    """This machine, with the Python that runs the tests; what it leaves is left in ``folder``."""
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    settings = f"export PATH={shlex.quote(path)} TMPDIR={shlex.quote(str(folder))}"

    def call(function: str, arguments: dict[str, Any], seconds: float) -> Any:
        return once(agent.function_named(function), **arguments)

    return Calling(lambda command, seconds: agent.shell(f"{settings}; {command}", seconds), call)


def _inside(l1: L1) -> Shell:
    def shell(command: str, seconds: float) -> tuple[int, str, str]:
        limit = seconds + _ANSWER_SECONDS
        status, out, errors = l1.call("agent.shell", limit, repeat=False, command=command, seconds=seconds)
        return status, out, errors

    def call(function: str, arguments: dict[str, Any], seconds: float) -> Any:
        return l1.call(function, seconds, repeat=False, **arguments)

    return Calling(shell, call)


def _folder_on_disk(stack: ExitStack) -> Path:
    """For the store, whose paths are the same in the machines: /tmp is empty there at every boot."""
    folder = Path(tempfile.mkdtemp(prefix="optimux-", dir="/var/tmp"))
    # Nix takes the right to write from all that it has built.
    stack.callback(subprocess.run, ["sh", "-c", 'chmod -R u+w "$1"; rm -rf "$1"', "rm", str(folder)], check=True)
    return folder
