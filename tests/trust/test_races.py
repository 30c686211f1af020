"""An attacker against each verb's way to write: 200 tries each, and the victim is what it was."""

from __future__ import annotations

import contextlib
import os
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from optimux.bundle.folder import write
from optimux.emit.artifact import HostEntry, HostFile
from optimux.errors import OptimuxError
from optimux.files.replace import replace_file, replace_with_backup
from optimux.files.root import Root
from optimux.files.scratch import discard, made_new, own_folder, scratch, write_new
from optimux.files.state import Metadata
from optimux.host.handover.state import State, Store, Was
from optimux.pci import Address
from tests.apply.hosts import apply, undo
from tests.cli.command import ONE
from tests.trust.arena import OTHER, Arena, arena

TRIES = 200
_PATIENCE_SECONDS = 120  # of the attacker, who mostly wins within one
pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="it takes root to be two users")

Way = Callable[[Path], object]


def _patch(path: Path) -> object:
    with contextlib.suppress(FileExistsError):
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600))
    return replace_with_backup(path, b"", b"new")


def _define(path: Path) -> object:
    with Root() as root:
        return root.write(str(path / "acpi" / "table.aml"), b"table", Metadata(0o644))


def _verify(path: Path) -> object:
    folder = own_folder(path)
    folder = own_folder(folder / "win11-seabios")
    write_new(folder / "console.log", b"log")
    return folder


def _scratch(path: Path) -> object:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("tempfile.tempdir", str(path.parent))
        with scratch("target") as own:
            write_new(own.folder.path / "battery.aml", b"table")
            return own


def _ours(path: Path) -> list[HostEntry]:
    """A file in a folder that has to be made; the root is the folder that the attacker may write to."""
    return [HostFile(f"/{path.name}/file", "new\n", "a file of ours")]


def _apply(path: Path) -> object:
    return apply(path.parent, _ours(path))


def _rollback(path: Path) -> object:
    apply(path.parent, _ours(path))
    return undo(path.parent)


def _state(card: str) -> State:
    return State(card, "win", (Was(Address(0, 1, 0, 0), "nouveau", "nouveau", None, "auto"),), None)


def _hand_over(path: Path) -> object:
    """As take and give do, with ``/run`` in the folder that the attacker may write to."""
    store = Store(str(path.parent))
    kernel: Any = SimpleNamespace(rounds=lambda seconds: [None])
    with store.lock(kernel):
        store.write(_state(path.name))
        assert store.read(path.name) == _state(path.name)
        store.clear(path.name)
    return None


def _image(path: Path) -> object:
    """The images that install makes: a program of others writes to a name that we give it."""

    def make(own: Path) -> None:
        own.write_bytes(b"image")

    made_new(path, make, 0o600)
    assert path.stat().st_uid == os.geteuid()
    return None


def _answers(path: Path) -> object:
    """The medium with the password, while Windows' Setup reads it, and its end."""
    write_new(path, b"password", 0o600)
    with path.open("rb") as file:
        assert (os.fstat(file.fileno()).st_mode & 0o777, file.read()) == (0o600, b"password")
    discard(path)
    return None


# What each verb does with the path that it is given.
WAYS: dict[str, Way] = {
    "generate": lambda path: write(ONE, path),
    "patch --in-place": _patch,
    "patch -o": lambda path: replace_file(path, b"new", 0o600),
    "ssdt -o": lambda path: replace_file(path, b"new", 0o644),
    "define": _define,
    "verify --keep": _verify,
    "verify": _scratch,
    "apply": _apply,
    "rollback": _rollback,
    "install, images": _image,
    "install, answers": _answers,
    "guest iso -o": lambda path: replace_file(path, b"image"),
    "gpu take and give": _hand_over,
}
NAMES = (
    "target",
    ".target.optimux-new",
    ".optimux-new",
    "target.bak",
    "acpi",
    "win11-seabios",
    "console.log",
    "top",
    "var",
    "run",
)


@pytest.fixture
def field(tmpfs: Path | None) -> Iterator[Arena]:
    """Where nothing waits for a disk, more of a try is in the window that the attacker looks for."""
    with arena(tmpfs) as made:
        yield made


def _clear(path: Path) -> None:
    for found in map(path.with_name, ("target", "target.bak", "var", "run")):
        with contextlib.suppress(OSError):
            if found.is_dir() and not found.is_symlink():
                shutil.rmtree(found)
            else:
                found.unlink()


@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
def test_in_a_shared_folder(way: Way, field: Arena) -> None:
    """As /tmp: either it is written, by us and for us, or refused."""
    target, written = field.shared / "target", 0
    with field.attacker(field.shared, NAMES):
        for _ in range(TRIES):
            with contextlib.suppress(OptimuxError, OSError):
                way(target)
                written += 1
            _clear(target)
    assert field.is_unharmed()
    assert written > 0


@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
def test_in_the_attackers_folder(way: Way, field: Arena) -> None:
    """Refused every time, with the reason."""
    (field.theirs / "target").mkdir()
    target = field.theirs / "target" / "target"
    with field.attacker(field.theirs, NAMES):
        for _ in range(TRIES):
            with pytest.raises((OptimuxError, OSError)) as refused:
                way(target)
    assert field.is_unharmed()
    assert "belongs to" in str(refused.value)


def _linked(path: Path) -> None:
    path.rename(path.with_name("state"))
    path.symlink_to("state")


PLANTED: dict[str, Callable[[Path], object]] = {
    "owner": lambda path: os.chown(path, OTHER, OTHER),
    "mode": lambda path: path.chmod(0o666),
    "link": _linked,
    "folder": lambda path: os.chown(path.parent, OTHER, OTHER),
    "open folder": lambda path: path.parent.chmod(0o777),
}


@pytest.mark.parametrize("plant", PLANTED.values(), ids=PLANTED)
def test_what_a_card_was_is_believed_of_nobody_else(plant: Callable[[Path], object], tmp_path: Path) -> None:
    """It holds commands that give runs as root."""
    store, path = Store(str(tmp_path)), tmp_path / "run" / "optimux" / "card-card.json"
    store.write(_state("card"))
    assert store.read("card") == _state("card")
    plant(path)
    with pytest.raises(OptimuxError, match=r"written by others|belongs to|may be written to by others"):
        store.read("card")


def _by_name(path: Path) -> object:
    """How it was done once: a name that can be guessed, owner and permissions set by name."""
    staging = path.with_name(".target.optimux-new")
    staging.mkdir(exist_ok=True)
    staging.chmod(0o755)
    (staging / "one.xml").write_text("<one/>")
    return None


def test_the_attacker_wins_where_names_are_trusted(field: Arena) -> None:
    """The twin: the same attacker against a writer by name. On a busy machine the two seldom run at once."""
    end = time.monotonic() + _PATIENCE_SECONDS
    with field.attacker(field.shared, NAMES):
        while time.monotonic() < end:
            with contextlib.suppress(OSError):
                _by_name(field.shared / "target")
            with contextlib.suppress(OSError):
                shutil.rmtree(field.shared / ".target.optimux-new")
            if not field.is_unharmed():
                return
    pytest.fail("the attacker never got through: these races show nothing")
