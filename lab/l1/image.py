"""A disk image of the Debian root with what a kind of machine puts into it, and the initramfs made of that."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import TYPE_CHECKING

from lab.l1.code import CODE
from lab.l1.configs import USER
from lab.l1.disk import make_disk
from optimux.record import Record
from optimux.vm.linux.vmlinux import vmlinux

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from lab.consumers.roots import Root
    from lab.consumers.session import Session

GIVEN = "/opt/given"  # the options as JSON, the domains
_SIZE_MIB = 4096
BUILD_SECONDS = 300  # for a command that makes an image
# The drivers that compete with vfio-pci, in the image: Debian's holds none of them, so coming first would mean nothing.
RIVALS = ("bochs", "snd_hda_intel")
_RESIDENT = "/usr/local/lib/optimux-resident.py"
RESIDENT = f"/usr/bin/python3 {_RESIDENT} /dev/virtio-ports/optimux {CODE}"
PLACES = f"{CODE}:{CODE}/generator"
_UNIT = f"""[Unit]
Description=Runs what the tests ask for
DefaultDependencies=no
After=systemd-udev-trigger.service local-fs.target

[Service]
Environment=PYTHONPATH={PLACES} PYTHONDONTWRITEBYTECODE=1
ExecStart={RESIDENT}
Restart=no

[Install]
WantedBy=sysinit.target
"""
# A start takes a second, and a minute where many compute.
_PATIENT = """[Manager]
DefaultTimeoutStartSec=600
DefaultDeviceTimeoutSec=600
"""
# udev is asked for the devices alone, and not for those of which nothing here knows: two thirds of a boot's events.
_UNASKED = ("tty", "vc", "vtconsole", "mem", "memory", "workqueue", "bdi", "machinecheck", "clocksource", "clockevents")
_TRIGGER = " ".join(("udevadm trigger --type=devices --action=add", *(f"--subsystem-nomatch={s}" for s in _UNASKED)))
_COLD_PLUG = f"""[Service]
ExecStart=
ExecStart=-{_TRIGGER}
"""
# The same in initramfs-tools' script, where a root has it.
_COLD_PLUG_SCRIPT = "/usr/share/initramfs-tools/scripts/init-top/udev"
_COLD_PLUG_EARLY = f"s/^udevadm trigger --type=devices .*/{_TRIGGER}/; /^udevadm trigger --type=subsystems/d"
# systemd's generators of units that no machine here has.
_GENERATORS = "getty gpt-auto hibernate-resume import rc-local run ssh system-update sysv tpm2"
# The kernel's modules that a machine here may have a use for, as paths below its folder.
_MODULES = (
    r"arch/x86/(crypto|kvm|platform)|block|crypto|lib|mm|virt|net/(802|bridge|core|ipv4|ipv6|llc|netfilter)",
    r"drivers/(acpi|ata/(lib)?ahci|ata/libata|block|cdrom|char|firmware|gpu/drm/([^/]*\.ko|display|tiny|ttm|virtio))",
    r"drivers/(hid/(usb)?hid[^/]*\.ko|i2c|input|iommu|leds|md/dm-|mfd/lpc_ich|mtd|pci|power|pps|ptp|thermal)",
    r"drivers/(net/(ethernet/intel/e1000e|tun|tap|mac|virtio|net_failover)|scsi/(scsi|sd_|sg)[^/]*\.ko)",
    r"drivers/(usb/(common|core|host|storage)|vfio|vhost|video|virt)|sound/(core|hda|pci/hda|soundcore)",
    r"fs/(autofs|binfmt|configfs|efivarfs|ext4|fat|fuse|jbd2|mbcache|nls|overlayfs)",
)
# libvirt without its list of devices, of which it reads each at every start; and the keys by which it certifies a VM's
# TPM, which it makes before the first, for seconds where they are emulated.
_LIBVIRT = """rm -f /usr/lib/*/libvirt/connection-driver/libvirt_driver_nodedev.so
command -v swtpm_setup >/dev/null || exit 0
state=$(mktemp -d) && chown tss "$state" &&
runuser -u tss -- swtpm_setup --tpm2 --tpmstate "$state" --create-ek-cert --logfile /dev/null && rm -r "$state"
"""
# Keeps those of a pattern and what they depend on, without their signatures (Linux, include/linux/module_signature.h:
# twelve bytes before the mark, the last four of them the length). There is a Python in every root, and no xz in some.
_LIGHT = """import lzma, pathlib, re, sys
mark = b"~Module signature appended~\\n"
folder, wanted = pathlib.Path(sys.argv[1]), re.compile("kernel/(" + sys.argv[2] + ")")
needs = dict(line.split(":") for line in (folder / "modules.dep").read_text().splitlines())
kept = {path for module, others in needs.items() if wanted.match(module) for path in (module, *others.split())}
for path in needs:
    file = folder / path
    if path in kept:
        data = file.read_bytes()
        data = lzma.decompress(data) if file.suffix == ".xz" else data
        end = len(data) - len(mark)
        if data.endswith(mark):
            data = data[: end - 12 - int.from_bytes(data[end - 4 : end], "big")]
        file.with_suffix("" if file.suffix == ".xz" else file.suffix).write_bytes(data)
    if path not in kept or file.suffix == ".xz":
        file.unlink()
"""


_GZIP = b"\x1f\x8b"  # what initramfs-tools packs with where there is no zstd


class Boot(Record):
    """What a machine boots with: the path of its initramfs, its kernel parameters."""

    initrd: str
    parameters: tuple[str, ...]


class Image(Record):
    """Files of this machine, made of ``root``.

    ``parameters`` are the kernel parameters that the generated boot loader entry asks for, and those of a test;
    ``more`` are arguments of QEMU for what this machine has beside the hardware of all.
    """

    root: Root
    disk: Path
    kernel: Path
    initrd: Path
    parameters: tuple[str, ...]
    more: tuple[str, ...] = ()


def image_in(folder: Path, root: Root, parameters: tuple[str, ...]) -> Image:
    """The image that ``build_image`` has left in ``folder``."""
    return Image(root, folder / "disk.ext4", folder / "vmlinuz", folder / "initrd.img", parameters)


def build_image(
    root: Root,
    folder: Path,
    settle: Callable[[Session], Boot],
    binds: Mapping[Path, str] | None = None,
    below: Root | None = None,
) -> Image:
    """A copy-on-write layer of ``root`` with what answers calls, and what ``settle`` does to it, as a disk.

    What ``root`` lacks and ``below`` has is on it as well.
    """
    with root.session(binds, below) as session:
        # Nothing is due that systemd does after an update of /usr.
        session.run(["sh", "-c", "touch /etc/.updated /var/.updated"])
        session.run(["mkdir", "-p", CODE])
        session.put(_RESIDENT, Path(__file__).with_name("resident.py").read_bytes())
        session.put("/etc/systemd/system.conf.d/patient.conf", _PATIENT)
        session.put("/etc/systemd/system/systemd-udev-trigger.service.d/light.conf", _COLD_PLUG)
        session.run(["sh", "-c", '[ ! -e "$1" ] || sed -i "$2" "$1"', "sed", _COLD_PLUG_SCRIPT, _COLD_PLUG_EARLY])
        for name in _GENERATORS.split():
            link(session, f"/etc/systemd/system-generators/systemd-{name}-generator", "/dev/null")
        light_modules(session)
        session.run(["sh", "-c", _LIBVIRT], timeout=BUILD_SECONDS)
        session.run(["rm", "-f", "/usr/lib/udev/hwdb.bin"])  # a third of an initramfs
        session.put("/etc/systemd/system/optimux-resident.service", _UNIT)
        link(
            session, "/etc/systemd/system/sysinit.target.wants/optimux-resident.service", "../optimux-resident.service"
        )
        session.run(["useradd", "--create-home", USER])
        boot = settle(session)
        image = image_in(folder, root, boot.parameters)
        kernel = session.read(f"/boot/vmlinuz-{release_of(session)}")
        image.kernel.write_bytes(vmlinux(kernel) or kernel)
        initrd = session.read(boot.initrd)
        image.initrd.write_bytes(gzip.decompress(initrd) if initrd.startswith(_GZIP) else initrd)
        # Without what is mounted on it.
        session.run(["mount", "--bind", "/", "/mnt"])
        make_disk(session, "/mnt", image.disk, _SIZE_MIB)
        return image


def put_all(session: Session, files: Mapping[str, str | bytes]) -> None:
    """Write files by their paths, scripts among them executable; kernel modules can be loaded by name afterwards."""
    for path, content in files.items():
        session.put(path, content, 0o755 if content[:2] in ("#!", b"#!") else 0o644)
    if any(path.startswith("/lib/modules/") for path in files):
        session.run(["depmod", release_of(session)])


def light_modules(session: Session) -> None:
    """Without those that nothing here needs, and the others unpacked and unsigned: an emulated machine takes seconds to
    unpack them, and a third of a boot to check who has signed them.
    """
    release = release_of(session)
    session.run(["python3", "-c", _LIGHT, f"/lib/modules/{release}", "|".join(_MODULES)], timeout=BUILD_SECONDS)
    session.run(["depmod", release])


def release_of(session: Session) -> str:
    """The root's only kernel."""
    return session.run(["ls", "/lib/modules"]).stdout.split()[0]


def link(session: Session, path: str, target: str) -> None:
    """A symbolic link, with the folders above it."""
    session.run(["sh", "-c", 'mkdir -p "${2%/*}" && ln -s "$1" "$2"', "link", target, path])
