"""Each kind of small value: what it is called, the outermost that it takes and the nearest that it does not.

Written down once more on purpose: what the declaration says cannot be judged by the declaration.
"""

from __future__ import annotations

import re
from typing import Any

import pytest

from optimux.declare import values
from optimux.declare.containers import ListOf, MapOf
from optimux.declare.kind import INVALID, Kind
from optimux.declare.scalars import NOT_IN_XML, Int, Parsed, Scalar, Text
from optimux.declare.wording import suggestion
from optimux.findings import Findings

X64 = "x" * 64
# The words for what is allowed, values that are taken, values that are refused.
KINDS: dict[str, tuple[str, list[Any], list[Any]]] = {
    "DISTRIBUTION": (
        'one of "nixos", "arch", "debian", "fedora", "fedora-atomic", "opensuse"',
        ["nixos", "fedora-atomic", "Ubuntu"],
        ["", "gentoo", "Arch", 1],
    ),
    "CPU_VENDOR": ('one of "intel", "amd"', ["intel", "amd"], ["via", "", True]),
    "SECURITY_MODULE": ('one of "apparmor", "selinux", "none"', ["apparmor", "selinux", "none"], ["smack", None]),
    "INITRAMFS": (
        'one of "mkinitcpio", "dracut", "initramfs-tools", "booster"',
        ["mkinitcpio", "dracut", "initramfs-tools", "booster"],
        ["mkinitrd", "Dracut", None],
    ),
    "BOOT_LOADER": (
        'one of "grub", "systemd-boot", "grubby", "limine", "uki", "rpm-ostree", "refind", '
        '"sdbootutil", "sdboot-manage", "kernelstub", "manual"',
        [
            "grub",
            "systemd-boot",
            "grubby",
            "limine",
            "uki",
            "rpm-ostree",
            "refind",
            "sdbootutil",
            "sdboot-manage",
            "kernelstub",
            "manual",
        ],
        ["lilo", "GRUB", None],
    ),
    "ADDRESS": (
        'a PCI address such as "0000:01:00.0"',
        ["0000:00:00.0", "00010000:ff:1f.7"],
        ["0000:00:00.8", "0000:00:20.0", "000:00:00.0", "00:00.0"],
    ),
    "PCI_ID": (
        'a vendor and device id such as "10de:249d"',
        ["0000:0000", "FFFF:ffff"],
        ["10de", "10de:249", "g0de:0"],
    ),
    "SIZE": ('a size with a unit such as "16GiB"', ["1KiB", "16 GiB", "4TiB"], ["16", "16GB", "GiB", "0x1MiB"]),
    "BAR_SIZE": (
        'a power of two with a unit such as "128MiB"',
        ["1MiB", "4096GiB"],
        ["3MiB", "8192GiB", "512KiB", "1TiB"],
    ),
    "VERSION": ('a version such as "11.3"', ["1", "11.3", "11.3.99999"], ["11.", "1.2.3.4", "100000", "v1"]),
    "PLACEMENT": ('a PCI address, or "auto"', ["auto", "0000:01:00.0"], ["none", "Auto", ""]),
    "PATH": (
        "an absolute path without quotes, tabs or a trailing slash, such as /a/b",
        ["/ab", "/" + "a" * 1023],
        ["/", "a/b", "/a/", '/a"b', "/a\tb", "/" + "a" * 1024],
    ),
    "WORD": ("a word of letters, digits and _ . + -", ["_", "a.+-_", X64], ["", ".a", "a b", X64 + "x"]),
    "MODULE": ("the name of a kernel module", ["a", "snd-hda_intel", X64], ["", "a.b", X64 + "x"]),
    "UUID": (
        "a UUID of the form 8-4-4-4-12",
        ["5d5b00d8-475a-4b6c-8053-9dda30cd2f95", "5D5B00D8-475A-4B6C-8053-9DDA30CD2F95"],
        ["5d5b00d8475a4b6c80539dda30cd2f95", "5d5b00d8-475a-4b6c-8053-9dda30cd2f9", "g" * 36],
    ),
    "MAC": (
        "a unicast MAC address such as 52:54:00:12:34:56",
        ["52:54:00:12:34:56", "FE:ff:FF:ff:FF:ff"],
        ["53:54:00:12:34:56", "52:54:00:12:34", "52-54-00-12-34-56"],
    ),
    "CPU_SET": (
        'host CPUs such as "0-3,8"',
        ["0", "0-3,8", "0-7,^3", ",".join(["1000"] * 51)],
        ["", "0,", "a", "12345", ",".join(["1000"] * 52)],
    ),
    "IP_ADDRESS": (
        "an IPv4 or IPv6 address",
        ["0.0.0.0", "255.255.255.255", "::1"],
        ["256.0.0.1", "1.2.3", "fe80::1%eth0", ""],
    ),
    "PORT": ("a whole number from 1 to 65535", [1, 65535], [0, 65536, True, "1", 1.5]),
    "XML": ("well-formed XML elements", ["", "<a/>\n", "x" * 65536], ["x" * 65537, "\x01", 1]),
    "TEXT": ("one line of text", ["", "é" * 4096], ["a\nb", "a\rb", "x" * 4097, "\x00"]),
    "USER": (
        "the name of a user or a group",
        ["a", "_apt", "x" * 32, "x" * 32 + "$"],
        ["", "1a", "x" * 33, "a b", "$"],
    ),
    "SETTING": ("a name of letters and digits", ["a", "Z9", X64], ["", "9a", "a-b", X64 + "x"]),
}
# What people write for the family that theirs is of; the ID of each one's os-release among them.
CALLED = {
    "arch": "archlinux cachyos endeavouros garuda manjaro omarchy steamos",
    "debian": "elementary linuxmint mint neon pop pop!_os pop-os ubuntu zorin",
    "fedora": "almalinux centos nobara rhel rocky",
    "fedora-atomic": "aurora bazzite bluefin kinoite silverblue",
    "opensuse": "leap opensuse-leap opensuse-slowroll opensuse-tumbleweed suse tumbleweed",
}


def _load(kind: Kind[Any], value: object) -> tuple[Any, Findings]:
    findings = Findings()
    return kind.load(value, "here", findings), findings


def test_every_kind_has_its_rows() -> None:
    assert {name for name, value in vars(values).items() if isinstance(value, Kind)} == set(KINDS)


@pytest.mark.parametrize(("name", "taken"), [(name, value) for name, row in KINDS.items() for value in row[1]])
def test_what_is_taken(name: str, taken: object) -> None:
    loaded, findings = _load(getattr(values, name), taken)
    assert loaded is not INVALID
    assert findings.problems == []


@pytest.mark.parametrize(("name", "refused"), [(name, value) for name, row in KINDS.items() for value in row[2]])
def test_what_is_refused(name: str, refused: object) -> None:
    loaded, findings = _load(getattr(values, name), refused)
    assert loaded is INVALID
    (problem,) = findings.problems
    assert (problem.path, problem.allowed) == ("here", KINDS[name][0])
    assert problem.found
    assert problem.remedy


@pytest.mark.parametrize(("name", "own"), [(name, own) for own, names in CALLED.items() for name in names.split()])
def test_what_a_distribution_is_called(name: str, own: str) -> None:
    for spelt in (name, name.upper()):
        assert _load(values.DISTRIBUTION, spelt)[0] == own
    assert name in values.DISTRIBUTION.called
    assert values.FAMILIES[name] == own


def test_no_name_stands_for_a_family_unsaid() -> None:
    families = {own: own for own in values.DISTRIBUTION.words if own != "nixos"}
    named = {name: own for own, names in CALLED.items() for name in names.split()}
    assert dict(values.FAMILIES) in (families | named, families | named | {"nixos": "nixos"})


@pytest.mark.parametrize(
    ("given", "loaded", "with_example"),
    [
        ([1], INVALID, INVALID),
        ([1, 2], (1, 2), (1, 2)),
        ([1, 2, 3], (1, 2, 3), (1, 2, 3)),
        ([1, 2, 3, 4], INVALID, INVALID),
        ([1, 2, 0], (1, 2), (1, 2, 9)),
        ([0, 2], INVALID, (9, 2)),
        ("12", INVALID, INVALID),
    ],
)
def test_a_list_of_two_or_three(
    given: object, loaded: object, with_example: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What cannot be read is left out, or replaced by an example where there is one, so that the rest can be judged."""
    kind = ListOf(Int(1, 9), least=2, most=3)
    assert _load(kind, given)[0] == loaded
    monkeypatch.setattr(Int, "stand_in", lambda self: 9)
    assert _load(kind, given)[0] == with_example


NAMED = MapOf(Int(1, 9), most=2)


@pytest.mark.parametrize(
    ("given", "loaded"),
    [
        ({"a": 1, "b": 2}, {"a": 1, "b": 2}),
        ({"a": 1, "b": 2, "c": 3}, INVALID),
        ({"a": 1, "b": 0}, {"a": 1}),
        ({"a": 1, "-": 2}, {"a": 1}),
        ({"x" * 64: 1, "x" * 65: 1}, {"x" * 64: 1}),
        ({}, {}),
        ([], INVALID),
    ],
)
def test_a_table_of_at_most_two(given: object, loaded: object) -> None:
    assert _load(NAMED, given)[0] == loaded


@pytest.mark.parametrize(
    ("given", "taken"),
    [
        ((1 << 63) - 1, True),
        (1 - (1 << 63), True),
        (1 << 63, False),
        (-(1 << 63), False),
        (True, True),
        ("é", True),
        ("a\nb", False),
        ("", True),
        (1.5, False),
        (None, False),
    ],
)
def test_a_value_of_a_settings_file(given: object, taken: bool) -> None:
    loaded, findings = _load(Scalar(), given)
    assert loaded is (given if taken else INVALID)
    assert [problem.allowed for problem in findings.problems] == (
        [] if taken else ["one line of text, a whole number, or true or false"]
    )


@pytest.mark.parametrize(
    ("value", "meant"),
    [
        ("kvm", "kvmfr"),
        ("KVMFR", "kvmfr"),
        ("kvfmr", "kvmfr"),
        ("", None),
        ("s", None),
        ("sha", "sha"),
        ("shmem", "shm"),
        ("x", None),
        ("k" * 70, None),
    ],
)
def test_what_was_meant(value: str, meant: str | None) -> None:
    """What it begins, where that is one alone; what it resembles; nothing of nothing."""
    assert suggestion(value, ("kvmfr", "shm", "sha")) == meant


@pytest.mark.parametrize("value", ["", "zz"])
def test_the_only_word_is_not_always_meant(value: str) -> None:
    assert suggestion(value, ("kvmfr",)) is None


def test_how_much_an_unbounded_kind_takes() -> None:
    assert [_load(Int(), number)[0] for number in (0, 2**31 - 1)] == [0, 2**31 - 1]
    assert [_load(Int(), number)[0] for number in (-1, 2**31)] == [INVALID, INVALID]
    for most in (10_000, 10_001):
        is_taken = most == 10_000
        assert (_load(ListOf(Int()), [1] * most)[0] is not INVALID) == is_taken
        assert (_load(MapOf(Int()), {f"k{number}": 1 for number in range(most)})[0] is not INVALID) == is_taken


# What no pattern can say: the parser knows it.
LOOSE = {("IP_ADDRESS", "256.0.0.1"), ("IP_ADDRESS", "1.2.3")}
TEXTS = [
    (name, value, is_taken)
    for name, row in KINDS.items()
    if isinstance(getattr(values, name), Text | Parsed)
    for is_taken, column in ((True, row[1]), (False, row[2]))
    for value in column
    if isinstance(value, str)
]


@pytest.mark.parametrize(("name", "value", "is_taken"), TEXTS)
def test_the_pattern_says_the_same(name: str, value: str, is_taken: bool) -> None:
    """JSON's schema and Nix have nothing else to judge by."""
    kind = getattr(values, name)
    too_long = isinstance(kind, Text) and len(value) > kind.most
    matches = re.fullmatch(kind.pattern, value) is not None and not NOT_IN_XML.search(value) and not too_long
    assert matches == (is_taken or (name, value) in LOOSE)


def test_what_is_too_long_is_said_to_be() -> None:
    told = {
        name: _load(kind, "x" * (kind.most + 1))[1].problems[0].remedy
        for name in KINDS
        if isinstance(kind := getattr(values, name), Text)
    }
    most = {"PATH": 1024, "WORD": 64, "MODULE": 64, "UUID": 36, "MAC": 17, "CPU_SET": 256, "XML": 65536, "TEXT": 4096}
    most |= {"USER": 33, "SETTING": 64}
    assert told == {name: f"Shorten it to {length} characters." for name, length in most.items()}


def test_what_other_notations_call_a_parsed_kind() -> None:
    names = {name: kind.name for name in KINDS if isinstance(kind := getattr(values, name), Parsed)}
    assert names == {
        "ADDRESS": "pciAddress",
        "PCI_ID": "pciId",
        "SIZE": "size",
        "BAR_SIZE": "barSize",
        "VERSION": "version",
        "PLACEMENT": "placement",
        "IP_ADDRESS": "ipAddress",
    }


@pytest.mark.parametrize(("name", "taken"), [(name, value) for name, row in KINDS.items() for value in row[1]])
def test_what_is_written_is_read_again(name: str, taken: object) -> None:
    kind = getattr(values, name)
    loaded = _load(kind, taken)[0]
    assert _load(kind, kind.written(loaded))[0] == loaded


@pytest.mark.parametrize(
    ("kind", "allowed"),
    [
        (ListOf(Int(1, 9)), "a list of a whole number from 1 to 9"),
        (ListOf(Int(1, 9), most=3), "a list (0 to 3 of them) of a whole number from 1 to 9"),
        (ListOf(Int(1, 9), 2, 3), "a list (2 to 3 of them) of a whole number from 1 to 9"),
        (MapOf(Int(1, 9)), "a table of a whole number from 1 to 9"),
    ],
)
def test_what_a_container_is_called(kind: Kind[Any], allowed: str) -> None:
    assert kind.allowed == allowed
    _, findings = _load(kind, 1.5)
    assert [problem.allowed for problem in findings.problems] == [allowed]
