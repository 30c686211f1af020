"""What booting needs of this machine: a skip names what is missing."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from lab.l1.fixtures import (
    by_address,
    by_id,
    group_by_machine,
    kvmfr,
    l2,
    module,
    on_demand,
    patched_l2,
    plan,
    rest_after,
    waiting,
    without_files,
)
from optimux.vm.errors import VmError
from optimux.vm.linux.busybox import find_busybox
from optimux.vm.linux.kernel import find_kernel
from optimux.vm.qemu.programs import find_ovmf, find_qemu

if TYPE_CHECKING:
    from collections.abc import Callable

# Fixtures that pytest finds here.
__all__ = [
    "by_address",
    "by_id",
    "kvmfr",
    "l2",
    "module",
    "on_demand",
    "patched_l2",
    "plan",
    "waiting",
    "without_files",
]


def pytest_addoption(parser: pytest.Parser) -> None:
    """How often what may fail one time in many is done: each round takes an emulated machine five seconds."""
    parser.addoption("--rounds", type=int, default=2, help="how often the card goes to a VM of libvirt's and back (2)")


def pytest_itemcollected(item: pytest.Item) -> None:
    """A scenario is selected by its name with hyphens as well: ``-k binds-vfio``."""
    item.extra_keyword_matches.add(item.path.stem.removeprefix("test_").replace("_", "-"))


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    group_by_machine(items)


@pytest.hookimpl(trylast=True)
def pytest_runtest_teardown(item: pytest.Item, nextitem: pytest.Item | None) -> None:
    """What rests takes no time from others."""
    rest_after(item, nextitem)


def _found(find: Callable[[], object]) -> None:
    try:
        find()
    except VmError as error:
        pytest.skip(f"{error.message}. {error.remedy}")


@pytest.fixture(scope="session", autouse=True)
def qemu() -> None:
    """QEMU, without which nothing here runs."""
    _found(find_qemu)


@pytest.fixture(scope="session")
def firmwares(qemu: None) -> None:
    """UEFI firmware beside SeaBIOS."""
    _found(lambda: find_ovmf(find_qemu()))


@pytest.fixture(scope="session")
def linux() -> None:
    """A kernel with the battery driver, and busybox."""
    _found(find_kernel)
    _found(find_busybox)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """What scenarios measured: shown, never judged."""
    for report in terminalreporter.getreports("passed"):
        for name, value in report.user_properties:
            terminalreporter.write_line(f"{name}: {value}")
