"""The distribution, and what its package database and files say of programs and versions."""

from __future__ import annotations

import re

from optimux.declare.values import FAMILIES, Distribution
from optimux.facts.detect.root import Root, clean
from optimux.facts.software import Os
from optimux.version import Version

DPKG = "/var/lib/dpkg/status"
MOST = 32 << 20


def os_release(root: Root) -> Os:
    """/etc/os-release, else the vendor's own (os-release(5))."""
    path = "/etc/os-release" if root.exists("/etc/os-release") else "/usr/lib/os-release"
    words = {}
    for line in root.lines(path)[:100]:
        key, _, value = line.partition("=")
        words[key.strip()] = clean(value.strip().strip("\"'")) or ""
    return Os(
        id=words.get("ID") or None,
        id_like=tuple(words.get("ID_LIKE", "").split()),
        name=words.get("PRETTY_NAME") or None,
        version_id=words.get("VERSION_ID") or None,
        variant_id=words.get("VARIANT_ID") or None,
        image_based=root.exists("/run/ostree-booted"),
    )


def family(os: Os) -> Distribution | None:
    """By ID, then by ID_LIKE from left to right, but fedora before rhel and ubuntu before debian.

    One of Fedora's that was booted from an image is another family: its /usr cannot be written.
    """
    if os.id is None:
        return None
    like = sorted(os.id_like, key=lambda word: word not in ("fedora", "ubuntu"))
    found = next((FAMILIES[word] for word in (os.id, *like) if word in FAMILIES), None)
    return "fedora-atomic" if found == "fedora" and os.image_based else found


class Packages:
    """What dpkg or pacman has installed; other databases are not read, and answer nothing."""

    def __init__(self, root: Root) -> None:
        self._root = root
        status = root.data(DPKG, MOST) if root.exists(DPKG) else None
        self._status = b"\n" + status + b"\n\n" if status else None
        self._pacman = root.names("/var/lib/pacman/local")

    @property
    def knows(self) -> bool:
        """Whether there is a database that can be asked."""
        return bool(self._status or self._pacman)

    def version(self, *names: str) -> str | None:
        """The version of the first package that is installed."""
        return next((found for name in names if (found := self._version(name))), None)

    def _version(self, name: str) -> str | None:
        start = self._status.find(b"\nPackage: %s\n" % name.encode()) if self._status else -1
        if self._status and start >= 0:
            stanza = self._status[start : self._status.find(b"\n\n", start + 1)].decode("utf-8", "replace").split("\n")
            versions = [line[9:] for line in stanza if line.startswith("Version: ")]
            return versions[0] if versions and "Status: install ok installed" in stanza else None
        for entry in self._pacman:
            if match_ := re.fullmatch(rf"{re.escape(name)}-([^-]+)-[^-]+", entry):
                return match_[1]
        return None


def _numbers(text: str | None) -> Version | None:
    """The upstream version of a package's: epoch and revision left out."""
    match = re.match(r"(?:[0-9]+:)?([0-9]{1,5}(?:\.[0-9]{1,5}){1,2})", text or "")
    return Version.parse(match[1]) if match else None


LIBRARIES = ("/usr/lib/x86_64-linux-gnu", "/usr/lib64", "/usr/lib")


def libvirt_version(root: Root, packages: Packages) -> Version | None:
    """The package's, else the library's own: libvirt.so.0.11003.0 is 11.3.0 (its meson.build)."""
    if found := _numbers(packages.version("libvirt-daemon", "libvirt-daemon-driver-qemu", "libvirt0", "libvirt")):
        return found
    for folder in LIBRARIES:
        for name in root.names(folder) if root.exists(f"{folder}/libvirt.so.0") else ():
            if match := re.fullmatch(r"libvirt\.so\.0\.([0-9]{1,5})\.([0-9]{1,3})", name):
                number = int(match[1])
                return Version(number // 1000, number % 1000, int(match[2]))
    return _in_store(root, "/run/current-system/sw/bin/virsh", "libvirt")


def qemu_version(root: Root, packages: Packages) -> Version | None:
    """The package's, else the store's path."""
    names = ("qemu-system-x86", "qemu-system-x86-64", "qemu-system-x86-core", "qemu-desktop", "qemu-base", "qemu-full")
    return _numbers(packages.version(*names)) or _in_store(
        root, "/run/current-system/sw/bin/qemu-system-x86_64", "qemu"
    )


def _in_store(root: Root, program: str, package: str) -> Version | None:
    """On NixOS the path of a program has its version."""
    match = re.search(rf"/[a-z0-9]{{32}}-{package}(?:-[a-z]+)*-([0-9.]+)/", root.real(program) or "")
    return _numbers(match[1]) if match else None
