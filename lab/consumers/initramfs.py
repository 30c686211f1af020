"""initramfs-tools and dracut, with a competing GPU driver in the image.

Debian's default image holds no GPU driver, so "vfio-pci comes first" would be true of any configuration. Each
image therefore gets the driver ``bochs`` as well, which the generated files know nothing about.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from optimux.record import Record

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lab.consumers.roots import Root
    from lab.consumers.session import Session

COMPETITOR = "bochs"
_BUILD_SECONDS = 300
_TREE = "/tmp/image"
_HOOK = """#!/bin/sh
[ "$1" = prereqs ] && exit 0
. /usr/share/initramfs-tools/hook-functions
manual_add_modules bochs
"""
# What the question is not about, and most of the time: drivers of every disk and network card, strong compression.
_SMALL = "MODULES=list\nCOMPRESS=zstd\nCOMPRESSLEVEL=1\n"
# Three quarters of the rest: programs and rules that nothing here runs, each with the libraries that it is asked for.
# Modules, modprobe's configuration and the order of the scripts come of kmod's hook and mkinitramfs itself.
_BESIDE_THE_QUESTION = ("dmsetup", "fsck", "keymap", "klibc-utils", "resume", "thermal", "udev", "zz-busybox")
_QUICK = ("--no-compress", "--nostrip", "--no-early-microcode")
# Of dracut's modules, the one that holds the host's drivers and options: for a whole system there are some 30 more.
_FEW = "kernel-modules"
_MODULES = "usr/lib/dracut/modules.d"


class Image(Record):
    """An unpacked initramfs.

    ``names`` are all paths, relative; ``texts`` the text files below ``etc``, ``conf`` and ``scripts``;
    ``loads`` says for ``bochs`` and ``vfio_pci`` what the image's own modprobe loads for them, in order and with
    options, dependencies included: ``("drm", …, "vfio_pci ids=10de:249d", "bochs")``; empty for a module that the
    image lacks.
    """

    names: tuple[str, ...]
    texts: dict[str, str]
    loads: dict[str, tuple[str, ...]]

    def modules(self) -> set[str]:
        """The kernel modules in the image, with underscores."""
        paths = (name.rsplit("/", 1)[-1] for name in self.names)
        return {path.partition(".ko")[0].replace("-", "_") for path in paths if ".ko" in path}


def update_initramfs(root: Root, files: Mapping[str, str]) -> Image:
    """The image that initramfs-tools builds when ``files`` (absolute path to text) are on the host; about 1 s."""
    with root.session() as session:
        _install(session, files)
        without_hooks(session)
        session.put("/etc/initramfs-tools/conf.d/small", _SMALL)
        session.put("/etc/initramfs-tools/hooks/competitor", _HOOK, 0o755)
        version = _kernel(session)
        session.run(["update-initramfs", "-u", "-k", version], timeout=_BUILD_SECONDS)
        session.run(["unmkinitramfs", f"/boot/initrd.img-{version}", _TREE], timeout=_BUILD_SECONDS)
        # With early microcode the parts are in folders; without it the tree is the image.
        tree = session.run(["sh", "-c", f"[ -d {_TREE}/main ] && echo {_TREE}/main || echo {_TREE}"]).stdout.strip()
        return _read(session, tree, version)


def dracut(root: Root, files: Mapping[str, str], *, hostonly: bool = False, asked: bool = False) -> Image:
    """The image that dracut builds when ``files`` (absolute path to text) are on the host; about 1 s.

    Where it is ``asked``, Debian's modules are left out instead: dracut asks those that ``files`` bring whether they
    want to be in the image, as it does on a host. With Debian's own that would take four times as long.
    """
    with root.session() as session:
        _install(session, files)
        version = _kernel(session)
        options = [
            "--hostonly" if hostonly else "--no-hostonly",
            *("--drivers", COMPETITOR),
            *(("--omit", _of_debian(root)) if asked else ("--modules", _FEW)),
            *("--install", "modprobe"),
            *_QUICK,
        ]
        session.run(["dracut", "--force", *options, "--kver", version, "/tmp/image.img"], timeout=_BUILD_SECONDS)
        unpack = f"mkdir {_TREE} && cd {_TREE} && lsinitrd --unpack /tmp/image.img"
        session.run(["sh", "-c", unpack], timeout=_BUILD_SECONDS)
        return _read(session, _TREE, version)


def without_hooks(session: Session) -> None:
    """Debian's own images without what no question here is about; the root itself stays as it is."""
    session.run(["rm", "-f", *(f"/usr/share/initramfs-tools/hooks/{name}" for name in _BESIDE_THE_QUESTION)])


def _of_debian(root: Root) -> str:
    """Every other module that the root has, by the names in dracut's options."""
    names = (folder.name.lstrip("0123456789") for folder in (root.path / _MODULES).iterdir())
    return " ".join(sorted(set(names) - {_FEW}))


def _install(session: Session, files: Mapping[str, str]) -> None:
    for path, text in files.items():
        session.put(path, text, 0o755 if text.startswith("#!") else 0o644)


def _kernel(session: Session) -> str:
    return session.run(["ls", "/lib/modules"]).stdout.split()[0]


def _read(session: Session, tree: str, version: str) -> Image:
    names = session.run(["find", tree, "-printf", "%P\\n"]).stdout.splitlines()
    wanted = [name for name in names if name.startswith(("etc/", "conf/", "scripts/"))]
    found = session.run(["sh", "-c", _PRINT, "print", tree], input="".join(f"{name}\n" for name in wanted)).stdout
    parts = (part.partition("\n") for part in found.split("\0") if part)
    loads = {module: _loads(session, tree, version, module) for module in (COMPETITOR, "vfio_pci")}
    return Image(tuple(sorted(names)), {name: text for name, _, text in parts}, loads)


# Of every text file named on standard input: a NUL, its name, a line end, its text.
_PRINT = r"""cd "$1"; while read -r name; do
    if grep -Iqs . "$name"; then printf '\0%s\n' "$name"; cat "$name"; fi
done"""


def _loads(session: Session, tree: str, version: str, module: str) -> tuple[str, ...]:
    command = ["chroot", tree, "modprobe", "--set-version", version, "--show-depends", module]
    lines = session.run(command, check=False).stdout.splitlines()
    return tuple(dict.fromkeys(_load(line) for line in lines if line.strip()))


def _load(line: str) -> str:
    """``insmod /lib/…/vfio-pci.ko.xz ids=x`` as ``vfio_pci ids=x``."""
    _, _, rest = line.partition(" ")
    path, _, options = rest.strip().partition(" ")
    name = path.rsplit("/", 1)[-1].partition(".ko")[0].replace("-", "_")
    return f"{name} {options}".strip()
