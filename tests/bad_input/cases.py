"""Every refusal: those of meaning here, those of shape beside."""

from __future__ import annotations

from typing import Any

from tests.bad_input.case import Case, case
from tests.bad_input.devices import DEVICES
from tests.bad_input.doubles import DOUBLES
from tests.bad_input.edits import GONE, GPU, VM, Edits
from tests.bad_input.host_rules import HOST_RULES
from tests.bad_input.rules import RULES
from tests.bad_input.shapes import SHAPES
from tests.bad_input.windows import WINDOWS


def _xml(fragment: str) -> Edits:
    return {f"{VM}.extraXml": {"devices": fragment}}


def _xml_case(name: str, fragment: str, found: str, twin: str) -> Case:
    said = (f"{VM}.extraXml.devices", found, "well-formed elements without entities", "Correct it")
    return case(f"extra XML: {name}", _xml(fragment), said, twin=_xml(twin))


def _second(**keys: Any) -> Edits:
    """A second VM that needs nothing of the first."""
    return {"vms.Second": {"memory": "1GiB"} | keys}


WITH_AMD: Edits = {"host.cpuVendor": "amd"}
OLD: Edits = {"host.libvirtVersion": "9.0", "host.qemuVersion": "7.2"}
NEW: Edits = {"host.libvirtVersion": "12.2", "host.qemuVersion": "11.0"}
SHM: Edits = {"lookingGlass.memory": "shm"}

PCI = (
    case(
        "id that is no id",
        {f"{GPU}.functions.0.id": "10de"},
        (f"{GPU}.functions[0].id", '"10de"', '"10de:249d"', "four hexadecimal digits each"),
        twin={f"{GPU}.functions.0.id": "10DE:249D"},
    ),
    case(
        "address without a domain",
        {f"{GPU}.functions.0.address": "01:00.0"},
        (f"{GPU}.functions[0].address", '"01:00.0"', '"0000:01:00.0"', "dddd:bb:ss.f"),
        twin={f"{GPU}.functions.0.address": "0000:01:00.0"},
    ),
    case(
        "slot out of range",
        {f"{GPU}.functions.0.address": "0000:01:20.0", f"{GPU}.functions.1.address": "0000:01:1f.1"},
        (f"{GPU}.functions[0].address", '"0000:01:20.0"', "a PCI address", "slot 20, above 1f"),
        twin={f"{GPU}.functions.0.address": "0000:01:1f.0", f"{GPU}.functions.1.address": "0000:01:1f.1"},
    ),
    case(
        "function out of range",
        {f"{GPU}.functions.1.address": "0000:01:00.8"},
        (f"{GPU}.functions[1].address", '"0000:01:00.8"', "a PCI address", "function 0 to 7"),
        twin={f"{GPU}.functions.1.address": "0000:01:00.7"},
    ),
    case(
        "no functions",
        {f"{GPU}.functions": []},
        (f"{GPU}.functions", "0 entries", "1 to 4", "Add or remove"),
        twin={f"{GPU}.functions": [{"address": "0000:01:00.0", "id": "10de:249d"}]},
    ),
    case(
        "five functions",
        {f"{GPU}.functions": [{"address": f"0000:01:00.{n}", "id": "10de:249d"} for n in range(5)]},
        (f"{GPU}.functions", "5 entries", "1 to 4", "Add or remove"),
        twin={f"{GPU}.functions": [{"address": f"0000:01:00.{n}", "id": "10de:249d"} for n in range(4)]},
    ),
    case(
        "one host address twice",
        {f"{GPU}.functions.1.address": "0000:01:00.0", f"{GPU}.functions.1.guestAddress": "0000:01:00.1"},
        (f"{GPU}.functions[1].address", "0000:01:00.0", "each host address once", f"{GPU}.functions[0].address"),
        twin={f"{GPU}.functions.1.guestAddress": "0000:01:00.1"},
    ),
    case(
        "function of another slot",
        {f"{GPU}.functions.1.address": "0000:02:00.1"},
        (f"{GPU}.functions[1].address", "0000:02:00.1", "a function of 0000:01:00.0's slot", "otherDevices"),
        twin={f"{GPU}.otherDevices": [{"address": "0000:02:00.1", "id": "10de:228b"}]},
    ),
    case(
        "two devices at one guest address",
        {f"{VM}.video": {"address": "0000:00:10.0"}},
        (f"{VM}.video.address", "0000:00:10.0", "each guest address once", f"{VM}.pci.ivshmem's"),
        twin={f"{VM}.video": {"address": "0000:00:11.0"}},
    ),
    case(
        "guest address of the machine's own",
        {f"{VM}.video": {"address": "0000:00:1f.0"}},
        (f"{VM}.video.address", "0000:00:1f.0", "not slot 00 or 1f of bus 00", "own devices"),
        twin={f"{VM}.video": {"address": "0000:00:1e.0"}},
    ),
    case(
        "slot behind a root port",
        {f"{VM}.video": {"address": "0000:02:01.0"}},
        (f"{VM}.video.address", "0000:02:01.0", "slot 00 behind a root port", "one slot"),
        twin={f"{VM}.video": {"address": "0000:02:00.0"}},
    ),
    case(
        "fewer root ports than buses",
        {f"{VM}.pci": {"gpu": "0000:05:00.0", "rootPorts": 4}},
        (f"{VM}.pci.rootPorts", "4", "at least 5", "Raise it to 5"),
        twin={f"{VM}.pci": {"gpu": "0000:05:00.0", "rootPorts": 5}},
    ),
    case(
        "a function missing from the group",
        {f"{GPU}.functions.1": GONE},
        (f"{GPU}.functions", "no 0000:01:00.1 (10de:228b) of IOMMU group 2", "every member", "functions"),
        twin={},
        facts=True,
    ),
    case(
        "a device that is not there",
        {f"{GPU}.otherDevices": [{"address": "0000:09:00.0", "id": "144d:a80a"}]},
        (f"{GPU}.otherDevices[0].address", "0000:09:00.0", "a device that the facts show", "lspci -Dnn"),
        twin={},
        facts=True,
    ),
    case(
        "a card at another address",
        {f"{GPU}.functions.0.address": "0000:02:00.0"},
        (f"{GPU}.functions[0].address", "0000:02:00.0", "a device that the facts show", "Write 0000:01:00.0"),
        twin={},
        facts=True,
    ),
    case(
        "another device's id",
        {f"{GPU}.functions.0.id": "10de:249c"},
        (f"{GPU}.functions[0].id", "10de:249c", "10de:249d", "Write 10de:249d"),
        twin={f"{GPU}.functions.0.id": "10de:249d"},
        facts=True,
    ),
    case(
        "unknown GPU",
        {f"{VM}.gpu": "rtx3080"},
        (f"{VM}.gpu", '"rtx3080"', '"rtx3070"', "Declare the GPU"),
        twin={f"{VM}.gpu": "rtx3070"},
    ),
    case(
        "idle power both ways",
        {f"{GPU}.disableIdleD3": True},
        (f"{GPU}.disableIdleD3", "true", "not together with d3coldAllowed", "d3coldAllowed = false"),
        twin={f"{GPU}.disableIdleD3": True, f"{GPU}.d3coldAllowed": False},
    ),
)

LOOKING_GLASS = (
    case(
        "display mode of zero",
        {"lookingGlass.displays.0.width": 0},
        ("lookingGlass.displays[0].width", "0", "a whole number from 1", "Correct"),
        twin={"lookingGlass.displays.0.width": 1},
    ),
    case(
        "no display",
        {"lookingGlass.displays": []},
        ("lookingGlass.displays", "0 entries", "1 to 16", "Add or remove"),
        twin={"lookingGlass.displays": [{"width": 1920, "height": 1080}]},
    ),
    case(
        "size that is no power of two",
        {"lookingGlass.size": "192MiB"},
        ("lookingGlass.size", "192MiB", "a power of two", "the next one is 256MiB"),
        twin={"lookingGlass.size": "256MiB"},
    ),
    case(
        "kvmfr size of 2 GiB",
        {"lookingGlass.size": "2GiB"},
        ("lookingGlass.size", "2GiB", "below 2048MiB for kvmfr", 'memory = "shm"'),
        twin={"lookingGlass.size": "1GiB"},
    ),
    case(
        "kvmfr size of 4 GiB, fine for a file",
        {"lookingGlass.size": "4GiB"},
        ("lookingGlass.size", "4GiB", "below 2048MiB for kvmfr", 'memory = "shm"'),
        twin={"lookingGlass.size": "4GiB", **SHM},
    ),
    case(
        "size too small for the display",
        {"lookingGlass.size": "64MiB"},
        ("lookingGlass.size", "64MiB", "at least 73.28 MiB", "raise it"),
        twin={"lookingGlass.sizeRule": "two-frames"},
    ),
    case(
        "kvmfr together with iommufd",
        {f"{VM}.iommufd": True, **NEW, "host.distribution": "arch"},
        (f"{VM}.iommufd", "true, with kvmfr memory", "not both", 'lookingGlass.memory = "shm"'),
        twin={f"{VM}.iommufd": True, **NEW, **SHM, "host.distribution": "arch"},
    ),
    case(
        "iommufd with a kernel that has none",
        {f"{VM}.iommufd": True, **NEW, **SHM},
        (f"{VM}.iommufd", "true, with debian's kernel", "a kernel with CONFIG_IOMMUFD", "Leave it out"),
        twin={f"{VM}.iommufd": True, **NEW, **SHM, "host.distribution": "fedora"},
    ),
    case(
        "another vendor than the facts'",
        {"host.cpuVendor": "amd"},
        ("host.cpuVendor", "amd, where the facts show intel", '"intel"', "the facts of the machine"),
        twin={"host.cpuVendor": "intel"},
        facts=True,
    ),
    case(
        "VMs that take turns, with two releases",
        _second(gpu="rtx3070", lookingGlass={"release": "idd"}),
        ("vms.Second.lookingGlass.release", "idd", "b7", "agree with vms.Windows11"),
        twin=_second(gpu="rtx3070", lookingGlass={"release": "b7"}),
    ),
)

VMS = (
    case(
        "evmcs on AMD",
        {f"{VM}.hyperv": {"evmcs": True}, **WITH_AMD},
        (f"{VM}.hyperv.evmcs", "true", "false on AMD", "leave it out"),
        twin={f"{VM}.hyperv": {"evmcs": True}},
    ),
    case(
        "topoext on Intel",
        {f"{VM}.cpu.require": ["topoext"]},
        (f"{VM}.cpu.require", "topoext", "features of an Intel CPU", "remove it"),
        twin={f"{VM}.cpu.require": ["topoext"], **WITH_AMD},
    ),
    case(
        "memory larger than the host's",
        {f"{VM}.memory": "64GiB"},
        (f"{VM}.memory", "64GiB", "less than the host's 32GiB", "leave the host some"),
        twin={f"{VM}.memory": "31GiB"},
        facts=True,
    ),
    case(
        "pinning to CPUs that are not there",
        {f"{VM}.cpuTune": {"vcpuPin": {"0": "16"}, "emulatorPin": "0-16"}},
        (f"{VM}.cpuTune.vcpuPin.0", "16", "CPUs 0 to 15", "no such CPU"),
        (f"{VM}.cpuTune.emulatorPin", "0-16", "CPUs 0 to 15", "no such CPU"),
        twin={f"{VM}.cpuTune": {"vcpuPin": {"0": "15"}, "emulatorPin": "0-15"}},
        facts=True,
    ),
    case(
        "pinning of a vCPU that is not there",
        {f"{VM}.cpuTune": {"vcpuPin": {"16": "0"}}},
        (f"{VM}.cpuTune.vcpuPin.16", "vCPU 16", "0 to 15", "has 16 vCPUs"),
        twin={f"{VM}.cpuTune": {"vcpuPin": {"15": "0"}}},
    ),
    case(
        "one vCPU pinned twice",
        {f"{VM}.cpuTune": {"vcpuPin": {"0": "0", "00": "1"}}},
        (f"{VM}.cpuTune.vcpuPin.00", "00", "without leading zeros", 'Write "0"'),
        twin={f"{VM}.cpuTune": {"vcpuPin": {"0": "0", "1": "1"}}},
    ),
    case(
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
    case(
        "battery path that climbs",
        {f"{VM}.battery": {"path": "/var/../etc/ssdt1.dat"}},
        (f"{VM}.battery.path", "/var/../etc/ssdt1.dat", "a path without ..", "plainly"),
        twin={f"{VM}.battery": {"path": "/var/lib/ssdt1.dat"}},
    ),
    case(
        "relative path",
        {f"{VM}.disks.0.source": "Windows11.qcow2"},
        (f"{VM}.disks[0].source", '"Windows11.qcow2"', "an absolute path", "Correct"),
        twin={f"{VM}.disks.0.source": "/Windows11.qcow2"},
    ),
    case(
        "one image for two disks",
        {f"{VM}.disks": [{"source": "/a.qcow2"}, {"source": "/a.qcow2"}]},
        (f"{VM}.disks[1].source", "/a.qcow2", "each image once", "readonly on both"),
        twin={f"{VM}.disks": [{"source": "/a.qcow2"}, {"source": "/b.qcow2"}]},
    ),
    case(
        "two VMs with one name",
        _second(name="Windows11"),
        ("vms.Second.name", "Windows11", "each name once", "vms.Windows11.name has it"),
        twin=_second(name="Windows12"),
    ),
    case(
        "two VMs with one name and no uuid",
        {f"{VM}.uuid": GONE, **_second(name="Windows11")},
        ("vms.Second.name", "Windows11", "each name once", "vms.Windows11.name has it"),
        twin={f"{VM}.uuid": GONE, **_second(name="Windows12")},
    ),
    case(
        "two VMs with one uuid",
        _second(uuid="5D5B00D8-475A-4B6C-8053-9DDA30CD2F95"),
        ("vms.Second.uuid", "5d5b00d8-475a-4b6c-8053-9dda30cd2f95", "each uuid once", "vms.Windows11.uuid has it"),
        twin=_second(uuid="5d5b00d8-475a-4b6c-8053-9dda30cd2f96"),
    ),
    case(
        "two VMs with one MAC address",
        _second(networks=[{"mac": "52:54:00:F4:BF:15"}]),
        ("vms.Second.networks[0].mac", "52:54:00:f4:bf:15", "each MAC address once", "networks[0].mac has it"),
        twin=_second(networks=[{"mac": "52:54:00:F4:BF:16"}]),
    ),
    case(
        "MAC address of a group",
        {f"{VM}.networks.0.mac": "53:54:00:f4:bf:15"},
        (f"{VM}.networks[0].mac", '"53:54:00:f4:bf:15"', "a unicast MAC address", "Correct"),
        twin={f"{VM}.networks.0.mac": "52:54:00:f4:bf:17"},
    ),
    case(
        "vCPUs that are not the topology's",
        {f"{VM}.vcpus": 8},
        (f"{VM}.vcpus", "8", "16, the topology's product", "Leave one of them out"),
        twin={f"{VM}.vcpus": 16},
    ),
    case(
        "maxphysaddr limit with an old libvirt",
        {f"{VM}.cpu.maxPhysAddr": {"limit": 39}, **OLD},
        (f"{VM}.cpu.maxPhysAddr.limit", "drops it silently", "or newer", 'mode = "emulate"'),
        twin={f"{VM}.cpu.maxPhysAddr": {"mode": "emulate", "bits": 39}, **OLD},
    ),
    case(
        "native table with an old libvirt",
        {f"{VM}.battery": {"attach": "acpi"}, **OLD},
        (f"{VM}.battery.attach", "acpi, with libvirt 9.0", "libvirt 11.2 or newer", "Leave it out"),
        twin={f"{VM}.battery": {"attach": "commandline"}, **OLD},
    ),
    case(
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
    _xml_case("unclosed comment", "<rng/><!-- a", "unclosed token", "<rng/><!-- a -->"),
    _xml_case("unclosed CDATA", "<rng><![CDATA[ a", "unclosed CDATA section", "<rng><![CDATA[ a ]]></rng>"),
    _xml_case("unclosed processing instruction", "<rng/><?a b", "unclosed token", "<rng/><?a b?>"),
    _xml_case("nested too deeply", "<a>" * 300 + "</a>" * 300, "elements nested", "<a>" * 99 + "</a>" * 99),
)

CASES = (*SHAPES, *DOUBLES, *DEVICES, *PCI, *LOOKING_GLASS, *VMS, *XML, *RULES, *HOST_RULES, *WINDOWS)
