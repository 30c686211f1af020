"""The round: applied, the card is vfio-pci's after a boot; by the entry without Optimux, and rolled back, it is not.

Each boot begins in the firmware and is the loader's own: its menu, its command line, its initramfs. One that ends with
the kernel's first words shows what the loader gave it: the words, and an initramfs as long as the one that was made for
it, which has the same files as one that a complete boot has shown at work, under another loader and the same words.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from lab.l1.applied import LATER, Dracut, Round, dracut, grub
from lab.l1.configs import AUDIO, GPU, by_id_config
from lab.l1.loaders import WORDS, boot, drivers_on, handed, initramfs_on_root, next_of_grub, refind
from lab.l1.unpacked import initramfs_in
from optimux.emit.artifact import HostLines
from optimux.emit.boot_loader.tools import REFIND
from optimux.emit.host import host_entries
from optimux.emit.merge import merged
from optimux.plan.resolve import plan_from

if TYPE_CHECKING:
    from pathlib import Path

    from lab.l1.loaders import Handed, Seen, Started

NATIVE = {GPU: "bochs-drm", AUDIO: "snd_hda_intel"}
VFIO = dict.fromkeys(NATIVE, "vfio-pci")
OURS = {"intel_iommu=on", "iommu=pt"}
WITHOUT = "module_blacklist=vfio_pci"
_PAGE = 4096


def is_bound(seen: Seen) -> None:
    """Applied."""
    are_ours(seen.words)
    assert (seen.early, seen.late) == (VFIO, VFIO)


def is_as_it_was(seen: Seen, *, without: bool) -> None:
    """Rolled back, or by the entry ``without`` our changes, where vfio-pci lies in the image all the same."""
    are_as_they_were(seen.words, without=without)
    assert seen.late == NATIVE


def are_as_they_were(words: tuple[str, ...], *, without: bool) -> None:
    """The loader's words for the kernel."""
    assert set(words) >= set(WORDS)
    assert set(words).isdisjoint(OURS)
    assert (WITHOUT in words) == without


def are_ours(words: tuple[str, ...]) -> None:
    """The loader's words for the kernel, applied."""
    assert set(words) >= OURS
    assert WITHOUT not in words


def has_got(found: Handed, image: Path, like: Started) -> None:
    """The kernel, the initramfs in ``image``, whose files are those that ``like`` boots with.

    A unified image's stub has a page of its own to add.
    """
    made = initramfs_in(image.read_bytes())
    assert 0 <= found.initramfs - made.size < 2 * _PAGE
    assert made.files == initramfs_on_root(like).files


def came_and_went(there_and_back: Round) -> None:
    """vfio-pci in the images on the loader's own partition, where the native driver was before."""
    before, after = (drivers_on(started.esp) for started in (there_and_back.applied, there_and_back.rolled_back))
    assert before >= {"bochs", "vfio-pci"}
    assert "bochs" in after
    assert "vfio-pci" not in after


@pytest.fixture(scope="module")
def by_grub(tmp_path_factory: pytest.TempPathFactory) -> Round:
    return grub(tmp_path_factory.mktemp("grub"))


@pytest.fixture(scope="module")
def by_dracut(tmp_path_factory: pytest.TempPathFactory) -> Dracut:
    return dracut(tmp_path_factory.mktemp("dracut"))


@pytest.mark.xdist_group("apply_grub")
def test_grub_and_initramfs_tools(by_grub: Round, tmp_path: Path) -> None:
    is_bound(boot(by_grub.applied, tmp_path / "applied", NATIVE))
    next_of_grub(by_grub.applied, "optimux-without>0")
    is_as_it_was(boot(by_grub.applied, tmp_path / "without", NATIVE), without=True)
    is_as_it_was(boot(by_grub.rolled_back, tmp_path / "rolled-back", NATIVE), without=False)


@pytest.mark.xdist_group("apply_dracut")
def test_grub_and_dracut(by_dracut: Dracut, tmp_path: Path) -> None:
    """The submenu is the one of the test above."""
    is_bound(boot(by_dracut.grub.applied, tmp_path / "applied", NATIVE))
    is_as_it_was(boot(by_dracut.grub.rolled_back, tmp_path / "rolled-back", NATIVE), without=False)


@pytest.mark.xdist_group("apply_dracut")
def test_systemd_boot_and_dracut(by_dracut: Dracut, tmp_path: Path) -> None:
    """Applied and rolled back, such an initramfs boots with the same words in the test above."""
    there_and_back, by_grub = by_dracut.systemd_boot, by_dracut.grub
    found = handed(there_and_back.applied, tmp_path / "applied")
    are_ours(found.words)
    has_got(found, _initramfs_of(there_and_back.applied), by_grub.applied)
    _default(there_and_back.applied, "*-optimux-off*")
    is_as_it_was(boot(there_and_back.applied, tmp_path / "without", NATIVE), without=True)
    found = handed(there_and_back.rolled_back, tmp_path / "rolled-back")
    are_as_they_were(found.words, without=False)
    has_got(found, _initramfs_of(there_and_back.rolled_back), by_grub.rolled_back)
    with pytest.raises(AssertionError):  # the twin
        has_got(found, _initramfs_of(there_and_back.applied), by_grub.applied)
    came_and_went(there_and_back)


@pytest.mark.xdist_group("apply_dracut")
def test_a_unified_image(by_dracut: Dracut, tmp_path: Path) -> None:
    """Of a kernel that came after apply, the newest: its image has our words, the one beside it has not.

    That the copy of the first kernel's image is what booted before is seen by its bytes. The initramfs in the image is
    the one of the tests above, and boots there with the same words.
    """
    unified, by_grub = by_dracut.unified, by_dracut.grub
    found = handed(unified.applied, tmp_path / "applied")
    are_ours(found.words)
    has_got(found, _image_of(unified.applied, LATER), by_grub.applied)
    _default(unified.applied, f"*{LATER}-optimux-off*")
    found = handed(unified.applied, tmp_path / "without")
    are_as_they_were(found.words, without=True)
    has_got(found, _image_of(unified.applied, f"{LATER}-optimux-off"), by_grub.applied)
    found = handed(unified.rolled_back, tmp_path / "rolled-back")
    are_as_they_were(found.words, without=False)
    has_got(found, _image_of(unified.rolled_back, "amd64"), by_grub.rolled_back)
    came_and_went(unified)


def _initramfs_of(started: Started) -> Path:
    """The only one on the partition."""
    (found,) = started.esp.glob("*/*/initrd*")
    return found


def _image_of(started: Started, ending: str) -> Path:
    """The unified image of a kernel."""
    (found,) = started.esp.glob(f"EFI/Linux/*-{ending}.efi")
    return found


def _default(started: Started, entry: str) -> None:
    """As a user would choose it in the menu."""
    (started.esp / "loader/loader.conf").write_text(f"default {entry}\n")


@pytest.mark.xdist_group("apply_grub")
def test_refind_reads_the_merged_line(tmp_path: Path) -> None:
    """The loader alone: of the entries it takes the first, as before, which has the plan's words now."""
    own = f'"Standard" "root=/dev/vda {" ".join(WORDS)} mine=1"\n"Minimal" "root=/dev/vda {" ".join(WORDS)}"\n'
    options = by_id_config("shm")
    options["host"] |= {"bootLoader": "refind"}
    (entry,) = (
        found for found in host_entries(plan_from(options)) if isinstance(found, HostLines) and found.path == REFIND
    )
    words = handed(refind(tmp_path, merged(own, entry)), tmp_path / "boot").words
    assert OURS | {"mine=1", "root=/dev/vda"} <= set(words)
    assert OURS.isdisjoint(own.split())
