"""Apply and rollback in a real Debian: its initramfs-tools, its grub-mkconfig, its usermod."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import pytest

from lab import CHECKOUT
from lab.consumers.applied import CONFIG, FACTS, MENU, STEPS, menu_words, optimux, prepare
from lab.consumers.initramfs import without_hooks
from lab.consumers.session import Session
from tests.host.plans import config

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lab.consumers.roots import Root

CODE = "/opt/generator"
APPLY = ("apply", CONFIG, "--facts", FACTS, "--yes", "--only", STEPS)
# What apply touches there, but for the image, whose bytes are checked by what is in it.
TREE = "find /etc /boot /var/lib/libvirt -xdev ! -name 'initrd*' ! -name '*-' ! -path '*/ld.so*'"
LIST = f"{TREE} -type f -exec sha256sum {{}} + | sort -k2; {TREE} -printf '%p %m %u %g %l\\n' | sort"


@pytest.fixture(scope="module")
def debian(trixie: Root) -> Iterator[Session]:
    """With the user alice, and a menu and an image as they were before."""
    with trixie.session({CHECKOUT / "generator": CODE}) as session:
        prepare(session, config(lookingGlass={"user": "alice"}), user="alice")
        without_hooks(session)
        session.run(["sh", "-c", "update-initramfs -u -k all || update-initramfs -c -k all"], timeout=300)
        yield session


def _tree(session: Session) -> str:
    return session.run(["sh", "-c", LIST]).stdout


def _image(session: Session) -> set[str]:
    script = "lsinitramfs $(ls /boot/initrd.img-* | head -n 1)"
    return set(session.run(["sh", "-c", script], timeout=120).stdout.split())


def _groups(session: Session) -> set[str]:
    return set(session.run(["id", "-nG", "alice"]).stdout.split())


@pytest.mark.xdist_group("apply_debian")
def test_there_and_back(debian: Session) -> None:
    before, groups = _tree(debian), _groups(debian)
    assert "kvm" not in groups
    dry = optimux(debian, CODE, *APPLY[:-2], "--dry-run", "--only", STEPS)
    assert _tree(debian) == before
    assert "$ update-initramfs -u -k all" in dry.stdout

    said = optimux(debian, CODE, *APPLY).stderr
    assert "reboot" in said
    assert menu_words(debian)[-2:] == ("intel_iommu=on", "iommu=pt")
    assert menu_words(debian, without=True) == ("module_blacklist=vfio_pci",)
    assert _groups(debian) - groups == {"kvm"}
    assert "etc/modprobe.d/optimux.conf" in _image(debian)
    loads = debian.run(
        ["sh", "-c", "unmkinitramfs /boot/initrd.img-* /tmp/image && cat $(find /tmp/image -path '*conf/modules')"]
    )
    assert "vfio_pci" in loads.stdout.split()

    applied = hashlib.sha256(_tree(debian).encode()).digest()
    assert "nothing to do" in optimux(debian, CODE, *APPLY).stderr
    assert hashlib.sha256(_tree(debian).encode()).digest() == applied

    optimux(debian, CODE, "rollback", "--yes")
    after = _tree(debian)
    assert _without(after) == _without(before)
    assert _groups(debian) == groups
    assert "etc/modprobe.d/optimux.conf" not in _image(debian)


def _without(tree: str) -> list[str]:
    """``usermod`` writes the group files anew, with the same members."""
    return [line for line in tree.splitlines() if "/etc/group" not in line and "/etc/gshadow" not in line]


@pytest.mark.xdist_group("apply_debian")
def test_a_rebuild_that_fails_restores_what_was(debian: Session) -> None:
    """The machine stays bootable: the menu is the old one, and the image has nothing of ours."""
    before = _tree(debian)
    debian.put("/etc/initramfs-tools/hooks/zz-fails", "#!/bin/sh\n[ ! -e /etc/modprobe.d/optimux.conf ]\n", 0o755)
    try:
        done = optimux(debian, CODE, *APPLY, check=False)
    finally:
        debian.run(["rm", "/etc/initramfs-tools/hooks/zz-fails"])
    assert done.returncode == 1
    assert "`update-initramfs -u -k all` ended with 1" in done.stderr
    assert "Everything was taken back" in done.stderr
    assert _without(_tree(debian)) == _without(before)
    assert "etc/modprobe.d/optimux.conf" not in _image(debian)
    assert "Optimux" not in debian.read(MENU).decode()


@pytest.mark.xdist_group("apply_debian")
def test_another_root_that_is_entered(debian: Session) -> None:
    """What needs no running system is run in it; the rest is left to it."""
    groups = _groups(debian)
    debian.run(["mount", "--bind", "/", "/mnt"])
    try:
        there = ("--root", "/mnt", "--chroot")
        words = ("apply", CONFIG, "--facts", FACTS, "--yes", "--only", "files,groups,services", *there)
        said = optimux(debian, CODE, *words).stderr
        assert _groups(debian) - groups == {"kvm"}
        ran, left = said.split("to run in that system")
        assert "$ usermod -aG kvm alice" in ran
        assert "systemctl" not in ran
        assert "udevadm control --reload" in left
        assert "usermod" not in left
        assert "nothing to do" in optimux(debian, CODE, *words).stderr
        optimux(debian, CODE, "rollback", "--yes", *there)
        assert _groups(debian) == groups
    finally:
        debian.run(["umount", "/mnt"])
