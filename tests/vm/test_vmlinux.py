"""The kernel out of its image, and the image itself wherever QEMU could not start that. A real one boots in
``test_guest_level.py``.
"""

from __future__ import annotations

import gzip
import lzma
import os
import shutil
import subprocess
from struct import pack
from typing import TYPE_CHECKING

import pytest

from optimux.vm.linux.guest import guest_machine
from optimux.vm.linux.kernel import LinuxKernel
from optimux.vm.linux.vmlinux import direct_image, vmlinux
from optimux.vm.qemu.machine import Machine
from optimux.vm.qemu.programs import Ovmf

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def _note(name: bytes, kind: int, description: bytes) -> bytes:
    return pack("<III", len(name), len(description), kind) + b"".join(
        part + bytes(-len(part) % 4) for part in (name, description)
    )


PVH = _note(b"GNU\0", 3, b"12345") + _note(b"Xen\0", 18, bytes(8))


def _elf(notes: bytes = PVH, machine: int = 62) -> bytes:
    head = b"\x7fELF\2\1\1".ljust(16, b"\0") + pack("<HHIQQQIHHHHHH", 2, machine, 1, 0, 64, 0, 0, 64, 56, 2, 0, 0, 0)
    load = pack("<II6Q", 1, 5, 0, 0, 0, 0, 0, 0)
    return head + load + pack("<II6Q", 4, 4, 176, 0, 0, len(notes), len(notes), 4) + notes


def _sized(content: bytes) -> bytes:
    return len(content).to_bytes(4, "little")


def _xz(content: bytes) -> bytes:
    return lzma.compress(content) + _sized(content)


def _zstd(content: bytes) -> bytes:
    if shutil.which("zstd") is None:
        pytest.skip("no zstd (Debian package zstd)")
    return subprocess.run(["zstd", "-q"], input=content, capture_output=True, check=True).stdout + _sized(content)


def _image(packed: bytes, protocol: int = 0x20F) -> bytes:
    """Two sectors of setup behind the first one, then 32 bytes of code before what is packed."""
    head = bytearray(3 * 512)
    head[0x1F1] = 2
    head[0x202:0x208] = b"HdrS" + pack("<H", protocol)
    head[0x248:0x250] = pack("<II", 32, len(packed))
    return bytes(head) + bytes(32) + packed + b"behind it"


@pytest.mark.parametrize("packing", [_xz, gzip.compress, _zstd])
def test_it_is_unpacked(packing: Callable[[bytes], bytes]) -> None:
    assert vmlinux(_image(packing(_elf()))) == _elf()


@pytest.mark.parametrize(
    "image",
    [
        pytest.param(_image(_xz(_elf(_note(b"GNU\0", 18, bytes(8))))), id="another one's note"),
        pytest.param(_image(_xz(_elf(_note(b"Xen\0", 3, bytes(8))))), id="another note"),
        pytest.param(_image(_xz(_elf(machine=183))), id="for another processor"),
        pytest.param(_image(_xz(b"no ELF file")), id="no ELF"),
        pytest.param(_image(_xz(_elf()[:150])), id="a broken ELF"),
        pytest.param(_image(_xz(_elf())[:-1] + b"\1"), id="another size"),
        pytest.param(_image(b"\x02\x21LZ4" + bytes(64)), id="packed otherwise"),
        pytest.param(_image(_xz(_elf())[:40]), id="broken xz"),
        pytest.param(_image(gzip.compress(_elf())[:40]), id="broken gzip"),
        pytest.param(_image(b"\x28\xb5\x2f\xfd" + bytes(64)), id="broken zstd"),
        pytest.param(_image(_xz(_elf()), protocol=0x207), id="from before there was a payload"),
        pytest.param(_xz(_elf()), id="no image"),
        pytest.param(b"", id="empty"),
    ],
)
def test_twin_what_it_cannot_be_taken_out_of(image: bytes) -> None:
    assert vmlinux(image) is None


def test_without_zstd_the_image_is_taken(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    image = _image(_zstd(_elf()))
    monkeypatch.setenv("PATH", str(tmp_path))
    assert vmlinux(image) is None


@pytest.fixture
def kernel(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> LinuxKernel:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    (tmp_path / "vmlinuz").write_bytes(_image(_xz(_elf())))
    return LinuxKernel("6.1", tmp_path / "vmlinuz", ())


def test_it_is_kept(kernel: LinuxKernel) -> None:
    first = direct_image(kernel, "q35")
    assert first.read_bytes() == _elf()
    state = first.stat()
    assert direct_image(kernel, "pc-q35-7.2").stat() == state
    kernel.image.write_bytes(_image(gzip.compress(_elf() + b"newer")))
    assert direct_image(kernel, "q35").read_bytes() == _elf() + b"newer"


def test_twin_the_image_is_taken_where_there_is_no_other(kernel: LinuxKernel) -> None:
    kernel.image.write_bytes(_image(b"\x02\x21LZ4"))
    assert direct_image(kernel, "q35") == kernel.image


def test_of_old_kernels_one_is_kept(kernel: LinuxKernel) -> None:
    files = []
    for number in range(4):
        files.append(direct_image(kernel.replace(release=f"6.{number}"), "q35"))
        os.utime(files[-1], (number, number))
    assert [file.exists() for file in files] == [False, False, True, True]


@pytest.mark.parametrize("machine", ["q35", "q35,smm=off", "pc", "pc-q35-4.0", "pc-q35-4.0.1", "pc-i440fx-10.1"])
def test_machine_types_that_start_it(kernel: LinuxKernel, machine: str) -> None:
    assert direct_image(kernel, machine) != kernel.image


@pytest.mark.parametrize("machine", ["pc-q35-3.1", "pc-q35-2.12", "pc-q35-rhel7.6.0", "pc-q35-bionic", "microvm"])
def test_twin_those_that_do_not(kernel: LinuxKernel, machine: str) -> None:
    assert direct_image(kernel, machine) == kernel.image


@pytest.mark.parametrize(
    ("machine", "is_image"),
    [
        (Machine(), False),
        (Machine(firmware=Ovmf("code", "variables")), True),
        # Its log lies where QEMU puts the initramfs of an ELF kernel.
        (Machine(arguments=("-tpmdev", "emulator,id=tpm0,chardev=swtpm", "-device", "tpm-crb,tpmdev=tpm0")), True),
    ],
    ids=["SeaBIOS", "UEFI", "TPM"],
)
def test_what_is_started(machine: Machine, is_image: bool, kernel: LinuxKernel) -> None:
    started = guest_machine(machine, kernel, "token").kernel
    assert started is not None
    assert (started.image == str(kernel.image), started.image.endswith(".elf")) == (is_image, not is_image)
