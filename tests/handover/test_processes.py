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


# A file system whose server answers until its only file has been opened, and is gone then (linux/fuse.h).
SILENT = """
import ctypes, os, struct, sys
device = os.open("/dev/fuse", os.O_RDWR)
words = f"fd={device},rootmode=40000,user_id=0,group_id=0".encode()
if ctypes.CDLL(None, use_errno=True).mount(b"silent", sys.argv[1].encode(), b"fuse", 0, words):
    sys.exit(1)
print(flush=True)
attributes = lambda node, mode: struct.pack("<6Q10I", node, 0, 0, 0, 0, 0, 0, 0, 0, mode, 1, 0, 0, 0, 512, 0)
while True:
    request = os.read(device, 1 << 17)
    _, code, number, node = struct.unpack_from("<IIQQ", request)
    answers = {
        26: struct.pack("<4I", 7, 12, 4096, 0) + bytes(8) + bytes(40),  # FUSE_INIT
        1: struct.pack("<2Q2Q2I", 2, 0, 0, 0, 0, 0) + attributes(2, 0o100644),  # FUSE_LOOKUP
        3: struct.pack("<Q2I", 0, 0, 0) + attributes(node, 0o40755 if node == 1 else 0o100644),  # FUSE_GETATTR
        14: struct.pack("<Q2I", 0, 0, 0),  # FUSE_OPEN
    }
    said = answers.get(code)
    if said is not None or code not in (2, 42):  # FUSE_FORGET and BATCH_FORGET have no answer
        os.write(device, struct.pack("<IiQ", 16 + len(said or b""), 0 if said else -38, number) + (said or b""))
    if code == 14:
        sys.stdin.read()
        os._exit(0)
"""


@pytest.fixture
def abandoned(tmp_path: Path) -> Iterator[Path]:
    """A descriptor of some process on a file system that does not answer any more."""
    needs.root("mounting")
    if not Path("/dev/fuse").exists():
        pytest.skip("no /dev/fuse")
    folder = tmp_path / "silent"
    folder.mkdir()
    opens = "import os, sys; fd = os.open(sys.argv[1], os.O_RDONLY); print(fd, flush=True); sys.stdin.read()"
    line = [sys.executable, "-c", opens, str(folder / "file")]
    child = None
    try:
        with process(SILENT, str(folder)):  # its end is the connection's: whoever waits for it goes on
            child = subprocess.Popen(line, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
            assert child.stdout
            yield Path(f"/proc/{child.pid}/fd/{child.stdout.readline().decode().strip()}")
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)
        if child:
            child.kill()
            child.communicate()


def _within(seconds: float, code: str, *arguments: str) -> bool:
    """Whether what a process does after its first line ends well, and in time."""
    line = [sys.executable, "-c", code, *arguments]
    with subprocess.Popen(line, stdout=subprocess.PIPE) as child:
        assert child.stdout
        assert child.stdout.readline() == b"\n"
        try:
            return child.wait(seconds) == 0
        except subprocess.TimeoutExpired:
            return False
        finally:
            child.kill()


def test_a_server_that_is_gone_is_not_waited_for(abandoned: Path) -> None:
    scan = "from tests.handover.test_processes import FULL, Scan; print(flush=True); Scan((FULL,)).run()"
    assert _within(10, scan)


def test_twin_asked_it_is_waited_for(abandoned: Path) -> None:
    assert not _within(1, "import os, sys; print(flush=True); os.stat(sys.argv[1])", str(abandoned))
