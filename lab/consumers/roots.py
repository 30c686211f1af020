"""Debian roots for the consumers: built once with mmdebstrap, kept in the user's cache, never changed.

A root is keyed by its recipe. It is built under a lock and under another name, then renamed, so that neither
a second worker nor a run that was cut off leaves half a root. Roots of another recipe are removed once nobody has
used them for some days: another checkout may have its own.
"""

from __future__ import annotations

import fcntl
import functools
import hashlib
import os
import shutil
import subprocess
import time
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import lab
from lab import CHECKOUT
from lab.consumers import apt
from lab.consumers.session import Session, as_root
from lab.errors import Unavailable
from lab.say import say
from optimux.record import Record

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

_BUILD_SECONDS = 1500
_UNUSED_SECONDS = 3 * 24 * 3600
_LOADER, _LIBRARIES = "usr/lib64/ld-linux-x86-64.so.2", "usr/lib/x86_64-linux-gnu"
_KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")


class Recipe(Record):
    """What a root holds. ``variant`` is mmdebstrap's: ``minbase``, or ``extract`` for files alone.

    ``sources`` are source packages, whose upstream archives are downloaded into ``/usr/src``. ``purpose`` tells
    apart the roots of one suite.
    """

    suite: str
    packages: tuple[str, ...]
    variant: str = "minbase"
    sources: tuple[str, ...] = ()
    purpose: str = ""

    @property
    def name(self) -> str:
        """What the folder's name begins with."""
        return f"{self.purpose}-{self.suite}" if self.purpose else self.suite

    def command(self, target: Path, mirror: str) -> list[str]:
        """The mmdebstrap command line that builds the root."""
        mode = "root" if os.geteuid() == 0 else "unshare"
        return [
            *("mmdebstrap", f"--mode={mode}", f"--variant={self.variant}", "--format=directory"),
            *("--quiet", f"--include={','.join(self.packages)}"),
            *(f"--aptopt={line}" for line in apt.options()),
            *('--aptopt=APT::Install-Recommends "false"', '--aptopt=Acquire::Languages "none"'),
            *(f"--dpkgopt=path-exclude=/usr/share/{name}/*" for name in ("doc", "man", "locale", "info")),
            # extract runs no maintainer script, so nothing else makes the mount points
            """--setup-hook=mkdir -p "$1/proc" "$1/sys" """.strip(),
            *self._downloads(),
            *(self.suite, str(target), f"deb {mirror} {self.suite} main"),
            *([f"deb-src {mirror} {self.suite} main"] if self.sources else []),
        ]

    def _downloads(self) -> list[str]:
        fetch = 'APT_CONFIG="$MMDEBSTRAP_APT_CONFIG" apt-get -qq source --download-only --tar-only'
        return [f'--extract-hook=mkdir -p "$1/usr/src" && cd "$1/usr/src" && {fetch} {name}' for name in self.sources]

    def key(self) -> str:
        """The cache key: it changes with anything that the command line says, but for the addresses."""
        text = "\n".join((str(os.geteuid() == 0), *self.command(Path("target"), "mirror")))
        return hashlib.sha256(text.encode()).hexdigest()[:12]


_VIRTUALISATION = (
    *("libvirt-daemon-system", "libvirt-clients", "qemu-system-x86"),
    *("ovmf", "swtpm", "swtpm-tools", "apparmor"),
)
BOOKWORM = Recipe("bookworm", (*_VIRTUALISATION, "qemu-system-gui"))
TRIXIE = Recipe(
    "trixie",
    (
        *(*_VIRTUALISATION, "qemu-system-modules-spice", "libxml2-utils"),
        *("systemd-sysv", "udev", "kmod", "initramfs-tools", "dracut-core", "linux-image-amd64"),
        *("busybox-static", "python3", "grub-common"),
        *("python3-click", "python3-libvirt", "python3-lxml"),
        *("acpica-tools", "nix-bin"),
    ),
)
# dracut's own package displaces initramfs-tools, beside which only dracut-core stands.
LOADERS = Recipe(
    "trixie",
    (
        *("systemd-sysv", "udev", "kmod", "dracut", "linux-image-amd64"),
        *("systemd-boot", "systemd-boot-efi", "systemd-ukify", "grub-efi-amd64-bin"),
        *("python3", "python3-click", "python3-lxml", "dosfstools"),
    ),
    purpose="loaders",
)
# The compositors of Debian and what they link: files alone, which go onto a system that was set up (the trixie root).
COMPOSITORS = Recipe(
    "trixie", ("sway", "weston", "xserver-xorg-core", "kwin-wayland", "mutter"), "extract", purpose="compositors"
)
# looking-glass-client needs no maintainer script; without libc-bin and its like the root has no shell.
SID = Recipe("sid", ("base-files", "coreutils", "dash", "libc-bin", "looking-glass-client"), "extract")
# The newest libvirt that Debian has, near to that of NixOS' unstable branch.
SID_LIBVIRTD = Recipe("sid", ("libvirt-daemon-system", "libvirt-clients", "qemu-system-x86"), purpose="libvirtd")


class Root:
    """One built root."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @contextmanager
    def session(self, binds: Mapping[Path, str] | None = None, more: Root | None = None) -> Iterator[Session]:
        """Several commands in one throwaway layer; ``binds`` maps paths here to paths inside, read-only.

        What this root lacks and ``more`` has is there as well.
        """
        if CHECKOUT / "generator" in (binds or {}):
            _compile(self.path)
        below = [more.path] if more else []
        with ExitStack() as stack:
            for path in (self.path, *below):
                stack.enter_context(in_use(path))
            yield stack.enter_context(Session(self.path, _mount_point(), binds, below))

    def run(
        self,
        command: Sequence[str],
        *,
        binds: Mapping[Path, str] | None = None,
        input: str | bytes = b"",
        timeout: float = 60,
        check: bool = True,
    ) -> subprocess.CompletedProcess[str]:
        """Run one command in a throwaway layer of its own; see ``Session.run``."""
        with self.session(binds) as session:
            return session.run(command, input=input, timeout=timeout, check=check)


def started_here(root: Path, program: str) -> list[str]:
    """The words that start a root's program on this machine, with the root's own libraries."""
    return [str(root / _LOADER), "--library-path", str(root / _LIBRARIES), str(root / program)]


@functools.cache
def _compile(root: Path) -> None:
    """Let the root's own Python compile the product: it may not write beside it, and would do so at each command."""
    if not (root / "usr/bin/python3").exists():
        return
    subprocess.run(
        [*started_here(root, "usr/bin/python3"), "-m", "compileall", "-q", CHECKOUT / "generator"],
        env={**os.environ, "PYTHONHOME": str(root / "usr")},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=300,
        check=False,  # what cannot be compiled is told where it is imported
    )


def cache() -> Path:
    """The folder of the roots."""
    return lab.cache() / "roots"


def _mount_point() -> Path:
    point = cache() / "mount"
    point.mkdir(parents=True, exist_ok=True)
    return point


@contextmanager
def locked(path: Path, operation: int) -> Iterator[None]:
    """A lock of flock(2), ``LOCK_SH`` or ``LOCK_EX``, on a file that is made for it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as file:
        fcntl.flock(file, operation)
        yield


@contextmanager
def in_use(path: Path) -> Iterator[None]:
    """While this is held no other checkout's tests remove the root as an outdated one."""
    with locked(path.with_suffix(".used"), fcntl.LOCK_SH):
        yield


@functools.cache
def missing() -> str | None:
    """Why roots cannot be entered here, or None. What building one needs beside that is asked where one is built."""
    for program, package in (("mmdebstrap", "mmdebstrap"), ("unshare", "util-linux"), ("nsenter", "util-linux")):
        if not shutil.which(program):
            return f"{program} is not installed (Debian package {package})"
    if not _KEYRING.exists():
        return f"{_KEYRING} is missing (Debian package debian-archive-keyring)"
    allowed = subprocess.run([*as_root(), "unshare", "--mount", "true"], capture_output=True, check=False, timeout=30)
    if allowed.returncode:
        return f"neither root nor user namespaces: {allowed.stderr.decode(errors='replace').strip()}"
    return None


def _remove(path: Path) -> None:
    subprocess.run([*as_root(), "rm", "-rf", "--one-file-system", str(path)], check=True, timeout=300)


def _remove_stale(recipe: Recipe, current: Path) -> None:
    for old in current.parent.glob(f"{recipe.name}-*"):
        used_file = old.with_suffix(".used")
        if old == current or not old.is_dir() or _was_used_lately(used_file):
            continue
        with used_file.open("w") as used:
            try:
                fcntl.flock(used, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:  # another checkout's tests are inside
                continue
            _remove(old)
        used_file.unlink(missing_ok=True)


def _was_used_lately(used: Path) -> bool:
    return used.exists() and time.time() - used.stat().st_mtime < _UNUSED_SECONDS


def _build(recipe: Recipe, target: Path) -> None:
    half = target.with_suffix(".building")
    _remove(half)
    log = target.with_suffix(".log")
    say(f"building the {recipe.name} root with mmdebstrap, once: {len(recipe.packages)} packages and what they need")
    began = time.monotonic()
    with log.open("wb") as words:
        command = recipe.command(half, apt.mirror())
        done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=words, stderr=words, timeout=_BUILD_SECONDS)
    if done.returncode:
        _remove(half)
        tail = "\n".join(log.read_text(errors="replace").splitlines()[-20:])
        raise RuntimeError(f"mmdebstrap could not build the {recipe.name} root, see {log}:\n{tail}")
    half.rename(target)
    say(f"the {recipe.name} root took {time.monotonic() - began:.0f} s and stays in {target}")


def root(recipe: Recipe) -> Root:
    """The root of a recipe, built first where it is not in the cache.

    Raises ``Unavailable`` where this machine cannot build it, ``RuntimeError`` where building fails.
    """
    if reason := missing():
        raise Unavailable(reason)
    target = cache() / f"{recipe.name}-{recipe.key()}"
    with locked(cache() / f"{recipe.name}.lock", fcntl.LOCK_EX):
        if not target.is_dir():
            _build(recipe, target)
            _remove_stale(recipe, target)
    return Root(target)


def bookworm_root() -> Root:
    """libvirt 9.0, QEMU 7.2."""
    return root(BOOKWORM)


def trixie_root() -> Root:
    """libvirt 11.3, QEMU 10, systemd, a kernel, both initramfs tools, Python, a static busybox, iasl, Nix."""
    return root(TRIXIE)


def loaders_root() -> Root:
    """A machine of UEFI's: dracut, systemd-boot with kernel-install and ukify, GRUB's EFI modules."""
    return root(LOADERS)


def compositors_root() -> Root:
    """sway, weston, Xorg, KWin and mutter with their libraries; nothing of them was set up."""
    return root(COMPOSITORS)


def refind_root() -> Root:
    """rEFInd's files and its drivers; nothing of it runs but in a machine's firmware."""
    return root(Recipe("trixie", ("refind",), "extract", purpose="refind"))


def sid_root() -> Root:
    """The B7 client of Looking Glass."""
    return root(SID)


def sid_libvirtd_root() -> Root:
    """The newest libvirt and QEMU of Debian."""
    return root(SID_LIBVIRTD)


def module_build_root(release: str) -> Root:
    """What it takes to build modules for the kernel ``release`` of the trixie root."""
    return root(Recipe("trixie", (f"linux-headers-{release}", "make"), purpose="modules"))


def looking_glass_source() -> Root:
    """The source of Looking Glass B7, as an archive in ``/usr/src``; there is no shell in it."""
    return root(Recipe("sid", ("base-files",), "extract", ("looking-glass",), "source"))
