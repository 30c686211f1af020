"""Apply on a terminal: it asks once; what changed while it waited, and a terminal that closes, change nothing."""

from __future__ import annotations

import os
import select
import subprocess
import time
from pathlib import Path

import pytest

from tests import needs
from tests.apply.hosts import tree
from tests.apply.test_command import host as debian
from tests.cli.command import EXAMPLE, command, environment

__all__ = ["debian"]
_SECONDS = 60


class Terminal:
    """``optimux apply`` with a terminal for its three streams."""

    def __init__(self, host: Path, config: Path) -> None:
        self.ours, theirs = needs.terminal()
        words = command("apply", str(config), "--root", str(host), "--only", "lines,modules")
        env = environment(NO_COLOR="1", TERM="dumb")
        self.process = subprocess.Popen(
            words, stdin=theirs, stdout=theirs, stderr=theirs, env=env, start_new_session=True
        )
        os.close(theirs)
        self.said = ""

    def until(self, text: str) -> None:
        """Read until it says so."""
        end = time.monotonic() + _SECONDS
        while text not in self.said:
            assert time.monotonic() < end, self.said
            if select.select([self.ours], [], [], 1)[0]:
                self.said += os.read(self.ours, 4096).decode(errors="replace")

    def answer(self, text: str) -> int:
        """Type it; the exit status, with everything read."""
        os.write(self.ours, f"{text}\n".encode())
        end = time.monotonic() + _SECONDS
        while time.monotonic() < end:
            try:
                part = os.read(self.ours, 4096)
            except OSError:  # the other end is closed
                break
            if not part:
                break
            self.said += part.decode(errors="replace")
        return self.process.wait(_SECONDS)


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "optimux.toml"
    path.write_text(Path(EXAMPLE).read_text())
    return path


@pytest.mark.parametrize(("answer", "code"), [("y", 0), ("n", 1), ("", 1)])
def test_it_asks_once(debian: Path, config: Path, answer: str, code: int) -> None:
    before = tree(debian)
    terminal = Terminal(debian, config)
    terminal.until("Do this? [y/N]")
    assert '+    "/dev/kvmfr0"' in terminal.said
    assert terminal.answer(answer) == code
    assert terminal.said.count("[y/N]") == 1
    assert (tree(debian) == before) == (code == 1)


def test_a_configuration_that_changed_meanwhile(debian: Path, config: Path) -> None:
    before = tree(debian)
    terminal = Terminal(debian, config)
    terminal.until("Do this? [y/N]")
    config.write_text(config.read_text() + "# later\n")
    assert terminal.answer("y") == 1
    assert "was changed while this waited" in terminal.said
    assert tree(debian) == before


def test_a_file_that_changed_meanwhile(debian: Path, config: Path) -> None:
    """Nothing is written over what was not shown, and nothing else stays."""
    terminal = Terminal(debian, config)
    terminal.until("Do this? [y/N]")
    conf = debian / "etc/libvirt/qemu.conf"
    conf.write_text(conf.read_text() + "# later\n")
    before = tree(debian)
    assert terminal.answer("y") == 1
    assert "/etc/libvirt/qemu.conf was changed while this ran" in terminal.said
    assert tree(debian) == before


def test_a_terminal_that_closes_at_the_question(debian: Path, config: Path) -> None:
    before = tree(debian)
    terminal = Terminal(debian, config)
    terminal.until("Do this? [y/N]")
    os.close(terminal.ours)
    assert terminal.process.wait(_SECONDS) != 0
    assert tree(debian) == before
