"""Boot entries that are written by hand: each gets the words, keeps all that it had, and has a copy without them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.apply.hosts import tree
from tests.apply.test_command import back, run
from tests.cli.command import EXAMPLE

if TYPE_CHECKING:
    from collections.abc import Mapping

ENTRIES: Mapping[str, str] = {
    "boot/loader/entries/arch.conf": "title Arch\nlinux /vmlinuz-linux\noptions root=UUID=1 rw quiet\n",
    "boot/loader/entries/arch-lts.conf": "title LTS\nlinux /vmlinuz-lts\noptions\troot=UUID=1  iommu=pt",
    "boot/loader/entries/windows.conf": "title Windows\nefi /EFI/x.efi\n",
    "efi/loader/entries/other.conf": "title Other\noptions root=UUID=2\n",
}


@pytest.fixture
def arch(tmp_path: Path) -> Path:
    root = tmp_path / "host"
    (root / "etc").mkdir(parents=True)
    (root / "etc/os-release").write_text("ID=arch\n")
    return root


@pytest.fixture
def config(tmp_path: Path) -> str:
    path = tmp_path / "arch.toml"
    path.write_text(Path(EXAMPLE).read_text().replace('"debian"', '"arch"\nbootLoader = "systemd-boot"'))
    return str(path)


def test_each_entry_and_back(arch: Path, config: str) -> None:
    for path, text in ENTRIES.items():
        (arch / path).parent.mkdir(parents=True, exist_ok=True)
        (arch / path).write_text(text)
    off = arch / "boot/loader/entries/arch-optimux-off.conf"
    off.write_text("title Arch (without Optimux)\noptions root=UUID=1\n")
    before = tree(arch)
    run(arch, "--yes", config=config)
    texts = {path: (arch / path).read_text() for path in ENTRIES}
    assert texts["boot/loader/entries/arch.conf"].endswith("options root=UUID=1 rw quiet intel_iommu=on iommu=pt\n")
    assert texts["boot/loader/entries/arch-lts.conf"].endswith("options\troot=UUID=1 iommu=pt intel_iommu=on")
    assert texts["boot/loader/entries/windows.conf"] == ENTRIES["boot/loader/entries/windows.conf"]
    assert texts["efi/loader/entries/other.conf"].endswith("options root=UUID=2 intel_iommu=on iommu=pt\n")
    assert "iommu" not in off.read_text()
    assert not (arch / "etc/kernel").exists()
    _, said = run(arch, "--yes", config=config)
    assert "nothing to do" in said
    back(arch, "--yes")
    assert tree(arch) == before


def test_without_an_entry_nothing_is_written_in_silence(arch: Path, config: str) -> None:
    _, said = run(arch, "--yes", config=config, code=2)
    assert "host.bootLoader: found no entry in /boot/loader/entries" in said
    assert '"uki"' in said
