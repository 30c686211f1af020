"""Domains in the formats that users have, patched as the plan wants; and what is refused."""

from __future__ import annotations

import re

import pytest
from lxml import etree

from lab.consumers.roots import Root
from lab.documents import BY_HAND, I440FX, KEY_VALUE, ONE_LINE, STORED, VIRT_MANAGER, WILD
from optimux.errors import InvalidInput
from optimux.patch.concerns import PASSTHROUGH as CONCERNS
from optimux.patch.source import Source
from optimux.plan.model import DomainPlan
from tests.golden_cases import case
from tests.patch.checker import problems
from tests.patch.passthrough import patch_domain
from tests.patch.spans import damage

PLAN = case("omen-17").plan().domains[0]
SHM = case("idd-shm").plan().domains[0]


def patched(text: str, plan: DomainPlan = PLAN, *only: str) -> str:
    return patch_domain(text.encode(), plan, only=only).document.decode()


def text_of(document: bytes) -> str:
    if document.startswith((b"\xff\xfe", b"\xfe\xff")):
        return document.decode("utf-16")
    return document.decode("latin-1" if b"8859" in document[:60] else "utf-8-sig")


@pytest.mark.parametrize("name", sorted(WILD))
@pytest.mark.parametrize("plan", [PLAN, SHM], ids=["kvmfr", "shm"])
def test_formats(name: str, plan: DomainPlan, trixie: Root) -> None:
    schema = etree.RelaxNG(file=str(trixie.path / "usr/share/libvirt/schemas/domain.rng"))
    document = WILD[name]
    result = patch_domain(document, plan)
    assert problems(result.document, plan, CONCERNS, [str(left) for left in (*result.left, *result.unpatched)]) == []
    assert damage(text_of(document), text_of(result.document)) == []
    assert patch_domain(result.document, plan).document == result.document
    assert schema.validate(etree.fromstring(document)), schema.error_log
    assert schema.validate(etree.fromstring(result.document)), schema.error_log
    assert result.document[:4] == document[:4]


def test_inserted_elements_follow_the_files_own_style() -> None:
    by_hand = patched(BY_HAND)
    assert '\n\t\t<tpm model="tpm-crb">\n\t\t\t<backend type="emulator" version="2.0"/>\n\t\t</tpm>\n' in by_hand
    assert "<features><acpi/><apic/>\n" in by_hand
    assert '{"qom-type"' in by_hand
    assert "'{" in by_hand  # JSON in the quotes that it has not
    crlf = patched(STORED.replace("\n", "\r\n"))
    assert "\n" not in crlf.replace("\r\n", "")
    assert "\n" not in patched(ONE_LINE)
    assert patched(STORED).startswith(STORED[: STORED.index("<domain")])


def test_what_a_person_wrote_stays() -> None:
    after = patched(BY_HAND)
    for line in (
        "<!-- do not rename: the hook in /etc/libvirt/hooks/qemu looks for it -->",
        "<title>Spiele &amp; so &#x2013; Gästerechner</title>",
        '<shmem name="scream-ivshmem"><model type="ivshmem-plain"/><size unit="M">2</size></shmem>',
        '<qemu:arg value="-acpitable"/> <qemu:arg value="file=/root/ssdt-ec.aml"/>',
        '<qemu:env name="QEMU_AUDIO_DRV" value="none"/>',
        '<!-- <rom file="/root/old.rom"/> -->',
        BY_HAND[BY_HAND.index("\t\t<!--\n") : BY_HAND.index("\t\t-->\n")],
    ):
        assert line in after, line
    assert "ssdt1.dat" not in after
    assert "host,-hypervisor" not in after  # it would win over all of <cpu>
    assert '<feature policy="disable" name="hypervisor"/>' in after
    left = " ".join(str(change) for change in patch_domain(BY_HAND.encode(), PLAN).left)
    assert "/root/ssdt-ec.aml" in left
    assert "scream-ivshmem" in left


def test_a_commented_out_device_is_not_a_device() -> None:
    assert patched(BY_HAND).count('bus="1"') == 1
    commented = VIRT_MANAGER.replace("<watchdog model='itco' action='reset'/>", "<!-- <memballoon model='none'/> -->")
    assert "    <memballoon model='none'/>\n" in patched(commented, PLAN, "memballoon")


def test_arguments_are_read_as_arguments() -> None:
    after = patched(KEY_VALUE, PLAN, "memory")
    assert "memory-backend-file,id=lg,mem-path=/dev/kvmfr0,size=134217728,share=yes" in after
    assert "ivshmem-plain,id=shmem1,memdev=lg,bus=pcie.0,addr=0x10" in after
    assert '{ "driver": "usb-kbd", "id": "kbd9" }' in after
    enough = KEY_VALUE.replace("size=32M", "size=128M").replace("memdev=lg'", "memdev=lg,bus=pcie.0,addr=0x8'")
    assert patched(enough, PLAN, "memory") == enough


def test_the_switch_from_one_memory_to_the_other_and_back() -> None:
    kvmfr = patched(VIRT_MANAGER, PLAN, "memory")
    shm = patched(kvmfr, SHM, "memory")
    assert "kvmfr" in kvmfr
    assert "<shmem" not in kvmfr
    assert "kvmfr" not in shm
    assert "qemu:commandline" not in shm
    assert "<shmem name='looking-glass'>" in shm
    assert patched(shm, PLAN, "memory") == kvmfr


def test_the_network_card_gives_way_to_the_gpu() -> None:
    result = patch_domain(VIRT_MANAGER.encode(), PLAN, only=["gpu"])
    (moved,) = (change.what for change in result.changes if change.what.startswith("moved"))
    assert re.fullmatch(r"moved <interface .*> from 0000:01:00.0 to 0000:04:00.0", moved)
    assert any("added root port 4" in change.what for change in result.changes)
    free = VIRT_MANAGER.replace("<address type='pci' domain='0x0000' bus='0x01'", "<address type='pci' bus='0x00'")
    free = free.replace("bus='0x00' domain='0x0000'", "bus='0x00'").replace(
        "bus='0x00' slot='0x00'", "bus='0x00' slot='0x07'"
    )
    assert all("moved" not in change.what for change in patch_domain(free.encode(), PLAN, only=["gpu"]).changes)


def test_the_articles_own_domain() -> None:
    old = case("omen-17-2023").expected / "domains" / "Windows11.xml"
    result = patch_domain(old.read_bytes(), PLAN)
    assert problems(result.document, PLAN, CONCERNS, [str(left) for left in (*result.left, *result.unpatched)]) == []
    after = result.document.decode()
    assert "-acpitable" not in after
    assert damage(old.read_text(), after) == []
    assert len(result.changes) < 25


@pytest.mark.parametrize(
    ("document", "words"),
    [
        (I440FX, "i440fx has no PCI Express"),
        ("<network/>", "found <network>"),
        ("", r"no element found \(line 1, column 1\)"),
        ("<domain type='kvm'>\n  <name>a</nome></domain>", r"mismatched tag \(line 2, column 12\)"),
        ("<domain type='lxc'/>", "type='lxc'"),
        ("<domain type='kvm'/>", "no <os><type>"),
        ("<domain type='kvm'><os><type arch='aarch64'>hvm</type></os></domain>", "arch='aarch64'"),
        ("<!DOCTYPE d [<!ENTITY a 'b'>]><domain>&a;</domain>", "document type with declarations"),
        ("<!DOCTYPE d SYSTEM 'http://127.0.0.1:1/d'><domain/>", "document type with declarations"),
        ("<domain>&lol;</domain>", "undefined entity"),
        ("<domain><qemu:commandline/></domain>", "prefix qemu without a namespace"),
        ("<a>" * 300 + "</a>" * 300, "nested more than 256"),
        ("<domain>" + " " * (8 << 20) + "</domain>", "at most 8388608"),
        ("<?xml version='1.0' encoding='rot13'?><domain/>", "the encoding rot13"),
    ],
)
def test_refusals(document: str, words: str) -> None:
    with pytest.raises(InvalidInput, match=words):
        patch_domain(document.encode(), PLAN)


def test_bytes_that_an_encoding_spells_in_two_ways() -> None:
    """Written back they would not be the same bytes."""
    head, text = b"<?xml version='1.0' encoding='big5'?><domain><title>", b"\xa2\xcc</title></domain>"
    with pytest.raises(InvalidInput, match="spells in two ways"):
        patch_domain(head + text, PLAN)
    with pytest.raises(InvalidInput, match="type=''"):
        patch_domain(head + text.replace(b"\xa2\xcc", b"\xa4\x40"), PLAN)


@pytest.mark.parametrize("name", ["utf-32", "utf-32-le", "utf-32-be"])
def test_utf_32(name: str) -> None:
    """It begins as UTF-16 does; its twin in UTF-16 is read."""
    text = "<domain><name>vm</name></domain>"
    with pytest.raises(InvalidInput, match="domain: found UTF-32; allowed: UTF-8, UTF-16"):
        Source(text.encode(name))
    assert Source(text.encode(name.replace("32", "16"))).root.name == "domain"


def test_bytes_of_no_encoding() -> None:
    with pytest.raises(InvalidInput, match="byte 9 is none of utf-8"):
        patch_domain(b"<domain>\xff</domain>"[:8] + b"\n\xff</domain>", PLAN)


def test_an_unknown_concern() -> None:
    with pytest.raises(InvalidInput, match='"sound"'):
        patch_domain(VIRT_MANAGER.encode(), PLAN, only=["sound"])
