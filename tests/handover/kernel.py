"""The recorded machine as one that answers: writes to sysfs bind, unbind and mark, as the kernel would."""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING

from optimux.host.handover.kernel import Kernel, Refused, Stuck
from tests.detect.tree import link, put
from tests.handover.machine import BELOW_PORT, DRIVERS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

NATIVE = dict(DRIVERS)


class Killed(BaseException):
    """The taker's end, at any step: nothing of it runs afterwards."""


class Acting(Kernel):
    """Every action is kept in ``actions``; before number ``kill_at`` the taker is killed.

    ``refuse`` and ``stuck`` are parts of actions that the kernel does not take, or never ends.
    """

    def __init__(self, root: Path, *, kill_at: int | None = None) -> None:
        super().__init__(str(root))
        self.tree = root
        self.actions: list[str] = []
        self.kill_at = kill_at
        self.refuse: tuple[str, ...] = ()
        self.stuck: tuple[str, ...] = ()
        self.meanwhile: dict[str, Callable[[], None]] = {}

    def write(self, path: str, text: str, seconds: float = 0) -> None:
        self._act(f"{path} < {text.strip()}")
        name = path.rpartition("/")[2]
        if name == "unbind":
            (self.tree / f"{BELOW_PORT[1:]}/{text}/driver").unlink()
            (self.tree / f"{path[1:].removesuffix('unbind')}{text}").unlink(missing_ok=True)
        elif name == "drivers_probe":
            self._probe(text)
        elif name == "driver_override":
            put(self.tree, path, f"{text.strip() or '(null)'}\n")
        elif name != "uevent":
            put(self.tree, path, f"{text}\n")

    def run(self, *command: str, seconds: float = 0) -> str:
        self._act(" ".join(command))
        if command[0] == "modprobe":
            self._load(command[1])
        elif command[0] == "rmmod":
            self._unload(command[1])
        return ""

    def rounds(self, seconds: float, step: float = 0) -> Iterator[None]:
        yield from (None, None)

    def alive(self, pid: int) -> bool:
        return bool(self.stuck)

    def _act(self, action: str) -> None:
        if len(self.actions) == self.kill_at:
            raise Killed
        self.actions.append(action)
        for part, happens in self.meanwhile.items():
            if part in action:
                happens()
        if any(part in action for part in self.refuse):
            raise Refused(f"{action}: Device or resource busy")
        if any(part in action for part in self.stuck):
            raise Stuck(action, 4242)

    def _probe(self, address: str) -> None:
        place = f"{BELOW_PORT}/{address}"
        override = (self.text(f"{place}/driver_override") or "").replace("(null)", "")
        driver = override or NATIVE[address]
        if self.exists(f"/sys/bus/pci/drivers/{driver}") and not self.exists(f"{place}/driver"):
            link(self.tree, f"{place}/driver", f"/sys/bus/pci/drivers/{driver}")
            link(self.tree, f"/sys/bus/pci/drivers/{driver}/{address}", place)

    def _load(self, module: str) -> None:
        if module == "vfio-pci":
            (self.tree / "sys/bus/pci/drivers/vfio-pci").mkdir(parents=True, exist_ok=True)
        put(self.tree, f"/sys/module/{module}/refcnt", "0")
        if module == "nvidia":
            (self.tree / "sys/bus/pci/drivers/nvidia").mkdir(parents=True, exist_ok=True)
            link(self.tree, "/sys/bus/pci/drivers/nvidia/module", "/sys/module/nvidia")

    def _unload(self, module: str) -> None:
        shutil.rmtree(self.tree / f"sys/module/{module}")
        if module == "nvidia":
            for entry in (self.tree / "sys/bus/pci/drivers/nvidia").iterdir():
                if ":" in entry.name:
                    (self.tree / f"{BELOW_PORT[1:]}/{entry.name}/driver").unlink()
            shutil.rmtree(self.tree / "sys/bus/pci/drivers/nvidia")


def snapshot(root: Path) -> dict[str, str]:
    """Every file and link that tells what the machine is, but those of loaded modules."""
    found = {}
    for folder, names, files in os.walk(root / "sys/devices"):
        for name in (*names, *files):
            path = os.path.join(folder, name)  # noqa: PTH118 - as os.walk has it
            if os.path.islink(path):  # noqa: PTH114
                found[path] = os.readlink(path)  # noqa: PTH115
            elif name in files:
                with open(path, encoding="utf-8") as file:  # noqa: PTH123
                    found[path] = file.read()
    return found
