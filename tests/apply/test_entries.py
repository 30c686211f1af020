"""Boot entries that are written by hand: each gets the words, keeps all that it had, and has a copy without them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.apply.hosts import Tree, tree
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


PRESET = "PRESETS=('default')\ndefault_uki=/efi/EFI/Linux/arch-linux.efi\n"
CMDLINE, DROP_IN, USERS = "etc/kernel/cmdline", "etc/cmdline.d/optimux.conf", "etc/cmdline.d/root.conf"
RUNNING = "initrd=\\x root=UUID=1 rw\n"


@pytest.mark.parametrize(
    ("there", "line"),
    [
        ({CMDLINE: "root=UUID=1 rw\n"}, "root=UUID=1 rw\n"),
        ({USERS: "root=UUID=1 rw\n"}, None),
        ({CMDLINE: "rw\n", USERS: "root=UUID=1\n"}, "rw\n"),
        # What mkinitcpio would have taken of itself, but not beside a drop-in.
        ({}, "root=UUID=1 rw\n"),
    ],
)
def test_a_unified_images_words_are_a_drop_in(
    there: Mapping[str, str], line: str | None, arch: Path, config: str
) -> None:
    """The user's own file stays; so it does when it was begun by an earlier apply, whatever runs by then."""
    made = Path(config)
    made.write_text(made.read_text().replace('"systemd-boot"', '"uki"'))
    for path, text in {**there, "etc/mkinitcpio.d/linux.preset": PRESET, "proc/cmdline": RUNNING}.items():
        (arch / path).parent.mkdir(parents=True, exist_ok=True)
        (arch / path).write_text(text)
    before = tree(arch)
    run(arch, "--yes", config=config)
    assert (arch / DROP_IN).read_text().splitlines()[1:] == ["intel_iommu=on iommu=pt"]
    assert ((arch / CMDLINE).read_text() if (arch / CMDLINE).exists() else None) == line
    (arch / "proc/cmdline").write_text(f"{RUNNING.strip()} module_blacklist=vfio_pci\n")
    _, said = run(arch, "--yes", config=config)
    assert "nothing to do" in said
    # A drop-in of the user's that comes later takes nothing away.
    (arch / "etc/cmdline.d/later.conf").write_text("quiet\n")
    _, said = run(arch, "--yes", config=config)
    assert "nothing to do" in said
    (arch / "etc/cmdline.d/later.conf").unlink()
    (arch / "proc/cmdline").write_text(RUNNING)
    back(arch, "--yes")
    assert _without_times(tree(arch)) == _without_times(before)


def test_without_a_preset_the_words_are_merged(arch: Path, config: str) -> None:
    """The twin: ukify, by kernel-install, knows no drop-ins."""
    made = Path(config)
    made.write_text(made.read_text().replace('"systemd-boot"', '"uki"'))
    for path, text in {USERS: "quiet\n", CMDLINE: "root=UUID=1 rw\n"}.items():
        (arch / path).parent.mkdir(parents=True, exist_ok=True)
        (arch / path).write_text(text)
    run(arch, "--yes", config=config)
    assert not (arch / DROP_IN).exists()
    assert (arch / CMDLINE).read_text() == "root=UUID=1 rw intel_iommu=on iommu=pt\n"


def _without_times(held: Tree) -> dict[str, object]:
    return {name: (mode, owner, attributes, content) for name, (mode, owner, _, attributes, content) in held.items()}
