"""Every parameter that names a file or folder to be read: what is no such thing is invalid input, and hangs nothing.

The command line is walked, so that a new parameter of this kind needs a line here.
"""

from __future__ import annotations

import os
import socket
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Thread

import click
import pytest

from lab.documents import VIRT_MANAGER
from optimux.cli import group, run
from optimux.cli.apply_request import Request
from tests.cli.command import EXAMPLE

# What names something to be read, by how the help calls it; what is written, or no file at all, is left out.
READS = {"CONFIG", "FILE", "DIR", "DOMAIN.xml"}
WRITTEN = {
    ("init", "output"),
    ("generate", "output"),
    ("guest media", "output"),
    ("ssdt", "output"),
    ("verify", "keep"),
    ("guest setup", "save"),
}

# Each verb's parameter, with the call in which NAMED is read.
CALLS: dict[tuple[str, str], list[str]] = {
    ("apply", "config"): ["apply", "NAMED", "--root", "tree", "--dry-run"],
    ("apply", "facts"): ["apply", EXAMPLE, "--root", "tree", "--dry-run", "--facts", "NAMED"],
    ("apply", "root"): ["apply", EXAMPLE, "--dry-run", "--root", "NAMED"],
    ("define", "config"): ["define", "NAMED", "--yes"],
    ("define", "facts"): ["define", EXAMPLE, "--yes", "--facts", "NAMED"],
    ("detect", "root"): ["detect", "--root", "NAMED"],
    ("doctor", "config"): ["doctor", "NAMED", "--root", "tree"],
    ("doctor", "root"): ["doctor", "--root", "NAMED"],
    ("generate", "config"): ["generate", "NAMED", "-o", "out"],
    ("generate", "facts"): ["generate", EXAMPLE, "-o", "out", "--facts", "NAMED"],
    ("gpu give", "config"): ["gpu", "give", "NAMED"],
    ("gpu give", "facts"): ["gpu", "give", EXAMPLE, "--facts", "NAMED"],
    ("gpu keep-free", "config"): ["gpu", "keep-free", "NAMED", "--root", "tree"],
    ("gpu keep-free", "facts"): ["gpu", "keep-free", EXAMPLE, "--root", "tree", "--facts", "NAMED"],
    ("gpu keep-free", "root"): ["gpu", "keep-free", EXAMPLE, "--root", "NAMED"],
    ("gpu status", "config"): ["gpu", "status", "NAMED", "--root", "tree"],
    ("gpu status", "facts"): ["gpu", "status", EXAMPLE, "--root", "tree", "--facts", "NAMED"],
    ("gpu status", "root"): ["gpu", "status", EXAMPLE, "--root", "NAMED"],
    ("gpu take", "config"): ["gpu", "take", "NAMED", "--yes"],
    ("gpu take", "facts"): ["gpu", "take", EXAMPLE, "--yes", "--facts", "NAMED"],
    ("guest media", "config"): ["guest", "media", "NAMED", "-o", "out.iso"],
    ("guest media", "facts"): ["guest", "media", EXAMPLE, "-o", "out.iso", "--facts", "NAMED"],
    ("guest media", "payload"): ["guest", "media", EXAMPLE, "-o", "out.iso", "--payload", "NAMED"],
    ("init", "root"): ["init", "--yes", "-o", "new.toml", "--root", "NAMED"],
    ("init", "vm_from"): ["init", "--yes", "--anyway", "-o", "new.toml", "--root", "tree", "--vm-from", "NAMED"],
    ("install", "facts"): ["install", EXAMPLE, "--yes", "--facts", "NAMED"],
    ("install", "config"): ["install", "NAMED", "--yes"],
    ("patch", "config"): ["patch", "NAMED", "domain.xml"],
    ("patch", "facts"): ["patch", EXAMPLE, "domain.xml", "--facts", "NAMED"],
    ("patch", "domain"): ["patch", EXAMPLE, "NAMED"],
    ("rollback", "root"): ["rollback", "--yes", "--root", "NAMED"],
    ("ssdt", "source"): ["ssdt", "--decode", "NAMED"],
    ("verify", "config"): ["verify", "NAMED"],
    ("verify", "facts"): ["verify", EXAMPLE, "--facts", "NAMED"],
    ("verify", "file"): ["verify", EXAMPLE, "--domain", "NAMED"],
}
# A folder is what these are for; a file is no folder.
FOLDERS = {key for key in CALLS if key[1] in ("root", "payload")}


def _parameters(verbs: click.Group, before: str = "") -> Iterator[tuple[str, str]]:
    context = click.Context(verbs)
    for name in verbs.list_commands(context):
        command = verbs.get_command(context, name)
        assert command is not None
        if isinstance(command, click.Group):
            yield from _parameters(command, f"{before}{name} ")
            continue
        for parameter in command.params:
            shown = parameter.metavar or (parameter.name or "").upper()
            if shown.strip("[]") in READS:
                yield f"{before}{name}", parameter.name or ""


def test_every_parameter_that_is_read_is_here() -> None:
    assert set(_parameters(group)) - WRITTEN == set(CALLS)


def _fifo(path: Path) -> None:
    os.mkfifo(path)


def _socket(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as made:
        made.bind(path.name)


def _loop(path: Path) -> None:
    path.symlink_to(path.name)


def _missing(_path: Path) -> None:
    pass


def _utf32(path: Path) -> None:
    path.write_bytes("<domain/>".encode("utf-32"))


def _empty(path: Path) -> None:
    path.write_bytes(b"")


MADE: dict[str, Callable[[Path], None]] = {
    "missing": _missing,
    "pipe": _fifo,
    "socket": _socket,
    "loop": _loop,
    "utf-32": _utf32,
    "empty": _empty,
    "folder": Path.mkdir,
}
# The path, or where in the file: an empty configuration is TOML, and a domain comes from standard input as well.
SAID = ("NAMED", "  domain: found ", "  host.distribution: found nothing")
WRONG = [(key, made) for key in CALLS for made in MADE if made != "folder" or key not in FOLDERS]


@pytest.mark.parametrize(("key", "made"), WRONG, ids=[f"{'-'.join(key)}-{made}" for key, made in WRONG])
def test_what_is_no_such_thing(
    key: tuple[str, str],
    made: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("optimux.files.read.PIPE_SECONDS", 0.05)
    for folder in ("tree/sys", "tree/proc", "tree/etc"):
        (tmp_path / folder).mkdir(parents=True)
    Path("domain.xml").write_text(VIRT_MANAGER)
    MADE[made](tmp_path / "NAMED")
    before = sorted(path.name for path in tmp_path.iterdir())
    assert run(CALLS[key]) == 2
    said = capsys.readouterr()
    assert "Traceback" not in said.err
    assert "defect" not in said.err
    assert "\n      allowed: " in said.err
    assert any(word in said.err for word in SAID), "it is not said what is wrong"
    assert sorted(path.name for path in tmp_path.iterdir()) == before, "something was written"


TREES = {"detect": ["detect"], "init": ["init", "--yes", "-o", "new.toml"], "doctor": ["doctor", "--json"]}


@pytest.mark.parametrize("call", TREES.values(), ids=TREES)
def test_a_tree_of_no_machine(
    call: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Everything would be unknown in it, and nothing broken; one with /proc is a machine, however little is known."""
    monkeypatch.chdir(tmp_path)
    Path("etc").mkdir()
    assert run([*call, "--root", str(tmp_path)]) == 2
    assert f"{tmp_path}: found neither /sys nor /proc in it" in capsys.readouterr().err
    Path("proc").mkdir()
    run([*call, "--root", str(tmp_path)])
    assert "neither /sys nor /proc" not in capsys.readouterr().err


def test_a_tar_through_a_pipe(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """As ``--root <(ssh laptop tar -c /sys /proc)`` makes one; it cannot be wound back."""
    (tmp_path / "proc").mkdir()
    (tmp_path / "proc" / "version").write_text("Linux version 6.12.9-test\n")
    with tarfile.open(tmp_path / "tree.tar.gz", "w:gz") as tar:
        tar.add(tmp_path / "proc", "proc")
    os.mkfifo(tmp_path / "pipe")
    writer = Thread(target=lambda: (tmp_path / "pipe").write_bytes((tmp_path / "tree.tar.gz").read_bytes()))
    writer.start()
    assert run(["detect", "--json", "--root", str(tmp_path / "pipe")]) == 0, capsys.readouterr().err
    writer.join(10)


ROOTED = {"apply": ["apply", EXAMPLE, "--dry-run"], "rollback": ["rollback", "--yes"]}


@pytest.mark.parametrize("root", [[], ["--root", "/"]], ids=["without", "this machine's"])
@pytest.mark.parametrize("call", ROOTED.values(), ids=ROOTED)
def test_a_root_to_enter(call: list[str], root: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """--chroot beside no other root would run everything on this machine."""
    assert run([*call, "--chroot", *root]) == 2
    assert "--chroot: found" in capsys.readouterr().err


def test_this_machine_by_its_path_takes_root(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """``--root /`` is this machine, for which a user's apply goes through sudo, or says that there is none."""
    asked: list[Request] = []
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    monkeypatch.setattr("optimux.cli.apply._with_more_rights", asked.append)
    run(["apply", EXAMPLE, "--yes", "--root", "/"])
    assert [request.place for request in asked] == [None], capsys.readouterr().err
