"""The NixOS tests, run: their own scripts, on machines with the settings that their nodes evaluate to.

NixOS itself cannot be built without its package set. What its modules decide can be booted: see lab/l1/nixos.py.
Tests of machines without libvirt need nothing of the machine but its programs, and run here.
"""

from __future__ import annotations

from contextlib import ExitStack
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from lab.consumers import roots
from lab.l1.driver import ScriptError
from lab.l1.nodes import Nodes
from lab.nix.evaluator import need_lib
from lab.nix.standin import needed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

# Scripts that share machines run in one worker; the first ones share what they do with the tests of the same names.
_ON_THIS_MACHINE = ("battery-in-linux", "shared-memory", "table-bytes")
_HERE = "this_machine"
_WITH_A_CARD = ("binds-vfio", "idle-power", "kvmfr", "passthrough")


@pytest.fixture(scope="module")
def nodes(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Nodes]]:
    """The machines of tests, made once for the same ones."""
    needed()
    need_lib()
    roots.trixie_root()
    with ExitStack() as stack:

        @cache
        def of(names: tuple[str, ...]) -> Nodes:
            folder = tmp_path_factory.mktemp("nodes")
            return Nodes(names, folder, lambda: request.getfixturevalue("module").files, stack)

        yield of


def _each(names: tuple[str, ...], worker: str) -> pytest.MarkDecorator:
    """One case for each name, all of them in the worker of that group."""
    group = pytest.mark.xdist_group(worker)
    return pytest.mark.parametrize("name", [pytest.param(name, marks=group, id=name) for name in names])


@pytest.mark.usefixtures("firmwares", "linux")
@_each(_ON_THIS_MACHINE, _HERE)
def test_of_one_machine(name: str, nodes: Callable[..., Nodes]) -> None:
    nodes(_ON_THIS_MACHINE).run(name)


@pytest.mark.usefixtures("kvmfr")
@_each(_WITH_A_CARD, "nixos")
def test_with_a_card(name: str, nodes: Callable[..., Nodes]) -> None:
    nodes(_WITH_A_CARD).run(name)


@_each(_ON_THIS_MACHINE[:1], _HERE)
def test_twin_a_script_that_is_wrong_fails(name: str, nodes: Callable[..., Nodes]) -> None:
    with pytest.raises(ScriptError, match="exited with 1"):
        nodes(_ON_THIS_MACHINE).run(name, 'machine.succeed("true")\nmachine.succeed("exit 1")\n')


def test_every_file_is_run() -> None:
    files = {path.stem for path in Path(__file__).parent.glob("*.nix")}
    assert files == {*_ON_THIS_MACHINE, *_WITH_A_CARD}
