"""What the command line is given that is no file, no value, or steers a terminal: told, never hung on."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from threading import Thread

import pytest

from lab.documents import VIRT_MANAGER
from optimux.acpi.table import Header, build_table
from optimux.cli import run
from optimux.cli.difference import difference
from optimux.cli.text import shown, shown_bytes
from optimux.emit.artifact import Artifact
from tests import needs
from tests.cli.command import EXAMPLE, command, environment, optimux_process

Capture = pytest.CaptureFixture[str]
STDIN = {
    "generate": ["generate", "-", "-o", "out"],
    "patch": ["patch", EXAMPLE],
    "patch CONFIG": ["patch", "-", "domain.xml"],
    "ssdt": ["ssdt", "--decode", "-"],
}


@pytest.mark.parametrize("arguments", STDIN.values(), ids=STDIN)
def test_a_closed_standard_input(arguments: list[str], tmp_path: Path) -> None:
    (tmp_path / "domain.xml").write_text(VIRT_MANAGER)
    line = ["sh", "-c", 'exec "$@" <&-', "sh", *command(*arguments)]
    done = subprocess.run(line, cwd=tmp_path, env=environment(), capture_output=True, timeout=60, check=False)
    assert done.returncode == 2
    assert b"standard input: found it is closed" in done.stderr
    assert not (tmp_path / "out").exists()


ROLES = {
    "configuration": ["generate", "PIPE", "-o", "out"],
    "facts": ["generate", EXAMPLE, "-o", "out", "--facts", "PIPE"],
    "domain": ["patch", EXAMPLE, "PIPE"],
    "table": ["ssdt", "--decode", "PIPE"],
}


@pytest.mark.parametrize("arguments", ROLES.values(), ids=ROLES)
def test_a_pipe_that_nobody_writes_to(
    arguments: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("optimux.files.read.PIPE_SECONDS", 0.1)
    os.mkfifo("PIPE")
    assert run(arguments) == 2
    assert "PIPE: found a pipe to which nobody writes" in capsys.readouterr().err
    assert not Path("out").exists()


def test_a_pipe_that_somebody_writes_to(tmp_path: Path, capsys: Capture) -> None:
    pipe = tmp_path / "pipe.toml"
    os.mkfifo(pipe)
    writer = Thread(target=lambda: pipe.write_text(Path(EXAMPLE).read_text()))
    writer.start()
    assert run(["generate", str(pipe), "-o", str(tmp_path / "out")]) == 0, capsys.readouterr().err
    writer.join(10)


EMPTY = {
    "generate -o": (["generate", EXAMPLE, "-o", ""], "--output"),
    "generate --facts": (["generate", EXAMPLE, "-o", "out", "--facts", ""], "--facts"),
    "patch -o": (["patch", EXAMPLE, "domain.xml", "-o", ""], "--output"),
    "patch --only": (["patch", EXAMPLE, "domain.xml", "--only", ""], "--only"),
    "define --connect": (["define", EXAMPLE, "--connect", ""], "--connect"),
    "define --vm": (["define", EXAMPLE, "--vm", ""], "--vm"),
    "verify --keep": (["verify", EXAMPLE, "--keep", ""], "--keep"),
    "ssdt --decode": (["ssdt", "--decode", ""], "--decode"),
    "ssdt -o": (["ssdt", "--asl", "-o", ""], "--output"),
}


@pytest.mark.parametrize(("arguments", "name"), EMPTY.values(), ids=EMPTY)
def test_an_empty_value(
    arguments: list[str], name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("domain.xml").write_text(VIRT_MANAGER)
    assert run(arguments) == 2
    said = capsys.readouterr()
    assert (said.out, f"{name}: found an empty value" in said.err) == ("", True), said.err
    assert [path.name for path in tmp_path.iterdir()] == ["domain.xml"]


def test_in_place_needs_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture) -> None:
    monkeypatch.chdir(tmp_path)
    assert run(["patch", EXAMPLE, "-", "--in-place"]) == 2
    assert "--in-place needs DOMAIN.xml" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def _table(body: bytes) -> bytes:
    return build_table(Header("SSDT", 2, "OPTMUX", "BATTERY", 1, "OPTX", 1), body)


@pytest.mark.parametrize("word", ["LOCK", "NAME", "ABCD"])
def test_a_name_that_is_a_word_of_asl(word: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """AML can hold it, so a report can name it, alone and in a package."""
    name = word.encode()
    (tmp_path / "table").write_bytes(_table(b"\x08VAL0" + name + b"\x08VAL1\x12\x06\x01" + name))
    assert run(["ssdt", "--decode", str(tmp_path / "table")]) == 0
    said = capfd.readouterr().out
    assert word in said
    assert f"{{{word}}}" in said
    assert run(["ssdt", "--decode", str(tmp_path / "table"), "--json"]) == 0
    objects = json.loads(capfd.readouterr().out)["objects"]
    assert [entry["value"] for entry in objects] == [{"reference": word}, [{"reference": word}]]


STEERING = "\x1b[2J\u202egpj.exe\x9b\x07\u2066"


def test_shown() -> None:
    assert shown(STEERING) == "\\x1b[2J\\u202egpj.exe\\x9b\\x07\\u2066"
    assert shown("tab\tline\nünï 日本 \udcff") == "tab\tline\nünï 日本 \\udcff"
    assert shown_bytes(b"a\x1b\xff\r\n") == b"a\\x1b\\xff\r\n"


def test_errors_do_not_steer_the_terminal(tmp_path: Path) -> None:
    """Keys and values of a configuration come back in complaints."""
    (tmp_path / "c.toml").write_text('["\\u001B[2J\\u202E"]\n[host]\ncpuVendor = "\\u001B]0;x\\u0007"\n')
    done = optimux_process("generate", "c.toml", "-o", "out", cwd=tmp_path)
    assert done.returncode == 2
    assert b"\x1b" not in done.stderr
    assert "\u202e".encode() not in done.stderr
    assert b"\\x1b[2J" in done.stderr


@pytest.mark.parametrize("on_terminal", [True, False])
def test_a_difference_steers_no_terminal(on_terminal: bool, tmp_path: Path) -> None:
    """On a terminal it is for reading; in a pipe every byte is there for patch(1)."""
    (tmp_path / "domain.xml").write_text(VIRT_MANAGER.replace("<name>", "<!-- \u202e --><name>"), encoding="utf-8")
    line = command("patch", EXAMPLE, "domain.xml", "--diff")
    if on_terminal:
        ours, theirs = needs.terminal()
        subprocess.run(
            line, cwd=tmp_path, stdout=theirs, stderr=subprocess.DEVNULL, env=environment(), timeout=60, check=True
        )
        os.close(theirs)
        said = os.read(ours, 1 << 16)
        os.close(ours)
    else:
        said = subprocess.run(line, cwd=tmp_path, capture_output=True, env=environment(), timeout=60, check=True).stdout
    assert (b"\\u202e" in said, "\u202e".encode() in said) == (on_terminal, not on_terminal)


def test_a_difference_says_where_the_line_does_not_end() -> None:
    assert b"".join(difference(b"a", b"a\n", "x")).endswith(b"-a\n\\ No newline at end of file\n+a\n")
    assert b"".join(difference(b"a\n", b"b\n", "x")).endswith(b"-a\n+b\n")
    assert list(difference(b"a", b"a", "x")) == []


def test_check_prints_what_patch_applies(tmp_path: Path) -> None:
    """Of generate's --check: no line too much, and new files are made."""
    artifacts = [Artifact("a/one", b"1\n2\n3\n"), Artifact("two", b"x"), Artifact("new", b"new\n")]
    out = tmp_path / "out"
    (out / "a").mkdir(parents=True)
    (out / "a" / "one").write_bytes(b"1\n3\n")
    (out / "two").write_bytes(b"y\n")
    script = (
        "import sys; from pathlib import Path; from optimux.cli.check import print_difference as p; "
        "from optimux.emit.artifact import Artifact as A; "
        f"p([A(*words) for words in {[(a.path, a.content) for a in artifacts]!r}], Path({str(out)!r}), False)"
    )
    said = subprocess.run([sys.executable, "-c", script], env=environment(), capture_output=True, check=True).stdout
    try:
        done = subprocess.run(["patch", "-p1", "-s", "-d", str(out)], input=said, capture_output=True, check=False)
    except FileNotFoundError:
        pytest.skip("patch(1) is not installed")
    assert done.returncode == 0, done.stdout
    assert {a.path: (out / a.path).read_bytes() for a in artifacts} == {a.path: a.content for a in artifacts}
