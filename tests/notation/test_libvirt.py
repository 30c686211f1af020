"""libvirt's spellings, against a real libvirtd where it is the judge."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab.consumers.libvirtd import Libvirtd
from optimux.notation.libvirt import (
    bus_id,
    bus_index,
    guest_address,
    is_user_alias,
    number,
    pci_address,
    pci_attributes,
    scale,
    size,
)
from optimux.pci import Address

addresses = st.builds(Address, st.integers(0, 0xFFFF), st.integers(0, 0xFF), st.integers(0, 31), st.integers(0, 7))

UNITS = (
    ("", 1), ("b", 1), ("B", 1), ("byte", 1), ("bytes", 1), ("BYTES", 1),
    ("K", 1 << 10), ("k", 1 << 10), ("KiB", 1 << 10), ("kib", 1 << 10), ("KB", 1000), ("kb", 1000),
    ("M", 1 << 20), ("MiB", 1 << 20), ("mB", 10**6), ("G", 1 << 30), ("gIb", 1 << 30), ("GB", 10**9),
    ("T", 1 << 40), ("TiB", 1 << 40), ("TB", 10**12), ("P", 1 << 50), ("PB", 10**15), ("E", 1 << 60), ("EiB", 1 << 60),
)  # fmt: skip


@given(addresses)
def test_addresses_round_trip(address: Address) -> None:
    assert pci_address(pci_attributes(address)) == address


@pytest.mark.parametrize(
    ("text", "found"),
    [("16", 16), ("0x10", 16), ("0X1f", 31), ("020", 16), ("0", 0), ("+5", 5), (" 7", 7)]
    + [(text, None) for text in ("", "x", "08", "0x", "-1", "1 ", "1.0", "٣", "9" * 5000)],
)
def test_numbers(text: str, found: int | None) -> None:
    assert number(text) == found


@pytest.mark.parametrize(("unit", "bytes_"), UNITS)
def test_units(unit: str, bytes_: int) -> None:
    assert scale(unit) == bytes_
    assert size("3", unit) == 3 * bytes_


@pytest.mark.parametrize("unit", ["Q", "KiBs", "iB", "MiBi", "KBB", "bit"])
def test_no_unit(unit: str) -> None:
    assert scale(unit) is None
    assert size("3", unit) is None


def test_sizes_that_libvirt_refuses() -> None:
    for text in ("", "-1", "1.5", "0x10", "16777216TiB", "9" * 5000):
        assert size(text, "TiB") is None
    assert size("7", default=1024) == 7168
    assert size("15", "EiB") == 15 << 60
    assert size("16", "EiB") is None


def test_an_address_that_libvirt_chooses() -> None:
    assert guest_address({}) is None
    assert guest_address({"bus": "0x00", "slot": "0x00", "function": "0x1"}) is None
    assert guest_address({"bus": "2"}) == Address(0, 2, 0, 0)
    assert pci_address({"slot": "0x20"}) is None
    assert pci_address({"bus": "0x100"}) is None
    assert pci_address({"function": "8"}) is None


def test_names() -> None:
    assert [bus_id(0), bus_id(12)] == ["pcie.0", "pci.12"]
    assert [bus_index(name) for name in ("pcie.0", "pci.0", "pci.12", "pcie.3")] == [0, 0, 12, 3]
    assert [bus_index(name) for name in ("", "rp1", "pci", "usb.0", "pci.x")] == [None] * 5
    assert is_user_alias("ua-gpu")
    assert not is_user_alias("hostdev0")


DOMAIN = """<domain type='qemu'><name>sizes</name><memory{}>{}</memory>
<os><type arch='x86_64' machine='q35'>hvm</type></os></domain>"""


def test_libvirt_reads_the_same_units(libvirtd_trixie: Libvirtd) -> None:
    """One libvirtd, each unit once; what it writes back is in KiB."""
    for unit, bytes_ in UNITS:
        if unit and bytes_ < 1 << 50:
            count = -(-(8 << 20) // bytes_)
            kept = libvirtd_trixie.kept(DOMAIN.format(f" unit='{unit}'", count), "sizes")
            kib = size(str(count), unit)
            assert kib is not None
            assert f"<memory unit='KiB'>{-(-kib // 1024)}</memory>" in kept, unit
