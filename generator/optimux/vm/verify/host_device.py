"""The real shared memory on this machine: looked at, never touched."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from optimux.vm.evidence.checks import FAILED, PASSED, Check

if TYPE_CHECKING:
    from collections.abc import Iterator

    from optimux.plan.model import SharedMemory

_NAME = "shared memory: host"


def host_device(memory: SharedMemory) -> Iterator[Check]:
    """Nothing where the path does not exist: this need not be the machine that is planned for."""
    path = Path(memory.path)
    if memory.kind == "kvmfr" and path.is_char_device():
        yield Check(_NAME, PASSED, f"{path} is a device")
    elif memory.kind == "kvmfr" and path.exists():
        fault = f"{path} is a regular file: QEMU made it because the module kvmfr was not loaded"
        yield Check(_NAME, FAILED, fault, f"Stop the VM, remove {path}, load kvmfr, and start the VM after it.")
    elif memory.kind == "shm" and path.exists() and path.stat().st_size not in (0, memory.size.bytes):
        fault = f"{path} has {path.stat().st_size} bytes, planned is {memory.size}: QEMU refuses it"
        yield Check(_NAME, FAILED, fault, f"Stop the VM and remove {path}; it is made again in its size.")
