"""A disk image of the Debian root with the generated host files in it, and the initramfs that the root made of them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from first_level.configs import USER
from optimux.emit.artifact import HostCommand, HostFile, HostLines
from optimux.emit.merge import merged
from optimux.record import Record

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from tests.consumers.roots import Root
    from tests.consumers.session import Session

    from optimux.emit.artifact import HostEntry

_CHECKOUT = Path(__file__).resolve().parents[2]
_CODE = "/opt/optimux"
GIVEN = "/opt/given"  # the options as JSON, the domains
_SIZE_GIB = 4
_BUILD_SECONDS = 300
_DROP_IN = "/etc/default/grub.d/optimux.cfg"
# The drivers that compete with vfio-pci, in the image: Debian's holds none of them, so coming first would mean nothing.
RIVALS = ("bochs", "snd_hda_intel")
_SCAFFOLD = {
    # A third of the default image: what this machine's disk needs, and what hooks add.
    "/etc/initramfs-tools/conf.d/small": "MODULES=list\n",
    "/etc/initramfs-tools/modules": "virtio_pci\nvirtio_blk\next4\n",
    "/etc/initramfs-tools/hooks/rivals": f"""#!/bin/sh
[ "$1" = prereqs ] && exit 0
. /usr/share/initramfs-tools/hook-functions
manual_add_modules {" ".join(RIVALS)}
""",
    # What the initramfs leaves to the system: the driver of each PCI function, in the kernel's log.
    "/etc/initramfs-tools/scripts/init-bottom/zz-drivers": """#!/bin/sh
[ "$1" = prereqs ] && exit 0
for device in /sys/bus/pci/devices/*; do
    driver=none
    [ -e "$device/driver" ] && driver=$(readlink "$device/driver")
    echo "initramfs leaves ${device##*/} to ${driver##*/}" >/dev/kmsg
done
""",
    "/etc/systemd/system/optimux-agent.service": f"""[Unit]
Description=Runs what the tests ask for
DefaultDependencies=no
After=systemd-udev-trigger.service local-fs.target

[Service]
Environment=PYTHONPATH={_CODE}:{_CODE}/generator:{_CODE}/vm-tests PYTHONDONTWRITEBYTECODE=1
ExecStart=/usr/bin/python3 -m scenarios.agent /dev/virtio-ports/optimux
Restart=no

[Install]
WantedBy=sysinit.target
""",
}
_LINKS = {"/etc/systemd/system/sysinit.target.wants/optimux-agent.service": "../optimux-agent.service"}


class Image(Record):
    """Files of this machine: ``parameters`` are the kernel parameters that the generated boot loader entry asks for."""

    disk: Path
    kernel: Path
    initrd: Path
    parameters: tuple[str, ...]


def build_image(
    root: Root, folder: Path, entries: Iterable[HostEntry] = (), files: Mapping[str, str | bytes] | None = None
) -> Image:
    """A copy-on-write layer of ``root`` with the ``entries`` and the test's ``files``, as a disk; about 5 s."""
    code = {_CHECKOUT / name: f"/checkout/{name}" for name in ("generator", "tests/consumers", "vm-tests")}
    with root.session(code) as session:
        # Nothing is due that systemd does after an update of /usr.
        session.run(["sh", "-c", "touch /etc/.updated /var/.updated"])
        session.run(["sh", "-c", f"mkdir -p {_CODE} && cp -r /checkout/* {_CODE} && python3 -m compileall -q {_CODE}"])
        for path, content in {**_SCAFFOLD, **(files or {})}.items():
            session.put(path, content, 0o755 if content[:2] in ("#!", b"#!") else 0o644)
        for link, target in _LINKS.items():
            session.run(["sh", "-c", 'mkdir -p "${2%/*}" && ln -s "$1" "$2"', "link", target, link])
        session.run(["useradd", "--create-home", USER])
        for entry in entries:
            _install(session, entry)
        release = session.run(["ls", "/lib/modules"]).stdout.split()[0]
        session.run(["depmod", release])
        session.run(["update-initramfs", "-u", "-k", release], timeout=_BUILD_SECONDS)
        kernel = _copied(session, f"/boot/vmlinuz-{release}", folder / "vmlinuz")
        initrd = _copied(session, f"/boot/initrd.img-{release}", folder / "initrd.img")
        return Image(_disk(session, folder / "disk.ext4"), kernel, initrd, _parameters(session))


def _install(session: Session, entry: HostEntry) -> None:
    """Files as they are, lines merged; of the commands those that change files here and now."""
    if isinstance(entry, HostFile):
        session.put(entry.path, entry.data, entry.mode)
    elif isinstance(entry, HostLines):
        present = session.run_bytes(["cat", entry.path], check=False).stdout.decode()
        session.put(entry.path, merged(present, entry), entry.mode)
    elif isinstance(entry, HostCommand) and entry.command.startswith("usermod "):
        session.run(["sh", "-c", entry.command])


def _copied(session: Session, path: str, target: Path) -> Path:
    target.write_bytes(session.read(path))
    return target


def _parameters(session: Session) -> tuple[str, ...]:
    """As a shell reads them, which is how grub-mkconfig does."""
    script = f'[ ! -e {_DROP_IN} ] || . {_DROP_IN}; printf %s "$GRUB_CMDLINE_LINUX_DEFAULT"'
    return tuple(session.run(["sh", "-c", script]).stdout.split())


def _disk(session: Session, target: Path) -> Path:
    """An ext4 image of the session's root without what is mounted on it, written straight into ``target``."""
    with target.open("w+b") as disk:
        disk.truncate(_SIZE_GIB << 30)
        script = (
            "mount --bind / /mnt && exec mke2fs -q -F -t ext4 -O ^has_journal -m 0 -d /mnt /proc/self/fd/3 "
            "3>&1 >/tmp/words 2>&1"
        )
        status = session.start(["sh", "-c", script], disk).wait(_BUILD_SECONDS)
    if status:
        raise OSError(f"mke2fs failed: {session.read('/tmp/words').decode(errors='replace')}")
    return target
