"""Which paths root takes: each rule with a path that it refuses and one that it does not."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from optimux.files import trust
from optimux.files.replace import replace_file
from optimux.files.root import Root
from optimux.files.state import Metadata
from optimux.files.trust import Untrusted, why_not
from optimux.files.walk import locate, reach
from tests.trust.arena import OTHER, Arena, arena

takes_root = pytest.mark.skipif(os.geteuid() != 0, reason="it takes root to be two users")
GROUP = 7


def _status(mode: int, owner: int = 0, group: int = 0) -> os.stat_result:
    return os.stat_result((stat.S_IFDIR | mode, 1, 1, 1, owner, group, 0, 0, 0, 0))


@pytest.mark.parametrize(
    ("folder", "entry", "why"),
    [
        (_status(0o755), None, ""),
        (_status(0o755), _status(0o755, OTHER), ""),
        (_status(0o755, OTHER), None, "belongs to"),
        (_status(0o775, 0, GROUP), None, "may be written to by others (mode 0775)"),
        (_status(0o775, 0, 0), None, ""),
        (_status(0o777), None, "may be written to by others (mode 0777)"),
        (_status(0o1777), None, ""),
        (_status(0o1777), _status(0o755), ""),
        (_status(0o1777), _status(0o755, OTHER), "/x/name belongs to"),
        (_status(0o1777, OTHER), None, "belongs to"),
    ],
)
def test_who_could_change_it(
    folder: os.stat_result, entry: os.stat_result | None, why: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(trust, "_outsider", lambda: None)
    said = why_not(Path("/x"), folder, "name", entry)
    assert (why in said) if why else (said == "")


def test_nobody_in_a_user_namespace_is_who_made_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(trust, "_outsider", lambda: OTHER)
    assert why_not(Path("/x"), _status(0o755, OTHER), "name", None) == ""


@pytest.fixture
def field() -> Iterator[Arena]:
    with arena() as made:
        yield made


@takes_root
class TestLinks:
    """Followed where only root could have set them."""

    def test_of_another_user_in_a_shared_folder(self, field: Arena) -> None:
        (field.shared / "link").symlink_to(field.victim)
        os.chown(field.shared / "link", OTHER, OTHER, follow_symlinks=False)
        with pytest.raises(Untrusted, match="link belongs to"):
            reach(field.shared / "link")
        with pytest.raises(OSError, match="a link of another user"):
            reach(field.shared / "link", guarded=False)

    def test_of_ours_there(self, field: Arena) -> None:
        (field.shared / "link").symlink_to(field.victim)
        with reach(field.shared / "link" / ".." / "victim") as folder:
            assert folder.path == field.victim

    def test_that_leads_to_another_user(self, field: Arena) -> None:
        (field.victim / "link").symlink_to(field.theirs)
        with pytest.raises(Untrusted, match=f"{field.theirs} belongs to"):
            replace_file(field.victim / "link" / "x", b"")
        assert list(field.theirs.iterdir()) == []

    def test_that_never_end(self, field: Arena) -> None:
        (field.victim / "a").symlink_to("b")
        (field.victim / "b").symlink_to("a")
        with pytest.raises(OSError, match="Too many levels"):
            locate(field.victim / "a")


class TestRoot:
    """What apply and rollback write through: below ``--root`` nothing leads out, and everything comes back."""

    @pytest.fixture
    def host(self, tmp_path: Path) -> Path:
        (tmp_path / "host" / "etc").mkdir(parents=True)
        (tmp_path / "out").mkdir()
        return tmp_path / "host"

    @pytest.mark.parametrize("target", ["/out", "../../out", "/../../../out"])
    def test_links_stay_below_it(self, host: Path, target: str) -> None:
        (host / "etc" / "link").symlink_to(target)
        (host / "out").mkdir()
        with Root(host) as root:
            root.write("/etc/link/file", b"new", Metadata(0o644))
        assert (host / "out" / "file").read_bytes() == b"new"
        assert list((host.parent / "out").iterdir()) == []

    def test_a_link_is_replaced_not_followed(self, host: Path) -> None:
        (host / "etc" / "file").symlink_to("other")
        (host / "etc" / "other").write_text("other")
        with Root(host) as root:
            before = root.look("/etc/file")
            root.write("/etc/file", b"new", Metadata(0o600))
            assert (host / "etc" / "file").lstat().st_mode == stat.S_IFREG | 0o600
            root.restore("/etc/file", before)
        assert (host / "etc" / "file").readlink() == Path("other")
        assert (host / "etc" / "other").read_text() == "other"

    def test_everything_comes_back(self, host: Path) -> None:
        file = host / "etc" / "file"
        file.write_text("old")
        file.chmod(0o640)
        os.utime(file, ns=(1_000_000_001, 2_000_000_002))
        attributes = {}
        try:
            os.setxattr(file, "user.note", b"kept")
            attributes = {"user.note": b"kept"}
        except OSError:
            pass  # a file system without attributes
        if os.geteuid() == 0:
            os.chown(file, OTHER, GROUP)
        status = file.stat()
        with Root(host) as root:
            before = root.look("/etc/file")
            made = root.write("/etc/new/deep/file", b"x", Metadata(0o755))
            root.write("/etc/file", b"new", Metadata(0o644, os.geteuid(), os.getegid()))
            assert (file.read_bytes(), stat.S_IMODE(file.stat().st_mode)) == (b"new", 0o644)
            root.restore("/etc/file", before)
            root.remove("/etc/new/deep/file")
            assert made == ("/etc/new", "/etc/new/deep")
            assert [root.remove_folder(folder) for folder in reversed(made)] == [True, True]
        after = file.stat()
        for field in ("st_mode", "st_uid", "st_gid", "st_mtime_ns"):
            assert getattr(after, field) == getattr(status, field)
        assert file.read_bytes() == b"old"
        assert {key: os.getxattr(file, key) for key in attributes} == attributes
        assert [path.name for path in (host / "etc").iterdir()] == ["file"]

    def test_a_folder_that_holds_something_stays(self, host: Path) -> None:
        (host / "etc" / "mine").touch()
        with Root(host) as root:
            assert root.remove_folder("/etc") is False
            assert root.look("/nothing/there") is None
            root.remove("/nothing/there")
