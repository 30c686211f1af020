"""The NixOS tests, run: their own scripts, on machines with the settings that their nodes evaluate to.

NixOS itself cannot be built without its package set. What its modules decide can be booted: see first_level/nixos.py.
Tests of machines without libvirt need nothing of the machine but its programs, and run here.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.consumers import roots
from tests.consumers.errors import Unavailable
from tests.nix.flake import Flake, schemas
from tests.nix.nixos import need_lib
from tests.nix.standin import Versions, needed

from first_level.driver import Here, Machine, ScriptError, run_script
from first_level.machine import first_level
from first_level.nixos import nixos_image, read_system
from first_level.qemu import qemu_of
from optimux.vm.accel import accelerated
from scenarios import agent

if TYPE_CHECKING:
    from collections.abc import Iterator

    from first_level.driver import Shell
    from first_level.fixtures import Module
    from first_level.machine import Level
    from first_level.nixos import System

pytestmark = pytest.mark.xdist_group("nixos")
NAMES = sorted(path.stem for path in Path(__file__).parent.glob("*.nix"))
_ON_THIS_MACHINE = {"battery-in-linux", "shared-memory", "table-bytes"}
_OF_THE_ROOT = Versions("11.3.0", "10.0.0")
_ANSWER_SECONDS = 30  # on top of a command's own time


class Lab:
    """The flake's tests, built; and their machines, each booted once for all the scripts that use its system."""

    def __init__(self, folder: Path, module: Module, stack: ExitStack) -> None:
        self._folder, self._module, self._stack = folder, module, stack
        self._levels: dict[Path, Level] = {}
        flake = Flake(_folder_on_disk(stack), schemas(), _OF_THE_ROOT)
        self._tests = {name: flake.build(f"checks.x86_64-linux.vm-{name}") for name in NAMES}
        # A machine that scripts share has what any of them refers to.
        self._closure = sorted({path for test in self._tests.values() for path in flake.closure(test)})

    def run(self, name: str, script: str = "") -> None:
        """Run the script of a test, or another one in its place. Raises what it raises."""
        test = self._tests[name]
        nodes = json.loads((test / "nodes.json").read_text(encoding="utf-8"))
        machines = {node: self._machine(node, Path(toplevel)) for node, toplevel in nodes.items()}
        run_script(script or (test / "script.py").read_text(encoding="utf-8"), machines)

    def _machine(self, name: str, toplevel: Path) -> Machine:
        system = read_system(toplevel, self._closure)
        if not system.settings["libvirtd"]["enable"]:
            return Here(name, lambda: _here)

        def boot() -> Shell:
            if toplevel not in self._levels:
                self._levels[toplevel] = self._boot(system, self._folder / toplevel.name)
            return _inside(self._levels[toplevel])

        return Machine(name, boot)

    def _boot(self, system: System, folder: Path) -> Level:
        folder.mkdir()
        root = roots.trixie_root()
        qemu, image = qemu_of(root, folder), nixos_image(root, folder, system, self._module.files)
        self._stack.callback(image.disk.unlink)
        return accelerated(
            qemu, lambda which: self._stack.enter_context(first_level(image, which, qemu, folder / which.name))
        )


def _here(command: str, seconds: float) -> tuple[int, str, str]:
    """This machine, with the Python that runs the tests."""
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    return agent.shell(f"export PATH='{path}'; {command}", seconds)


def _inside(level: Level) -> Shell:
    def shell(command: str, seconds: float) -> tuple[int, str, str]:
        status, out, errors = level.call("agent.shell", seconds + _ANSWER_SECONDS, command=command, seconds=seconds)
        return status, out, errors

    return shell


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory, module: Module) -> Iterator[Lab]:
    needed()
    need_lib()
    try:
        roots.trixie_root()
    except Unavailable as reason:
        pytest.skip(f"no first level: {reason}")
    with ExitStack() as stack:
        yield Lab(tmp_path_factory.mktemp("nodes"), module, stack)


def _folder_on_disk(stack: ExitStack) -> Path:
    """For the store, whose paths are the same in the machines: /tmp is empty there at every boot."""
    folder = Path(tempfile.mkdtemp(prefix="optimux-", dir="/var/tmp"))
    # Nix takes the right to write from all that it has built.
    stack.callback(subprocess.run, ["sh", "-c", 'chmod -R u+w "$1"; rm -rf "$1"', "rm", str(folder)], check=True)
    return folder


@pytest.mark.usefixtures("firmwares", "linux")
@pytest.mark.parametrize("name", sorted(_ON_THIS_MACHINE))
def test_of_one_machine(name: str, lab: Lab) -> None:
    lab.run(name)


@pytest.mark.parametrize("name", sorted({*NAMES} - _ON_THIS_MACHINE))
def test_of_the_first_level(name: str, lab: Lab, module: Module) -> None:
    if name != "binds-vfio" and module.reason:
        pytest.skip(module.reason)
    lab.run(name)


def test_twin_a_script_that_is_wrong_fails(lab: Lab) -> None:
    with pytest.raises(ScriptError, match="exited with 1"):
        lab.run("battery-in-linux", 'machine.succeed("true")\nmachine.succeed("exit 1")\n')
