"""Every key that a configuration states of a VM: applied by a concern, or said with the reason; no default is."""

from __future__ import annotations

from typing import Any

import pytest
from lxml import etree

from optimux.options.markdown import rows
from optimux.options.model import Options
from optimux.patch import CONCERNS, Patched, patch_domain
from optimux.patch_keys import fate_of
from optimux.plan.resolve import plan_from
from tests.patch.plans import HEARD, letters

HOST = {"distribution": "arch", "cpuVendor": "intel", "libvirtVersion": "11.3", "qemuVersion": "10.0"}
GPU = {"functions": [{"address": "0000:01:00.0", "id": "10de:1c8d"}]}
DISK = {"source": "/var/lib/libvirt/images/win.qcow2"}
DOMAIN = """<domain type='kvm'>
  <name>win</name>
  <memory unit='GiB'>8</memory>
  <vcpu>4</vcpu>
  <os firmware='efi'>
    <type arch='x86_64' machine='pc-q35-8.2'>hvm</type>
    <firmware>
      <feature enabled='no' name='enrolled-keys'/>
      <feature enabled='no' name='secure-boot'/>
    </firmware>
    <loader readonly='yes' type='pflash'>/usr/share/OVMF/OVMF_CODE_4M.fd</loader>
    <nvram template='/usr/share/OVMF/OVMF_VARS_4M.fd'>/var/lib/libvirt/qemu/nvram/win_VARS.fd</nvram>
  </os>
  <clock offset='utc'>
    <timer name='hpet' present='yes'/>
  </clock>
  <on_crash>restart</on_crash>
  <devices>
    <emulator>/usr/bin/qemu-system-x86_64</emulator>
    <disk type='file' device='disk'>
      <driver name='qemu' type='qcow2' cache='writeback'/>
      <source file='/var/lib/libvirt/images/win.qcow2'/>
      <target dev='sda' bus='sata'/>
    </disk>
    <controller type='usb' index='0' model='qemu-xhci' ports='15'/>
    <interface type='network'>
      <mac address='52:54:00:11:22:33'/>
      <source network='default'/>
      <model type='e1000e'/>
    </interface>
    <graphics type='spice' autoport='yes'>
      <listen type='address'/>
    </graphics>
    <tpm model='tpm-tis'>
      <backend type='emulator' version='2.0'/>
    </tpm>
  </devices>
</domain>
"""
BARE = """<domain type='kvm'>
  <name>win</name>
  <memory unit='GiB'>8</memory>
  <vcpu>4</vcpu>
  <os>
    <type arch='x86_64' machine='pc-q35-8.2'>hvm</type>
  </os>
  <devices/>
</domain>
"""
PORT_2 = "<address type='usb' bus='0' port='2'/>"


def patched(domain: str = DOMAIN, **vm: Any) -> Patched:
    """The domain for a VM of which only these keys are stated beside what it must have."""
    data = {
        "host": HOST,
        "gpus": {"d": GPU},
        "lookingGlass": {"user": "alice"},
        "vms": {"win": {"memory": "8GiB"} | vm},
    }
    first = patch_domain(domain.encode(), plan_from(data).domains[0])
    again = patch_domain(first.document, plan_from(data).domains[0])
    assert again.document == first.document
    assert again.unpatched == first.unpatched
    HEARD.append(letters(domain, first))
    return first


def values(result: Patched, path: str) -> list[str]:
    """What an XPath finds."""
    found = etree.fromstring(result.document).xpath(path)
    assert isinstance(found, list)
    return [str(item) for item in found]


UNSTATED = (
    "memoryBacking",
    "cputune",
    "iothreads",
    "ioapic",
    "pmu",
    "sysinfo",
    "pcihole64",
    "redirdev",
    "serial",
    "watchdog",
    "suspend-to-mem",
)

APPLIED: dict[str, tuple[dict[str, Any], str, list[str]]] = {
    "memory, in the unit that is there": ({"memory": "16GiB"}, "/domain/memory[@unit='GiB']/text()", ["16"]),
    "memory that the unit does not divide": ({"memory": "8193MiB"}, "/domain/memory[@unit='KiB']/text()", ["8389632"]),
    "locked memory": ({"memoryBacking": {"locked": True}}, "name(/domain/memoryBacking/*)", ["locked"]),
    "huge pages": (
        {"memoryBacking": {"hugepages": True, "hugepageSize": "1GiB"}},
        "/domain/memoryBacking/hugepages/page/@size",
        ["1048576"],
    ),
    "the emulator's pin": ({"cpuTune": {"emulatorPin": "0-1"}}, "/domain/cputune/emulatorpin/@cpuset", ["0-1"]),
    "vCPU pins": ({"cpuTune": {"vcpuPin": {"0": "2"}}}, "/domain/cputune/vcpupin[@vcpu='0']/@cpuset", ["2"]),
    "iothreads": ({"cpuTune": {"iothreads": 2}}, "/domain/iothreads/text()", ["2"]),
    "the number of CPUs": ({"vcpus": 6}, "/domain/vcpu/text()", ["6"]),
    "the clock": ({"clock": {"offset": "localtime"}}, "/domain/clock/@offset", ["localtime"]),
    "a native TSC": ({"clock": {"timers": {"tscNative": True}}}, "//timer[@name='tsc']/@mode", ["native"]),
    "HPET off": ({"clock": {"timers": {"hpet": False}}}, "//timer[@name='hpet']/@present", ["no"]),
    "the I/O APIC": ({"features": {"ioapic": "qemu"}}, "/domain/features/ioapic/@driver", ["qemu"]),
    "no performance counters": ({"features": {"pmu": False}}, "/domain/features/pmu/@state", ["off"]),
    "Secure Boot": (
        {"firmware": {"secureBoot": True}},
        "/domain/os/firmware/feature[@name='secure-boot']/@enabled",
        ["yes"],
    ),
    "the image of the earlier wish goes": ({"firmware": {"secureBoot": True}}, "/domain/os/loader", []),
    "the variables stay": (
        {"firmware": {"secureBoot": True}},
        "/domain/os/nvram/text()",
        ["/var/lib/libvirt/qemu/nvram/win_VARS.fd"],
    ),
    "a crash": ({"lifecycle": {"onCrash": "destroy"}}, "/domain/on_crash/text()", ["destroy"]),
    "sleep": ({"powerManagement": {"suspendToMem": True}}, "//suspend-to-mem/@enabled", ["yes"]),
    "an SMBIOS string": (
        {"smbios": {"mode": "sysinfo", "system": {"manufacturer": "HP"}}},
        "//sysinfo/system/entry[@name='manufacturer']/text()",
        ["HP"],
    ),
    "the 64-bit hole": ({"pci": {"hole64": "64GiB"}}, "//pcihole64/text()", ["67108864"]),
    "a disk's cache": ({"disks": [DISK | {"cache": "none"}]}, "//disk/driver/@cache", ["none"]),
    "a further disk": (
        {"disks": [DISK, {"source": "/b.raw", "bus": "sata", "format": "raw"}]},
        "//disk/target/@dev",
        ["sda", "sdb"],
    ),
    "a bridge": ({"networks": [{"type": "bridge", "source": "br0"}]}, "//interface/source/@bridge", ["br0"]),
    "a bridge keeps the card's address": (
        {"networks": [{"type": "bridge", "source": "br0"}]},
        "//interface/mac/@address",
        ["52:54:00:11:22:33"],
    ),
    "a bridge keeps the card's model": (
        {"networks": [{"type": "bridge", "source": "br0"}]},
        "//interface/model/@type",
        ["e1000e"],
    ),
    "a card's model": ({"networks": [{"model": "virtio"}]}, "//interface/model/@type", ["virtio"]),
    "a second card": ({"networks": [{}, {"type": "user"}]}, "//interface/@type", ["network", "user"]),
    "a USB device": ({"usb": {"hostDevices": [{"id": "046d:c52b"}]}}, "//hostdev/source/product/@id", ["0xc52b"]),
    "USB redirection": ({"usb": {"redirectionPorts": [2, 3]}}, "//redirdev/address/@port", ["2", "3"]),
    "SPICE's port": ({"spice": {"port": 5930}}, "//graphics/@port", ["5930"]),
    "a serial port": ({"serials": [{}]}, "//serial/@type", ["pty"]),
    "a channel": ({"channels": [{"type": "unix", "name": "org.x"}]}, "//channel/target/@name", ["org.x"]),
    "a watchdog": ({"watchdog": {"model": "itco", "action": "reset"}}, "//watchdog/@action", ["reset"]),
    "the emulator": ({"emulator": "/opt/qemu"}, "//emulator/text()", ["/opt/qemu"]),
}  # fmt: skip


@pytest.mark.parametrize(("vm", "path", "found"), APPLIED.values(), ids=APPLIED)
def test_a_stated_key_arrives(vm: dict[str, Any], path: str, found: list[str]) -> None:
    result = patched(**vm)
    if path.startswith("name("):
        assert etree.fromstring(result.document).xpath(path) == found[0]
    else:
        assert values(result, path) == found
    assert result.changes


def test_the_twin_what_nobody_states_stays() -> None:
    """Of the tables above nothing changes where only the defaults speak of it."""
    result = patched()
    assert values(result, "/domain/memory/text()") == ["8"]
    for name in UNSTATED:
        assert values(result, f"//{name}") == []
    assert values(result, "/domain/clock/@offset") == ["utc"]
    assert values(result, "//timer[@name='hpet']/@present") == ["yes"]
    assert values(result, "//interface/model/@type") == ["e1000e"]
    assert values(result, "//disk/driver/@cache") == ["writeback"]
    assert result.unpatched == ()


LEFT: dict[str, tuple[str, dict[str, Any], str]] = {
    "another machine": (DOMAIN, {"machine": "pc-q35-9.0"}, "machine"),
    "another name": (DOMAIN, {"name": "other"}, "name"),
    "UEFI on BIOS": (BARE, {"firmware": {"type": "efi"}}, "firmware.type"),
    "Secure Boot on BIOS": (BARE, {"firmware": {"secureBoot": True}}, "firmware.secureBoot"),
    "an element of the user's": (DOMAIN, {"extraXml": {"devices": "<rng model='virtio'/>"}}, "extraXml.devices"),
    "an argument of the user's": (DOMAIN, {"extraXml": {"qemuArgs": ["-no-hpet"]}}, "extraXml.qemuArgs"),
    "another TPM": (DOMAIN, {"tpm": {"model": "tpm-crb"}}, "tpm"),
    "the bus of the second disk": (
        DOMAIN,
        {"disks": [{"source": "/b.raw", "bus": "sata"}, DISK | {"bus": "virtio"}]},
        "disks.bus of /var/lib/libvirt/images/win.qcow2",
    ),
    "a disk's bus": (DOMAIN, {"disks": [DISK | {"bus": "virtio"}]}, "disks.bus of /var/lib/libvirt/images/win.qcow2"),
    "no USB": (DOMAIN, {"usb": {"model": "none"}}, "usb.model"),
    "no SPICE": (DOMAIN, {"spice": {"enable": False}, "sound": {"backend": "none"}, "channels": []}, "spice.enable"),
    "boot order beside boot devices": (
        BARE.replace("</type>", "</type>\n    <boot dev='hd'/>"),
        {"disks": [DISK | {"bootOrder": 1}]},
        "disks.bootOrder",
    ),
    "a network card's order beside boot devices": (
        BARE.replace("</type>", "</type>\n    <boot dev='hd'/>"),
        {"networks": [{"bootOrder": 1}]},
        "networks[0].bootOrder",
    ),
    "an order that another device has": (
        BARE.replace("<devices/>", "<devices><redirdev bus='usb'><boot order='1'/></redirdev></devices>"),
        {"disks": [DISK | {"bootOrder": 1}]},
        "disks.bootOrder",
    ),
    "a USB port that is taken": (
        BARE.replace("<devices/>", f"<devices><redirdev bus='usb'>{PORT_2}</redirdev></devices>"),
        {"usb": {"hostDevices": [{"id": "045e:028e", "port": 2}]}},
        "usb.hostDevices",
    ),
    "a second watchdog of another action": (
        BARE.replace("<devices/>", "<devices><watchdog model='itco' action='reset'/></devices>"),
        {"watchdog": {"model": "i6300esb", "action": "poweroff"}},
        "watchdog",
    ),
    "USB with companions": (
        BARE.replace("<devices/>", "<devices><controller type='usb' model='ich9-ehci1'/>"
                     "<controller type='usb' model='ich9-uhci1'/></devices>"),
        {"usb": {"model": "qemu-xhci"}},
        "usb.model",
    ),
}  # fmt: skip


def test_what_libvirt_would_refuse_is_not_written() -> None:
    """SCSI disks on a controller that takes their target; a card, or USB, of another kind leaves the old place."""
    scsi = DISK | {"bus": "scsi", "driveAddress": "0:0:3:0"}
    found = patched(BARE, disks=[scsi])
    assert values(found, "//controller[@type='scsi']/@model") == ["virtio-scsi"]
    there = BARE.replace("<devices/>", "<devices><controller type='scsi' index='0' model='lsilogic'/></devices>")
    assert values(patched(there, disks=[scsi]), "//disk/address/@target") == []
    place = "<address type='pci' bus='1' slot='0'/>"
    card = BARE.replace(
        "<devices/>", f"<devices><interface type='user'><model type='virtio'/>{place}</interface></devices>"
    )
    found = patched(card, networks=[{"type": "user", "model": "rtl8139"}])
    assert values(found, "//interface/address/@bus") == []
    assert values(patched(card, networks=[{"type": "user", "model": "e1000e"}]), "//interface/address/@bus") == ["1"]
    place = "<address type='pci' slot='0x1d' function='7'/>"
    usb = f"<controller type='usb' index='0' model='ich9-ehci1'>{place}</controller>"
    found = patched(BARE.replace("<devices/>", f"<devices>{usb}</devices>"), usb={"model": "qemu-xhci"})
    assert values(found, "//controller[@type='usb']/@model") == ["qemu-xhci"]
    assert values(found, "//controller[@type='usb']/address/@slot") == []


@pytest.mark.parametrize(("domain", "vm", "key"), LEFT.values(), ids=LEFT)
def test_what_is_not_applied_is_said(domain: str, vm: dict[str, Any], key: str) -> None:
    assert key in [change.what for change in patched(domain, **vm).unpatched]


@pytest.mark.parametrize(
    ("domain", "vm"),
    [
        (DOMAIN, {"machine": "pc-q35-8.2"}),
        (DOMAIN, {"name": "win"}),
        (DOMAIN, {"firmware": {"type": "efi"}}),
        (DOMAIN, {"tpm": {"model": "tpm-tis"}}),
        (DOMAIN, {"disks": [DISK | {"bus": "sata"}]}),
        (DOMAIN, {"disks": [{"source": "/b.raw", "bus": "virtio", "format": "raw"}, DISK]}),
        (DOMAIN, {"extraXml": {"devices": "<graphics type='spice' autoport='yes'/>"}}),
    ],
)
def test_the_twin_what_is_so_already_is_not_said(domain: str, vm: dict[str, Any]) -> None:
    assert patched(domain, **vm).unpatched == ()


def test_every_key_has_a_concern_or_a_reason() -> None:
    paths = [path.removeprefix("vms.<name>.") for path, _ in rows(Options) if path.startswith("vms.<name>.")]
    fates = {path: fate_of(path) for path in paths}
    assert {fate.word for fate in fates.values() if fate.kind == "concern"} == set(CONCERNS)
    assert all(fate.word for fate in fates.values() if fate.kind == "left")
    with pytest.raises(KeyError):
        fate_of("memry")


def test_several_errors_of_one_run_are_kept_apart() -> None:
    """All of a long configuration at once: each part as it is alone."""
    vm: dict[str, Any] = {}
    for own, _, _ in APPLIED.values():
        for key, value in own.items():
            vm[key] = vm.get(key, {}) | value if isinstance(value, dict) else value
    result = patched(BARE, **vm)
    assert values(result, "/domain/memory/text()")
    assert len(result.changes) > 25
