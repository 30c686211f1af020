"""A kernel out of Debian's packages as they are from 7.2 on: an empty one, one with the image, one with the modules."""

from __future__ import annotations

import os
import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest

from optimux.vm.errors import VmError
from optimux.vm.linux.kernel import find_kernel

if TYPE_CHECKING:
    from pathlib import Path

DEBIAN_7_2 = {
    "linux-image-7.2.0-amd64": {"usr/share/doc/linux-image/empty": b""},
    "linux-binary-7.2.0-amd64": {"usr/lib/modules/7.2.0-amd64/vmlinuz": b"kernel"},
    "linux-modules-7.2.0-amd64": {
        "usr/lib/modules/7.2.0-amd64/kernel/drivers/acpi/ac.ko": b"ac module",
        "usr/lib/modules/7.2.0-amd64/kernel/drivers/acpi/battery.ko": b"battery module",
        "usr/lib/modules/7.2.0-amd64/kernel/drivers/acpi/other.ko": b"unwanted",
    },
}
# What apt says of them: the metapackage's dependency, and the image's own.
APT_CACHE = """#!/bin/sh
case $3 in
linux-image-amd64) printf '  Depends: linux-base-amd64\\n  Depends: linux-image-7.2.0-amd64\\n' ;;
linux-image-7.2.0-amd64) printf '  PreDepends: linux-base\\n |Depends: dracut\\n%b' "$PARTS" ;;
esac
"""


def _debian(folder: Path, parts: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """An archive with the packages of a kernel; ``apt-get download`` copies, dpkg-deb is the real one."""
    if shutil.which("dpkg-deb") is None:
        pytest.skip("no dpkg-deb (Debian package dpkg)")
    for name, files in DEBIAN_7_2.items():
        for path, content in {**files, "DEBIAN/control": _control(name)}.items():
            (folder / name / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / name / path).write_bytes(content)
        command = ["dpkg-deb", "--build", "--root-owner-group", str(folder / name), str(folder / f"{name}.deb")]
        subprocess.run(command, check=True, capture_output=True)
    programs = folder / "bin"
    programs.mkdir()
    for name, text in {"apt-cache": APT_CACHE, "apt-get": f'#!/bin/sh\ncp "{folder}/$3.deb" .\n'}.items():
        (programs / name).write_text(text)
        (programs / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}:{os.environ['PATH']}")
    monkeypatch.setenv("XDG_CACHE_HOME", str(folder / "cache"))
    monkeypatch.setenv("PARTS", parts)


def _control(name: str) -> bytes:
    return f"Package: {name}\nVersion: 7.2.0\nArchitecture: all\nMaintainer: a <a@b>\nDescription: a\n".encode()


def test_debians_split_packages_have_a_kernel(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    parts = "  Depends: linux-binary-7.2.0-amd64\\n  Depends: linux-modules-7.2.0-amd64\\n"
    _debian(tmp_path, parts, monkeypatch)
    kernel = find_kernel(tmp_path / "nothing")
    assert (kernel.release, kernel.image.read_bytes()) == ("7.2.0-amd64", b"kernel")
    assert [name for name, _ in kernel.modules] == ["ac", "battery"]
    assert kernel.module("battery") == b"battery module"
    assert not list((tmp_path / "cache").rglob("other.ko"))


def test_twin_the_empty_package_alone_has_none(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    _debian(tmp_path, "", monkeypatch)
    with pytest.raises(VmError, match=r"linux-image-7\.2\.0-amd64 has no ACPI battery driver"):
        find_kernel(tmp_path / "nothing")
