"""No QEMU outlives its block or its program, and nothing of it stays behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from optimux.vm.qemu.machine import Machine
from optimux.vm.qemu.memory import shared_file
from optimux.vm.qemu.process import Process
from optimux.vm.qemu.run import start
from tests.vm.subjects import EXAMPLE

if TYPE_CHECKING:
    from optimux.vm.qemu.accel import Accelerator

_PATIENCE = 30.0


def _processes(word: str) -> list[int]:
    """The processes with ``word`` in their command line, this one's excepted."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            line = (entry / "cmdline").read_bytes().decode(errors="replace")
        except OSError:
            continue
        if word in line and int(entry.name) != os.getpid():
            found.append(int(entry.name))
    return found


def _becomes(expected: bool, word: str) -> bool:
    """Whether a process with ``word`` comes (or goes) in time; one that came may have gone again."""
    end = time.monotonic() + _PATIENCE
    while time.monotonic() < end:
        if bool(_processes(word)) == expected:
            return True
        time.sleep(0.02)
    return False


def _named_memory() -> set[str]:
    """What is shared with a guest; folders there are those of tests, of other runs too."""
    names = (path.name for path in Path("/dev/shm").iterdir() if path.is_file())
    return {name for name in names if "optimux" in name or "looking-glass" in name}


def _verify(folder: Path) -> subprocess.Popen[bytes]:
    """``optimux verify`` under OVMF, which takes seconds, with its temporary files in ``folder``."""
    words = [sys.executable, "-c", "from optimux.cli import main; main()", "verify", str(EXAMPLE), "--firmware", "ovmf"]
    process = subprocess.Popen(
        words,
        env=os.environ | {"TMPDIR": str(folder)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),  # as a terminal's shell has it
    )
    assert _becomes(True, f"{folder}/optimux-verify-"), "no QEMU came up"
    return process


def test_a_run_leaves_nothing(qemu: str, emulated: Accelerator, tmp_path: Path) -> None:
    before = _named_memory()
    with shared_file(1 << 20), start(Machine(), emulated, qemu, tmp_path) as run:
        pid = run.process.pid
        assert pid in _processes(str(tmp_path))
    assert not _processes(str(tmp_path))
    assert _named_memory() == before


def test_a_failing_block_ends_it(qemu: str, emulated: Accelerator, tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), start(Machine(), emulated, qemu, tmp_path):
        raise ZeroDivisionError
    assert not _processes(str(tmp_path))


@pytest.mark.parametrize("times", [1, 3])
@pytest.mark.parametrize(
    ("number", "status"),
    [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)],
    ids=["ctrl-c", "sigterm", "sighup"],
)
def test_a_signal_ends_it(ovmf: None, number: int, status: int, times: int, tmp_path: Path) -> None:
    before = _named_memory()
    process = _verify(tmp_path)
    for _ in range(times):
        process.send_signal(number)
    assert process.wait(_PATIENCE) == status
    assert not _processes(str(tmp_path))
    assert list(tmp_path.iterdir()) == []
    assert _named_memory() == before


def test_a_signal_ends_it_whenever_it_comes(tmp_path: Path) -> None:
    """From before the machine is there until after it has ended; later and later where starting takes long."""
    words = [sys.executable, "-c", "from optimux.cli import main; main()", "verify", str(EXAMPLE)]
    statuses = set()
    pauses = [0.12 + 0.03 * step for step in range(12)]
    for pause in pauses:
        process = subprocess.Popen(
            words, env=os.environ | {"TMPDIR": str(tmp_path)}, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
        )
        time.sleep(pause)
        process.terminate()
        _, said = process.communicate(timeout=_PATIENCE)
        statuses.add(process.returncode)
        assert b"Traceback" not in said
        assert b"ignored" not in said
        assert not _processes(f"{tmp_path}/optimux")
        assert list(tmp_path.iterdir()) == [], pause
        if pause == pauses[-1] < 10 and 143 not in statuses:
            pauses.append(2 * pause)
    assert statuses <= {143, 0, -signal.SIGTERM}
    assert 143 in statuses


def test_a_reader_that_leaves(qemu: str, tmp_path: Path) -> None:
    words = [sys.executable, "-c", "from optimux.cli import main; main()", "verify", str(EXAMPLE)]
    process = subprocess.Popen(
        words, env=os.environ | {"TMPDIR": str(tmp_path)}, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.readline()
    process.stdout.close()
    assert process.wait(_PATIENCE) == 1
    assert process.stderr.read() == b""
    process.stderr.close()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("closed", ["<&-", ">&-", "<&- >&-"])
def test_closed_streams(closed: str, qemu: str, tmp_path: Path) -> None:
    line = f'exec "$@" {closed}'
    words = [sys.executable, "-c", "from optimux.cli import main; main()", "verify", str(EXAMPLE)]
    done = subprocess.run(
        ["sh", "-c", line, "sh", *words],
        env=os.environ | {"TMPDIR": str(tmp_path)},
        stderr=subprocess.PIPE,
        timeout=_PATIENCE,
        check=False,
    )
    assert b"8 checks passed, 0 failed" in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_not_even_sigkill_leaves_an_orphan(ovmf: None, tmp_path: Path) -> None:
    """The logs stay, as nobody was left to remove them; machine and memory do not."""
    before = _named_memory()
    process = _verify(tmp_path)
    process.kill()
    process.wait(_PATIENCE)
    assert _becomes(False, str(tmp_path))
    assert _named_memory() == before


def test_the_watch_sees_an_orphan(tmp_path: Path) -> None:
    """The twin: what nobody ends is found, and what a block ends is not."""
    sleeper = [sys.executable, "-c", "import time; time.sleep(60)", str(tmp_path)]
    with Process(sleeper, tmp_path) as ended:
        assert _processes(str(tmp_path)) == [ended.pid]
    assert not _processes(str(tmp_path))
    orphan = subprocess.Popen(sleeper)
    try:
        assert _becomes(True, str(tmp_path))
    finally:
        orphan.kill()
        orphan.wait()
