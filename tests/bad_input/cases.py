"""Every refusal: the edit that provokes it, what the message must say, and the nearest edit that is accepted."""

from __future__ import annotations

from typing import Any

from optimux.record import Record
from tests.bad_input.edits import GONE, GPU, VM, Edits

Said = tuple[str, str, str, str]  # path, found, allowed, next step: parts of each


class Case(Record):
    """``said`` is all that is said: one entry a problem, in any order. ``facts``: whether the machine is known."""

    name: str
    edits: Edits
    said: tuple[Said, ...]
    twin: Edits
    facts: bool = False


def _case(name: str, edits: Edits, *said: Said, twin: Edits, facts: bool = False) -> Case:
    return Case(name, edits, said, twin, facts)


def _xml(fragment: str) -> Edits:
    return {f"{VM}.extraXml": {"devices": fragment}}


def _xml_case(name: str, fragment: str, found: str, twin: str) -> Case:
    said = (f"{VM}.extraXml.devices", found, "well-formed elements without entities", "Correct it")
    return _case(f"extra XML: {name}", _xml(fragment), said, twin=_xml(twin))


def _second(**keys: Any) -> Edits:
    """A second VM that needs nothing of the first."""
    return {"vms.Second": {"memory": "1GiB"} | keys}


WITH_AMD: Edits = {"host.cpuVendor": "amd"}
OLD: Edits = {"host.libvirtVersion": "9.0", "host.qemuVersion": "7.2"}
NEW: Edits = {"host.libvirtVersion": "12.2", "host.qemuVersion": "11.0"}
SHM: Edits = {"lookingGlass.memory": "shm"}

SHAPES = (
    _case(
        "unknown key",
        {f"{VM}.memroy": "16GiB"},
        (f"{VM}.memroy", "an unknown key", "a known key", 'Did you mean "memory"?'),
        twin={f"{VM}.memory": "16GiB"},
    ),
    _case(
        "unknown key without a near one",
        {"zzz": 1},
        ("zzz", "an unknown key", "the keys gpus, host, lookingGlass, vms", "or remove it"),
        twin={},
    ),
    _case(
        "key of another case",
        {"lookingGlass.sizerule": "article"},
        ("lookingGlass.sizerule", "an unknown key", "sizeRule", 'Did you mean "sizeRule"?'),
        twin={"lookingGlass.sizeRule": "article"},
    ),
    _case(
        "missing key",
        {f"{VM}.memory": GONE},
        (f"{VM}.memory", "nothing", 'a size with a unit such as "16GiB"', "Add it"),
        twin={f"{VM}.memory": "1GiB"},
    ),
    _case(
        "nothing stated of the host",
        {"host": {}},
        ("host.distribution", "nothing", '"debian"', "--facts"),
        ("host.cpuVendor", "nothing", '"intel" or "amd"', "--facts"),
        twin={"host": {"distribution": "arch", "cpuVendor": "amd"}},
    ),
    _case(
        "number for a size",
        {f"{VM}.memory": 16},
        (f"{VM}.memory", "16", "a size with a unit", "Write it in quotes"),
        twin={f"{VM}.memory": "16 GiB"},
    ),
    _case(
        "size without a unit",
        {f"{VM}.memory": "16"},
        (f"{VM}.memory", '"16"', "a size with a unit", "one of the units KiB, MiB, GiB, TiB"),
        twin={f"{VM}.memory": "16384MiB"},
    ),
    _case(
        "text for a truth value",
        {f"{VM}.memballoon": "yes"},
        (f"{VM}.memballoon", '"yes"', "true or false", "without quotes"),
        twin={f"{VM}.memballoon": True},
    ),
    _case(
        "table for a list",
        {f"{VM}.disks": {}},
        (f"{VM}.disks", "a table", "a list", "brackets"),
        twin={f"{VM}.disks": []},
    ),
    _case("list for a table", {VM: []}, (VM, "a list", "a table", "Make it a table"), twin={VM: {"memory": "1GiB"}}),
    _case(
        "fraction for a whole number",
        {f"{VM}.vcpus": 16.0},
        (f"{VM}.vcpus", "16.0", "a whole number from 1 to 1024", "Correct"),
        twin={f"{VM}.vcpus": 16},
    ),
    _case(
        "word that is none of the choices",
        {"host.distribution": "debain"},
        ("host.distribution", '"debain"', '"debian"', 'Did you mean "debian"?'),
        twin={"host.distribution": "debian"},
    ),
    _case(
        "control character",
        {f"{VM}.smbios": {"mode": "sysinfo", "bios": {"vendor": "a\x01b"}}},
        (f"{VM}.smbios.bios.vendor", '"a\\x01b"', "one line of text", "Remove the control characters"),
        twin={f"{VM}.smbios": {"mode": "sysinfo", "bios": {"vendor": "a b"}}},
    ),
    _case(
        "surrogate",
        {f"{VM}.name": "a\ud800"},
        (f"{VM}.name", '"a\\xd800"', "1 to 64 characters", "Remove"),
        twin={f"{VM}.name": "a\U0001f600"},
    ),
    _case(
        "name that leaves the output folder",
        {("vms", "../Windows11"): {"memory": "1GiB"}},
        ('vms."../Windows11"', '"../Windows11"', "letters, digits", "Correct"),
        twin={("vms", "Windows..11"): {"memory": "1GiB"}},
    ),
    _case(
        "name that is a path",
        {("vms", "/etc/passwd"): {"memory": "1GiB"}},
        ('vms."/etc/passwd"', '"/etc/passwd"', "letters, digits", "Correct"),
        twin={("vms", "etc-passwd"): {"memory": "1GiB"}},
    ),
    _case(
        "name that is no name",
        {("vms", ""): {"memory": "1GiB"}},
        ('vms.""', '""', "letters, digits", "Correct"),
        twin={("vms", "0"): {"memory": "1GiB"}},
    ),
    _case(
        "domain name that breaks XML",
        {f"{VM}.name": "<a>"},
        (f"{VM}.name", '"<a>"', "without / \\ quotes, < > &", "Correct"),
        twin={f"{VM}.name": "(a)"},
    ),
    _case(
        "domain name that is a path",
        {f"{VM}.name": "../a"},
        (f"{VM}.name", '"../a"', "without / \\ quotes", "Correct"),
        twin={f"{VM}.name": "a..b"},
    ),
    _case(
        "vendor id over 12 characters",
        {f"{VM}.hyperv": {"vendorId": "1234567890123"}},
        (f"{VM}.hyperv.vendorId", '"1234567890123"', "1 to 12 ", "Correct"),
        twin={f"{VM}.hyperv": {"vendorId": "123456789012"}},
    ),
    _case(
        "vendor id with a comma",
        {f"{VM}.hyperv": {"vendorId": "a,b"}},
        (f"{VM}.hyperv.vendorId", '"a,b"', "without a comma", "Correct"),
        twin={f"{VM}.hyperv": {"vendorId": "a;b"}},
    ),
    _case(
        "kernel parameter with a space",
        {"host.extraKernelParams": ["quiet init=/bin/sh"]},
        ("host.extraKernelParams[0]", '"quiet init=/bin/sh"', "a kernel parameter without white space", "Correct"),
        twin={"host.extraKernelParams": ["quiet", "init=/bin/sh"]},
    ),
)

PCI = (
    _case(
        "id that is no id",
        {f"{GPU}.functions.0.id": "10de"},
        (f"{GPU}.functions[0].id", '"10de"', '"10de:249d"', "four hexadecimal digits each"),
        twin={f"{GPU}.functions.0.id": "10DE:249D"},
    ),
    _case(
        "address without a domain",
        {f"{GPU}.functions.0.address": "01:00.0"},
        (f"{GPU}.functions[0].address", '"01:00.0"', '"0000:01:00.0"', "dddd:bb:ss.f"),
        twin={f"{GPU}.functions.0.address": "0000:01:00.0"},
    ),
    _case(
        "slot out of range",
        {f"{GPU}.functions.0.address": "0000:01:20.0", f"{GPU}.functions.1.address": "0000:01:1f.1"},
        (f"{GPU}.functions[0].address", '"0000:01:20.0"', "a PCI address", "slot 20, above 1f"),
        twin={f"{GPU}.functions.0.address": "0000:01:1f.0", f"{GPU}.functions.1.address": "0000:01:1f.1"},
    ),
    _case(
        "function out of range",
        {f"{GPU}.functions.1.address": "0000:01:00.8"},
        (f"{GPU}.functions[1].address", '"0000:01:00.8"', "a PCI address", "function 0 to 7"),
        twin={f"{GPU}.functions.1.address": "0000:01:00.7"},
    ),
    _case(
        "no functions",
        {f"{GPU}.functions": []},
        (f"{GPU}.functions", "0 entries", "1 to 4", "Add or remove"),
        twin={f"{GPU}.functions": [{"address": "0000:01:00.0", "id": "10de:249d"}]},
    ),
    _case(
        "five functions",
        {f"{GPU}.functions": [{"address": f"0000:01:00.{n}", "id": "10de:249d"} for n in range(5)]},
        (f"{GPU}.functions", "5 entries", "1 to 4", "Add or remove"),
        twin={f"{GPU}.functions": [{"address": f"0000:01:00.{n}", "id": "10de:249d"} for n in range(4)]},
    ),
    _case(
        "one host address twice",
        {f"{GPU}.functions.1.address": "0000:01:00.0", f"{GPU}.functions.1.guestAddress": "0000:01:00.1"},
        (f"{GPU}.functions[1].address", "0000:01:00.0", "each host address once", f"{GPU}.functions[0].address"),
        twin={f"{GPU}.functions.1.guestAddress": "0000:01:00.1"},
    ),
    _case(
        "function of another slot",
        {f"{GPU}.functions.1.address": "0000:02:00.1"},
        (f"{GPU}.functions[1].address", "0000:02:00.1", "a function of 0000:01:00.0's slot", "otherDevices"),
        twin={f"{GPU}.otherDevices": [{"address": "0000:02:00.1", "id": "10de:228b"}]},
    ),
    _case(
        "two devices at one guest address",
        {f"{VM}.video": {"address": "0000:00:10.0"}},
        (f"{VM}.video.address", "0000:00:10.0", "each guest address once", f"{VM}.pci.ivshmem's"),
        twin={f"{VM}.video": {"address": "0000:00:11.0"}},
    ),
    _case(
        "guest address of the machine's own",
        {f"{VM}.video": {"address": "0000:00:1f.0"}},
        (f"{VM}.video.address", "0000:00:1f.0", "not slot 00 or 1f of bus 00", "own devices"),
        twin={f"{VM}.video": {"address": "0000:00:1e.0"}},
    ),
    _case(
        "slot behind a root port",
        {f"{VM}.video": {"address": "0000:02:01.0"}},
        (f"{VM}.video.address", "0000:02:01.0", "slot 00 behind a root port", "one slot"),
        twin={f"{VM}.video": {"address": "0000:02:00.0"}},
    ),
    _case(
        "fewer root ports than buses",
        {f"{VM}.pci": {"gpu": "0000:05:00.0", "rootPorts": 4}},
        (f"{VM}.pci.rootPorts", "4", "at least 5", "Raise it to 5"),
        twin={f"{VM}.pci": {"gpu": "0000:05:00.0", "rootPorts": 5}},
    ),
    _case(
        "a function missing from the group",
        {f"{GPU}.functions.1": GONE},
        (f"{GPU}.functions", "no 0000:01:00.1 (10de:228b) of IOMMU group 2", "every member", "functions"),
        twin={},
        facts=True,
    ),
    _case(
        "a device that is not there",
        {f"{GPU}.otherDevices": [{"address": "0000:09:00.0", "id": "144d:a80a"}]},
        (f"{GPU}.otherDevices[0].address", "0000:09:00.0", "a device that the facts show", "lspci -Dnn"),
        twin={},
        facts=True,
    ),
    _case(
        "another device's id",
        {f"{GPU}.functions.0.id": "10de:249c"},
        (f"{GPU}.functions[0].id", "10de:249c", "10de:249d", "Write 10de:249d"),
        twin={f"{GPU}.functions.0.id": "10de:249d"},
        facts=True,
    ),
    _case(
        "unknown GPU",
        {f"{VM}.gpu": "rtx3080"},
        (f"{VM}.gpu", '"rtx3080"', '"rtx3070"', "Declare the GPU"),
        twin={f"{VM}.gpu": "rtx3070"},
    ),
    _case(
        "idle power both ways",
        {f"{GPU}.disableIdleD3": True},
        (f"{GPU}.disableIdleD3", "true", "not together with d3coldAllowed", "d3coldAllowed = false"),
        twin={f"{GPU}.disableIdleD3": True, f"{GPU}.d3coldAllowed": False},
    ),
)

LOOKING_GLASS = (
    _case(
        "display mode of zero",
        {"lookingGlass.displays.0.width": 0},
        ("lookingGlass.displays[0].width", "0", "a whole number from 1", "Correct"),
        twin={"lookingGlass.displays.0.width": 1},
    ),
    _case(
        "no display",
        {"lookingGlass.displays": []},
        ("lookingGlass.displays", "0 entries", "1 to 16", "Add or remove"),
        twin={"lookingGlass.displays": [{"width": 1920, "height": 1080}]},
    ),
    _case(
        "size that is no power of two",
        {"lookingGlass.size": "192MiB"},
        ("lookingGlass.size", "192MiB", "a power of two", "the next one is 256MiB"),
        twin={"lookingGlass.size": "256MiB"},
    ),
    _case(
        "kvmfr size of 2 GiB",
        {"lookingGlass.size": "2GiB"},
        ("lookingGlass.size", "2GiB", "below 2048MiB for kvmfr", 'memory = "shm"'),
        twin={"lookingGlass.size": "1GiB"},
    ),
    _case(
        "kvmfr size of 4 GiB, fine for a file",
        {"lookingGlass.size": "4GiB"},
        ("lookingGlass.size", "4GiB", "below 2048MiB for kvmfr", 'memory = "shm"'),
        twin={"lookingGlass.size": "4GiB", **SHM},
    ),
    _case(
        "size too small for the display",
        {"lookingGlass.size": "64MiB"},
        ("lookingGlass.size", "64MiB", "at least 73.28 MiB", "raise it"),
        twin={"lookingGlass.sizeRule": "article"},
    ),
    _case(
        "kvmfr together with iommufd",
        {f"{VM}.iommufd": True, **NEW},
        (f"{VM}.iommufd", "true, with kvmfr memory", "not both", 'lookingGlass.memory = "shm"'),
        twin={f"{VM}.iommufd": True, **NEW, **SHM},
    ),
    _case(
        "VMs that take turns, with two releases",
        _second(gpu="rtx3070", lookingGlass={"release": "idd"}),
        ("vms.Second.lookingGlass.release", "idd", "b7", "agree with vms.Windows11"),
        twin=_second(gpu="rtx3070", lookingGlass={"release": "b7"}),
    ),
)

VMS = (
    _case(
        "evmcs on AMD",
        {f"{VM}.hyperv": {"evmcs": True}, **WITH_AMD},
        (f"{VM}.hyperv.evmcs", "true", "false on AMD", "leave it out"),
        twin={f"{VM}.hyperv": {"evmcs": True}},
    ),
    _case(
        "topoext on Intel",
        {f"{VM}.cpu.require": ["topoext"]},
        (f"{VM}.cpu.require", "topoext", "features of an Intel CPU", "remove it"),
        twin={f"{VM}.cpu.require": ["topoext"], **WITH_AMD},
    ),
    _case(
        "memory larger than the host's",
        {f"{VM}.memory": "64GiB"},
        (f"{VM}.memory", "64GiB", "less than the host's 32GiB", "leave the host some"),
        twin={f"{VM}.memory": "31GiB"},
        facts=True,
    ),
    _case(
        "pinning to CPUs that are not there",
        {f"{VM}.cpuTune": {"vcpuPin": {"0": "16"}, "emulatorPin": "0-16"}},
        (f"{VM}.cpuTune.vcpuPin.0", "16", "CPUs 0 to 15", "no such CPU"),
        (f"{VM}.cpuTune.emulatorPin", "0-16", "CPUs 0 to 15", "no such CPU"),
        twin={f"{VM}.cpuTune": {"vcpuPin": {"0": "15"}, "emulatorPin": "0-15"}},
        facts=True,
    ),
    _case(
        "pinning of a vCPU that is not there",
        {f"{VM}.cpuTune": {"vcpuPin": {"16": "0"}}},
        (f"{VM}.cpuTune.vcpuPin.16", "vCPU 16", "0 to 15", "has 16 vCPUs"),
        twin={f"{VM}.cpuTune": {"vcpuPin": {"15": "0"}}},
    ),
    _case(
        "one vCPU pinned twice",
        {f"{VM}.cpuTune": {"vcpuPin": {"0": "0", "00": "1"}}},
        (f"{VM}.cpuTune.vcpuPin.00", "00", "without leading zeros", 'Write "0"'),
        twin={f"{VM}.cpuTune": {"vcpuPin": {"0": "0", "1": "1"}}},
    ),
    _case(
        "battery path that AppArmor refuses",
        {f"{VM}.battery": {"path": "/etc/ssdt1.dat"}},
        (
            f"{VM}.battery.path",
            "/etc/ssdt1.dat",
            "nothing below /etc/, which AppArmor refuses",
            "/var/lib/libvirt/acpi",
        ),
        twin={f"{VM}.battery": {"path": "/etc/ssdt1.dat"}, "host.securityModule": "none"},
    ),
    _case(
        "battery path that climbs",
        {f"{VM}.battery": {"path": "/var/../etc/ssdt1.dat"}},
        (f"{VM}.battery.path", "/var/../etc/ssdt1.dat", "a path without ..", "plainly"),
        twin={f"{VM}.battery": {"path": "/var/lib/ssdt1.dat"}},
    ),
    _case(
        "relative path",
        {f"{VM}.disks.0.source": "Windows11.qcow2"},
        (f"{VM}.disks[0].source", '"Windows11.qcow2"', "an absolute path", "Correct"),
        twin={f"{VM}.disks.0.source": "/Windows11.qcow2"},
    ),
    _case(
        "one image for two disks",
        {f"{VM}.disks": [{"source": "/a.qcow2"}, {"source": "/a.qcow2"}]},
        (f"{VM}.disks[1].source", "/a.qcow2", "each image once", "readonly on both"),
        twin={f"{VM}.disks": [{"source": "/a.qcow2"}, {"source": "/b.qcow2"}]},
    ),
    _case(
        "two VMs with one name",
        _second(name="Windows11"),
        ("vms.Second.name", "Windows11", "each name once", "vms.Windows11.name has it"),
        twin=_second(name="Windows12"),
    ),
    _case(
        "two VMs with one name and no uuid",
        {f"{VM}.uuid": GONE, **_second(name="Windows11")},
        ("vms.Second.name", "Windows11", "each name once", "vms.Windows11.name has it"),
        twin={f"{VM}.uuid": GONE, **_second(name="Windows12")},
    ),
    _case(
        "two VMs with one uuid",
        _second(uuid="5D5B00D8-475A-4B6C-8053-9DDA30CD2F95"),
        ("vms.Second.uuid", "5d5b00d8-475a-4b6c-8053-9dda30cd2f95", "each uuid once", "vms.Windows11.uuid has it"),
        twin=_second(uuid="5d5b00d8-475a-4b6c-8053-9dda30cd2f96"),
    ),
    _case(
        "two VMs with one MAC address",
        _second(networks=[{"mac": "52:54:00:F4:BF:15"}]),
        ("vms.Second.networks[0].mac", "52:54:00:f4:bf:15", "each MAC address once", "networks[0].mac has it"),
        twin=_second(networks=[{"mac": "52:54:00:F4:BF:16"}]),
    ),
    _case(
        "MAC address of a group",
        {f"{VM}.networks.0.mac": "53:54:00:f4:bf:15"},
        (f"{VM}.networks[0].mac", '"53:54:00:f4:bf:15"', "a unicast MAC address", "Correct"),
        twin={f"{VM}.networks.0.mac": "52:54:00:f4:bf:17"},
    ),
    _case(
        "vCPUs that are not the topology's",
        {f"{VM}.vcpus": 8},
        (f"{VM}.vcpus", "8", "16, the topology's product", "Leave one of them out"),
        twin={f"{VM}.vcpus": 16},
    ),
    _case(
        "maxphysaddr limit with an old libvirt",
        {f"{VM}.cpu.maxPhysAddr": {"limit": 39}, **OLD},
        (f"{VM}.cpu.maxPhysAddr.limit", "drops it silently", "or newer", 'mode = "emulate"'),
        twin={f"{VM}.cpu.maxPhysAddr": {"mode": "emulate", "bits": 39}, **OLD},
    ),
    _case(
        "native table with an old libvirt",
        {f"{VM}.battery": {"attach": "acpi"}, **OLD},
        (f"{VM}.battery.attach", "acpi, with libvirt 9.0", "libvirt 11.2 or newer", "Leave it out"),
        twin={f"{VM}.battery": {"attach": "commandline"}, **OLD},
    ),
    _case(
        "machine newer than QEMU",
        {f"{VM}.machine": "pc-q35-8.0", **OLD},
        (f"{VM}.machine", "pc-q35-8.0", "QEMU 7.2 or older", "Use pc-q35-7.2"),
        twin={f"{VM}.machine": "pc-q35-7.2", **OLD},
    ),
)

XML = (
    _xml_case("entity", "<a>&foo;</a>", "undefined entity (line 1, column 4)", "<rng model='virtio'>&amp;</rng>"),
    _xml_case("document type", "<!DOCTYPE a [<!ENTITY b 'c'>]><a/>", "not well-formed", "<!-- DOCTYPE --><rng/>"),
    _xml_case("billion laughs", "<!ENTITY a 'b'>", "not well-formed", "<!-- ENTITY --><rng/>"),
    _xml_case("unbalanced", "<a>", "mismatched tag", "<rng></rng>"),
    _xml_case("on the second line", "<a>\n</b>", "mismatched tag (line 2, column 3)", "<rng>\n</rng>"),
    _xml_case("leaves its parent", "</devices><devices>", "mismatched tag", "<rng/>"),
    _xml_case("leaves the wrapper", "</x><x>", "junk after document element", "<rng/>"),
    _xml_case("undeclared prefix", "<q:a/>", "unbound prefix", "<q:a xmlns:q='urn:q'/>"),
    _xml_case("text", "rng", "text outside of an element (line 1)", "<rng/>"),
    _xml_case("nested too deeply", "<a>" * 300 + "</a>" * 300, "elements nested", "<a>" * 99 + "</a>" * 99),
)

CASES = (*SHAPES, *PCI, *LOOKING_GLASS, *VMS, *XML)
