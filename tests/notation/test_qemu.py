"""QEMU's spellings: round trips, and the same strings read by a real QEMU."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from optimux.notation.qemu.command_line import options
from optimux.notation.qemu.errors import UnreadableError
from optimux.notation.qemu.json_text import read_json, write_json
from optimux.notation.qemu.numbers import read_host, read_place, read_size, write_place
from optimux.notation.qemu.properties import Properties
from optimux.notation.qemu.short import Assignment, Cpu, read_cpu, read_global, read_set
from optimux.pci import Address
from optimux.vm.errors import VmError
from optimux.vm.qemu.programs import find_qemu
from tests.notation.witness import Witness, feature, place

MANY = settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))


@pytest.fixture(scope="module")
def qemu() -> str:
    try:
        return find_qemu()
    except VmError as error:
        pytest.skip(f"Debian package qemu-system-x86: {error.message}")


@pytest.fixture(scope="module")
def witness(qemu: str) -> Iterator[Witness]:
    with Witness(qemu) as found:
        yield found


# Words as they may stand in an argument: commas, equals signs, quotes, JSON's own marks.
words = st.text(st.sampled_from("ab,='\"{}\\:/é ."), max_size=8)
keys = st.text(st.sampled_from("abcxyz-"), min_size=1, max_size=5).filter(lambda key: not key.startswith(("-", "no")))
tables = st.dictionaries(keys, words, max_size=5)


def pairs(values: dict[str, str]) -> str:
    return ",".join(f"{key}={value.replace(',', ',,')}" for key, value in values.items())


@given(tables)
def test_pairs_round_trip(values: dict[str, str]) -> None:
    for option in ("device", "object"):
        read = Properties(option, "x," + pairs(values))
        first = "driver" if option == "device" else "qom-type"
        assert read.values == {first: "x"} | values
        assert read.written().removesuffix(",") == ("x," + pairs(values)).removesuffix(",")


@given(tables, st.booleans())
def test_json_round_trips(values: dict[str, str], single: bool) -> None:
    text = write_json(dict(values), single_quoted=single)
    assert read_json(text) == values
    read = Properties("device", text)
    assert read.values == values
    assert read.written() == text


@given(tables, keys, words)
def test_a_change_changes_one_piece(values: dict[str, str], key: str, value: str) -> None:
    text = "x," + pairs(values)
    read = Properties("object", text)
    assert read.set(key, value) == (values.get(key) != value)
    assert Properties("object", read.written()).values == {"qom-type": "x"} | values | {key: value}
    before, after = text.split(","), read.written().split(",")
    assert not read.set(key, value)
    if key in values and "," not in values[key] + value:
        assert sum(a != b for a, b in zip(before, after, strict=True)) <= 1


@MANY
@given(words, st.sampled_from(("x", "driver", "both", "json", "single")))
def test_qemu_reads_the_same_device(witness: Witness, name: str, form: str) -> None:
    """``name`` arrives as it was meant, by each form that the monitor takes."""
    text = {
        "x": f"virtserialport,id=a,name={name.replace(',', ',,')}",
        "driver": f"id=a,name={name.replace(',', ',,')},driver=virtserialport",
    }.get(form, f"virtserialport,name=no,id=a,id=b,name={name.replace(',', ',,')}")
    read = Properties("device", text)
    assert (read.get("driver"), read.get("id"), read.get("name")) == ("virtserialport", "a", name)
    assert witness.port_name(text, "a") == name


@pytest.mark.parametrize(
    "text",
    [
        "virtserialport,id=a,nname",
        "virtserialport,id=a,noname",
        "virtserialport,id=a,name=x,",
        "virtserialport,id=a,name=x,,",
        ",id=a,driver=virtserialport,name=y",
        "virtserialport,id=a,name=1,name=2",
        "virtserialport,id=a,name=p=q",
        "virtserialport,,id=a",
        "{'driver':'virtserialport','id':'a'}",
    ],
)
def test_spellings_of_a_device(witness: Witness, text: str) -> None:
    """The monitor knows no JSON: what begins with a brace is a driver's name to it."""
    read = Properties("acpitable" if text.startswith("{") else "device", text)
    known = {"driver", "id", "name"} >= read.values.keys() and read.get("driver") == "virtserialport"
    assert witness.port_name(text, "a") == (read.get("name") if known else None)


@MANY
@given(words, st.sampled_from(("pairs", "json", "single")))
def test_qemu_reads_the_same_object(witness: Witness, name: str, form: str) -> None:
    values = {"qom-type": "authz-simple", "id": "a", "identity": name}
    text = pairs(values).removeprefix("qom-type=")
    if form != "pairs":
        text = write_json(dict(values), single_quoted=form == "single")
    assert Properties("object", text).values == values
    assert witness.identity(text, "a") == name


@pytest.mark.parametrize(
    "text",
    [
        """{'qom-type':'authz-simple','id':'a','identity':'\\'x"'}""",
        """{"qom-type":"authz-simple","id":"a","identity":"\\'x\\"\\u00e9\\ud83d\\ude00\\/"}""",
        """{ 'qom-type' : "authz-simple" , 'id':'a',\n"identity":'{}[]:,' }""",
        "authz-simple,id=a,identity",
        "authz-simple,id=a,identity=b,identity=c",
        "authz-simple,id=a,,identity=x",
        "authz-simple,id=a,identity=,",
        "qom-type=authz-simple,id=b,id=a,identity=x",
        "{'qom-type':'authz-simple','id':'a','identity':'b','identity':'c'}",
        "{'qom-type':'authz-simple','id':'a','identity':'\\ud800'}",
        "{'qom-type':'authz-simple','id':'a','identity':'\\ufffe'}",
        "{'qom-type':'authz-simple','id':'a','identity':'\\ufdd0'}",
        "{'qom-type':'authz-simple','id':'a','identity':'\\ufdcf\\ufdf0\\ufffd'}",
        "{'qom-type':'authz-simple','id':'a','identity':'\\ud83f\\udfff'}",
        "{'qom-type':'authz-simple','id':'a','identity':'\ufffe'}",
        "{'qom-type':'authz-simple','id':'a','identity':'b',}",
        "{'qom-type':'authz-simple','id':'a','identity':'b\tc'}",
        "{'qom-type':'authz-simple','id':'a','identity':'b'} x",
        "{'qom-type':'authz-simple','id':'a','identity':'\\x41'}",
        "{'qom-type':'authz-simple','id':'a','identity':NaN}",
        "{'qom-type':'authz-simple','id':'a','identity':'b'",
        """{"qom-type":"authz-simple','id":'a','identity':'b'}""",
        "{qom-type:'authz-simple'}",
        "{}{",
        "{'a':" * 2000,
    ],
)
def test_spellings_of_an_object(witness: Witness, text: str) -> None:
    try:
        values = Properties("object", text).values
    except UnreadableError:
        assert witness.identity(text, "a") is None
        return
    found = values.get("identity") if values.get("id") == "a" else None
    assert witness.identity(text, "a") == found


@pytest.mark.parametrize(
    "text",
    [
        "1M",
        "032M",
        "0x100000",
        "1.5M",
        "1k",
        "4096",
        "1m",
        "1048576b",
        "+1M",
        "1T",
        "0.5G",
        "8K",
        "1.25K",
        "1MiB",
        "1MB",
        "-1M",
        "1e6",
        "x",
        "0x",
        "1.M",
    ],
)
def test_sizes(witness: Witness, text: str) -> None:
    found = witness.size(text)
    assert read_size(text) == found


def test_sizes_that_no_machine_has() -> None:
    assert read_size("16777216T") is None
    assert read_size("9" * 5000) is None
    assert read_size("") is None
    assert read_size("1.5") is None
    assert read_size("0x100000B") == 0x100000B


@pytest.mark.parametrize(
    "text", ["10", "0x10", "10.1", "0x10.0x1", "10.0x1", " 10", "1f.7", "20", "10.8", "10 ", "0X5", "010", "+5", "5."]
)
def test_places(qemu: str, text: str) -> None:
    # 1f and its function 7 are free on q35: LPC, SATA and SMBus have 0, 2 and 3.
    assert read_place(text) == place(qemu, "-device", f"pci-testdev,addr={text},multifunction=on")


@pytest.mark.parametrize("value", ["16", "17", '"16"', '"10.1"', "256"])
def test_places_in_json(qemu: str, value: str) -> None:
    """A number is slot and function in one; text is hexadecimal."""
    text = f"{{'driver':'pci-testdev','multifunction':true,'addr':{value}}}"
    assert read_place(read_json(text)["addr"]) == place(qemu, "-device", text)


@given(st.integers(1, 31), st.integers(0, 7))
def test_places_round_trip(slot: int, function: int) -> None:
    address = Address(0, 0, slot, function)
    assert read_place(write_place(address)) == (slot, function)
    assert read_place(slot * 8 + function) == (slot, function)


def test_what_is_no_place() -> None:
    assert [read_place(value) for value in (True, None, -1, 1.5, "", "-1", "9" * 5000)] == [None] * 7


@pytest.mark.parametrize(
    ("text", "found"),
    [("01:00.0", Address(0, 1, 0, 0)), ("0000:0A:1f.7", Address(0, 10, 31, 7)), ("10000:e1:00.0", None)]
    + [(text, None) for text in ("1:0.8", "01:20.0", "nvidia", "", "::.0")],
)
def test_hosts(text: str, found: Address | None) -> None:
    if text.startswith("10000"):
        found = Address(0x10000, 0xE1, 0, 0)
    assert read_host(text) == found


@pytest.mark.parametrize(
    "words",
    ["-hypervisor,+hypervisor", "+hypervisor,hypervisor=off", "-hypervisor,hypervisor", "hypervisor,hypervisor=off"],
)
def test_which_sign_of_a_cpu_is_in_force(qemu: str, words: str) -> None:
    assert dict(read_cpu(f"max,{words}").features) == {"hypervisor": feature(qemu, f"max,{words}", "hypervisor")}


def test_words_are_paired() -> None:
    line = ["-nodefaults", "-device", "a", "disk.img", "--object", "b", "-cpu", "-x", "-own", "-S", "-device"]
    found = [(option.name, option.value, option.first) for option in options(line)]
    assert found == [
        ("nodefaults", None, 0),
        ("device", "a", 1),
        ("", None, 3),
        ("object", "b", 4),
        ("cpu", "-x", 6),
        ("own", None, 8),
        ("S", None, 9),
        ("device", None, 10),
    ]


def test_options_of_their_own() -> None:
    assert read_set("device.hostdev0.x-pci-sub-vendor-id=0x1028") == Assignment(
        "device", "hostdev0", "x-pci-sub-vendor-id", "0x1028"
    )
    assert read_set("device.a.b.c=d=e").key == "b.c"
    assert read_global("vfio-pci.x-a=1") == Assignment("global", "vfio-pci", "x-a", "1")
    assert read_global("driver=vfio-pci,property=x-a,value=1") == read_global("vfio-pci.x-a=1")
    assert read_cpu("host,-hypervisor,+a_b,kvm=off,topoext") == Cpu(
        "host", (("kvm", "off"), ("topoext", "on"), ("a-b", "on"), ("hypervisor", "off"))
    )
    for read, text in ((read_set, "device.a"), (read_set, "a=b"), (read_global, "x"), (read_cpu, ",a")):
        with pytest.raises(UnreadableError):
            read(text)
