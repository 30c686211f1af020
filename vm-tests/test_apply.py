"""The round: applied, the card is vfio-pci's after a boot; by the entry without Optimux, and rolled back, it is not."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import pytest

from lab.consumers import roots
from lab.l1.applied import applied_image
from lab.l1.configs import AUDIO, GPU
from lab.l1.machine import booted
from lab.l1.qemu import qemu_of
from optimux.vm.qemu.accel import accelerated

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from lab.l1.image import Image

_SECONDS = 60
_NATIVE = {GPU: "bochs-drm", AUDIO: "snd_hda_intel"}
_VFIO = dict.fromkeys(_NATIVE, "vfio-pci")


def _seen(image: Image, folder: Path) -> dict[str, Any]:
    """What a boot of the image shows of the card."""
    folder.mkdir()
    qemu = qemu_of(roots.trixie_root(), folder)
    with ExitStack() as stack:
        l1 = accelerated(qemu, lambda which: stack.enter_context(booted(image, which, qemu, folder / which.name)))
        return dict(l1.call("binds_vfio.observe", _SECONDS, addresses=[*_NATIVE]))


def _drivers(seen: dict[str, Any], when: str) -> dict[str, str]:
    return {address: function[when] for address, function in seen["functions"].items()}


@pytest.fixture(scope="module")
def applied(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Image, Image]]:
    images = applied_image(roots.trixie_root(), tmp_path_factory.mktemp("applied"))
    yield images
    images[0].disk.unlink()


@pytest.mark.xdist_group("apply_l1")
def test_applied_and_booted(applied: tuple[Image, Image], tmp_path: Path) -> None:
    seen = _seen(applied[0], tmp_path / "boot")
    assert {"intel_iommu=on", "iommu=pt"} <= set(seen["command_line"])
    assert _drivers(seen, "early") == _VFIO
    assert _drivers(seen, "driver") == _VFIO


@pytest.mark.xdist_group("apply_l1")
def test_the_entry_without_it(applied: tuple[Image, Image], tmp_path: Path) -> None:
    """The same disk: the machine as it was, with nothing undone."""
    seen = _seen(applied[1], tmp_path / "boot")
    assert "module_blacklist=vfio_pci" in seen["command_line"]
    assert "iommu=pt" not in seen["command_line"]
    assert _drivers(seen, "driver") == _NATIVE


@pytest.mark.xdist_group("apply_l1")
def test_rolled_back_and_booted(tmp_path: Path) -> None:
    image, _ = applied_image(roots.trixie_root(), tmp_path, rolled_back=True)
    seen = _seen(image, tmp_path / "boot")
    assert "iommu=pt" not in seen["command_line"]
    assert _drivers(seen, "early") == _NATIVE
    assert _drivers(seen, "driver") == _NATIVE
    image.disk.unlink()
