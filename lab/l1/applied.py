"""Debian machines as ``optimux apply`` leaves them, and ``rollback`` after it: nothing is put there by hand."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lab import CHECKOUT
from lab.consumers import roots
from lab.consumers.applied import CONFIG, FACTS, STEPS, optimux, prepare
from lab.l1.configs import USER, by_id_config
from lab.l1.debian import INITRAMFS_TOOLS
from lab.l1.image import BUILD_SECONDS, RIVALS, light_modules, put_all, release_of
from lab.l1.loaders import ESP, WORDS, captured, install_grub
from optimux.record import Record

if TYPE_CHECKING:
    from pathlib import Path

    from lab.consumers.session import Session
    from lab.l1.loaders import Started

_CODE = "/opt/generator"
_MACHINE = "0123456789abcdef0123456789abcdef"
# As small as this machine can do with, and with the drivers that vfio-pci has to come before.
_DRACUT = f"""hostonly="no"
compress="gzip -1"
early_microcode="no"
dracutmodules="base systemd systemd-initrd kernel-modules rootfs-block udev-rules dracut-systemd fs-lib shutdown"
drivers="virtio_pci virtio_blk ext4 {" ".join(RIVALS)}"
"""
# The tools look for a FAT partition, and are told where it is.
_TOLD = {"SYSTEMD_ESP_PATH": ESP}


class Round(Record):
    """A machine after apply, and after rollback."""

    applied: Started
    rolled_back: Started


def grub(folder: Path) -> Round:
    """initramfs-tools and GRUB."""
    modules = roots.loaders_root().path / "usr/lib/grub/x86_64-efi"
    binds = {CHECKOUT / "generator": _CODE, modules: "/usr/lib/grub/x86_64-efi"}
    with roots.trixie_root().session(binds) as session:
        light_modules(session)
        put_all(session, INITRAMFS_TOOLS)
        prepare(session, by_id_config("shm"), USER, WORDS)
        install_grub(session)
        _apply(session)
        applied = captured(session, folder / "applied")
        _roll_back(session)
        return Round(applied, captured(session, folder / "rolled-back"))


def systemd_boot(folder: Path) -> tuple[Round, Started]:
    """dracut, with entries of systemd-boot there and back, then with a unified image as apply leaves it."""
    with roots.loaders_root().session({CHECKOUT / "generator": _CODE}) as session:
        light_modules(session)
        session.put("/etc/dracut.conf.d/zz-small.conf", _DRACUT)
        session.put("/etc/machine-id", f"{_MACHINE}\n")
        session.put("/etc/kernel/cmdline", f"root=/dev/vda ro {' '.join(WORDS)}\n")
        session.run(["sh", "-c", f"mkdir -p {ESP} && mount -t tmpfs esp {ESP}"])
        session.run(["bootctl", "install", "--no-variables", "--quiet"], env=_TOLD)
        _first_entry(session, "bls")
        _configure(session, "systemd-boot")
        _apply(session)
        applied = captured(session, folder / "applied")
        _roll_back(session)
        there_and_back = Round(applied, captured(session, folder / "rolled-back"))
        session.run(["sh", "-c", f"rm -rf {ESP}/loader/entries/* {ESP}/{_MACHINE}"])
        _first_entry(session, "uki")
        _configure(session, "uki")
        _apply(session)
        return there_and_back, captured(session, folder / "unified")


def _first_entry(session: Session, layout: str) -> None:
    """As installing the kernel has made it."""
    session.put("/etc/kernel/install.conf", f"layout={layout}\nBOOT_ROOT={ESP}\n")
    release = release_of(session)
    image, initramfs = f"/boot/vmlinuz-{release}", f"/boot/initrd.img-{release}"
    session.run(["kernel-install", "add", release, image, initramfs], timeout=BUILD_SECONDS, env=_TOLD)


def _configure(session: Session, loader: str) -> None:
    options = by_id_config("shm")
    options["host"] |= {"bootLoader": loader, "initramfs": "dracut"}
    prepare(session, options, USER if loader == "systemd-boot" else None)


def _apply(session: Session) -> None:
    optimux(session, _CODE, "apply", CONFIG, "--facts", FACTS, "--yes", "--only", STEPS, more=_TOLD)


def _roll_back(session: Session) -> None:
    optimux(session, _CODE, "rollback", "--yes", more=_TOLD)
