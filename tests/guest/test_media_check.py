"""Windows' media by their content: what is taken, and each trap with its words."""

from __future__ import annotations

import os
import shutil
import subprocess
from io import BytesIO
from pathlib import Path
from typing import Any

import pycdlib
import pytest

from optimux.emit.guest.iso import iso_image
from optimux.errors import InvalidInput, OptimuxError
from optimux.guest import images
from optimux.guest.editions import editions
from optimux.guest.images import images_made, make_image, missing_images
from optimux.guest.media_check import media_problems
from optimux.guest.unattended import read_password
from optimux.plan.devices import Disk
from optimux.plan.model import DomainPlan
from tests.guest.test_windows import GOOD, domain

SECTOR = 2048


def windows(label: str = "CCCOMA_X64FRE_EN-US_DV9", *, boots: bool = True, udf: bool = True, cut: int = 0) -> bytes:
    """The first sectors of an image as Microsoft's tool makes them."""
    sectors = [bytearray(SECTOR) for _ in range(64)]
    sectors[16][:6], sectors[16][40:72] = b"\x01CD001", label.ljust(32).encode()
    sectors[16][80:84] = (64 + cut).to_bytes(4, "little")
    if boots:
        sectors[17][:6], sectors[17][7:30] = b"\x00CD001", b"EL TORITO SPECIFICATION"
    sectors[18][:6] = b"\xffCD001"
    if udf:
        sectors[19][1:6], sectors[20][1:6] = b"BEA01", b"NSR02"
    return b"".join(sectors)


VIRTIO = windows("virtio-win-0.1.285", boots=False, udf=False)


def told(folder: Path, iso: bytes | None, virtio: bytes | None = VIRTIO, **answers: Any) -> list[str]:
    """What is found of both media; ``None`` is a file that is missing."""
    paths = {"iso": folder / "win.iso", "virtioWin": folder / "virtio.iso"}
    for path, content in zip(paths.values(), (iso, virtio), strict=True):
        if content is not None:
            path.write_bytes(content)
    data = {"windows": {key: str(path) for key, path in paths.items()} | {"unattended": {"user": "a"} | answers}}
    return [str(problem) for problem in media_problems(domain(GOOD | data), "fedora")]


def test_what_is_taken(tmp_path: Path) -> None:
    assert told(tmp_path, windows()) == []
    assert told(tmp_path, windows("CCCOMA_X64FRE_ZH-CN_DV9"), language="zh-CN") == []
    assert told(tmp_path, windows("MY_OWN")) == []
    assert media_problems(domain({"memory": "8GiB", "disks": GOOD["disks"]}), "arch") == []


@pytest.mark.parametrize(
    ("iso", "said"),
    [
        (None, "No such file"),
        (b"", "which is no ISO image"),
        (b"\n<!DOCTYPE html><html>Access denied</html>", "a page or a message that a server sent"),
        (b'{"error": "expired"}', "a page or a message"),
        (b"<?xml version='1.0'?><Error>AccessDenied</Error>", "a page or a message"),
        (bytes(range(256)) * 400, "which is no ISO image"),
        (windows(cut=4096), "which was cut off: 0 of 8 MiB"),
        (VIRTIO, "the medium of virtio's drivers"),
        (windows("DEBIAN", udf=False), "without the file system of Windows' media"),
        (windows(boots=False), "that no machine starts from"),
        (windows("CCCOMA_A64FRE_EN-US_DV9"), "for other processors"),
        (windows("CCCOMA_X64FRE_DE-DE_DV9"), "a medium in DE-DE, where windows.unattended.language is en-US"),
    ],
)
def test_what_is_none_of_windows(iso: bytes | None, said: str, tmp_path: Path) -> None:
    (problem,) = told(tmp_path, iso)
    assert said in problem
    assert "vms.w.windows.iso" in problem
    assert "https://www.microsoft.com/software-download" in problem


@pytest.mark.parametrize("virtio", [None, windows(), iso_image({"a": b"b"}, "OTHER"), b"<html>"])
def test_what_is_no_virtio_win(virtio: bytes | None, tmp_path: Path) -> None:
    (problem,) = told(tmp_path, windows(), virtio)
    assert "vms.w.windows.virtioWin" in problem
    assert "virtio-win.repo" in problem, "Fedora has a package of it"


def test_both_at_once_and_a_pipe(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "win.iso")
    assert len(told(tmp_path, None, b"")) == 2


def disk(path: Path, **changes: Any) -> Disk:
    (found,) = domain({"memory": "8GiB", "disks": [{"source": str(path), "create": "1GiB"} | changes]}).disks
    return found


@pytest.mark.parametrize(("kind", "magic"), [("qcow2", b"QFI\xfb"), ("raw", b"\0\0\0\0")])
def test_an_image_is_made(kind: str, magic: bytes, tmp_path: Path) -> None:
    path = tmp_path / "new" / "a.img"
    wanted = disk(path, format=kind)
    assert missing_images([wanted]) == (wanted,)
    make_image(wanted)
    assert path.read_bytes()[:4] == magic
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.stat().st_uid == os.geteuid()
    assert missing_images([wanted]) == ()
    assert list(path.parent.iterdir()) == [path]
    if kind == "raw":
        assert path.stat().st_size == 1 << 30
        assert path.stat().st_blocks < 100


def test_what_is_there_stays(tmp_path: Path) -> None:
    path = tmp_path / "a.qcow2"
    path.write_bytes(b"mine")
    with pytest.raises(OptimuxError, match="it stays as it is"):
        make_image(disk(path))
    assert path.read_bytes() == b"mine"
    assert list(tmp_path.iterdir()) == [path]
    (tmp_path / "b.qcow2").symlink_to("nowhere")
    assert missing_images([disk(tmp_path / "b.qcow2")]) == (), "a link that leads nowhere is somebody's"


def _fail(as_wanted: bool) -> None:
    assert as_wanted
    raise ZeroDivisionError


def test_images_go_where_what_follows_fails(tmp_path: Path) -> None:
    first, second = disk(tmp_path / "a.qcow2"), disk(tmp_path / "b.qcow2")
    (tmp_path / "kept.qcow2").write_bytes(b"mine")
    wanted = [first, second, disk(tmp_path / "kept.qcow2")]
    assert len(missing_images(wanted)) == 2
    with pytest.raises(ZeroDivisionError), images_made(wanted):
        _fail(missing_images(wanted) == ())
    assert [path.name for path in tmp_path.iterdir()] == ["kept.qcow2"]


@pytest.mark.parametrize(
    ("program", "said"),
    [
        ("echo 'no such format' >&2; exit 1", "qemu-img refuses .*: no such format"),
        ("sleep 9", "qemu-img did not end within 0.2 s"),
        ("exit 0", "cannot be made: No such file or directory. Run as root, or make it first"),
        ('touch "$5"', ""),
    ],
)
def test_a_qemu_img_that_fails(program: str, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One that ends well and made nothing is none the better."""
    tools, place = tmp_path / "tools", tmp_path / "place"
    tools.mkdir()
    (tools / "qemu-img").write_text(f"#!/bin/sh\n{program}\n")
    (tools / "qemu-img").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tools}:{os.environ['PATH']}")
    monkeypatch.setattr(images, "SECONDS", 0.2)
    if said:
        with pytest.raises(OptimuxError, match=said):
            make_image(disk(place / "a.qcow2"))
        assert list(place.iterdir()) == []
    else:
        monkeypatch.setattr(images, "SECONDS", 60)
        make_image(disk(place / "a.qcow2"))
        assert [path.name for path in place.iterdir()] == ["a.qcow2"]


def test_no_qemu_img(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(OptimuxError, match="qemu-img is missing"):
        make_image(disk(tmp_path / "a.qcow2"))


def asks(path: Path) -> DomainPlan:
    return domain(GOOD, passwordFile=str(path))


def test_a_password_file(tmp_path: Path) -> None:
    path = tmp_path / "password"
    path.write_text('密码 & <b>"\nsecond line\n')
    path.chmod(0o600)
    assert read_password(asks(path)) == '密码 & <b>"'
    assert read_password(domain(GOOD)) is None
    path.write_text("😀" * 63)
    assert read_password(asks(path)) == "😀" * 63


@pytest.mark.parametrize(
    ("content", "mode", "said"),
    [
        (b"secret", 0o644, "mode 0644"),
        (b"secret", 0o640, "mode 0640"),
        (b"", 0o600, "no password"),
        (b"\nsecret", 0o600, "no password"),
        (b"\xff\xfe", 0o600, "no UTF-8"),
        (b"s" * 200, 0o600, "200 characters"),
        ("😀".encode() * 64, 0o600, "128 characters"),
        (b"secret\x07", 0o600, "control characters"),
        (None, 0o600, "No such file"),
    ],
)
def test_a_password_file_that_is_refused(content: bytes | None, mode: int, said: str, tmp_path: Path) -> None:
    path = tmp_path / "password"
    if content is not None:
        path.write_bytes(content)
        path.chmod(mode)
    with pytest.raises(InvalidInput, match=said) as refused:
        read_password(asks(path))
    assert "secret" not in str(refused.value)


def medium_with(folder: Path, *names: str, file: str = "install.wim") -> bytes:
    """A medium of UDF whose image file wimlib made, with an image of each name."""
    program = shutil.which("wimlib-imagex")
    if program is None:
        pytest.skip("wimlib-imagex is not installed (Debian package wimtools)")
    (folder / "content").mkdir()
    (folder / "content" / "file").write_bytes(b"x" * 10_000)
    wim = folder / "made.wim"
    for verb, name in zip(("capture", *["append"] * len(names)), names, strict=False):
        line = [program, verb, str(folder / "content"), str(wim), name]
        subprocess.run(line, check=True, capture_output=True, timeout=60)
    iso = pycdlib.PyCdlib()
    iso.new(interchange_level=3, udf="2.60", vol_ident="CCCOMA_X64FRE_EN-US_DV9")
    iso.add_directory("/SOURCES", udf_path="/sources")
    iso.add_file(str(wim), "/SOURCES/INSTALL.WIM;1", udf_path=f"/sources/{file}")
    out = BytesIO()
    iso.write_fp(out)
    iso.close()
    return out.getvalue()


@pytest.mark.parametrize("file", ["install.wim", "install.esd"])
def test_editions_of_a_medium(file: str, tmp_path: Path) -> None:
    (tmp_path / "a.iso").write_bytes(medium_with(tmp_path, "Windows 11 Home", "Windows 11 专业版", file=file))
    assert editions(str(tmp_path / "a.iso")) == ("Windows 11 Home", "Windows 11 专业版")


@pytest.mark.parametrize(
    "content", [b"", b"x" * 100_000, windows(), iso_image({"sources/install.wim": b"x"}, "NO_UDF")]
)
def test_editions_that_cannot_be_read(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "a.iso").write_bytes(content)
    assert editions(str(tmp_path / "a.iso")) == ()
    assert editions(str(tmp_path / "missing.iso")) == ()


@pytest.mark.parametrize(("edition", "count"), [("Windows 11 Pro", 0), ("Windows 11 Professional", 1)])
def test_an_edition_that_the_medium_has_not(
    edition: str, count: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("optimux.guest.editions.editions", lambda path: ("Windows 11 Home", "Windows 11 Pro"))
    found = told(tmp_path, windows(), edition=edition)
    assert len(found) == count
    assert all('allowed: "Windows 11 Home", "Windows 11 Pro"' in problem for problem in found)
