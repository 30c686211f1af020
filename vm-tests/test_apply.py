"""The round: applied, the card is vfio-pci's after a boot; by the entry without Optimux, and rolled back, it is not.

Each boot begins in the firmware and is the loader's own: its menu, its command line, its initramfs. One that ends with
the kernel's first words shows what the loader gave it; what such words, or an initramfs without vfio-pci, lead to is
shown by a complete one with the same tools.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from lab.l1.applied import LATER, Dracut, Round, dracut, grub
from lab.l1.configs import AUDIO, GPU, by_id_config
from lab.l1.loaders import WORDS, boot, command_line, drivers_on, next_of_grub, refind
from optimux.emit.artifact import HostLines
from optimux.emit.boot_loader.tools import REFIND
from optimux.emit.host import host_entries
from optimux.emit.merge import merged
from optimux.plan.resolve import plan_from

if TYPE_CHECKING:
    from pathlib import Path

    from lab.l1.loaders import Seen, Started

NATIVE = {GPU: "bochs-drm", AUDIO: "snd_hda_intel"}
VFIO = dict.fromkeys(NATIVE, "vfio-pci")
OURS = {"intel_iommu=on", "iommu=pt"}
WITHOUT = "module_blacklist=vfio_pci"


def is_bound(seen: Seen) -> None:
    """Applied."""
    assert set(seen.words) >= OURS
    assert WITHOUT not in seen.words
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
    """Rolled back, such an initramfs boots in the test above."""
    there_and_back = by_dracut.systemd_boot
    is_bound(boot(there_and_back.applied, tmp_path / "applied", NATIVE))
    _default(there_and_back.applied, "*-optimux-off*")
    is_as_it_was(boot(there_and_back.applied, tmp_path / "without", NATIVE), without=True)
    are_as_they_were(command_line(there_and_back.rolled_back, tmp_path / "rolled-back"), without=False)
    came_and_went(there_and_back)


@pytest.mark.xdist_group("apply_dracut")
def test_a_unified_image(by_dracut: Dracut, tmp_path: Path) -> None:
    """Of a kernel that came after apply, the newest: its image has our words, the one beside it has not.

    That the copy of the first kernel's image is what booted before is seen by its bytes. The initramfs in the image is
    the one of the tests above.
    """
    unified = by_dracut.unified
    is_bound(boot(unified.applied, tmp_path / "applied", NATIVE))
    _default(unified.applied, f"*{LATER}-optimux-off*")
    are_as_they_were(command_line(unified.applied, tmp_path / "without"), without=True)
    are_as_they_were(command_line(unified.rolled_back, tmp_path / "rolled-back"), without=False)
    came_and_went(unified)


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
    words = command_line(refind(tmp_path, merged(own, entry)), tmp_path / "boot")
    assert OURS | {"mine=1", "root=/dev/vda"} <= set(words)
    assert OURS.isdisjoint(own.split())
