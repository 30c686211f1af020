"""What the smallest parts refuse, each beside what they take: a caller's mistake is named where it is made."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

from optimux.declare import ListOf, Overrides
from optimux.emit.artifact import HostFile
from optimux.emit.guest.iso import iso_image
from optimux.emit.manifest import source
from optimux.errors import OptimuxError
from optimux.notation.qemu.errors import UnreadableError
from optimux.notation.qemu.json_text import read_json
from optimux.notation.qemu.properties import Properties
from optimux.options.looking_glass import LookingGlass
from optimux.options.nix import _Types
from optimux.options.posix import posix
from optimux.sizes import Size

if TYPE_CHECKING:
    from collections.abc import Callable


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ({"a.txt": b"", "A.TXT": b""}, r"'a\.txt' and 'A\.TXT' are one file to Windows"),
        ({"a:b": b""}, "'a:b' cannot be a name on the medium"),
        ({"a//b": b""}, "'a//b' cannot be a name on the medium"),
        ({"x" * 65: b""}, "cannot be a name on the medium: 1 to 64 characters"),
    ],
)
def test_names_on_the_guests_medium(files: dict[str, bytes], said: str) -> None:
    with pytest.raises(OptimuxError, match=said):
        iso_image(files)
    assert iso_image({"a.txt": b"", "b.txt": b"", "x" * 64: b""})


def test_a_medium_without_its_library(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pycdlib", None)
    with pytest.raises(OptimuxError, match=r"pip install 'optimux\[guest\]' \(Debian: python3-pycdlib\)"):
        iso_image({"a.txt": b""})


@pytest.mark.parametrize("path", ["etc/a", "/etc//a", "/etc/../a", "/etc/./a", "/etc/"])
def test_a_file_of_the_host_outside_its_tree(path: str) -> None:
    with pytest.raises(ValueError, match="no plain absolute path"):
        source(HostFile(path, "", "why"))
    assert source(HostFile("/etc/a", "", "why")) == "host/etc/a"


@pytest.mark.parametrize(
    ("read", "text", "said"),
    [
        (read_json, "[1]", "JSON, but no object"),
        (lambda text: Properties("object", text), "qom-type=a,b c=1", '"b c" is no name of a property'),
    ],
)
def test_notation(read: Callable[[str], object], text: str, said: str) -> None:
    with pytest.raises(UnreadableError, match=said):
        read(text)
    assert Properties("object", "qom-type=a,b-c=1").values == {"qom-type": "a", "b-c": "1"}


def test_what_posix_cannot_say() -> None:
    assert posix("[a-z]{2}") == "[a-z]{2}"
    with pytest.raises(ValueError, match="not to be written for Nix"):
        posix(r"\d+")


@pytest.mark.parametrize(("text", "taken"), [("8388607TiB", True), ("8388608TiB", False), ("0MiB", False)])
def test_the_ends_of_sizes(text: str, taken: bool) -> None:
    if taken:
        assert Size.parse(text).bytes == 8388607 << 40
    else:
        with pytest.raises(ValueError, match="zero, or more than 63 bits"):
            Size.parse(text)


def test_overrides_stand_once() -> None:
    """In a list each element would need options of its own name."""
    with pytest.raises(NotImplementedError, match="cannot be overridden in a list or a map"):
        _Types({}).of(ListOf(Overrides(LookingGlass)))
