"""Images of every packing, those that the real tools build, and such as no tool would."""

from __future__ import annotations

import bz2
import gzip
import lzma
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from lab.consumers.initramfs import without_hooks
from optimux.host.doctor import initramfs_image
from optimux.host.doctor.areas import modules
from optimux.host.doctor.initramfs_image import UnreadableError, names_in
from tests.doctor.images import archive, unified

if TYPE_CHECKING:
    from collections.abc import Callable

    from lab.consumers.roots import Root

NAMES = ("usr/lib/modules/6.12/vfio-pci.ko.xz", "etc/modprobe.d/optimux.conf")
PLAIN = archive(*NAMES)


def program(*line: str) -> Callable[[bytes], bytes]:
    def pack(data: bytes) -> bytes:
        if shutil.which(line[0]) is None:
            pytest.skip(f"no {line[0]}")
        return subprocess.run(line, input=data, stdout=subprocess.PIPE, check=True).stdout

    return pack


PACKINGS: dict[str, Callable[[bytes], bytes]] = {
    "plain": bytes,
    "gzip": gzip.compress,
    "xz": lambda data: lzma.compress(data, check=lzma.CHECK_CRC32),
    "lzma": lambda data: lzma.compress(data, lzma.FORMAT_ALONE),
    "bzip2": bz2.compress,
    "zstd": program("zstd", "-cq"),
    "lz4": program("lz4", "-lcq"),
}


@pytest.mark.parametrize("packing", PACKINGS)
@pytest.mark.parametrize("before", [b"", archive("early") + bytes(1024)], ids=["alone", "after an early one"])
def test_every_packing(packing: str, before: bytes) -> None:
    found = names_in(before + PACKINGS[packing](PLAIN + bytes(512) + archive("another")))
    assert found == {*NAMES, "another", *(["early"] if before else [])}


def test_a_unified_image() -> None:
    assert names_in(unified(archive("early") + gzip.compress(PLAIN))) == {"early", *NAMES}


@pytest.mark.parametrize(
    ("image", "said"),
    [
        (b"", "nothing in it"),
        (bytes(100), "nothing in it"),
        (b"squashfs", "not known here"),
        (gzip.compress(PLAIN, mtime=0)[:-30], "ends too early"),
        (b"\x1f\x8b\x08" + b"\xff" * 100, "compression is broken"),
        (PLAIN[:200], "ends too early"),
        (gzip.compress(b"no archive" * 100, mtime=0), "is broken"),
        (b"070701" + b"z" * 200, "is broken"),
        (PLAIN[:94] + b"00000000" + PLAIN[102:], "is broken"),
        (PLAIN[:94] + b"7fffffff" + PLAIN[102:], "is broken"),
        (PLAIN[: -len(archive())] + PLAIN[:110], "ends too early"),
        (archive("a", content=b"x" * 5000)[:2000], "ends too early"),
        (b"MZ" + bytes(100), "without an initramfs"),
        (b"MZ", "without an initramfs"),
        (b"\x28\xb5\x2f\xfd" + b"broken" * 100, "nothing in it"),
    ],
)
def test_what_is_no_image(image: bytes, said: str) -> None:
    with pytest.raises(UnreadableError, match=said):
        names_in(image)


def test_a_program_that_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(UnreadableError, match="zstd, which is not installed"):
        names_in(b"\x28\xb5\x2f\xfd")


@pytest.mark.parametrize("spare", [0, -1])
def test_more_files_than_any_image_has(spare: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(initramfs_image, "MOST_FILES", len(NAMES) + 1 + spare)  # the last entry is counted too
    if spare:
        with pytest.raises(UnreadableError, match="more files than any image"):
            names_in(PLAIN)
    else:
        assert names_in(PLAIN) == {*NAMES}


@pytest.mark.parametrize("spare", [0, -1])
def test_an_image_that_unpacks_to_more_than_any(spare: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(initramfs_image, "MOST_UNPACKED", len(PLAIN) + spare)
    if spare:
        with pytest.raises(UnreadableError, match="longer than any image"):
            names_in(gzip.compress(PLAIN))
    else:
        assert names_in(gzip.compress(PLAIN))


@pytest.mark.parametrize(
    ("program", "said"), [("exit 3", "ended with 3"), ("exec sleep 9", "does not end"), ("exec cat", "")]
)
def test_a_module_that_zstd_does_not_unpack(
    program: str, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "zstd").write_text(f"#!/bin/sh\n{program}\n")
    (tmp_path / "zstd").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    monkeypatch.setattr(modules, "SECONDS", 0.2 if said == "does not end" else 60)
    if said:
        with pytest.raises(OSError, match=said):
            modules._by_zstd(b"x")
    else:
        assert modules._by_zstd(b"x") == b"x"


BUILDERS = {
    "lsinitramfs": "update-initramfs -c -k $KERNEL",
    # Without its modules for what an image boots with: none of them would be looked at.
    "lsinitrd": "dracut --force --no-hostonly --modules kernel-modules --drivers bochs --nostrip --no-early-microcode"
    " --compress 'gzip -1' --kver $KERNEL /boot/initrd.img-$KERNEL",
}


@pytest.mark.parametrize("lister", BUILDERS)
def test_what_the_tools_build(lister: str, trixie: Root) -> None:
    """Each name that the tool's own lister shows of a module, and no other."""
    with trixie.session() as session:
        without_hooks(session)
        session.put("/etc/initramfs-tools/conf.d/small", "MODULES=list\nCOMPRESS=gzip\nCOMPRESSLEVEL=1\n")
        session.put("/etc/initramfs-tools/modules", "vfio_pci\nbochs\n")
        kernel = session.run(["sh", "-c", "ls /lib/modules | head -n 1"]).stdout.strip()
        session.run(["sh", "-c", BUILDERS[lister]], timeout=300, env={"KERNEL": kernel})
        image = f"/boot/initrd.img-{kernel}"
        listed = session.run([lister, image], timeout=300).stdout
        found = names_in(session.read(image))
    modules = {name for name in found if ".ko" in name}
    assert modules
    assert {line.split()[-1] for line in listed.splitlines() if ".ko" in line} == modules
