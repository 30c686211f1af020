"""A Linux kernel for the throwaway guest, with the modules it needs: this machine's own, or a Debian package's."""

from __future__ import annotations

import os
from pathlib import Path

from optimux.record import Record
from optimux.vm.errors import VmError
from optimux.vm.linux import debian_package
from optimux.vm.linux.cache import present
from optimux.vm.linux.unpack import zstd

# Adapter and battery; phram makes the shared memory's BAR a device that can be read and written (mtd is its core).
WANTED = ("ac", "battery", "mtd", "phram")
_NEEDED = ("ac", "battery")
_SUFFIXES = (".ko", ".ko.xz", ".ko.gz", ".ko.zst")


class LinuxKernel(Record):
    """``modules`` maps names to files, in the order in which they must be loaded; builtin ones are left out."""

    release: str
    image: Path
    modules: tuple[tuple[str, Path], ...]

    def module(self, name: str) -> bytes:
        """A module's bytes, unpacked. Raises ``KeyError`` for one that it does not have."""
        return read_module(dict(self.modules)[name])


def find_kernel(root: Path = Path("/")) -> LinuxKernel:
    """The running kernel, another one that is installed under ``root``, or Debian's. Raises ``VmError``."""
    for release in _releases(root):
        if kernel := installed(root, release):
            return kernel
    package = _fetched() or (debian_package.newest_kernel_package() if debian_package.available() else None)
    if package:
        return _debian(package)
    raise VmError(
        "no kernel with the ACPI battery driver: none in /boot or /lib/modules is readable and has the modules "
        "ac and battery",
        "Install a distribution's plain kernel (Debian: linux-image-amd64, not the cloud kernel), "
        "or make its image in /boot readable.",
    )


def installed(root: Path, release: str) -> LinuxKernel | None:
    """An installed kernel, or ``None`` where its image or a driver is missing or unreadable."""
    folder = next((f for f in _module_folders(root, release) if f.is_dir()), None)
    image = next((i for i in _images(root, release) if os.access(i, os.R_OK)), None)
    if folder is None or image is None:
        return None
    found = _modules(folder)
    builtin = _names_in(folder / "modules.builtin")
    if any(name not in found and name not in builtin for name in _NEEDED):
        return None
    return LinuxKernel(release, image, tuple((name, found[name]) for name in WANTED if name in found))


def read_module(file: Path) -> bytes:
    """The ELF object in a module file, whatever it is packed with. Raises ``VmError`` where nothing unpacks it."""
    data = file.read_bytes()
    if file.suffix == ".xz":
        import lzma

        return lzma.decompress(data)
    if file.suffix == ".gz":
        import gzip

        return gzip.decompress(data)
    if file.suffix != ".zst":
        return data
    content = zstd(data)
    if content is None:
        raise VmError(f"{file} cannot be unpacked", "Install zstd.")
    return content


def _releases(root: Path) -> list[str]:
    running = os.uname().release
    others = sorted((f.name for f in (root / "lib/modules").glob("*")), reverse=True)
    return [running, *(name for name in others if name != running)]


def _images(root: Path, release: str) -> list[Path]:
    places = [root / f"boot/vmlinuz-{release}", root / f"lib/modules/{release}/vmlinuz"]
    # NixOS keeps the running kernel here.
    return [*places, root / "run/booted-system/kernel"] if release == os.uname().release else places


def _module_folders(root: Path, release: str) -> list[Path]:
    return [root / "lib/modules" / release, root / "run/booted-system/kernel-modules/lib/modules" / release]


def _modules(folder: Path) -> dict[str, Path]:
    """The wanted modules under a folder, by name."""
    found = {}
    for place in ("drivers/acpi", "drivers/mtd"):
        for file in sorted((folder / "kernel" / place).rglob("*.ko*")):
            if (name := _name(file.name)) in WANTED:
                found[name] = file
    return found


def _name(file: str) -> str:
    stem = next((file.removesuffix(suffix) for suffix in reversed(_SUFFIXES) if file.endswith(suffix)), file)
    return stem.replace("-", "_")


def _names_in(listing: Path) -> set[str]:
    return {_name(line.rpartition("/")[2]) for line in listing.read_text().splitlines()} if listing.exists() else set()


def _fetched() -> str | None:
    """A kernel package that is in the cache already: any will do, and apt takes half a second to name the newest."""
    return max(present("packages", "linux-image-"), default=None)


def _debian(package: str) -> LinuxKernel:
    release = package.removeprefix("linux-image-").removesuffix("-unsigned")
    folder = debian_package.files_of(package, _is_wanted)
    places = (folder, folder / "usr")
    kernel = next((k for k in (installed(place, release) for place in places) if k), None)
    if kernel is None:
        raise VmError(f"{package} has no ACPI battery driver", f"Remove {folder} and try again.")
    return kernel


def _is_wanted(path: str) -> bool:
    name = path.rpartition("/")[2]
    return name == "vmlinuz" or name.startswith("vmlinuz-") or name == "modules.builtin" or _name(name) in WANTED
