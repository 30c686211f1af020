"""init's questions on a real terminal: what it asks, what Enter takes, what a wrong answer gets."""

from __future__ import annotations

import contextlib
import os
import pty
import select
import signal
import sys
import time
import tomllib
from typing import TYPE_CHECKING, Any

import pytest

from tests.detect.tree import described, plant

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

CODE = "import sys; from optimux.cli import main; main(sys.argv[1:])"
SECONDS = 60
TWO_CARDS, SPARE_DISK = "two-of-a-kind-vmd", "zeroed-subsystem"


def asked(arguments: Sequence[str], answers: Sequence[tuple[str, str]]) -> tuple[int, str]:
    """The exit code, and all that the terminal showed; each answer is typed when its question stands there."""
    process, terminal = pty.fork()
    if process == 0:
        os.execv(sys.executable, [sys.executable, "-c", CODE, *arguments])
    said, left, until = "", list(answers), time.monotonic() + SECONDS
    seen, poll = 0, select.poll()  # select() refuses descriptors beyond 1024, which a whole run may reach
    poll.register(terminal, select.POLLIN)
    while time.monotonic() < until:
        if not poll.poll(200):
            continue
        try:
            data = os.read(terminal, 4096)
        except OSError:  # the child has gone
            break
        if not data:
            break
        said += data.decode()
        if left and left[0][0] in said[seen:] and said.rstrip(" ").endswith(":"):
            seen = len(said)
            os.write(terminal, left.pop(0)[1].encode() + b"\n")
    else:
        os.kill(process, signal.SIGKILL)
    os.close(terminal)
    _, status = os.waitpid(process, 0)
    assert not left, said
    return os.waitstatus_to_exitcode(status), said


def vm(path: Path) -> Any:
    """What was written of the VM."""
    return tomllib.loads(path.read_text(encoding="utf-8"))["vms"]["Windows11"]


@pytest.fixture
def spare(tmp_path: Path) -> Path:
    """A laptop with a second disk that nothing of the host is on."""
    machine = described(SPARE_DISK)
    machine["disks"] += "nvme1n1 0000:04:00.0 476 nvme-Spare_Disk\n"
    return plant(tmp_path / "tree", machine)


def test_enter_takes_the_defaults(spare: Path, tmp_path: Path) -> None:
    out, silent = tmp_path / "asked.toml", tmp_path / "silent.toml"
    code, said = asked(
        ["init", "--root", str(spare), "-o", str(out)], [("Memory for the VM?", ""), ("Which disk?", "")]
    )
    assert code == 0, said
    assert "the whole disk /dev/disk/by-id/nvme-Spare_Disk" in said
    assert asked(["init", "--root", str(spare), "-o", str(silent), "--yes"], [])[0] == 0
    assert out.read_text() == silent.read_text()


def test_answers_are_taken(spare: Path, tmp_path: Path) -> None:
    out = tmp_path / "asked.toml"
    answers = [("Memory for the VM?", "12GiB"), ("Which disk?", "1")]
    assert asked(["init", "--root", str(spare), "-o", str(out)], answers)[0] == 0
    assert vm(out)["memory"] == "12GiB"
    assert vm(out)["disks"] == [{"source": "/dev/disk/by-id/nvme-Spare_Disk", "type": "block", "bootOrder": 1}]


def test_which_of_two_cards(tmp_path: Path) -> None:
    out, tree = tmp_path / "asked.toml", plant(tmp_path / "tree", described(TWO_CARDS))
    answers = [("Which GPU goes to the VM?", "2"), ("Memory for the VM?", "")]
    code, said = asked(["init", "--root", str(tree), "-o", str(out)], answers)
    assert code == 0
    assert "1  0000:17:00.0" in said
    assert "0000:02:01.0" not in said  # the console's
    gpu = tomllib.loads(out.read_text(encoding="utf-8"))["gpus"]["dgpu"]
    assert gpu["functions"][0]["address"] == "0000:4b:00.0"


def test_a_wrong_answer_is_asked_again(spare: Path, tmp_path: Path) -> None:
    out = tmp_path / "asked.toml"
    answers = [
        ("Memory for the VM?", "much"),
        ("such as 16GiB", "8GiB"),
        ("Which disk?", "7"),
        ("is not in the range", "0"),
    ]
    code, said = asked(["init", "--root", str(spare), "-o", str(out)], answers)
    assert code == 0, said
    assert vm(out)["memory"] == "8GiB"


@pytest.mark.parametrize("key", ["\x03", "\x04"])
def test_control_c_and_the_end_of_input_write_nothing(key: str, spare: Path, tmp_path: Path) -> None:
    out = tmp_path / "asked.toml"
    code, said = asked(["init", "--root", str(spare), "-o", str(out)], [("Memory for the VM?", key)])
    assert code == 130, said
    assert "Traceback" not in said
    with contextlib.suppress(FileNotFoundError):
        pytest.fail(out.read_text())
