"""What a card was before it was taken, kept in /run: enough to bring it back from any step."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from optimux.errors import OptimuxError
from optimux.files.replace import replace_file
from optimux.pci import Address
from optimux.record import Record

if TYPE_CHECKING:
    from collections.abc import Iterator

    from optimux.host.handover.kernel import Kernel

FOLDER = "/run/optimux"
_LOCK = "handover.lock"
LOCK_SECONDS = 5.0


class Was(Record):
    """One function as it was: the driver's name and its module, the override, and how it may sleep."""

    address: Address
    driver: str | None
    module: str | None
    override: str | None
    control: str | None


class State(Record):
    """A card as it was, who took it, and what is to be undone beside its functions.

    ``loaded`` are modules to load again, in order; ``stopped`` units to start again; ``announced`` the files by which
    a removal was made up; ``stuck`` the process of a step that did not end, and the function that it waits for.
    """

    card: str
    domain: str | None
    functions: tuple[Was, ...]
    port: tuple[str, str] | None  # the root port's address and its power/control
    loaded: tuple[str, ...] = ()
    stopped: tuple[tuple[str, ...], ...] = ()  # commands that start again what was stopped
    announced: tuple[str, ...] = ()
    inhibitor: str | None = None
    step: str = ""
    stuck: tuple[int, str] | None = None
    complete: bool = False


class Store:
    """The states in /run, each under its card's name."""

    def __init__(self, root: str = "/") -> None:
        self._folder = Path(root.rstrip("/") + FOLDER)

    def _path(self, card: str) -> Path:
        return self._folder / f"card-{card}.json"

    def read(self, card: str) -> State | None:
        """The state of a card that was taken. Raises ``OptimuxError`` for one that cannot be read."""
        try:
            data = json.loads(self._path(card).read_text(encoding="utf-8"))
        except FileNotFoundError:
            return None
        except (OSError, ValueError) as error:
            raise OptimuxError(f"{self._path(card)} cannot be read: {error}") from None
        try:
            return _state(data)
        except (KeyError, TypeError, ValueError) as error:
            raise OptimuxError(f"{self._path(card)} holds something else than a card's state: {error}") from None

    def write(self, state: State) -> None:
        """Keep it; it is there, whole, when this returns."""
        self._make()
        replace_file(self._path(state.card), json.dumps(_data(state), indent=1).encode(), 0o600)

    def clear(self, card: str) -> None:
        """The card is what it was."""
        self._path(card).unlink(missing_ok=True)

    def _make(self) -> None:
        self._folder.mkdir(mode=0o755, parents=True, exist_ok=True)

    @contextlib.contextmanager
    def lock(self, kernel: Kernel) -> Iterator[None]:
        """One hand-over at a time. Raises ``OptimuxError`` where another one is at work."""
        self._make()
        descriptor = os.open(self._folder / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            for _ in kernel.rounds(LOCK_SECONDS):
                try:
                    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                except BlockingIOError:
                    continue
            else:
                raise OptimuxError("another hand-over is at work. Nothing was changed; try again when it has ended.")
            yield
        finally:
            os.close(descriptor)


def _data(state: State) -> dict[str, Any]:
    functions = [
        {
            "address": str(was.address),
            "driver": was.driver,
            "module": was.module,
            "override": was.override,
            "control": was.control,
        }
        for was in state.functions
    ]
    plain = {name: getattr(state, name) for name in State._fields if name != "functions"}
    return {**plain, "functions": functions}


def _state(data: dict[str, Any]) -> State:
    functions = tuple(
        Was(Address.parse(f["address"]), f["driver"], f["module"], f["override"], f["control"])
        for f in data["functions"]
    )
    return State(
        card=data["card"],
        domain=data["domain"],
        functions=functions,
        port=tuple(data["port"]) if data["port"] else None,
        loaded=tuple(data["loaded"]),
        stopped=tuple(map(tuple, data["stopped"])),
        announced=tuple(data["announced"]),
        inhibitor=data["inhibitor"],
        step=data["step"],
        stuck=(data["stuck"][0], data["stuck"][1]) if data["stuck"] else None,
        complete=data["complete"],
    )
