"""Entries that boot the machine as it was, made by the commands of the plan with the loaders' own tools."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from optimux.emit.artifact import HostCommand
from optimux.emit.boot_loader import GRUB_DROP_IN, fallback
from optimux.emit.boot_loader.grub import FALLBACK
from optimux.emit.host import host_entries
from tests.host.plans import commands, files, plan

if TYPE_CHECKING:
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
