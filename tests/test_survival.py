"""The judge of what libvirt keeps: it must see every loss, and no loss where there is none."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab.consumers.assignment import cheapest
from lab.consumers.survival import lost

QEMU = "xmlns:qemu='http://libvirt.org/schemas/domain/qemu/1.0'"


def devices(*inside: str) -> str:
    return f"<domain type='kvm'><devices>{''.join(inside)}</devices></domain>"


def disk(source: str, target: str, extra: str = "") -> str:
    return f"<disk type='file'><source file='{source}'/><target dev='{target}' bus='sata'/>{extra}</disk>"


def arguments(*values: str) -> str:
    inside = "".join(f"<qemu:arg value='{value}'/>" for value in values)
    return f"<domain {QEMU}><qemu:commandline>{inside}</qemu:commandline></domain>"


KEPT = {
    "same": ("<domain><name>a</name></domain>", "<domain><name>a</name></domain>"),
    "space and comments": ("<domain> <!-- why --> <name> a\n</name></domain>", "<domain><name>a</name></domain>"),
    "more in the dump": ("<domain><os/></domain>", "<domain id='1'><uuid>u</uuid><os><boot dev='hd'/></os></domain>"),
    "siblings in another order": (
        devices(disk("/a", "sda"), disk("/b", "sdb")),
        devices(disk("/b", "sdb"), disk("/a", "sda")),
    ),
    # The first may stand for either, the second for one alone.
    "less said before more": (
        devices("<input bus='usb'/>", "<input bus='usb' type='tablet'/>"),
        devices("<input type='tablet' bus='usb'/>", "<input type='mouse' bus='usb'/>"),
    ),
    "hexadecimal": (
        "<domain><address bus='0x01' slot='16'/></domain>",
        "<domain><address bus='1' slot='0x10'/></domain>",
    ),
    "unit": (
        "<domain><memory unit='GiB'>16</memory></domain>",
        "<domain><memory unit='KiB'>16777216</memory></domain>",
    ),
    "default unit": ("<domain><memory>1024</memory></domain>", "<domain><memory unit='MiB'>1</memory></domain>"),
    "short unit": ("<domain><size unit='M'>64</size></domain>", "<domain><size unit='bytes'>67108864</size></domain>"),
    "page size": ("<domain><page size='1' unit='GiB'/></domain>", "<domain><page size='1048576' unit='KiB'/></domain>"),
    "arguments": (arguments("-a", "b", "-a"), arguments("-a", "b", "-a")),
}

LOST = {
    "element": (
        "<domain><os><bios useserial='yes'/></os></domain>",
        "<domain><os/></domain>",
        ["/domain/os/bios: the element is gone"],
    ),
    "attribute": (
        "<domain><cpu mode='a' check='none'/></domain>",
        "<domain><cpu mode='a'/></domain>",
        ["/domain/cpu: attribute check='none' is gone"],
    ),
    "value": (
        "<domain><cpu mode='a'/></domain>",
        "<domain><cpu mode='b'/></domain>",
        ["/domain/cpu: attribute mode='a' became 'b'"],
    ),
    "text": (
        "<domain><vcpu>8</vcpu></domain>",
        "<domain><vcpu>16</vcpu></domain>",
        ["/domain/vcpu: text '8' became '16'"],
    ),
    "empty text": (
        "<domain><rom>x</rom></domain>",
        "<domain><rom/></domain>",
        ["/domain/rom: text 'x' became ''"],
    ),
    "the root": ("<domain/>", "<network/>", ["/domain: the element became network"]),
    "one of two equals": (
        devices(disk("/a", "sda"), disk("/a", "sda")),
        devices(disk("/a", "sda")),
        ["/domain/devices/disk[2]: the element is gone"],
    ),
    "one of three": (
        devices(disk("/a", "sda"), disk("/b", "sdb"), disk("/c", "sdc")),
        devices(disk("/c", "sdc"), disk("/a", "sda")),
        ["/domain/devices/disk[2]: the element is gone"],
    ),
    "inside one of two": (
        devices(disk("/a", "sda"), disk("/b", "sdb", "<serial>x</serial>")),
        devices(disk("/b", "sdb"), disk("/a", "sda")),
        ["/domain/devices/disk[2]/serial: the element is gone"],
    ),
    "attributes swapped between siblings": (
        devices(disk("/a", "sda"), disk("/b", "sdb")),
        devices(disk("/a", "sdb"), disk("/b", "sda")),
        [
            "/domain/devices/disk[1]/target: attribute dev='sda' became 'sdb'",
            "/domain/devices/disk[2]/target: attribute dev='sdb' became 'sda'",
        ],
    ),
    "size": (
        "<domain><memory unit='GiB'>16</memory></domain>",
        "<domain><memory unit='KiB'>16</memory></domain>",
        ["/domain/memory: attribute unit='GiB' became 'KiB'"],
    ),
    "size and unit": (
        "<domain><memory unit='GiB'>1</memory></domain>",
        "<domain><memory unit='KiB'>1048575</memory></domain>",
        ["/domain/memory: attribute unit='GiB' became 'KiB'", "/domain/memory: text '1' became '1048575'"],
    ),
    "beside a size": (
        "<domain><memory unit='MiB' dumpCore='off'>1</memory></domain>",
        "<domain><memory unit='KiB'>1024</memory></domain>",
        ["/domain/memory: attribute dumpCore='off' is gone"],
    ),
    "no number": (
        "<domain><name>010</name></domain>",
        "<domain><name>10</name></domain>",
        ["/domain/name: text '010' became '10'"],
    ),
    "argument": (
        arguments("-a", "b"),
        arguments("-a"),
        ["/domain/qemu:commandline/qemu:arg[2]: the element is gone"],
    ),
    "order of arguments": (
        arguments("-a", "b"),
        arguments("b", "-a"),
        [
            "/domain/qemu:commandline/qemu:arg[1]: attribute value='-a' became 'b'",
            "/domain/qemu:commandline/qemu:arg[2]: attribute value='b' became '-a'",
        ],
    ),
    "order of boot devices": (
        "<domain><os><boot dev='hd'/><boot dev='cdrom'/></os></domain>",
        "<domain><os><boot dev='cdrom'/><boot dev='hd'/></os></domain>",
        [
            "/domain/os/boot[1]: attribute dev='hd' became 'cdrom'",
            "/domain/os/boot[2]: attribute dev='cdrom' became 'hd'",
        ],
    ),
    "namespace": (
        arguments("-a"),
        arguments("-a").replace("qemu/1.0", "qemu/2.0"),
        ["/domain/qemu:commandline: the element is gone"],
    ),
}


@pytest.mark.parametrize("case", KEPT)
def test_kept(case: str) -> None:
    assert lost(*KEPT[case]) == []


@pytest.mark.parametrize("case", LOST)
def test_lost(case: str) -> None:
    generated, dumped, expected = LOST[case]
    assert lost(generated, dumped) == expected


def least(cost: list[list[int]]) -> int:
    """The least sum of any assignment, by trying all."""
    rows, columns = range(len(cost)), range(len(cost[0]))
    return min(sum(cost[row][chosen[row]] for row in rows) for chosen in itertools.permutations(columns, len(cost)))


@given(
    st.integers(1, 5).flatmap(
        lambda width: st.lists(st.lists(st.integers(0, 6), min_size=width, max_size=width), min_size=1, max_size=width)
    )
)
def test_assignment_is_the_cheapest(cost: list[list[int]]) -> None:
    chosen = cheapest(cost)
    assert len(set(chosen)) == len(cost)
    assert sum(row[column] for row, column in zip(cost, chosen, strict=True)) == least(cost)
