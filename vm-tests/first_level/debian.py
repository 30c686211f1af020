"""The Debian machine: the generated host files, and the initramfs that its own tools make of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from first_level.image import BUILD_SECONDS, RIVALS, Boot, Image, build_image, release_of
from optimux.emit.artifact import HostCommand, HostFile, HostLines
from optimux.emit.merge import merged

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from tests.consumers.roots import Root
    from tests.consumers.session import Session

    from optimux.emit.artifact import HostEntry

_DROP_IN = "/etc/default/grub.d/optimux.cfg"
_INITRAMFS_TOOLS = {
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
}


def debian_image(
    root: Root, folder: Path, entries: Iterable[HostEntry] = (), files: Mapping[str, str | bytes] | None = None
) -> Image:
    """The root with the ``entries`` and the test's ``files``; its initramfs is update-initramfs'. About 5 s."""

    def settle(session: Session) -> Boot:
        for path, content in {**_INITRAMFS_TOOLS, **(files or {})}.items():
            session.put(path, content, 0o755 if content[:2] in ("#!", b"#!") else 0o644)
        for entry in entries:
            _install(session, entry)
        release = release_of(session)
        session.run(["depmod", release])
        session.run(["update-initramfs", "-u", "-k", release], timeout=BUILD_SECONDS)
        return Boot(f"/boot/initrd.img-{release}", _parameters(session))

    return build_image(root, folder, settle)


def _install(session: Session, entry: HostEntry) -> None:
    """Files as they are, lines merged; of the commands those that change files here and now."""
    if isinstance(entry, HostFile):
        session.put(entry.path, entry.data, entry.mode)
    elif isinstance(entry, HostLines):
        present = session.run_bytes(["cat", entry.path], check=False).stdout.decode()
        session.put(entry.path, merged(present, entry), entry.mode)
    elif isinstance(entry, HostCommand) and entry.command.startswith("usermod "):
        session.run(["sh", "-c", entry.command])


def _parameters(session: Session) -> tuple[str, ...]:
    """As a shell reads them, which is how grub-mkconfig does."""
    script = f'[ ! -e {_DROP_IN} ] || . {_DROP_IN}; printf %s "$GRUB_CMDLINE_LINUX_DEFAULT"'
    return tuple(session.run(["sh", "-c", script]).stdout.split())
