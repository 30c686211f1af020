"""The round: applied, the card is vfio-pci's after a boot; by the entry without Optimux, and rolled back, it is not.

Each boot begins in the firmware and is the loader's own: its menu, its command line, its initramfs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from lab.l1.applied import LATER, Dracut, Round, dracut, grub
from lab.l1.configs import AUDIO, GPU, by_id_config
from lab.l1.loaders import WORDS, boot, command_line, next_of_grub, refind
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
    assert set(seen.words).isdisjoint(OURS)
    assert (WITHOUT in seen.words) == without
    assert seen.late == NATIVE


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
    there_and_back = by_dracut.systemd_boot
    is_bound(boot(there_and_back.applied, tmp_path / "applied", NATIVE))
    _default(there_and_back.applied, "*-optimux-off*")
    is_as_it_was(boot(there_and_back.applied, tmp_path / "without", NATIVE), without=True)
    is_as_it_was(boot(there_and_back.rolled_back, tmp_path / "rolled-back", NATIVE), without=False)


@pytest.mark.xdist_group("apply_dracut")
def test_a_unified_image(by_dracut: Dracut, tmp_path: Path) -> None:
    """Of a kernel that came after apply, the newest: its image has our words, the one beside it has not.

    That the copy of the first kernel's image is what booted before is seen by its bytes.
    """
    unified = by_dracut.unified
    is_bound(boot(unified.applied, tmp_path / "applied", NATIVE))
    _default(unified.applied, f"*{LATER}-optimux-off*")
    is_as_it_was(boot(unified.applied, tmp_path / "without", NATIVE), without=True)
    is_as_it_was(boot(unified.rolled_back, tmp_path / "rolled-back", NATIVE), without=False)


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
