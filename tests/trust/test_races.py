"""An attacker against each verb's way to write: 200 tries each, and the victim is what it was."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from optimux.bundle.folder import write
from optimux.errors import OptimuxError
from optimux.files.replace import replace_file, replace_with_backup
from optimux.files.root import Root
from optimux.files.scratch import own_folder, scratch, write_new
from optimux.files.state import Metadata
from tests.cli.command import ONE
from tests.trust.arena import Arena, arena

TRIES = 200
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


# What each verb does with the path that it is given.
WAYS: dict[str, Way] = {
    "generate": lambda path: write(ONE, path),
    "patch --in-place": _patch,
    "patch -o": lambda path: replace_file(path, b"new", 0o600),
    "ssdt -o": lambda path: replace_file(path, b"new", 0o644),
    "define": _define,
    "verify --keep": _verify,
    "verify": _scratch,
}
NAMES = ("target", ".target.optimux-new", ".optimux-new", "target.bak", "acpi", "win11-seabios", "console.log", "top")


@pytest.fixture
def field() -> Iterator[Arena]:
    with arena() as made:
        yield made


def _clear(path: Path) -> None:
    for found in (path, path.with_name("target.bak")):
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


def _by_name(path: Path) -> object:
    """How it was done once: a name that can be guessed, owner and permissions set by name."""
    staging = path.with_name(".target.optimux-new")
    staging.mkdir(exist_ok=True)
    staging.chmod(0o755)
    (staging / "one.xml").write_text("<one/>")
    return None


def test_the_attacker_wins_where_names_are_trusted(field: Arena) -> None:
    """The twin: the same attacker against a writer by name."""
    with field.attacker(field.shared, NAMES):
        for _ in range(TRIES * 50):
            with contextlib.suppress(OSError):
                _by_name(field.shared / "target")
            with contextlib.suppress(OSError):
                shutil.rmtree(field.shared / ".target.optimux-new")
            if not field.is_unharmed():
                return
    pytest.fail("the attacker never got through: these races show nothing")
