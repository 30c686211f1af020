"""Real processes of this machine that hold a node: by number, in every table and namespace."""

from __future__ import annotations

import contextlib
import os
import stat
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from optimux.host.handover.holder import OPEN, THREAD
from optimux.host.handover.nodes import CHARACTER, Node
from optimux.host.handover.processes import Scan
from optimux.pci import Address
from tests import needs

if TYPE_CHECKING:
    from collections.abc import Iterator

FULL = Node((CHARACTER, 1, 7), "/dev/full", "mem", Address.parse("0000:01:00.0"))
OPENED = "import os, sys; os.open(sys.argv[1], os.O_WRONLY); print(flush=True); sys.stdin.read()"
# A thread with a table of its own has the node alone: CLONE_FILES of unshare(2).
IN_A_THREAD = """
import ctypes, os, sys, threading
done = threading.Event()
def own():
    assert ctypes.CDLL(None).unshare(0x400) == 0
    os.open(sys.argv[1], os.O_WRONLY)
    print(flush=True)
    done.wait()
threading.Thread(target=own, daemon=True).start()
sys.stdin.read()
"""


@contextlib.contextmanager
def process(code: str, *arguments: str, before: tuple[str, ...] = ()) -> Iterator[int]:
    """A process that has done what it shall hold, until the end of the block."""
    command = [*before, sys.executable, "-c", code, *arguments]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        assert child.stdout
        assert child.stdin
        assert child.stdout.readline() == b"\n"
        yield child.pid
        child.stdin.close()


def found(pid: int) -> list[tuple[str, str]]:
    """What a scan says of one process."""
    return [(use.node, use.how) for use in Scan((FULL,)).run() if use.pid == pid]


def test_an_open_descriptor() -> None:
    with process(OPENED, "/dev/full") as pid:
        assert found(pid) == [("/dev/full", OPEN)]


def test_another_node_is_no_use() -> None:
    with process(OPENED, "/dev/null") as pid:
        assert found(pid) == []


def test_a_thread_with_its_own_table() -> None:
    with process(IN_A_THREAD, "/dev/full") as pid:
        assert found(pid) == [("/dev/full", THREAD)]


def test_a_thread_without_kcmp(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the kernel does not compare, every table is read."""
    from optimux.host.handover import processes

    monkeypatch.setattr(processes, "_same_table", lambda: None)
    with process(IN_A_THREAD, "/dev/full") as pid:
        assert found(pid) == [("/dev/full", THREAD)]


def test_a_node_of_any_name(tmp_path: Path) -> None:
    needs.root("making a device node")
    try:
        os.mknod(tmp_path / "harmless", 0o666 | stat.S_IFCHR, os.makedev(1, 7))
        (tmp_path / "harmless").open("wb").close()
    except PermissionError as error:
        pytest.skip(f"no device nodes: {error}")
    with process(OPENED, str(tmp_path / "harmless")) as pid:
        assert found(pid) == [("/dev/full", OPEN)]


def test_another_mount_namespace() -> None:
    needs.root("a mount namespace")
    unshared = ("unshare", "--mount", "--pid", "--fork", "--kill-child")
    with process(OPENED, "/dev/full", before=unshared) as pid:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        assert found(int(children[0])) == [("/dev/full", OPEN)]
