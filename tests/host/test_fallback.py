"""Entries that boot the machine as it was, made by the commands of the plan with the loaders' own tools."""

from __future__ import annotations

import json
import subprocess
from typing import TYPE_CHECKING

import pytest

from lab.consumers import roots
from optimux.emit.artifact import HostCommand
from optimux.emit.boot_loader import CMDLINE, GRUB_DROP_IN, fallback
from optimux.emit.boot_loader.cmdline import AFTER_IMAGE, LATER
from optimux.emit.boot_loader.grub import FALLBACK
from optimux.emit.host import host_entries
from tests.host.plans import commands, files, plan

if TYPE_CHECKING:
    from pathlib import Path

    from lab.consumers.roots import Root
    from lab.consumers.session import Session

ENTRY = """\
title Debian GNU/Linux
version 6.12
options root=UUID=1 ro  quiet iommu=pt intel_iommu=on
linux /vmlinuz
"""
FOLDER = "/boot/loader/entries"


def _holds(session: Session, test: str) -> bool:
    return session.run(["sh", "-c", test], check=False).returncode == 0


def test_entries_are_copied_without_our_words(trixie: Root) -> None:
    host = {"bootLoader": "systemd-boot", "initramfs": "dracut"}
    planned = plan(host=host)
    (command,) = (e for e in host_entries(planned) if isinstance(e, HostCommand) and "optimux-off" in e.command)
    with trixie.session() as session:
        assert _holds(session, command.unless)  # no entries, nothing to copy
        session.put(f"{FOLDER}/1-6.12.conf", ENTRY)
        assert not _holds(session, command.unless)
        for _ in range(2):
            session.run(["sh", "-c", command.command])
        made = session.read(f"{FOLDER}/1-6.12-optimux-off.conf").decode()
        assert session.run(["ls", FOLDER]).stdout.split() == ["1-6.12-optimux-off.conf", "1-6.12.conf"]
        assert made == (
            "title Debian GNU/Linux (without Optimux)\nversion 6.12\n"
            "options root=UUID=1 ro quiet module_blacklist=vfio_pci\nlinux /vmlinuz\n"
        )
        assert session.read(f"{FOLDER}/1-6.12.conf").decode() == ENTRY
        assert _holds(session, command.unless)
        session.put(f"{FOLDER}/1-6.13.conf", ENTRY)
        assert not _holds(session, command.unless)
        session.run(["sh", "-c", command.command])
        assert _holds(session, command.unless)
        session.run(["rm", f"{FOLDER}/1-6.13.conf"])
        # Another system's has no options, and nothing to leave out.
        session.put(f"{FOLDER}/windows.conf", "title Windows\nefi /EFI/Microsoft/Boot/bootmgfw.efi\n")
        assert _holds(session, command.unless)
        session.run(["sh", "-c", command.command])
        assert not _holds(session, f"test -e {FOLDER}/windows-optimux-off.conf")
        session.run(["sh", "-c", command.undo])
        assert session.run(["ls", FOLDER]).stdout.split() == ["1-6.12.conf", "windows.conf"]


def test_unified_images_are_kept(trixie: Root) -> None:
    planned = plan(host={"distribution": "arch", "bootLoader": "uki"})
    (command,) = (e for e in host_entries(planned) if isinstance(e, HostCommand) and "optimux-off" in e.command)
    with trixie.session() as session:
        session.put("/efi/EFI/Linux/arch.efi", "image\n")
        assert not _holds(session, command.unless)
        for _ in range(2):
            session.run(["sh", "-c", command.command])
        assert session.run(["ls", "/efi/EFI/Linux"]).stdout.split() == ["arch-optimux-off.efi", "arch.efi"]
        assert _holds(session, command.unless)
        session.run(["sh", "-c", command.undo])
        assert session.run(["ls", "/efi/EFI/Linux"]).stdout.split() == ["arch.efi"]


RELEASE, LATER_RELEASE, TOKEN = "6.12+deb13-amd64", "6.13", "1" * 32
ESP = "/boot/efi"


def _images(session: Session) -> list[str]:
    return [name.removeprefix(f"{TOKEN}-") for name in session.run(["ls", f"{ESP}/EFI/Linux"]).stdout.split()]


def _add(session: Session, release: str) -> str:
    """By kernel-install as a kernel's package calls it; what it says."""
    (kernel,) = session.run(["sh", "-c", "echo /boot/vmlinuz-*"]).stdout.split()
    return session.run(["kernel-install", "add", release, kernel, "/initrd"], timeout=120).stderr


def _words(session: Session, name: str) -> list[str]:
    """The command line in an image, as ukify reads it."""
    image = f"{ESP}/EFI/Linux/{TOKEN}-{name}"
    shown = session.run(["ukify", "inspect", image, "--json=short"], timeout=120).stdout
    return str(json.loads(shown)[".cmdline"]["text"]).split()


def test_a_later_unified_image_has_a_way_back_too() -> None:
    """By kernel-install and ukify themselves; the twin has no such file. It goes with its kernel."""
    planned = plan(host={"distribution": "debian", "bootLoader": "uki", "initramfs": "dracut"})
    with roots.loaders_root().session() as session:
        session.put("/etc/machine-id", f"{TOKEN}\n")
        session.put("/etc/kernel/install.conf", f"layout=uki\nBOOT_ROOT={ESP}\n")
        session.put("/etc/kernel/uki.conf", "[UKI]\nOSRelease=ID=mine\n")
        session.put(CMDLINE, "root=UUID=1 ro intel_iommu=on iommu=pt quiet\n")
        session.put("/initrd", "initramfs\n")
        session.run(
            ["sh", "-c", f"mkdir -p {ESP} && mount -t tmpfs -o size=200M esp {ESP} && mkdir -p {ESP}/EFI/Linux"]
        )
        _add(session, RELEASE)
        assert _images(session) == [f"{RELEASE}.efi"]
        session.put(LATER, files(planned)[LATER], 0o755)
        # One that is there is from before: it stays.
        session.put(f"{ESP}/EFI/Linux/{TOKEN}-{RELEASE}-optimux-off.efi", "as it was\n")
        for release in (RELEASE, LATER_RELEASE):
            assert "Optimux" not in _add(session, release)
        assert session.read(f"{ESP}/EFI/Linux/{TOKEN}-{RELEASE}-optimux-off.efi") == b"as it was\n"
        images = [f"{RELEASE}-optimux-off.efi", f"{RELEASE}.efi"]
        later = [f"{LATER_RELEASE}-optimux-off.efi", f"{LATER_RELEASE}.efi"]
        assert _images(session) == [*images, *later]
        assert _words(session, later[1])[:5] == ["root=UUID=1", "ro", "intel_iommu=on", "iommu=pt", "quiet"]
        assert _words(session, later[0])[:4] == ["root=UUID=1", "ro", "quiet", "module_blacklist=vfio_pci"]
        sizes = session.run(["sh", "-c", f"grep -lc ID=mine {ESP}/EFI/Linux/*-{LATER_RELEASE}*.efi | wc -l"]).stdout
        assert sizes.strip() == "2"
        session.run(["kernel-install", "remove", LATER_RELEASE], timeout=120)
        assert _images(session) == images
        # No room for a second one: the kernel is installed all the same, nothing half-written is left, and it is said.
        size = session.run(["stat", "-c", "%s", f"{ESP}/EFI/Linux/{TOKEN}-{RELEASE}.efi"]).stdout
        session.run(["mount", "-o", f"remount,size={int(size) * 5 // 2}", ESP])
        assert f"no image of {LATER_RELEASE} that boots without it" in _add(session, LATER_RELEASE)
        assert _images(session) == [*images, later[1]]
        assert session.run(["sh", "-c", "ls /tmp"]).stdout == ""


# As mkinitcpio 41 calls what lies in /etc/initcpio/post, which calls it again here.
CALLED = """
mkinitcpio() { printf '%s|' "$@"; echo; cat "$4"; echo "6.13 $KERNELVERSION" >"$6"; }
export -f mkinitcpio
"""


@pytest.mark.parametrize(
    ("image", "there", "made"),
    [
        ("arch-linux", None, True),
        ("arch-linux", "Linux version 6.12 of before", True),
        ("arch-linux", "Linux version 6.13-arch1-1", False),
        ("arch-linux-fallback", None, False),
        ("arch-linux-optimux-off", None, False),
    ],
)
def test_arch_makes_one_beside_each_new_image(image: str, there: str | None, made: bool, tmp_path: Path) -> None:
    """For each kernel anew: its modules are all that Arch keeps."""
    planned = plan(host={"distribution": "arch", "bootLoader": "uki"})
    script = files(planned)[AFTER_IMAGE].replace("/etc/", f"{tmp_path}/etc/")
    for path, text in {
        "kernel/cmdline": "root=UUID=1 iommu=pt\n",
        "cmdline.d/10.conf": "# x\nintel_iommu=on rw\n",
    }.items():
        (tmp_path / "etc" / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "etc" / path).write_text(text)
    off = tmp_path / "arch-linux-optimux-off.efi"
    if there is not None:
        off.write_text(there)
    (tmp_path / "hook").write_text(script)
    call = f"{CALLED}\nKERNELVERSION=6.13-arch1-1 bash {tmp_path}/hook /kernel /initramfs {tmp_path}/{image}.efi"
    shown = subprocess.run(["bash", "-c", call], capture_output=True, text=True, check=True).stdout
    if made:
        called, words = shown.splitlines()
        assert called.split("|")[:3] == ["-k", "/kernel", "--cmdline"]
        assert called.split("|")[4:6] == ["-U", str(off)]
        assert words == "root=UUID=1 rw module_blacklist=vfio_pci"
    else:
        assert shown == ""
        assert (off.read_text() if off.exists() else None) == there


def test_grubs_menu_has_a_submenu_without_ours(trixie: Root) -> None:
    """By Debian's own grub-mkconfig, whose probing of disks is answered for it."""
    planned = plan()
    made = files(planned)
    probe = '#!/bin/sh\ncase "$*" in *target=fs_uuid*|*target=device*) echo 1234;; *target=fs*) echo ext2;; esac\n'
    with trixie.session() as session:
        if session.run(["sh", "-c", "command -v grub-mkconfig grub-script-check"], check=False).returncode:
            pytest.skip("grub-mkconfig is not in the root (Debian package grub-common)")
        session.put("/usr/sbin/grub-probe", probe, 0o755)
        session.put("/etc/default/grub", 'GRUB_DEVICE_UUID=1234\nGRUB_CMDLINE_LINUX_DEFAULT="quiet splash"\n')
        # What asks for themes, other systems and the firmware of a machine that is not here.
        session.run(["sh", "-c", "cd /etc/grub.d && rm -f 05_* 20_* 30_*"])
        menus = {}
        for ours in (False, True):
            if ours:
                session.put(GRUB_DROP_IN, made[GRUB_DROP_IN])
                session.put(FALLBACK, made[FALLBACK], 0o755)
            menu = session.run(["grub-mkconfig"], timeout=120).stdout
            assert session.run(["grub-script-check"], input=menu, check=False).returncode == 0
            menus[ours] = menu
    assert "Optimux" not in menus[False]
    head, submenu = menus[True].split("submenu 'Without Optimux' --id optimux-without {")
    submenu = submenu.split("### END")[0]
    lines = [line.split() for line in head.splitlines() if line.strip().startswith("linux")]
    assert lines
    assert {"quiet", "splash", "intel_iommu=on", "iommu=pt"} <= set(lines[0])
    without = [line.split() for line in submenu.splitlines() if line.strip().startswith("linux")]
    assert without
    for words in without:
        assert words[-3:] == ["quiet", "splash", "module_blacklist=vfio_pci"]
        assert "iommu=pt" not in words
    # Ids are what a default names: none of the copies' is one of the others'.
    assert head.count("menuentry_id_option 'gnulinux") >= 1
    assert "menuentry_id_option 'gnulinux" not in submenu
    assert "menuentry_id_option 'optimux-without-gnulinux" in submenu


GRUBBY = """\
index=0
kernel="/boot/vmlinuz-6.12"
args="ro {args}"
root="UUID=1"
title="Fedora"
id="1-6.12"
index=1
args="ro"
title="Fedora (without Optimux)"
id="1-6.12-optimux-off"
"""


@pytest.mark.parametrize(
    ("args", "holds"),
    [("quiet intel_iommu=on iommu=pt", True), ("quiet intel_iommu=on", False), ("intel_iommu=on xiommu=pt", False)],
)
def test_grubby_is_asked_for_whole_words(trixie: Root, args: str, holds: bool) -> None:
    planned = plan(host={"distribution": "fedora"})
    (command,) = (
        entry
        for entry in host_entries(planned)
        if isinstance(entry, HostCommand) and entry.command.startswith("grubby")
    )
    with trixie.session() as session:
        session.put("/usr/bin/grubby", f"#!/bin/sh\ncat <<'END'\n{GRUBBY.format(args=args)}END\n", 0o755)
        assert _holds(session, command.unless) == holds
    undone = [entry.undo for entry in host_entries(planned) if isinstance(entry, HostCommand)]
    assert fallback.remove_entries() in undone


def test_every_loader_says_what_is_kept() -> None:
    """In the words that are shown before anybody agrees."""
    said = {
        "limine": "no entry without them is kept",
        "kernelstub": "its recovery system boots without them",
        "sdboot-manage": "fallback entries have none of them",
        "rpm-ostree": "the present one stays in the menu",
        "uki": "as it boots now",
        "manual": "keep an entry without them",
        "sdbootutil": "boots without them",
        "systemd-boot": "boots without them",
        "grubby": "boots without them",
    }
    for loader, words in said.items():
        entries = host_entries(plan(host={"distribution": "arch", "bootLoader": loader}))
        assert any(words in e.purpose for e in entries if isinstance(e, HostCommand)), loader
    assert any("boots the machine as it was" in entry.purpose for entry in host_entries(plan()))


def test_manual_words_are_never_run() -> None:
    assert "# intel_iommu=on iommu=pt" in commands(plan(host={"bootLoader": "manual"}))
