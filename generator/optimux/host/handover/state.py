"""What a card was before it was taken, kept in /run: enough to bring it back from any step."""

from __future__ import annotations

import contextlib
import json
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

from optimux.errors import OptimuxError
from optimux.files.atomic import put, remove
from optimux.files.lock import locked
from optimux.files.replace import explained
from optimux.files.state import Metadata, look
from optimux.files.walk import reach
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
    stuck: tuple[int, str] | None = None
    complete: bool = False


class Store:
    """The states in /run, each under its card's name."""

    def __init__(self, root: str = "/") -> None:
        self._folder = Path(root.rstrip("/") + FOLDER)

    def _path(self, card: str) -> Path:
        return self._folder / _name(card)

    def read(self, card: str) -> State | None:
        """The state of a card that was taken. Raises ``OptimuxError`` for one that cannot be read.

        It holds commands that root runs: it is believed only where nobody else can have written it.
        """
        path = self._path(card)
        with explained(path, "read"):
            try:
                folder = reach(self._folder)
            except FileNotFoundError:
                return None
            with folder:
                found = look(folder, _name(card))
        if found is None:
            return None
        if not found.is_ours:
            raise OptimuxError(
                f"{path} may have been written by others: it is not trusted. Look who made it; remove it."
            )
        try:
            return _state(json.loads(found.content))
        except (KeyError, TypeError, ValueError) as error:
            raise OptimuxError(f"{path} holds something else than a card's state: {error}") from None

    def exists(self, card: str) -> bool:
        """Whether the card was taken and is not back; anybody may ask."""
        return self._path(card).exists()

    def write(self, state: State) -> None:
        """Keep it; it is there, whole, when this returns. Raises ``OptimuxError``."""
        content = json.dumps(_data(state), indent=1).encode()
        with explained(self._path(state.card)), reach(self._folder, make=True) as folder:
            put(folder, _name(state.card), content, Metadata(0o600))

    def clear(self, card: str) -> None:
        """The card is what it was."""
        with explained(self._path(card), "removed"), reach(self._folder, make=True) as folder:
            remove(folder, _name(card))

    @contextlib.contextmanager
    def lock(self, kernel: Kernel) -> Iterator[None]:
        """One hand-over at a time. Raises ``OptimuxError`` where another one is at work."""
        with ExitStack() as stack:
            with explained(self._folder):
                folder = stack.enter_context(reach(self._folder, make=True))
                had = stack.enter_context(locked(folder, _LOCK, kernel.rounds(LOCK_SECONDS)))
            if not had:
                raise OptimuxError("another hand-over is at work. Nothing was changed; try again when it has ended.")
            yield


def _name(card: str) -> str:
    return f"card-{card}.json"


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
        stuck=(data["stuck"][0], data["stuck"][1]) if data["stuck"] else None,
        complete=data["complete"],
    )
