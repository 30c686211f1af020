"""Files that cannot be read as TOML or JSON at all, in content, size and kind."""

from __future__ import annotations

import io
import os
import sys
from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest

from optimux.cli import run
from tests.bad_input.edits import EXAMPLE, generate

if TYPE_CHECKING:
    from pathlib import Path

Capture = pytest.CaptureFixture[str]
LINES = 100_000
DEEP = 100_000

MALFORMED = {
    "unclosed string": ("config.toml", b'[host]\ndistribution = "debian\n', "(at line 2, column 23)"),
    "no value": ("config.toml", b"[host]\ncpuVendor =\n", "(at line 2, column 12)"),
    "key twice": ("config.toml", b"[host]\na = 1\na = 2\n", "(at line 3, column 6)"),
    "table twice": ("config.toml", b"[host]\n[host]\n", "(at line 2, column 6)"),
    "JSON in TOML": ("config.toml", b'{"host": {}}', "(at line 1, column 1)"),
    "TOML in JSON": ("config.json", b"[host]\n", "(at line 1, column 2)"),
    "JSON cut short": ("config.json", b'{"host": {"distribution": "debian",\n', "(at line 2, column 1)"),
    "JSON key twice": ("config.json", b'{"host": {}, "host": {}}', "the key 'host' stands twice"),
    "nothing in JSON": ("config.json", b"", "(at line 1, column 1)"),
    "no UTF-8": ("config.toml", b"# caf\xe9\n", "a byte that is no UTF-8 at offset 5"),
    "UTF-16": ("config.toml", "\ufeff[host]".encode("utf-16-le"), "UTF-16 text: a byte that is no UTF-8 at offset 0"),
    "binary": ("config.toml", b"\x7fELF\x02\x01\x01\x00\x00", "(at line 1, column 1)"),
    "null byte": ("config.toml", b"[host]\n\x00 = 1\n", "(at line 2, column 1)"),
    "huge number": ("config.toml", b"a = " + b"9" * 5000, "a number of thousands of digits"),
    "huge number in JSON": ("config.json", b'{"a": ' + b"9" * 5000 + b"}", "a number of thousands of digits"),
    "nested tables": ("config.toml", b"a = " + b"{a=" * DEEP + b"1" + b"}" * DEEP, "nested too deeply"),
    "nested lists": ("config.toml", b"a = " + b"[" * DEEP + b"]" * DEEP, "nested too deeply"),
    "nested JSON": ("config.json", b'{"a":' * DEEP + b"1" + b"}" * DEEP, "nested too deeply"),
    "nested JSON lists": ("config.json", b"[" * DEEP + b"]" * DEEP, "nested too deeply"),
    "dotted key": ("config.toml", b"[host]\n" + b".".join([b"a"] * DEEP) + b" = 1\n", "too many parts (at line 2)"),
    "quoted dotted key": ("config.toml", b".".join([b'"a"'] * 99) + b" = 1\n", "too many parts (at line 1)"),
    "quoted key with a space": ("config.toml", b'"a b".' * 99 + b"a = 1\n", "too many parts (at line 1)"),
    "quoted key with an escape": (
        "config.toml",
        b'\n"\\"#".' * 1 + b'"\\"#".' * 99 + b"a = 1\n",
        "too many parts (at line 2)",
    ),
    "quoted key with a hash": ("config.toml", b"'#' . " * 99 + b"a = 1\n", "too many parts (at line 1)"),
    "two dots in a key": ("config.toml", b"# " + b"a." * 99 + b"\na..b = 1\n", "malformed TOML"),
    "dots in a text of lines": ("config.toml", b'a = """b""c\n' + b"d." * 99 + b'"""\ne\n', "malformed TOML"),
    "dots in a literal text": ("config.toml", b"a = '''b''c\n" + b"d." * 99 + b"'''\ne\n", "malformed TOML"),
    "JSON key twice among many": (
        "config.json",
        ("{" + "".join(f'"{n}": 1,' for n in range(LINES)) + f'"{LINES - 1}": 1}}').encode(),
        "the key '99999' stands twice",
    ),
    "UTF-32": ("config.toml", "\ufeff[host]".encode("utf-32-le"), "UTF-32 text"),
    "dotted header": ("config.toml", b"\n[" + b" . ".join([b"a"] * DEEP) + b"]\n", "too many parts (at line 2)"),
    "too large": ("config.toml", b"# comment\n" * (1 << 19), "more than 4 MiB"),
    "too large JSON": ("config.json", b" " * (8 << 20) + b"{}", "more than 8 MiB"),
    "endless number": ("config.toml", b"a = 1" + b"0_1" * (1 << 20) + b"\n", "thousands of digits"),
    "endless number in a list": ("config.toml", b"a = [1,+1" + b"1" * 9999 + b"]\n", "thousands of digits"),
}


def _generate_bytes(folder: Path, name: str, content: bytes, capsys: Capture) -> tuple[int, str, bool]:
    config = folder / name
    config.write_bytes(content)
    outcome = generate(folder, config, capsys)
    return outcome.code, outcome.errors, outcome.files is not None


@pytest.mark.parametrize(("name", "content", "said"), MALFORMED.values(), ids=MALFORMED)
def test_malformed(name: str, content: bytes, said: str, tmp_path: Path, capsys: Capture) -> None:
    code, errors, written = _generate_bytes(tmp_path, name, content, capsys)
    assert (code, written) == (2, False)
    assert said in errors
    assert str(tmp_path / name) in errors


@pytest.mark.parametrize(
    "dress",
    [
        lambda text: text.replace("\n", "\r\n").encode(),
        lambda text: b"\xef\xbb\xbf" + text.encode(),
        lambda text: (text + "# " + "a." * 40_000).encode(),
        lambda text: (text + "\n# comment" * LINES).encode(),
        lambda text: text.replace("[host]", '[vms.text]\nmemory = "1GiB"\nname = "' + "a." * 30 + '"\n[host]').encode(),
        lambda text: text.replace("[host]", "[ host ]").encode(),
    ],
    ids=["DOS line ends", "byte order mark", "dots in a comment", "100,000 lines", "dots in a text", "spaced header"],
)
def test_unusual_but_well_formed(dress: object, tmp_path: Path, capsys: Capture) -> None:
    assert callable(dress)
    code, errors, written = _generate_bytes(tmp_path, "config.toml", dress(EXAMPLE.read_text()), capsys)
    assert (code, written) == (0, True), errors


# What 100,000 lines can be besides comments. Not timed: what grows with the square would not come back in minutes.
LONG = {
    "VMs": ("".join(f"[vms.v{n}]\nmemory='1GiB'\n" for n in range(LINES // 2)), "vms: found 50001 entries"),
    "GPUs": ("".join(f"[gpus.g{n}]\nbind='id'\n" for n in range(LINES // 2)), "gpus: found 50001 entries"),
    "disks": ("[vms.v]\ndisks=[\n" + "{},\n" * LINES + "]\n", "vms.v.disks: found 100000 entries"),
    "settings": ("[lookingGlass.client.win]\n" + "".join(f"k{n}=1\n" for n in range(LINES)), "100000 entries"),
    "unknown keys": ("".join(f"[k{n}]\n" for n in range(LINES)), "and 99900 more problems"),
}


@pytest.mark.parametrize(("lines", "said"), LONG.values(), ids=LONG)
def test_a_hundred_thousand_lines(lines: str, said: str, tmp_path: Path, capsys: Capture) -> None:
    code, errors, written = _generate_bytes(tmp_path, "config.toml", (EXAMPLE.read_text() + lines).encode(), capsys)
    assert (code, written) == (2, False)
    assert said in errors
    assert len(errors.splitlines()) < 400


def test_many_are_not_too_many(tmp_path: Path, capsys: Capture) -> None:
    """The twin: 2,000 disks and a thousand settings' worth of lines are a configuration."""
    disks = "".join(f'{{ source = "/disk{n}", bus = "scsi" }},\n' for n in range(2_000))
    text = EXAMPLE.read_text() + f"[vms.many]\nmemory = '1GiB'\ndisks = [\n{disks}]\n"
    code, errors, written = _generate_bytes(tmp_path, "config.toml", text.encode(), capsys)
    assert (code, written) == (0, True), errors
    assert b'"sdbxx"' in (tmp_path / "out/domains/many.xml").read_bytes().replace(b"'", b'"')


class Unreadable:
    """Makes a path that is no readable file."""

    @staticmethod
    def missing(folder: Path) -> Path:
        return folder / "missing.toml"

    @staticmethod
    def folder(folder: Path) -> Path:
        return folder

    @staticmethod
    def endless(folder: Path) -> Path:
        (folder / "zero.toml").symlink_to("/dev/zero")
        return folder / "zero.toml"

    @staticmethod
    def loop(folder: Path) -> Path:
        (folder / "loop").symlink_to("loop")
        return folder / "loop"

    @staticmethod
    def below_a_file(folder: Path) -> Path:
        (folder / "file").touch()
        return folder / "file" / "config.toml"

    @staticmethod
    def too_long(folder: Path) -> Path:
        return folder / ("a" * 300)


READABLE_NOT = {
    "missing": (Unreadable.missing, "No such file or directory"),
    "folder": (Unreadable.folder, "Is a directory"),
    "endless": (Unreadable.endless, "more than"),
    "loop": (Unreadable.loop, "Too many levels of symbolic links"),
    "below a file": (Unreadable.below_a_file, "Not a directory"),
    "too long": (Unreadable.too_long, "File name too long"),
}


@pytest.mark.parametrize(("make", "said"), READABLE_NOT.values(), ids=READABLE_NOT)
@pytest.mark.parametrize("role", ["configuration", "facts"])
def test_no_readable_file(make: object, said: str, role: str, tmp_path: Path, capsys: Capture) -> None:
    assert callable(make)
    path = make(tmp_path)
    options = ["--facts", str(path)] if role == "facts" else []
    outcome = generate(tmp_path, EXAMPLE if role == "facts" else path, capsys, *options)
    assert (outcome.code, outcome.files) == (2, None)
    assert said in outcome.errors
    assert "Check the path." in outcome.errors or "Is it the right file?" in outcome.errors


@pytest.mark.parametrize("config", ["", "a\0b"])
def test_no_path_at_all(config: str, tmp_path: Path, capsys: Capture) -> None:
    assert run(["generate", config, "-o", str(tmp_path / "out")]) == 2
    assert "Check the path." in capsys.readouterr().err


@pytest.mark.parametrize("output", ["", "a\0b"])
def test_no_output_at_all(output: str, capsys: Capture) -> None:
    assert run(["generate", str(EXAMPLE), "-o", output]) == 2
    assert "--output: found" in capsys.readouterr().err


def _stdin(monkeypatch: pytest.MonkeyPatch, content: bytes) -> None:
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(content)))


@pytest.mark.parametrize(
    ("text", "next_step"),
    [
        ("[host]\n[host]\n", "may do so once"),
        ("[a]\nb = 1\nb = 2\n", "may do so once"),
        ("a = { b = 1, b = 2 }\n", "may do so once"),
        ('a = "b\nc = 1\n', "A quote is not closed"),
        ("a = [1 2]\n", "the comma that is missing"),
        ("a = { b = 1 c = 2 }\n", "the comma that is missing"),
        ("a = yes\n", "Write text in quotes"),
        ("a\n", "followed by = and its value"),
        ("a = 1 b = 2\n", "One key and its value a line"),
    ],
)
def test_toml_that_is_none_says_what_to_do(text: str, next_step: str, tmp_path: Path, capsys: Capture) -> None:
    (tmp_path / "optimux.toml").write_text(text)
    assert run(["generate", str(tmp_path / "optimux.toml"), "-o", str(tmp_path / "out")]) == 2
    assert next_step in " ".join(capsys.readouterr().err.split())


def test_standard_input(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture) -> None:
    _stdin(monkeypatch, EXAMPLE.read_bytes())
    assert run(["generate", "-", "-o", str(tmp_path / "out")]) == 0
    _stdin(monkeypatch, b"[host")
    capsys.readouterr()
    assert run(["generate", "-", "-o", str(tmp_path / "other")]) == 2
    assert "standard input: found malformed TOML" in capsys.readouterr().err
    assert not (tmp_path / "other").exists()


def test_closed_standard_input(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture) -> None:
    monkeypatch.setattr(sys, "stdin", None)
    assert run(["generate", "-", "-o", str(tmp_path / "out")]) == 2
    assert "standard input: found it is closed" in capsys.readouterr().err


def test_a_pipe_is_a_file(tmp_path: Path, capsys: Capture) -> None:
    read, write = os.pipe()
    with os.fdopen(write, "wb") as pipe:
        pipe.write(EXAMPLE.read_bytes())
    try:
        assert run(["generate", f"/dev/fd/{read}", "-o", str(tmp_path / "out")]) == 0, capsys.readouterr().err
    finally:
        os.close(read)


def test_what_a_file_says_does_not_steer_the_terminal(tmp_path: Path, capsys: Capture) -> None:
    """Control characters and marks of direction are shown, not obeyed, also where a value is well-formed."""
    config = tmp_path / "config.toml"
    steering = "a\u009b31m\u202eb"
    config.write_text(
        EXAMPLE.read_text() + "".join(f'[vms.{n}]\nmemory = "1GiB"\nname = "{steering}"\n' for n in "ab"),
        encoding="utf-8",
    )
    outcome = generate(tmp_path, config, capsys)
    assert (outcome.code, outcome.files) == (2, None)
    assert "vms.b.name: found a\\x9b31m\\u202eb" in outcome.errors
    assert all(char.isprintable() or char == "\n" for char in outcome.errors)
