"""What a machine saw of a domain is kept, so that other scenarios need not have it boot the same again; and the file
that it boots.
"""

from __future__ import annotations

from struct import pack, unpack_from
from typing import TYPE_CHECKING, Any

import pytest

from lab.l1.guest import whole
from lab.scenarios import l2

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def runs(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[str]:
    """The domains that were run, in place of running them."""
    done: list[str] = []

    def run(_options: str, xml: str) -> dict[str, Any]:
        done.append(xml)
        return {"token": f"of run {len(done)}"}

    monkeypatch.setattr(l2, "run", run)
    monkeypatch.setattr(l2, "_SEEN", tmp_path / "seen")
    return done


@pytest.fixture
def files(tmp_path: Path) -> tuple[str, str]:
    """The options and the domain."""
    options, xml = tmp_path / "options.json", tmp_path / "win.xml"
    options.write_text("{}")
    xml.write_text("<domain/>")
    return str(options), str(xml)


def test_the_same_domain_is_run_once(runs: list[str], files: tuple[str, str]) -> None:
    assert [l2.once(*files) for _ in range(2)] == [{"token": "of run 1"}] * 2
    assert runs == [files[1]]


@pytest.mark.parametrize("changed", ["options.json", "win.xml"])
def test_twin_another_one_is_run(changed: str, runs: list[str], files: tuple[str, str], tmp_path: Path) -> None:
    l2.once(*files)
    (tmp_path / changed).write_text("<other/>")
    assert l2.once(*files) == {"token": "of run 2"}
    assert len(runs) == 2


def test_twin_a_run_that_failed_is_not_kept(
    runs: list[str], files: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(_options: str, _xml: str) -> dict[str, Any]:
        raise RuntimeError("no report")

    with monkeypatch.context() as patch:
        patch.setattr(l2, "run", fails)
        with pytest.raises(RuntimeError):
            l2.once(*files)
    assert runs == []
    assert l2.once(*files) == {"token": "of run 1"}


def test_a_silent_guest_is_started_once_more() -> None:
    limits: list[float] = []

    def attempt(limit: float) -> dict[str, Any]:
        limits.append(limit)
        if len(limits) == 1:
            raise l2.SilentError("nothing")
        return {"report": "all"}

    assert l2.until_heard(attempt) == {"attempts": 2, "report": "all"}
    assert limits[0] < limits[1]


def test_twin_one_that_speaks_is_not() -> None:
    assert l2.until_heard(lambda _limit: {"report": "all"}) == {"attempts": 1, "report": "all"}


def test_twin_one_that_stays_silent_fails() -> None:
    def attempt(limit: float) -> dict[str, Any]:
        raise l2.SilentError(f"no report within {limit} s")

    with pytest.raises(l2.SilentError, match="450"):
        l2.until_heard(attempt)


def _elf(words: bytes) -> bytes:
    """A kernel of one segment, of which memory has more than the file."""
    head = b"\x7fELF\2\1\1".ljust(16, b"\0") + pack("<HHIQQQIHHHHHH", 2, 62, 1, 0, 64, 0, 0, 64, 56, 1, 0, 0, 0)
    return head + pack("<II6Q", 1, 5, 0, 0, 0x1000000, 120, 0x201000, 1 << 21) + words


def test_the_whole_guest_has_its_initramfs_behind_the_kernel() -> None:
    kernel = _elf(b"initrdmem\0")
    content, words = whole(kernel, b"cpio" * 1025)
    assert content[64:].startswith(kernel[64:])
    (table,), (count,) = unpack_from("<Q", content, 32), unpack_from("<H", content, 56)
    first, second = (unpack_from("<II6Q", content, table + number * 56) for number in range(count))
    assert first == unpack_from("<II6Q", kernel, 64)
    kind, _, offset, _, place, length, *_ = second
    assert (kind, place, content[offset : offset + length]) == (1, 0x1400000, b"cpio" * 1025)
    assert words == "initrdmem=0x1400000,0x1004 memmap=0x2000$0x1400000"


def test_twin_a_kernel_that_does_not_know_the_parameter() -> None:
    with pytest.raises(ValueError, match="initrdmem"):
        whole(_elf(b"nothing"), b"cpio")
