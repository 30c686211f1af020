"""What apply writes on a FAT file system, as the ESP is one: without links, owners, modes and attributes."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lab.scenarios import child
from optimux.errors import OptimuxError
from optimux.files import renames
from optimux.files.root import Root
from optimux.files.state import Metadata

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_SIZE_MIB = 40
_ENTRIES = "loader/entries"
_ENTRY = f"{_ENTRIES}/Arch-Linux.conf"
_OWN = "title Arch\nlinux /vmlinuz-linux\noptions root=UUID=1 rw quiet\n"
_OLD, _NEW = b"old\n" * 3000, b"new\n" * 5000
_CALLS = ("open", "write", "fchmod", "fchown", "setxattr", "replace", "unlink", "utime")
_MOST_CALLS = 40
_SECONDS = 120


def proven(options: dict[str, Any]) -> str:
    """On this machine: the round, kills, a full disk; what was seen, in words."""
    with _esp() as esp:
        kills = killed_at_every_call(esp)
        refused_without_room(esp)
        there_and_back(options, esp)
    return f"{kills} kills"


@contextmanager
def _esp() -> Iterator[Path]:
    """One that is empty, mounted as distributions mount it."""
    with tempfile.TemporaryDirectory(dir="/run") as folder, ExitStack() as stack:
        image, place = Path(folder, "esp.img"), Path(folder, "esp")
        with image.open("wb") as file:
            file.truncate(_SIZE_MIB << 20)
        place.mkdir()
        _run("busybox", "mkdosfs", str(image))
        _run("modprobe", "-a", "loop", "vfat")
        _run("mount", "-t", "vfat", "-o", "loop,umask=0077", str(image), str(place))
        stack.callback(_run, "umount", str(place))
        yield place


def _run(*command: str, **named: Any) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=_SECONDS, **named)
    assert done.returncode == 0, f"{command} ended with {done.returncode}: {done.stderr}{done.stdout}"
    return done


def there_and_back(options: dict[str, Any], esp: Path) -> None:
    """``options`` are an Arch's with entries by hand: ours in them and a copy without; a second apply changes nothing;
    rolled back they are what they were, byte for byte, with their times.
    """
    (esp / _ENTRIES).mkdir(parents=True)
    (esp / _ENTRY).write_text(_OWN)
    before = _tree(esp)
    with _host(esp) as root:
        config, facts = Path(f"{root}.json"), Path(f"{root}.facts")
        config.write_text(json.dumps(options))
        facts.write_text("{}")
        where = ("--root", str(root), "--chroot", "--yes")
        apply = ("apply", str(config), *where, "--facts", str(facts), "--only", "boot-loader")
        _optimux(*apply)
        words = (esp / _ENTRY).read_text().splitlines()[-1].split()
        assert words[:4] == ["options", "root=UUID=1", "rw", "quiet"]
        assert "intel_iommu=on" in words
        copy = (esp / f"{_ENTRIES}/Arch-Linux-optimux-off.conf").read_text().splitlines()
        assert copy[-1] == "options root=UUID=1 rw quiet module_blacklist=vfio_pci"
        applied = _tree(esp)
        assert "nothing to do" in _optimux(*apply)
        assert _tree(esp) == applied
        _optimux("rollback", *where)
    assert _tree(esp) == before


@contextmanager
def _host(esp: Path) -> Iterator[Path]:
    """This system once more, in which what is changed is nobody's; the ESP is its /boot."""
    with tempfile.TemporaryDirectory(dir="/run") as folder, ExitStack() as stack:
        root, upper, work = (Path(folder, name) for name in ("root", "upper", "work"))
        for path in (root, upper, work):
            path.mkdir()
        _run("modprobe", "overlay")
        _run("mount", "-t", "overlay", "-o", f"lowerdir=/,upperdir={upper},workdir={work}", "none", str(root))
        stack.callback(_run, "umount", "-R", str(root))
        _run("mount", "--bind", str(esp), str(root / "boot"))
        yield root


def _optimux(*arguments: str) -> str:
    """What it says."""
    return _run(sys.executable, "-m", "optimux", *arguments).stderr


def _tree(folder: Path) -> dict[str, Any]:
    """Each file with all that FAT keeps of it, by the name as it is written."""
    found = {}
    for path in sorted(folder.rglob("*")):
        status = path.stat()
        content = path.read_bytes() if path.is_file() else None
        found[path.relative_to(folder).as_posix()] = (
            status.st_mode,
            status.st_uid,
            content,
            status.st_mtime_ns if content is not None else 0,
        )
    return found


def killed_at_every_call(esp: Path) -> int:
    """Writing and putting back, killed before each call that changes anything: the file is old or new, and the next
    run clears away what was left; how many kills.
    """
    kills = 0
    with Root(esp) as root:
        root.write("/Entry.conf", _OLD, Metadata(0o600))
        old = root.look("/Entry.conf")
        acts: tuple[Callable[[], object], ...] = (
            lambda: root.write("/Entry.conf", _NEW, Metadata(0o600)),
            lambda: root.restore("/Entry.conf", old),
        )
        for act in acts:
            for number in range(1, _MOST_CALLS):
                root.write("/Entry.conf", _NEW if act is acts[1] else _OLD, Metadata(0o600))
                assert _names(esp) == {"Entry.conf"}
                ended = _killed(number, act)
                assert (esp / "Entry.conf").read_bytes() in (_OLD, _NEW), number
                if ended:
                    break
                kills += 1
            assert 5 < number < _MOST_CALLS - 1
        assert root.look("/Entry.conf") == old
    return kills


def _names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def _killed(number: int, act: Callable[[], object]) -> bool:
    """Whether it came to its end in a child that is killed before that call."""

    def counted() -> None:
        _count(number)
        act()

    return child.ends(counted)


def _count(number: int) -> None:
    counted = 0

    def before(real: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **named: Any) -> Any:
            nonlocal counted
            counted += 1
            if counted == number:
                os.kill(os.getpid(), signal.SIGKILL)
            return real(*arguments, **named)

        return call

    for name in _CALLS:
        setattr(os, name, before(getattr(os, name)))
    renames.rename2 = before(renames.rename2)


def refused_without_room(esp: Path) -> None:
    """A full ESP: told, the file as it was, and nothing beside it."""
    filler = esp / "filler"
    with filler.open("wb", buffering=0) as file:
        try:
            while True:
                file.write(bytes(1 << 20))
        except OSError:
            pass
    with Root(esp) as root:
        said = ""
        try:
            root.write("/Entry.conf", _NEW * 100, Metadata(0o600))
        except OptimuxError as error:
            said = str(error)
    assert "No space left" in said, said
    assert _names(esp) == {"Entry.conf", "filler"}
    assert (esp / "Entry.conf").read_bytes() == _OLD
    filler.unlink()
