"""What the tests of the engine need of this machine: each skip names it."""

from __future__ import annotations

import pytest

from optimux.vm.errors import VmError
from optimux.vm.qemu.accel import Accelerator, tcg
from optimux.vm.qemu.programs import find_ovmf, find_qemu


@pytest.fixture(scope="session")
def qemu() -> str:
    """The real QEMU."""
    try:
        return find_qemu()
    except VmError as error:
        pytest.skip(f"Debian package qemu-system-x86: {error.message}")


@pytest.fixture(scope="session")
def ovmf(qemu: str) -> None:
    """A UEFI firmware is installed."""
    try:
        find_ovmf(qemu)
    except VmError as error:
        pytest.skip(f"Debian package ovmf: {error.message}")


@pytest.fixture
def emulated() -> Accelerator:
    """What runs on every machine."""
    return tcg("the tests use what every machine has")
