"""Refusals of shape: unknown and missing keys, wrong types, names and texts that cannot be."""

from __future__ import annotations

from tests.bad_input.case import case
from tests.bad_input.edits import GONE, VM

SHAPES = (
    case(
        "unknown key",
        {f"{VM}.memroy": "16GiB"},
        (f"{VM}.memroy", "an unknown key", "a known key", 'Did you mean "memory"?'),
        twin={f"{VM}.memory": "16GiB"},
    ),
    case(
        "unknown key without a near one",
        {"zzz": 1},
        ("zzz", "an unknown key", "the keys gpus, host, lookingGlass, vms", "or remove it"),
        twin={},
    ),
    case(
        "key of another case",
        {"lookingGlass.sizerule": "two-frames"},
        ("lookingGlass.sizerule", "an unknown key", "sizeRule", 'Did you mean "sizeRule"?'),
        twin={"lookingGlass.sizeRule": "two-frames"},
    ),
    case(
        "missing key",
        {f"{VM}.memory": GONE},
        (f"{VM}.memory", "nothing", 'a size with a unit such as "16GiB"', "Add it"),
        twin={f"{VM}.memory": "1GiB"},
    ),
    case(
        "nothing stated of the host",
        {"host": {}},
        ("host.distribution", "nothing", '"debian"', "--facts"),
        ("host.cpuVendor", "nothing", '"intel" or "amd"', "--facts"),
        twin={"host": {"distribution": "arch", "cpuVendor": "amd"}},
    ),
    case(
        "number for a size",
        {f"{VM}.memory": 16},
        (f"{VM}.memory", "16", "a size with a unit", "Write it in quotes"),
        twin={f"{VM}.memory": "16 GiB"},
    ),
    case(
        "size without a unit",
        {f"{VM}.memory": "16"},
        (f"{VM}.memory", '"16"', "a size with a unit", "one of the units KiB, MiB, GiB, TiB"),
        twin={f"{VM}.memory": "16384MiB"},
    ),
    case(
        "text for a truth value",
        {f"{VM}.memballoon": "yes"},
        (f"{VM}.memballoon", '"yes"', "true or false", "without quotes"),
        twin={f"{VM}.memballoon": True},
    ),
    case(
        "table for a list",
        {f"{VM}.disks": {}},
        (f"{VM}.disks", "a table", "a list", "brackets"),
        twin={f"{VM}.disks": []},
    ),
    case("list for a table", {VM: []}, (VM, "a list", "a table", "Make it a table"), twin={VM: {"memory": "1GiB"}}),
    case(
        "fraction for a whole number",
        {f"{VM}.vcpus": 16.0},
        (f"{VM}.vcpus", "16.0", "a whole number from 1 to 1024", "Correct"),
        twin={f"{VM}.vcpus": 16},
    ),
    case(
        "word that is none of the choices",
        {"host.distribution": "debain"},
        ("host.distribution", '"debain"', '"debian"', 'Did you mean "debian"?'),
        twin={"host.distribution": "debian"},
    ),
    case(
        "control character",
        {f"{VM}.smbios": {"mode": "sysinfo", "bios": {"vendor": "a\x01b"}}},
        (f"{VM}.smbios.bios.vendor", '"a\\x01b"', "one line of text", "Remove the control characters"),
        twin={f"{VM}.smbios": {"mode": "sysinfo", "bios": {"vendor": "a b"}}},
    ),
    case(
        "surrogate",
        {f"{VM}.name": "a\ud800"},
        (f"{VM}.name", '"a\\xd800"', "1 to 64 characters", "Remove"),
        twin={f"{VM}.name": "a\U0001f600"},
    ),
    case(
        "name that leaves the output folder",
        {("vms", "../Windows11"): {"memory": "1GiB"}},
        ('vms."../Windows11"', '"../Windows11"', "letters, digits", "Correct"),
        twin={("vms", "Windows..11"): {"memory": "1GiB"}},
    ),
    case(
        "name that is a path",
        {("vms", "/etc/passwd"): {"memory": "1GiB"}},
        ('vms."/etc/passwd"', '"/etc/passwd"', "letters, digits", "Correct"),
        twin={("vms", "etc-passwd"): {"memory": "1GiB"}},
    ),
    case(
        "name that is no name",
        {("vms", ""): {"memory": "1GiB"}},
        ('vms.""', '""', "letters, digits", "Correct"),
        twin={("vms", "0"): {"memory": "1GiB"}},
    ),
    case(
        "domain name that breaks XML",
        {f"{VM}.name": "<a>"},
        (f"{VM}.name", '"<a>"', "without / \\ quotes, < > &", "Correct"),
        twin={f"{VM}.name": "(a)"},
    ),
    case(
        "domain name that is a path",
        {f"{VM}.name": "../a"},
        (f"{VM}.name", '"../a"', "without / \\ quotes", "Correct"),
        twin={f"{VM}.name": "a..b"},
    ),
    case(
        "vendor id over 12 characters",
        {f"{VM}.hyperv": {"vendorId": "1234567890123"}},
        (f"{VM}.hyperv.vendorId", '"1234567890123"', "1 to 12 ", "Correct"),
        twin={f"{VM}.hyperv": {"vendorId": "123456789012"}},
    ),
    case(
        "vendor id with a comma",
        {f"{VM}.hyperv": {"vendorId": "a,b"}},
        (f"{VM}.hyperv.vendorId", '"a,b"', "without a comma", "Correct"),
        twin={f"{VM}.hyperv": {"vendorId": "a;b"}},
    ),
    case(
        "kernel parameter with a space",
        {"host.extraKernelParams": ["quiet init=/bin/sh"]},
        ("host.extraKernelParams[0]", '"quiet init=/bin/sh"', "a kernel parameter without white space", "Correct"),
        twin={"host.extraKernelParams": ["quiet", "init=/bin/sh"]},
    ),
)
