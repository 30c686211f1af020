"""Small hosts to apply to: a folder with the user's files, entries for them, and commands that leave a trace there."""

from __future__ import annotations

import contextlib
import os
import stat
from pathlib import Path
from typing import TYPE_CHECKING

from optimux.emit.artifact import STEPS, HostCommand, HostEntry, HostFile, HostLines
from optimux.files.root import Root
from optimux.host.apply.carry_out import carry_out
from optimux.host.apply.prepare import Prepared, prepare
from optimux.host.journal import Transaction, save, transactions
from optimux.host.past import Past
from optimux.host.rollback import roll_back
from optimux.host.shell import Shell

if TYPE_CHECKING:
    from collections.abc import Sequence

CONF = "/etc/qemu.conf"
OURS = "/etc/modprobe.d/optimux.conf"
DEEP = "/etc/made/for/us/file"
USERS = 'mine = 1\nlist = [\n  "/dev/mine"\n]\n'

Tree = dict[str, tuple[int, int, int, dict[str, bytes], bytes | str | None]]


def host(folder: Path) -> Path:
    """A host with one file of the user's, of a mode and a time that nothing else has."""
    (folder / "etc").mkdir(parents=True)
    (folder / "etc/modprobe.d").mkdir()
    (folder / "state").mkdir()
    (folder / "etc/qemu.conf").write_text(USERS)
    (folder / "etc/qemu.conf").chmod(0o640)
    with contextlib.suppress(OSError):  # a file system without them
        os.setxattr(folder / "etc/qemu.conf", "user.mine", b"1")
    os.utime(folder / "etc/qemu.conf", ns=(1_000_000_000, 2_000_000_000))
    return folder


def entries(folder: Path, *, text: str = "options vfio-pci ids=1\n") -> list[HostEntry]:
    """Each kind: a file, one in folders that are missing, lines, a membership, and what takes them into use.

    The commands start few programs: some tests run them a thousand times.
    """
    group, image = folder / "state/group", folder / "state/image"
    return [
        HostFile(OURS, text, "module options", step="modules"),
        HostFile(DEEP, "deep\n", "a file in folders of ours", mode=0o755),
        HostLines(
            CONF, ("list = [", '  "/dev/kvmfr0"', "]"), r"^list = \[[^\]]*\]", "a list", items=('"/dev/kvmfr0"',)
        ),
        HostCommand(f": >{group}", "membership", step="groups", unless=f"test -e {group}", undo=f"rm -f {group}"),
        HostCommand(
            f"{{ read -r line <{folder}{OURS}; }} 2>/dev/null || line=none; "
            f'echo "$line" >{image}.new; mv {image}.new {image}',
            "rebuilds the image",
            step="initramfs",
            after=(OURS,),
        ),
    ]


def look(folder: Path, wanted: Sequence[HostEntry]) -> Prepared:
    """What differs."""
    with Root(folder) as root:
        return prepare(wanted, root, Past(transactions(root)), STEPS, Shell(), "")


def apply(folder: Path, wanted: Sequence[HostEntry], shell: Shell | None = None) -> Prepared:
    """Apply as the command does, asking nobody; what differed."""
    with Root(folder) as root:
        past = Past(transactions(root))
        prepared = prepare(wanted, root, past, STEPS, shell or Shell(), "")
        if not prepared.is_empty:
            new = Transaction(len(transactions(root)) + 1, "2026-01-01T00:00:00Z", "1", "0")
            carry_out(prepared, new, root, shell or Shell(), lambda text: None)
        for transaction in past.active:
            if transaction.is_open:
                save(root, transaction.replace(stage="applied"))
        return prepared


def undo(folder: Path, *, force: bool = False) -> tuple[str, ...]:
    """Roll back everything; the commands that failed."""
    failed: tuple[str, ...] = ()
    with Root(folder) as root:
        for transaction in reversed(transactions(root)):
            if transaction.stage != "undone":
                failed += roll_back(transaction, root, Shell(), force=force, say=lambda text: None)
    return failed


def tree(folder: Path) -> Tree:
    """All that a host is, byte for byte, without the journal: permissions, owner, time of change, attributes, content
    or target.
    """
    found: Tree = {}
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if name.split("/")[0] == "var":
            continue
        status = path.lstat()
        plain = path.is_file() and not path.is_symlink()
        content = path.read_bytes() if plain else str(path.readlink()) if path.is_symlink() else None
        times = status.st_mtime_ns if plain else 0
        found[name] = (stat.S_IMODE(status.st_mode), status.st_uid, times, _attributes(path), content)
    return found


def _attributes(path: Path) -> dict[str, bytes]:
    with contextlib.suppress(OSError):
        return {
            name: os.getxattr(path, name, follow_symlinks=False) for name in os.listxattr(path, follow_symlinks=False)
        }
    return {}
