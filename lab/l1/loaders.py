"""A machine that its own boot loader starts: firmware, the loader and its files, and a system that says what it sees.

The loader, its menu, the kernel's command line and the initramfs are the real ones. Only the system behind them is a
script (``witness.sh``), which prints who has the card, then switches off: of an emulated boot most is what comes later.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import tempfile
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from lab.consumers import roots
from lab.consumers.applied import ROOT_DEVICE, ROOT_UUID
from lab.l1.disk import make_disk
from lab.l1.image import BUILD_SECONDS
from lab.l1.machine import HARDWARE, devices, light, quick
from lab.l1.qemu import emulator, qemu_of
from lab.l1.unpacked import initramfs_in
from optimux.record import Record
from optimux.vm.qemu.accel import accelerated
from optimux.vm.qemu.machine import Machine
from optimux.vm.qemu.programs import Ovmf
from optimux.vm.qemu.run import start

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from lab.consumers.session import Session
    from lab.l1.unpacked import Initramfs
    from optimux.vm.qemu.accel import Accelerator
    from optimux.vm.qemu.run import Run

ESP = "/boot/efi"
WITNESS = "/usr/local/sbin/witness"
# What every entry of the machine has, with ours or without: the user's own words.
# Units of an initramfs with systemd that have no part in what is looked at; each program costs an emulated processor a
# fifth of a second.
_MASKED = (
    *("systemd-tmpfiles-setup-dev-early", "systemd-tmpfiles-setup-dev", "systemd-tmpfiles-setup", "systemd-sysctl"),
    *("kmod-static-nodes", "dracut-cmdline-ask", "initrd-udevadm-cleanup-db"),
)
WORDS = (
    *("console=ttyS0", "panic=-1", f"init={WITNESS}", *quick(), "initcall_blacklist=jent_mod_init"),
    *(f"rd.systemd.mask={unit}.service" for unit in _MASKED),
)
_SECONDS = 300
_SIZE_MIB = 2048
_MEMORY_MIB = 1024
# Where nothing lies that a boot needs, and most of what would have to be copied.
_LEFT_OUT = (
    *("/opt", "/nix", "/usr/lib/grub", "/usr/lib/python3", "/usr/lib/python3.13", "/usr/lib/udev/hwdb.d", "/usr/share"),
    *(f"/usr/lib/x86_64-linux-gnu/{folder}" for folder in ("dri", "gconv", "perl", "perl-base", "qemu")),
    *("/usr/src", "/var/cache", "/var/lib"),
)
# And large files of others' there: a compiler's library, QEMU.
_EMPTIED = "find /mnt/usr/bin /mnt/usr/lib/x86_64-linux-gnu -maxdepth 1 -type f -size +2500k ! -name 'libcrypto.*'"
_DRIVER = re.compile(rb"/([\w-]+)\.ko\0")
_GRUB_MODULES = "part_msdos fat ext2 normal configfile search search_fs_uuid linux echo test loadenv serial gzio"


class Started(Record):
    """Files of this machine: a disk with the system, and the folder that is the EFI system partition.

    Without a disk a boot comes as far as the kernel's first words.
    """

    disk: Path | None
    esp: Path


class Seen(Record):
    """The words of a boot's command line; by address the driver at the end of the initramfs, and once udev has seen the
    device.
    """

    words: tuple[str, ...]
    early: dict[str, str]
    late: dict[str, str]


class Handed(Record):
    """What a loader gives the kernel: the words of its command line, the bytes of its initramfs, in whole pages."""

    words: tuple[str, ...]
    initramfs: int


def install_grub(session: Session) -> None:
    """GRUB on the ESP, as grub-install puts it there; it reads the menu of the root's own /boot/grub."""
    session.run(["sh", "-c", f"mkdir -p {ESP}/EFI/BOOT /boot/grub && cp -r /usr/lib/grub/x86_64-efi /boot/grub"])
    begin = f"search --no-floppy --fs-uuid --set=root {ROOT_UUID}\nset prefix=($root)/boot/grub\nnormal\n"
    session.put("/tmp/begin.cfg", begin)
    image = f"{ESP}/EFI/BOOT/BOOTX64.EFI"
    words = ["grub-mkimage", "-O", "x86_64-efi", "-c", "/tmp/begin.cfg", "-p", "/boot/grub", "-o", image]
    session.run([*words, *_GRUB_MODULES.split()])


def captured(session: Session, folder: Path, *, system: bool = True) -> Started:
    """The session's system as a machine's disks; without the ``system`` what a loader finds on its own partition."""
    folder.mkdir()
    session.put(WITNESS, Path(__file__).with_name("witness.sh").read_bytes(), 0o755)
    esp = folder / "esp"
    esp.mkdir()
    packed = session.run_bytes(["tar", "-C", ESP, "-cf", "-", "."], timeout=BUILD_SECONDS).stdout
    subprocess.run(["tar", "-C", esp, "-xf", "-", "--no-same-owner"], input=packed, check=True)
    return Started(_disk(session, folder / "disk.ext4") if system else None, esp)


def _disk(session: Session, target: Path) -> Path:
    over = " && ".join(f"{{ [ ! -d /mnt{path} ] || mount -t tmpfs none /mnt{path}; }}" for path in _LEFT_OUT)
    emptied = f': >/tmp/empty; {_EMPTIED} | while read -r file; do mount --bind /tmp/empty "$file"; done'
    session.run(["sh", "-c", f"mount --bind / /mnt && {over} && {emptied}"])
    try:
        make_disk(session, "/mnt", target, _SIZE_MIB, "-U", ROOT_UUID)
    finally:
        session.run(["umount", "-R", "/mnt"])
    return target


def next_of_grub(started: Started, entry: str) -> None:
    """Have GRUB start ``entry`` once: what ``grub-reboot`` writes, a block of 1024 bytes (GRUB's manual, 15.2)."""
    assert started.disk is not None
    variables = started.disk.with_name("grubenv")
    variables.write_text(f"# GRUB Environment Block\nnext_entry={entry}\n".ljust(1024, "#"))
    for command in ("rm /boot/grub/grubenv", f"write {variables} /boot/grub/grubenv"):
        subprocess.run(["debugfs", "-w", "-R", command, started.disk], check=True, capture_output=True)


def refind(folder: Path, options: str) -> Started:
    """rEFInd on the ESP, and a disk with /boot alone: a kernel, a file for an image, ``options``.

    No block of it is of zeros: rEFInd's driver cannot read a hole.
    """
    files = roots.refind_root().path / "usr/share/refind/refind"
    (kernel,) = (roots.trixie_root().path / "boot").glob("vmlinuz-*")
    place, tree = folder / "esp/EFI/BOOT", folder / "root/boot"
    (place / "drivers_x64").mkdir(parents=True)
    tree.mkdir(parents=True)
    shutil.copyfile(files / "refind_x64.efi", place / "BOOTX64.EFI")
    shutil.copyfile(files / "drivers_x64/ext4_x64.efi", place / "drivers_x64/ext4_x64.efi")
    (place / "refind.conf").write_text("timeout -1\ntextonly\nscanfor internal,external\n")
    shutil.copyfile(kernel, tree / kernel.name)
    (tree / kernel.name.replace("vmlinuz", "initrd.img")).write_bytes(b"nothing\n" * 512)
    (tree / "refind_linux.conf").write_text(options)
    disk = folder / "disk.ext4"
    made = [
        "mke2fs",
        "-q",
        "-t",
        "ext4",
        "-b",
        "4096",
        "-O",
        "^has_journal",
        "-d",
        str(folder / "root"),
        str(disk),
        "256M",
    ]
    subprocess.run(made, check=True, capture_output=True)
    return Started(disk, folder / "esp")


@contextmanager
def _started(started: Started, folder: Path) -> Iterator[Run]:
    folder.mkdir()
    root = roots.trixie_root()
    qemu, images = qemu_of(emulator(), folder), root.path / "usr/share/OVMF"
    machine = Machine(
        machine=HARDWARE["machine"],
        memory_mib=_MEMORY_MIB,
        firmware=Ovmf(str(images / "OVMF_CODE_4M.fd"), str(images / "OVMF_VARS_4M.fd")),
        arguments=(*devices(), *_disks(started)),
    )
    with ExitStack() as stack:

        def begin(which: Accelerator) -> Run:
            return stack.enter_context(start(machine, light(which), qemu, folder / which.name))

        yield accelerated(qemu, begin)


def boot(started: Started, folder: Path, addresses: Iterable[str]) -> Seen:
    """What a boot shows of the functions. Raises ``VmError`` with the console's tail where it does not come to that."""
    with _started(started, folder) as run:
        run.report.wait_for("^end$", _SECONDS)
        return _read(run.report.text, [*addresses])


def handed(started: Started, folder: Path) -> Handed:
    """What the loader starts the kernel with, as the kernel prints it first of all. Raises ``VmError``."""
    with _started(started, folder) as run:
        words = run.console.wait_for(r"\] Command line: (.*)\n", _SECONDS)[1].split()
        place = run.console.wait_for(r"\] RAMDISK: \[mem (0x\w+)-(0x\w+)\]", _SECONDS)
        return Handed(tuple(words), int(place[2], 16) + 1 - int(place[1], 16))


def initramfs_on_root(started: Started) -> Initramfs:
    """Of the only kernel in /boot on its disk."""
    assert started.disk is not None
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(["debugfs", "-R", f"rdump /boot {folder}", started.disk], check=True, capture_output=True)
        (image,) = Path(folder).glob("boot/initrd.img-*")
        return initramfs_in(image.read_bytes())


def drivers_on(esp: Path) -> set[str]:
    """The drivers in what lies on the partition: an initramfs that is not packed, also as a part of a unified image."""
    files = (path for path in esp.rglob("*") if path.is_file())
    return {name.decode() for path in files for name in _DRIVER.findall(path.read_bytes())}


def _read(text: str, addresses: list[str]) -> Seen:
    found: dict[str, dict[str, str]] = {"early": {}, "late": {}}
    words: tuple[str, ...] = ()
    for line in text.splitlines():
        kind, _, rest = line.partition(" ")
        if kind == "words":
            words = tuple(rest.split())
        elif kind in found:
            address, driver = rest.split()
            found[kind][address] = driver
    return Seen(words, *({address: found[when][address] for address in addresses} for when in ("early", "late")))


def _disks(started: Started) -> tuple[str, ...]:
    """The root is the first disk of Linux. The firmware starts what is on the ESP; GRUB sees only disks that it may."""
    assert ROOT_DEVICE == "/dev/vda"
    words: list[str] = []
    if started.disk is not None:
        disk = {"driver": "file", "filename": str(started.disk)}
        root = {"driver": "raw", "node-name": "root", "file": disk, "read-only": False}
        words += ("-blockdev", json.dumps(root))
        words += ("-device", "virtio-blk-pci,drive=root,bus=pcie.0,addr=0x10,bootindex=1")
    esp = {"driver": "vvfat", "node-name": "esp", "dir": str(started.esp), "fat-type": 16, "read-only": True}
    return (
        *(*words, "-blockdev", json.dumps(esp)),
        *("-device", "virtio-blk-pci,drive=esp,bus=pcie.0,addr=0x11,bootindex=0"),
    )
