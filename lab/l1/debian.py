"""The Debian machine: the generated host files, and the initramfs that its own tools make of them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from lab.consumers.applied import SMALL_INITRAMFS
from lab.l1.guest import put_guest, told_of
from lab.l1.image import BUILD_SECONDS, RIVALS, Boot, Image, build_image, put_all, release_of
from lab.l1.kept import identity
from lab.l1.saved import Making
from optimux.emit import merge
from optimux.emit.artifact import HostCommand, HostFile, HostLines

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from lab.consumers.roots import Root
    from lab.consumers.session import Session
    from optimux.emit.artifact import HostEntry

_DROP_IN = "/etc/default/grub.d/optimux.cfg"
INITRAMFS_TOOLS = {
    **SMALL_INITRAMFS,
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


_SOURCES = (Path(__file__), Path(merge.__file__))


def debian_machine(
    name: str,
    root: Root,
    entries: Iterable[HostEntry] = (),
    files: Mapping[str, str | bytes] | None = None,
    *,
    below: Root | None = None,
    commands: tuple[str, ...] = (),
    guest: bool = False,
    parameters: tuple[str, ...] = (),
    more: tuple[str, ...] = (),
) -> Making:
    """The root with the ``entries`` and the test's ``files``; its initramfs is update-initramfs'.

    With ``guest`` it has L2's, with ``below`` the files of another root as well, which ``commands`` of a shell set up.
    ``parameters`` are further ones of the kernel, ``more`` further arguments of QEMU.
    """
    entries, files = [*entries], files or {}

    def build(folder: Path) -> Image:
        def settle(session: Session) -> Boot:
            if guest:
                put_guest(session, root)
            return _settle(session, entries, files, commands)

        image = build_image(root, folder, settle, below=below)
        return image.replace(more=more, parameters=(*image.parameters, *parameters))

    sources = (path.read_text(encoding="utf-8") for path in _SOURCES)
    guests = told_of(root) if guest else ()
    given = (INITRAMFS_TOOLS, entries, sorted(files.items()), below and identity(below), commands, parameters, more)
    return Making(name, root, (*sources, *guests, *given), build)


def _settle(
    session: Session, entries: Iterable[HostEntry], files: Mapping[str, str | bytes], commands: Iterable[str]
) -> Boot:
    put_all(session, {**INITRAMFS_TOOLS, **files})
    for entry in entries:
        _install(session, entry)
    # A hundred profiles of desktop programs; loading them takes an emulated machine longer than all else.
    session.run(["sh", "-c", "cd /etc/apparmor.d && find . -maxdepth 1 -type f ! -name '*libvirt*' -delete"])
    for command in commands:
        session.run(["sh", "-c", command], timeout=BUILD_SECONDS)
    release = release_of(session)
    session.run(["update-initramfs", "-u", "-k", release], timeout=BUILD_SECONDS)
    return Boot(f"/boot/initrd.img-{release}", _parameters(session))


def _install(session: Session, entry: HostEntry) -> None:
    """Files as they are, lines merged; of the commands those that change files here and now."""
    if isinstance(entry, HostFile):
        session.put(entry.path, entry.data, entry.mode)
    elif isinstance(entry, HostLines):
        present = session.run_bytes(["cat", entry.path], check=False).stdout.decode()
        session.put(entry.path, merge.merged(present, entry), entry.mode)
    elif isinstance(entry, HostCommand) and entry.command.startswith("usermod "):
        session.run(["sh", "-c", entry.command])


def _parameters(session: Session) -> tuple[str, ...]:
    """As a shell reads them, which is how grub-mkconfig does."""
    script = f'[ ! -e {_DROP_IN} ] || . {_DROP_IN}; printf %s "$GRUB_CMDLINE_LINUX_DEFAULT"'
    return tuple(session.run(["sh", "-c", script]).stdout.split())
