"""Scenario 4, binds-vfio: a boot with the generated host files gives the whole card to vfio-pci, before its drivers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lab.l1.configs import AUDIO, GPU, NETWORK, OTHER_GPU, by_id_config, ids
from lab.l1.image import RIVALS

if TYPE_CHECKING:
    from lab.l1.machine import L1

_SECONDS = 60
_NATIVE = {GPU: "bochs-drm", AUDIO: "snd_hda_intel"}  # the drivers of RIVALS, by their own names


def observe(l1: L1) -> dict[str, Any]:
    """What ``scenarios.binds_vfio`` sees of every card."""
    return dict(l1.call("binds_vfio.observe", _SECONDS, addresses=[GPU, AUDIO, NETWORK, OTHER_GPU]))


def _assert_card_is_vfios(seen: dict[str, Any]) -> None:
    for address in (GPU, AUDIO):
        function = seen["functions"][address]
        assert function["early"] == "vfio-pci", f"{address} at the end of the initramfs"
        assert function["driver"] == "vfio-pci", f"{address} after the boot"
        assert function["group"] == [GPU, AUDIO]
    # The card's own drivers were there as well, and got nothing.
    assert set(RIVALS) <= set(seen["modules"])


def test_by_id(by_id: L1) -> None:
    seen = observe(by_id)
    assert {"intel_iommu=on", "iommu=pt"} <= set(seen["command_line"])
    _assert_card_is_vfios(seen)
    assert seen["functions"][NETWORK]["group"] == [NETWORK]


def test_an_id_stands_for_every_card_that_has_it(by_id: L1) -> None:
    """The reason for binding by address."""
    assert observe(by_id)["functions"][OTHER_GPU]["driver"] == "vfio-pci"


def test_by_address_leaves_the_other_card_of_the_same_id(by_address: L1) -> None:
    seen = observe(by_address)
    _assert_card_is_vfios(seen)
    assert seen["functions"][OTHER_GPU]["driver"] == _NATIVE[GPU]


def test_twin_without_the_files(without_files: L1) -> None:
    functions = observe(without_files)["functions"]
    assert {address: functions[address]["driver"] for address in _NATIVE} == _NATIVE
    assert {address: functions[address]["early"] for address in _NATIVE} == _NATIVE


def test_twin_module_after_the_driver(without_files: L1) -> None:
    without_files.call("binds_vfio.load_late", 2 * _SECONDS, ids=",".join(ids(by_id_config())))
    seen = observe(without_files)
    assert "vfio_pci" in seen["modules"]
    assert {address: seen["functions"][address]["driver"] for address in _NATIVE} == _NATIVE
