"""A disk image of the Debian root with what a kind of machine puts into it, and the initramfs made of that."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import qemu.qmp

from lab import CHECKOUT
from lab.l1.configs import USER
from optimux.record import Record

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from lab.consumers.roots import Root
    from lab.consumers.session import Session

CODE = "/opt/optimux"
GIVEN = "/opt/given"  # the options as JSON, the domains
_SIZE_GIB = 4
BUILD_SECONDS = 300  # for a command that makes an image
# The drivers that compete with vfio-pci, in the image: Debian's holds none of them, so coming first would mean nothing.
RIVALS = ("bochs", "snd_hda_intel")
_AGENT = f"""[Unit]
Description=Runs what the tests ask for
DefaultDependencies=no
After=systemd-udev-trigger.service local-fs.target

[Service]
Environment=PYTHONPATH={CODE}:{CODE}/generator PYTHONDONTWRITEBYTECODE=1
ExecStart=/usr/bin/python3 -m lab.scenarios.agent /dev/virtio-ports/optimux
Restart=no

[Install]
WantedBy=sysinit.target
"""
# A start takes a second, and a minute where many compute.
_PATIENT = """[Manager]
DefaultTimeoutStartSec=600
DefaultDeviceTimeoutSec=600
"""
# The kernel's modules that a machine here may have a use for, as paths below its folder.
_MODULES = (
    r"arch/x86/(crypto|kvm|platform)|block|crypto|lib|mm|virt|net/(802|bridge|core|ipv4|ipv6|llc|netfilter)",
    r"drivers/(acpi|ata/(lib)?ahci|ata/libata|block|cdrom|char|firmware|gpu/drm/([^/]*\.ko|display|tiny|ttm|virtio))",
    r"drivers/(hid/(usb)?hid[^/]*\.ko|i2c|input|iommu|leds|md/dm-|mfd/lpc_ich|mtd|pci|power|pps|ptp|thermal)",
    r"drivers/(net/(ethernet/intel/e1000e|tun|tap|mac|virtio|net_failover)|scsi/(scsi|sd_|sg)[^/]*\.ko)",
    r"drivers/(usb/(common|core|host|storage)|vfio|vhost|video|virt)|sound/(core|hda|pci/hda|soundcore)",
    r"fs/(autofs|binfmt|configfs|efivarfs|ext4|fat|fuse|jbd2|mbcache|nls|overlayfs)",
)
# Keeps those of a pattern and what they depend on. There is a Python in every root, and no xz in some.
_LIGHT = """import lzma, pathlib, re, sys
folder, wanted = pathlib.Path(sys.argv[1]), re.compile("kernel/(" + sys.argv[2] + ")")
needs = dict(line.split(":") for line in (folder / "modules.dep").read_text().splitlines())
kept = {path for module, others in needs.items() if wanted.match(module) for path in (module, *others.split())}
for path in needs:
    file = folder / path
    if path in kept and file.suffix == ".xz":
        file.with_suffix("").write_bytes(lzma.decompress(file.read_bytes()))
    if path not in kept or file.suffix == ".xz":
        file.unlink()
"""


class Boot(Record):
    """What a machine boots with: the path of its initramfs, its kernel parameters."""

    initrd: str
    parameters: tuple[str, ...]


class Image(Record):
    """Files of this machine: ``parameters`` are the kernel parameters that the generated boot loader entry asks for.

    ``more`` are arguments of QEMU for what this machine has beside the hardware of all.
    """

    disk: Path
    kernel: Path
    initrd: Path
    parameters: tuple[str, ...]
    more: tuple[str, ...] = ()


def build_image(
    root: Root,
    folder: Path,
    settle: Callable[[Session], Boot],
    binds: Mapping[Path, str] | None = None,
    more: Root | None = None,
) -> Image:
    """A copy-on-write layer of ``root`` with the agent, and what ``settle`` does to it, as a disk.

    What ``root`` lacks and ``more`` has is on it as well.
    """
    parts = ("generator", "lab", "examples")
    code = {CHECKOUT / name: f"/checkout/{name}" for name in parts}
    code[Path(qemu.qmp.__file__).parents[1]] = "/checkout/qemu"  # which Debian does not have
    with root.session({**code, **(binds or {})}, more) as session:
        # Nothing is due that systemd does after an update of /usr.
        session.run(["sh", "-c", "touch /etc/.updated /var/.updated"])
        session.run(["sh", "-c", f"mkdir -p {CODE} && cp -r /checkout/* {CODE} && python3 -m compileall -q {CODE}"])
        session.put("/etc/systemd/system.conf.d/patient.conf", _PATIENT)
        light_modules(session)
        session.put("/etc/systemd/system/optimux-agent.service", _AGENT)
        link(session, "/etc/systemd/system/sysinit.target.wants/optimux-agent.service", "../optimux-agent.service")
        session.run(["useradd", "--create-home", USER])
        boot = settle(session)
        kernel = _copied(session, f"/boot/vmlinuz-{release_of(session)}", folder / "vmlinuz")
        initrd = _copied(session, boot.initrd, folder / "initrd.img")
        return Image(_disk(session, folder / "disk.ext4"), kernel, initrd, boot.parameters)


def put_all(session: Session, files: Mapping[str, str | bytes]) -> None:
    """Write files by their paths, scripts among them executable; kernel modules can be loaded by name afterwards."""
    for path, content in files.items():
        session.put(path, content, 0o755 if content[:2] in ("#!", b"#!") else 0o644)
    if any(path.startswith("/lib/modules/") for path in files):
        session.run(["depmod", release_of(session)])


def light_modules(session: Session) -> None:
    """Without those that nothing here needs, and the others unpacked: an emulated machine takes seconds for that."""
    release = release_of(session)
    session.run(["python3", "-c", _LIGHT, f"/lib/modules/{release}", "|".join(_MODULES)], timeout=BUILD_SECONDS)
    session.run(["depmod", release])


def release_of(session: Session) -> str:
    """The root's only kernel."""
    return session.run(["ls", "/lib/modules"]).stdout.split()[0]


def link(session: Session, path: str, target: str) -> None:
    """A symbolic link, with the folders above it."""
    session.run(["sh", "-c", 'mkdir -p "${2%/*}" && ln -s "$1" "$2"', "link", target, path])


def _copied(session: Session, path: str, target: Path) -> Path:
    target.write_bytes(session.read(path))
    return target


def _disk(session: Session, target: Path) -> Path:
    """An ext4 image of the session's root without what is mounted on it, written straight into ``target``."""
    with target.open("w+b") as disk:
        disk.truncate(_SIZE_GIB << 30)
        script = (
            "mount --bind / /mnt && exec mke2fs -q -F -t ext4 -O ^has_journal -m 0 -d /mnt /proc/self/fd/3 "
            "3>&1 >/tmp/words 2>&1"
        )
        status = session.start(["sh", "-c", script], disk).wait(BUILD_SECONDS)
    if status:
        raise OSError(f"mke2fs failed: {session.read('/tmp/words').decode(errors='replace')}")
    return target
