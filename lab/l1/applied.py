"""Debian machines as ``optimux apply`` leaves them, and ``rollback`` after it: nothing is put there by hand."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

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
# As small as this machine can do with, not packed, which an emulated processor takes a second to unpack, and with the
# drivers that vfio-pci has to come before.
_DRACUT = f"""hostonly="no"
compress="cat"
early_microcode="no"
dracutmodules="base systemd systemd-initrd kernel-modules rootfs-block udev-rules dracut-systemd fs-lib shutdown"
drivers="virtio_pci virtio_blk ext4 {" ".join(RIVALS)}"
"""
# Of udev's rules those of drivers and of the root's disk: each event is held against all.
_RULES = ("50-udev-default", "60-block", "60-persistent-storage", "80-drivers", "99-systemd")
# A kernel that comes later, newer than Debian's.
LATER = "6.999-later"
# The tools look for a FAT partition, and are told where it is.
_TOLD = {"SYSTEMD_ESP_PATH": ESP}


class Round(Record):
    """A machine after apply, and after rollback."""

    applied: Started
    rolled_back: Started


class Dracut(Record):
    """Machines with dracut, by their loader; ``unified``: by an image of its own, of a kernel that came after apply."""

    grub: Round
    systemd_boot: Round
    unified: Round


def grub(folder: Path) -> Round:
    """initramfs-tools and GRUB."""
    modules = roots.loaders_root().path / "usr/lib/grub/x86_64-efi"
    binds = {CHECKOUT / "generator": _CODE, modules: "/usr/lib/grub/x86_64-efi"}
    with roots.trixie_root().session(binds) as session:
        _lighten(session)
        put_all(session, INITRAMFS_TOOLS)
        prepare(session, by_id_config("shm"), USER, WORDS)
        install_grub(session)
        return _there_and_back(session, folder / "round")


def dracut(folder: Path) -> Dracut:
    """Under GRUB there and back, then under entries of systemd-boot, then in a unified image."""
    with roots.loaders_root().session({CHECKOUT / "generator": _CODE}) as session:
        _lighten(session)
        others = " ".join(f"! -name {name}.rules" for name in _RULES)
        session.run(["sh", "-c", f"find /usr/lib/udev/rules.d -type f {others} -delete"])
        session.put("/etc/dracut.conf.d/zz-small.conf", _DRACUT)
        session.put("/etc/machine-id", f"{_MACHINE}\n")
        session.put("/etc/kernel/cmdline", f"root=/dev/vda ro {' '.join(WORDS)}\n")
        session.run(["sh", "-c", f"mkdir -p {ESP} && mount -t tmpfs esp {ESP}"])
        prepare(session, _options("grub"), USER, WORDS)
        install_grub(session)
        by_grub = _there_and_back(session, folder / "grub")
        session.run(["sh", "-c", f"rm -rf {ESP}/* /boot/grub"])
        session.run(["bootctl", "install", "--no-variables", "--quiet"], env=_TOLD)
        _first_entry(session, "bls")
        prepare(session, _options("systemd-boot"))
        by_systemd_boot = _there_and_back(session, folder / "systemd-boot", system=False)
        session.run(["sh", "-c", f"rm -rf {ESP}/loader/entries/* {ESP}/{_MACHINE}"])
        return Dracut(by_grub, by_systemd_boot, _unified(session, folder / "unified"))


def _unified(session: Session, folder: Path) -> Round:
    """That kernel is removed again before rollback."""
    folder.mkdir()
    _first_entry(session, "uki")
    image = f"{ESP}/EFI/Linux/{_MACHINE}-{release_of(session)}"
    before = session.run(["sh", "-c", f"sha256sum <{image}.efi"]).stdout
    prepare(session, _options("uki"))
    _apply(session)
    # The copy is what booted before, byte for byte.
    assert session.run(["sh", "-c", f"sha256sum <{image}-optimux-off.efi"]).stdout == before
    _add_kernel(session, LATER)
    applied = captured(session, folder / "applied", system=False)
    session.run(["kernel-install", "remove", LATER], env=_TOLD)
    _roll_back(session)
    images = session.run(["ls", f"{ESP}/EFI/Linux"]).stdout.split()
    assert images == [f"{_MACHINE}-{release_of(session)}.efi"]
    return Round(applied, captured(session, folder / "rolled-back", system=False))


def _lighten(session: Session) -> None:
    """Without what fills disks and images; initramfs-tools copies udev's database, a third of the image."""
    light_modules(session)
    session.run(["rm", "-f", "/usr/lib/udev/hwdb.bin"])


def _there_and_back(session: Session, folder: Path, *, system: bool = True) -> Round:
    """The machine that was rolled back has its ``system`` only where it is booted as far as that."""
    folder.mkdir()
    _apply(session)
    applied = captured(session, folder / "applied")
    _roll_back(session)
    return Round(applied, captured(session, folder / "rolled-back", system=system))


def _first_entry(session: Session, layout: str) -> None:
    """As installing the kernel has made it."""
    session.put("/etc/kernel/install.conf", f"layout={layout}\nBOOT_ROOT={ESP}\n")
    _add_kernel(session, release_of(session))


def _add_kernel(session: Session, release: str) -> None:
    """As a kernel's package calls it, whatever release it says to be: the root has one kernel."""
    own = release_of(session)
    image, initramfs = f"/boot/vmlinuz-{own}", f"/boot/initrd.img-{own}"
    session.run(["kernel-install", "add", release, image, initramfs], timeout=BUILD_SECONDS, env=_TOLD)


def _options(loader: str) -> dict[str, Any]:
    options = by_id_config("shm")
    options["host"] |= {"bootLoader": loader, "initramfs": "dracut"}
    return options


def _apply(session: Session) -> None:
    optimux(session, _CODE, "apply", CONFIG, "--facts", FACTS, "--yes", "--only", STEPS, more=_TOLD)


def _roll_back(session: Session) -> None:
    optimux(session, _CODE, "rollback", "--yes", more=_TOLD)
