"""L2's guest as one file, made of a root's kernel and busybox when a machine's image is made.

An emulated processor whose guest is emulated too takes nine seconds to unpack a kernel. QEMU starts an unpacked one
under SeaBIOS (PVH), but puts its initramfs (10.0) where SeaBIOS keeps its tables in a machine with a TPM. So the
initramfs is one more segment of the ELF file, behind the kernel, and a parameter tells the kernel where (Linux 5.8); a
second one keeps its memory from other use until it is read.
"""

from __future__ import annotations

from pathlib import Path
from struct import pack_into
from typing import TYPE_CHECKING

from lab.scenarios.l2 import WHOLE, WORDS
from optimux.vm.linux.initramfs import initramfs
from optimux.vm.linux.kernel import installed
from optimux.vm.linux.vmlinux import COUNTS, HEADERS, PROGRAM, programs, vmlinux

if TYPE_CHECKING:
    from lab.consumers.roots import Root
    from lab.consumers.session import Session
    from optimux.vm.linux.kernel import LinuxKernel

# A program header's type and flags (System V ABI).
_LOAD, _READ_WRITE = 1, 6
_PAGE, _APART = 1 << 12, 1 << 21


def kernel_of(root: Root) -> LinuxKernel:
    """The root's only kernel."""
    (release,) = (entry.name for entry in (root.path / "lib/modules").iterdir())
    kernel = installed(root.path, release)
    assert kernel is not None, f"the root's kernel {release} has no battery driver"
    return kernel


def initramfs_of(root: Root) -> bytes:
    """The guest's, of the root's busybox."""
    return initramfs(kernel_of(root), root.path / "usr/bin/busybox").read_bytes()


def told_of(root: Root) -> tuple[object, ...]:
    """What the guest is made of, beside the root's kernel: its initramfs, and this source."""
    return (initramfs_of(root), Path(__file__).read_text(encoding="utf-8"))


def put_guest(session: Session, root: Root) -> None:
    """The whole guest for ``l2.boot``, where domains start it from."""
    kernel = vmlinux(kernel_of(root).image.read_bytes())
    assert kernel is not None, f"no ELF kernel in {kernel_of(root).image}"
    content, words = whole(kernel, initramfs_of(root))
    session.put(str(WHOLE), content)
    session.put(str(WORDS), words)


def whole(kernel: bytes, initrd: bytes) -> tuple[bytes, str]:
    """The ELF file with both, and the kernel parameters for it. Raises ``ValueError`` for a kernel before 5.8."""
    if b"initrdmem\0" not in kernel:
        raise ValueError("the kernel has no parameter initrdmem")
    segments = [*programs(kernel)]
    address = _up(max(place + size for kind, _, _, _, place, _, size, _ in segments if kind == _LOAD), _APART)
    offset = _up(len(kernel), _PAGE)
    segments.append((_LOAD, _READ_WRITE, offset, address, address, len(initrd), len(initrd), _PAGE))
    content = bytearray(kernel.ljust(offset, b"\0") + initrd)
    content += bytes(-len(content) % 8)
    pack_into("<Q", content, HEADERS, len(content))
    pack_into("<HH", content, COUNTS, PROGRAM.size, len(segments))
    content += b"".join(PROGRAM.pack(*segment) for segment in segments)
    reserved = f"{_up(len(initrd), _PAGE):#x}${address:#x}"
    return bytes(content), f"initrdmem={address:#x},{len(initrd):#x} memmap={reserved}"


def _up(number: int, step: int) -> int:
    return -(-number // step) * step
