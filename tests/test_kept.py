"""Folders that are filled once for their inputs."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from lab.l1.kept import folder, kept, key, remove

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return folder()


class _Fill:
    """Writes a word, and knows how often."""

    def __init__(self, word: str = "word") -> None:
        self.word, self.times = word, 0

    def __call__(self, place: Path) -> None:
        self.times += 1
        (place / "word").write_text(self.word)


def _word(fill: Callable[[Path], None], *inputs: object, name: str = "machine") -> str:
    with kept(name, inputs, fill) as filled:
        return (filled / "word").read_text()


def test_the_same_inputs_are_filled_once(place: Path) -> None:
    first, second = _Fill(), _Fill("another")
    assert [_word(first, "a", {"b": 1}), _word(second, "a", {"b": 1})] == ["word", "word"]
    assert (first.times, second.times) == (1, 0)


def test_twin_other_inputs_are_filled_anew_and_replace_them(place: Path) -> None:
    old, new = _Fill(), _Fill("another")
    assert [_word(old, "a", {"b": 1}), _word(new, "a", {"b": 2})] == ["word", "another"]
    assert sorted(path.name for path in place.iterdir() if path.is_dir()) == [f"machine-{key(('a', {'b': 2}))}"]
    assert {path.name for path in place.glob("*.used")} == {f"machine-{key(('a', {'b': 2}))}.used"}
    assert _word(old, "a", {"b": 1}) == "word"
    assert old.times == 2


def test_one_that_is_used_is_not_replaced(place: Path) -> None:
    with kept("machine", ["old"], _Fill()) as used:
        _word(_Fill(), "new")
        assert (used / "word").read_text() == "word"
    _word(_Fill(), "newer")
    assert not used.exists()


def test_names_do_not_replace_each_other(place: Path) -> None:
    """Also where one begins as the other does."""
    with kept("by", [], _Fill()) as filled:
        pass
    _word(_Fill(), name="by-id")
    _word(_Fill(), "other", name="by-id")
    assert filled.is_dir()


def test_half_a_folder_is_none(place: Path) -> None:
    def breaks_off(half: Path) -> None:
        (half / "word").write_text("half")
        raise OSError("no space left")

    with pytest.raises(OSError, match="no space"):
        _word(breaks_off)
    assert not [path for path in place.iterdir() if path.is_dir()]
    # As a killed run leaves it.
    (place / f"machine-{key(())}.making").mkdir()
    assert _word(_Fill()) == "word"
    assert len([path for path in place.iterdir() if path.is_dir()]) == 1


def test_two_at_once_fill_once(place: Path) -> None:
    fill = _Fill()
    with ThreadPoolExecutor(4) as pool:
        assert [*pool.map(lambda _: _word(fill), range(4))] == ["word"] * 4
    assert fill.times == 1


def test_a_broken_one_is_made_anew(place: Path) -> None:
    with kept("machine", [], _Fill("broken")) as filled:
        remove(filled)
        remove(filled)  # another one found the same
    assert _word(_Fill()) == "word"
