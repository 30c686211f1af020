"""What every verb has in common: help, suggestions, colours, pipes, signals, completion."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import click
import pytest

from optimux.cli import VERBS, group, run
from optimux.cli.verb import Verb
from tests import needs
from tests.cli.command import EXAMPLE, MAIN, OTHER, command, environment, optimux_process

Capture = pytest.CaptureFixture[str]
ESCAPE = b"\x1b["


@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize("flag", ["-h", "--help"])
def test_help_has_examples(verb: str, flag: str, capsys: Capture) -> None:
    assert run([verb, flag]) == 0
    said = capsys.readouterr()
    assert f"Usage: optimux {verb} " in said.out
    assert re.search(rf"^ +optimux {verb}\b", said.out.partition("Examples:")[2], re.MULTILINE)
    assert said.err == ""


def test_help_names_every_verb(capsys: Capture) -> None:
    assert run(["--help"]) == 0
    said = capsys.readouterr().out
    assert all(f"  {verb} " in said for verb in VERBS)
    assert "Exit codes: 0 done, 1 failed, 2 invalid input, 130 interrupted." in said


@pytest.mark.parametrize("verb", VERBS)
def test_every_parameter_is_explained(verb: str) -> None:
    loaded = group.get_command(click.Context(group), verb)
    assert loaded
    assert loaded.help
    unexplained = [p.name for p in loaded.params if isinstance(p, click.Option) and not p.help]
    assert unexplained == []


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_refuses_empty_values(verb: str) -> None:
    assert isinstance(group.get_command(click.Context(group), verb), Verb)


def test_no_arguments_show_the_help(capsys: Capture) -> None:
    assert run([]) == 2
    assert "Verbs:" in capsys.readouterr().err


def test_version(capsys: Capture) -> None:
    assert run(["--version"]) == 0
    assert re.fullmatch(r"optimux, version [0-9.]+\n", capsys.readouterr().out)


@pytest.mark.parametrize(
    ("verb", "hint"), [("generat", "generate"), ("gen", "generate"), ("SSDT", "ssdt"), ("shcema", "schema")]
)
def test_unknown_verb_with_a_near_one(verb: str, hint: str, capsys: Capture) -> None:
    assert run([verb]) == 2
    assert f'Did you mean "{hint}"?' in capsys.readouterr().err


def test_unknown_verb(capsys: Capture) -> None:
    assert run(["zzz"]) == 2
    said = capsys.readouterr().err
    assert "No verb 'zzz'. Verbs: detect, init, generate," in said
    assert "Did you mean" not in said


@pytest.mark.parametrize(
    "arguments",
    [
        ["generate"],
        ["generate", EXAMPLE],
        ["generate", EXAMPLE, "-o"],
        ["generate", EXAMPLE, OTHER, "-o", "x"],
        ["generate", EXAMPLE, "-o", "x", "--zzz"],
        ["schema", "--format", "yaml"],
        ["schema", "zzz"],
        ["--zzz"],
        ["ssdt", "--variant", "zzz"],
        ["ssdt", "--decode", "/nonexistent"],
        ["ssdt", "--asl", "--json"],
    ],
    ids=" ".join,
)
def test_wrong_usage_is_invalid_input(arguments: list[str], capsys: Capture) -> None:
    assert run(arguments) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert "rror" in said.err
    assert "Traceback" not in said.err


class TestColours:
    """On a terminal only, and not where NO_COLOR is set (no-color.org)."""

    @staticmethod
    def _errors_on_a_terminal(**changes: str) -> bytes:
        leader, follower = needs.terminal()
        with subprocess.Popen(
            command("generate", OTHER, "-o", "/dev/null"), env=environment(TERM="xterm", **changes), stderr=follower
        ) as process:
            os.close(follower)
            said = b""
            while chunk := _read(leader):
                said += chunk
            process.wait(60)
        os.close(leader)
        return said

    def test_terminal(self) -> None:
        said = self._errors_on_a_terminal()
        assert b"\x1b[33;1mwarning\x1b[0m" in said
        assert b"\x1b[31;1merror\x1b[0m" in said

    def test_no_color(self) -> None:
        said = self._errors_on_a_terminal(NO_COLOR="1")
        assert b"warning: " in said
        assert ESCAPE not in said

    def test_no_terminal(self) -> None:
        process = optimux_process("generate", OTHER, "-o", "/dev/null")
        assert b"warning: " in process.stderr
        assert ESCAPE not in process.stderr + process.stdout


def _read(descriptor: int) -> bytes:
    try:
        return os.read(descriptor, 4096)
    except OSError:  # EIO: the other side has gone
        return b""


def _shell(script: str, **changes: str) -> subprocess.CompletedProcess[bytes]:
    """A shell script in which ``$optimux`` is the command."""
    prefix = f"optimux() {{ {sys.executable} -c '{MAIN}' \"$@\"; }}\n"
    env = environment(**changes)
    return subprocess.run(["bash", "-c", prefix + script], env=env, capture_output=True, timeout=60, check=False)


class TestStreams:
    """Readers that leave, disks that are full, descriptors that are closed."""

    @pytest.mark.parametrize("arguments", ["schema", "ssdt --asl", "schema --format markdown", "--help", "ssdt --help"])
    @pytest.mark.parametrize("reader", ["true", "head -c 1"])
    def test_a_reader_that_leaves(self, arguments: str, reader: str) -> None:
        process = _shell(f"optimux {arguments} | {reader}")
        assert b"Traceback" not in process.stderr
        assert b"Exception ignored" not in process.stderr
        assert b"defect" not in process.stderr

    @pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full")
    @pytest.mark.parametrize("arguments", ["schema", "ssdt --asl", "--version"])
    def test_a_full_disk(self, arguments: str) -> None:
        process = _shell(f"optimux {arguments} > /dev/full")
        assert process.returncode == 1
        assert process.stderr == b"error: No space left on device\n"

    @pytest.mark.parametrize("arguments", ["schema", "ssdt --asl", "--version", "--help"])
    def test_closed_output(self, arguments: str) -> None:
        process = _shell(f"optimux {arguments} >&-")
        assert process.returncode in (0, 1)
        assert b"Traceback" not in process.stderr
        assert b"defect" not in process.stderr

    def test_closed_errors(self, tmp_path: Path) -> None:
        process = _shell(f"optimux generate {OTHER} -o {tmp_path}/out 2>&-")
        assert process.returncode == 0
        assert b"warning" not in process.stdout
        assert _shell("optimux generate /nonexistent -o x 2>&-").returncode == 2

    def test_an_encoding_without_our_letters(self, tmp_path: Path) -> None:
        (tmp_path / "ü").mkdir()
        process = _shell(f"cd {tmp_path}/ü && optimux generate {OTHER} -o ö", PYTHONIOENCODING="ascii")
        assert process.returncode == 0, process.stderr


# Stops within the work, says so, and waits for the signal.
SLOW = """
import sys, time
import optimux.cli.generate as verb
def slow(*arguments):
    print("working", flush=True)
    time.sleep(60)
verb.plan_of = slow
from optimux.cli import main
main()
"""


def test_control_c() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", SLOW, "generate", EXAMPLE, "-o", "/nonexistent/out"],
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        assert process.stdout
        assert process.stdout.readline() == b"working\n"
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=30)
    assert process.returncode == 130
    assert errors.strip() == b"interrupted"


def test_debug_shows_the_traceback(capsys: Capture) -> None:
    assert run(["--debug", "generate", "/nonexistent", "-o", "x"]) == 2
    said = capsys.readouterr().err
    assert "Traceback (most recent call last)" in said
    assert "/nonexistent: found No such file" in said
    assert run(["generate", "/nonexistent", "-o", "x"]) == 2
    assert "Traceback" not in capsys.readouterr().err


def test_a_defect_is_admitted(monkeypatch: pytest.MonkeyPatch, capsys: Capture) -> None:
    def broken(*arguments: Any) -> None:
        raise ZeroDivisionError("wrong")

    monkeypatch.setattr("optimux.cli.generate.plan_of", broken)
    assert run(["generate", EXAMPLE, "-o", "/nonexistent/x"]) == 1
    said = capsys.readouterr().err
    assert "ZeroDivisionError: wrong. This is a defect of Optimux" in said
    assert "Traceback" not in said


class TestCompletion:
    """click's, for the shells that it knows."""

    @staticmethod
    def _complete(words: str, index: int) -> list[str]:
        process = optimux_process(
            changes={"_OPTIMUX_COMPLETE": "bash_complete", "COMP_WORDS": words, "COMP_CWORD": str(index)}
        )
        return [line.partition(",")[2] for line in process.stdout.decode().splitlines()]

    @pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
    def test_script(self, shell: str) -> None:
        process = optimux_process(changes={"_OPTIMUX_COMPLETE": f"{shell}_source"})
        assert process.returncode == 0, process.stderr
        assert b"_OPTIMUX_COMPLETE" in process.stdout

    def test_verbs(self) -> None:
        assert self._complete("optimux ", 1) == list(VERBS)
        assert self._complete("optimux gen", 1) == ["generate"]

    def test_options(self) -> None:
        found = self._complete("optimux generate --", 2)
        assert {"--output", "--facts", "--check", "--force", "--json", "--help"} <= set(found)

    def test_choices(self) -> None:
        assert self._complete("optimux schema --format ", 3)[:1] == ["json"]


def test_an_older_click(monkeypatch: pytest.MonkeyPatch, capsys: Capture) -> None:
    """Debian's: before 8.2 there was no error of its own for a command without arguments."""
    monkeypatch.delattr(click.exceptions, "NoArgsIsHelpError", raising=False)
    assert run(["generate", "--nothing-known"]) == 2
    assert "No such option" in capsys.readouterr().err
