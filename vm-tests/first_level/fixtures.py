"""The booted first levels that tests share: one with the files of each way to bind, one without any."""

from __future__ import annotations

from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

import pytest
from tests.consumers import roots
from tests.consumers.errors import Unavailable

from first_level.configs import by_address_config, by_id_config
from first_level.image import build_image
from first_level.machine import first_level
from optimux.emit.host import host_entries
from optimux.plan.resolve import plan_from
from optimux.vm.accel import accelerated
from optimux.vm.errors import VmError
from optimux.vm.programs import find_qemu

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from first_level.machine import Level
    from optimux.emit.artifact import HostEntry

# Tests that share a machine run in one worker, so that it is booted once.
_MACHINES = ("by_id", "by_address", "without_files")


def group_by_machine(items: Iterable[pytest.Item]) -> None:
    """For pytest_collection_modifyitems, before xdist looks."""
    for item in items:
        for name in _MACHINES:
            if name in getattr(item, "fixturenames", ()):
                item.add_marker(pytest.mark.xdist_group(name))


@contextmanager
def booted(
    factory: pytest.TempPathFactory, entries: Iterable[HostEntry], files: Mapping[str, str | bytes] | None = None
) -> Iterator[Level]:
    """A machine with ``entries`` installed; skips where this machine lacks what it takes to build or boot it."""
    folder = factory.mktemp("first-level")
    try:
        root, qemu = roots.trixie_root(), find_qemu()
    except (Unavailable, VmError) as reason:
        pytest.skip(f"no first level: {reason}")
    image = build_image(root, folder, entries, files)
    with ExitStack() as stack:
        stack.callback(image.disk.unlink)
        yield accelerated(qemu, lambda which: stack.enter_context(first_level(image, which, qemu, folder / which.name)))


@pytest.fixture(scope="session")
def by_id(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Level]:
    """A machine whose card is bound by its ids."""
    with booted(tmp_path_factory, host_entries(plan_from(by_id_config()))) as level:
        yield level


@pytest.fixture(scope="session")
def by_address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Level]:
    """A machine whose card is bound by its address."""
    with booted(tmp_path_factory, host_entries(plan_from(by_address_config()))) as level:
        yield level


@pytest.fixture(scope="session")
def without_files(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Level]:
    """A machine that has nothing of ours."""
    with booted(tmp_path_factory, ()) as level:
        yield level
