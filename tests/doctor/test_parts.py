"""The parts of doctor that are no check: the log, images, words of a command line, reports, and what runs a program."""

from __future__ import annotations

import bz2
import gzip
import shutil
from typing import TYPE_CHECKING, Any

import pytest

from optimux.facts.detect import Root
from optimux.host.doctor import definition, initramfs_image
from optimux.host.doctor import log as logs
from optimux.host.doctor.areas import guest, hook, libvirt
from optimux.host.doctor.areas.binding import drivers_of
from optimux.host.doctor.areas.card import FIRMWARE
from optimux.host.doctor.areas.command_line import misspelt
from optimux.host.doctor.initramfs_image import UnreadableError, names_in
from optimux.host.doctor.log import Asking, Line, Log, parsed
from tests.doctor.images import archive

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("word", "meant"),
    [
        ("quiet", None),
        ("vfio-pci.ids=10de:2520", None),
        ("vfio_pci.ids=10de:2520:103c:88f7:030000,10DE:228e", None),
        ("vfio_pci.ids=10de:252", "vfio_pci.ids=VVVV:DDDD,… with four hexadecimal digits each"),
        ("vfio-pci.ids=", "vfio-pci.ids=VVVV:DDDD,… with four hexadecimal digits each"),
        ("vfio-pci-ids=10de:2520", "vfio_pci.ids=10de:2520"),
        ("intel_iommu=on,sm_on", None),
        ("intel_iommu=on,yes", "intel_iommu=on"),
        ("intel-iommu=1", "intel_iommu=on"),
        ("intel_iomu=on", "intel_iommu=on"),
        ("hugepage=4", "hugepages=4"),
        ("HugePages=4", "hugepages=4"),
        ("iommu_pt", "iommu"),
        ("kvm.ignore_msr=1", "kvm.ignore_msrs=1"),
        ("pcie_aspn=off", "pcie_aspm=off"),
        ("pci=noats", None),
        ("modprobe.blacklst=x", "modprobe.blacklist=x"),
        ("rd.driver.pree", "rd.driver.pre"),
        ("initcall_blacklists=x", "initcall_blacklist=x"),
        ("nomodeset", None),
    ],
)
def test_a_word_and_what_was_meant(word: str, meant: str | None) -> None:
    assert misspelt(word) == (None if meant is None else (word, meant))


LINES = b"""[    0.000000] Linux version 6.12
  continued
[   12.345678] host kernel: nouveau 0000:01:00.0: x
[   13.000000] host kernel[7]: y
[   14.000000] host audit[9]: AVC z
[15.5] host sshd: no
noise [16.0] x
"""


def test_lines_of_a_log() -> None:
    assert [(line.seconds, line.text) for line in parsed(LINES)] == [
        (0.0, "Linux version 6.12"),
        (12.345678, "nouveau 0000:01:00.0: x"),
        (13.0, "y"),
        (14.0, "AVC z"),
        (15.5, "host sshd: no"),
    ]
    log = Log(parsed(LINES), "there")
    assert [(line.text, match[1]) for line, match in log.find("(no.)")] == [("nouveau 0000:01:00.0: x", "nou")]
    assert log.missing is None


def test_drivers_in_the_order_of_their_words() -> None:
    log = Log(
        parsed(
            b"[3.0] [drm] Initialized amdgpu 3.1 for 0000:01:00.0 on minor 0\n[2.0] vfio-pci 0000:01:00.0: a\n"
            b"[4.0] vfio-pci 0000:01:00.0: b\n[1.0] nouveau 0000:01:00.00: c\n[1.5] xhci 10000:01:00.0: d\n"
        ),
        "",
    )
    assert list(drivers_of(log, "0000:01:00.0").items()) == [("vfio-pci", 2.0), ("amdgpu", 3.0)]


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that is all of PATH but for the system's own shell."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for name in ("sh", "cat", "sleep"):
        (folder / name).symlink_to(shutil.which(name) or "/bin/sh")
    monkeypatch.setenv("PATH", str(folder))
    return folder


def program(folder: Path, name: str, text: str) -> None:
    (folder / name).write_text(f"#!/bin/sh\n{text}\n")
    (folder / name).chmod(0o755)


def live(tmp_path: Path, **files: str) -> Root:
    """A folder that is taken for this machine's own file system."""
    for path, content in files.items():
        place = tmp_path / "root" / path.replace("__", "/")
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(content)
    (tmp_path / "root").mkdir(exist_ok=True)
    root = Root.at(str(tmp_path / "root"))
    root.live = True
    return root


def test_the_journal_of_this_machine(tmp_path: Path, programs: Path) -> None:
    program(programs, "journalctl", 'echo "[1.0] host kernel: $*"')
    said = Asking(live(tmp_path), None, previous=False).read()
    assert (said.lines, said.where, said.missing) == (
        (Line(1.0, "--boot=0 --output=short-monotonic --no-pager --quiet _TRANSPORT=kernel + _TRANSPORT=audit"),),
        "journalctl --boot=0",
        None,
    )
    assert Asking(live(tmp_path), None, previous=True).read().where == "journalctl --boot=-1"


HIDDEN = "nothing of the kernel is shown: its log is for root, and for the groups systemd-journal, adm and wheel"


@pytest.mark.parametrize(
    ("journal", "dmesg", "file", "previous", "found"),
    [
        ("echo '[1.0] host kernel: a'", "echo '[2.0] b'", "[3.0] c", False, ("journalctl --boot=0", ["a"], None)),
        ("true", "echo '[2.0] b'", "[3.0] c", False, ("dmesg", ["b"], None)),
        (None, "echo '[2.0] b'", "[3.0] c", False, ("dmesg", ["b"], None)),
        (None, "echo '[2.0] b'", "[3.0] c", True, ("/var/log/dmesg.0", ["c"], None)),
        ("true", "exit 1", "[3.0] c", False, ("/var/log/dmesg", ["c"], None)),
        ("true", None, None, False, ("journalctl", [], HIDDEN)),
        ("true", None, None, True, ("journalctl", [], "no journal of the boot before is kept")),
        (None, None, None, False, ("/var/log/dmesg", [], "no journal, and no /var/log/dmesg")),
        (None, None, None, True, ("/var/log/dmesg.0", [], "no journal, and no /var/log/dmesg.0")),
        ("exec sleep 9", "exec sleep 9", "[3.0] c", False, ("/var/log/dmesg", ["c"], None)),
    ],
)
def test_where_a_log_is_had(
    journal: str | None,
    dmesg: str | None,
    file: str | None,
    previous: bool,
    found: tuple[str, list[str], str | None],
    tmp_path: Path,
    programs: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(logs, "SECONDS", 0.3 if "sleep" in (journal or "") else 60)
    for name, text in (("journalctl", journal), ("dmesg", dmesg)):
        if text is not None:
            program(programs, name, text)
    files = {f"var__log__dmesg{'.0' if previous else ''}": file} if file else {}
    said = Asking(live(tmp_path, **files), None, previous=previous).read()
    assert (said.where, [line.text for line in said.lines], said.missing) == found


def test_a_record_asks_no_program(tmp_path: Path, programs: Path) -> None:
    program(programs, "dmesg", "echo '[2.0] b'")
    program(programs, "journalctl", "echo '[2.0] b'")
    root = live(tmp_path)
    root.live = False
    assert Asking(root, str(tmp_path / "root"), previous=False).read().missing == "no journal, and no /var/log/dmesg"
    (tmp_path / "root/run/log/journal/0123").mkdir(parents=True)
    root = Root.at(str(tmp_path / "root"))
    assert Asking(root, str(tmp_path / "root"), previous=False).read().where == "journalctl --boot=0"
    assert Asking(root, str(tmp_path / "machine.tar"), previous=False).read().missing is not None
    assert Asking(root, None, previous=False).read().missing is not None


def test_how_much_is_read() -> None:
    assert (logs.MOST, logs.SECONDS, hook.USER_HZ, guest.SPARE.bytes) == (32 << 20, 5.0, 100, 1 << 30)
    assert (libvirt.MOST_LOG, initramfs_image.MOST_UNPACKED) == (4 << 20, 4 << 30)


def test_a_path_as_long_as_any_and_longer() -> None:
    assert names_in(archive("a" * 4095)) == {"a" * 4095}
    with pytest.raises(UnreadableError, match=r"^an archive in it is broken$"):
        names_in(archive("a" * 4096))


@pytest.mark.parametrize("spare", [0, -1])
def test_as_many_files_as_any_image_has(spare: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(initramfs_image, "MOST_FILES", 4 + spare)
    image = archive("a", "b", "c")
    if spare:
        with pytest.raises(UnreadableError, match="it has more files than any image"):
            names_in(image)
    else:
        assert names_in(image) == {"a", "b", "c"}


@pytest.mark.parametrize("size", [0, 1, 3, 4, 5, (1 << 20) - 1, 1 << 20, (1 << 20) + 1])
@pytest.mark.parametrize("pack", [bytes, gzip.compress, bz2.compress])
def test_contents_of_any_length(size: int, pack: Any) -> None:
    """A multiple of four, one more and one less; a piece, and more than one."""
    assert names_in(pack(archive("./a", "/b", content=bytes(size)) + bytes(3) + b"")) == {"a", "b"}


def test_images_in_a_row() -> None:
    """Zeros of any number between them, the second form of header, a name that is no UTF-8, and one at the end."""
    second = archive("a").replace(b"070701", b"070702")
    assert names_in(second + bytes(5) + archive("b") + bytes(1) + gzip.compress(bytes(8) + archive("c"))) == set("abc")
    assert names_in(archive("x").replace(b"x\0", b"\xff\0", 1)) == {"\ufffd"}


def test_what_a_program_unpacks(programs: Path) -> None:
    program(programs, "zstd", "cat >/dev/null; printf '%200s' words")
    with pytest.raises(UnreadableError, match="an archive in it is broken"):
        names_in(b"\x28\xb5\x2f\xfd")
    program(programs, "lz4", 'test "$1" = -dcq && cat')
    for magic in (b"\x02\x21\x4c\x18", b"\x04\x22\x4d\x18"):
        with pytest.raises(UnreadableError, match="an archive in it is broken"):
            names_in(magic + archive("a"))


def test_words_that_are_known() -> None:
    """Each of them; a list that lost one would call it misspelt, or see no framebuffer."""
    for value in ("on", "off", "igfx_off", "forcedac", "strict", "sp_off", "sm_on", "sm_off", "tboot_noforce"):
        assert misspelt(f"intel_iommu={value}") is None
    assert set(FIRMWARE) == {"BOOTFB", "simpledrm", "simple-framebuffer", "efifb", "vesafb", "vesadrm", "efidrm"}
    assert definition.SOCKETS == ("/run/libvirt/virtqemud-sock", "/run/libvirt/libvirt-sock")
