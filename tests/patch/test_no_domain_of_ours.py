"""Domains that are none for the card, each beside the nearest one that is."""

from __future__ import annotations

import pytest

from optimux.errors import InvalidInput
from optimux.patch import patch_domain
from tests.patch.plans import GPU, domain, plan


def _controllers(count: int, model: str = "pcie-root-port") -> str:
    """Ports with the indices 1 to ``count``, behind the first of them."""
    return "".join(
        f"<controller type='pci' index='{index}' model='{model}'><address type='pci' domain='0x0000' bus='0x01' "
        f"slot='0x{index % 32:02x}' function='0x{index // 32}'/></controller>"
        for index in range(1, count + 1)
    )


def _on_bus_0(count: int) -> str:
    """USB controllers in the slots 1 to ``count``."""
    return "".join(
        f"<controller type='usb' index='{slot}' model='qemu-xhci'><address type='pci' domain='0x0000' bus='0x00' "
        f"slot='0x{slot:02x}' function='0x0'/></controller>"
        for slot in range(1, count + 1)
    )


def _first(model: str) -> str:
    return f"<controller type='pci' index='0' model='{model}'/>"


@pytest.mark.parametrize(
    ("text", "words", "twin"),
    [
        (
            domain().replace("pc-q35-8.2", "microvm"),
            "machine='microvm'; allowed: a q35 machine. Only q35 has",
            domain().replace("pc-q35-8.2", "q35"),
        ),
        (
            domain(GPU + _first("pcie-root") * 2),
            "two PCI controllers with the index 0; allowed: each index once",
            domain(GPU + _first("pcie-root")),
        ),
        (
            domain(GPU + _first("pci-root")),
            "PCI controller 0 of the model pci-root; allowed: pcie-root, as q35 has it",
            domain(GPU + _first("pcie-root")),
        ),
        (domain(rest="<pm/><pm/>"), "<pm> 2 times; allowed: each once", domain(rest="<pm/>")),
        (
            domain(GPU + _controllers(255)),
            "255 PCI controllers; allowed: room for one more",
            domain(GPU + _controllers(254)),
        ),
        (
            domain(GPU + _on_bus_0(0x1E)),
            "no free slot on PCI bus 00; allowed: room for what is added",
            domain(GPU + _on_bus_0(0x0A)),
        ),
    ],
    ids=["machine", "index", "root", "block", "controllers", "slots"],
)
def test_it_is_refused_and_its_twin_is_not(text: str, words: str, twin: str) -> None:
    with pytest.raises(InvalidInput, match=words):
        patch_domain(text.encode(), plan())
    assert patch_domain(twin.encode(), plan()).changes
