"""Domains of the kinds that a patch of their text alone gets wrong, each kind in several spellings.

``KINDS`` maps what a kind shows to its domains; each says what has to be there after the patch, and what to be gone.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

from optimux.acpi.battery import battery_table
from optimux.plan.battery import BATTERY_ONLY
from tests.patch.plans import GPU, domain
from tests.patch.test_machines import passed, port

KVMFR = "memory-backend-file,id={},mem-path=/dev/kvmfr0,size=32M,share=on"
AUDIO = passed("01:00.1")
CARD = GPU + AUDIO
BOTH = [{"address": "0000:01:00.0", "id": "10de:1c8d"}, {"address": "0000:01:00.1", "id": "10de:0fb9"}]
TWO = {"gpus": {"functions": BOTH}}
SHM = {"lookingGlass": {"memory": "shm"}}
NO_PICTURE = {"lookingGlass": {"enable": False}}
KEYBOARD = "/dev/input/by-id/usb-Keys-event-kbd"
EVDEV = {"vms": {"evdev": [{"dev": KEYBOARD}]}}
BATTERY = battery_table(BATTERY_ONLY)
SET, ACPI = "-set", "-acpitable"


class Reported(NamedTuple):
    """A domain by its parts, the tables of the configuration, and words of the document or of the summary.

    ``tables`` are the files that can be read where the patch runs; ``fault`` is what QEMU or libvirt says before it.
    """

    devices: str = GPU
    arguments: tuple[str, ...] = ()
    rest: str = ""
    config: Mapping[str, dict[str, Any]] = MappingProxyType({})
    there: tuple[str, ...] = ()
    gone: tuple[str, ...] = ()
    said: tuple[str, ...] = ()
    tables: Mapping[str, bytes] = MappingProxyType({})
    fault: str = ""
    elsewhere: str = ""

    @property
    def document(self) -> bytes:
        """The domain as the user has it."""
        return domain(self.devices, self.arguments, self.rest).encode()


def _empty_table() -> bytes:
    """A table without objects: a header alone (ACPI 6.5 §5.2.6)."""
    words = b"SSDT" + (36).to_bytes(4, "little") + b"\x02\0OEMOEMOEMTABLE\x01\0\0\0INTL\x01\0\0\0"
    return words[:9] + bytes([-sum(words) % 256]) + words[10:]


def _override(alias: str) -> str:
    return (
        f"<qemu:override><qemu:device alias='{alias}'><qemu:frontend>"
        "<qemu:property name='rombar' type='unsigned' value='1'/>"
        "</qemu:frontend></qemu:device></qemu:override>"
    )


def _bridge(index: int, bus: int, slot: int) -> str:
    place = f"<address type='pci' bus='{bus}' slot='{slot}' function='0'/>"
    return f"<controller type='pci' index='{index}' model='pcie-to-pci-bridge'>{place}</controller>"


def _shmem(name: str, place: str = "", size: int = 32) -> str:
    return f"<shmem name='{name}'><model type='ivshmem-plain'/><size unit='M'>{size}</size>{place}</shmem>"


def _device(*values: str) -> tuple[str, ...]:
    return tuple(word for value in values for word in ("-device", value))


_AT_BRIDGE = "<address type='pci' bus='2' slot='1' function='0'/>"
_LAN = "<interface type='user'><model type='e1000e'/></interface>"
_AC97 = "<sound model='ac97'><address type='pci' bus='2' slot='3' function='0'/></sound>"
_NET = "<interface type='user'><model type='virtio'/><address type='pci' bus='{}' slot='0'/></interface>"
_DRIVE = {"gpus": {"otherDevices": [{"address": "0000:05:00.0", "id": "144d:a80a"}], "softdeps": ["nouveau", "nvme"]}}
_SPICE = "<graphics type='spice'>{}</graphics>"

# Free ports in front of the card's: libvirt's bridge for conventional PCI takes the first of them, and a bus number.
BRIDGED = "what libvirt would put on a bridge takes no bus before the card's"
_FREE_PORTS = "".join(port(index, 1, index - 1) for index in range(1, 6)) + passed("01:00.0", "05:00.0")


def _bridged(devices: str, *there: str) -> Reported:
    return Reported(_FREE_PORTS + devices, config={"vms": {"pci": {"gpu": "0000:05:00.0"}}}, there=there)


def _disks(bus: str, count: int) -> str:
    each = "<disk type='file'><source file='/{0}.raw'/><target dev='sd{0}' bus='{1}'/></disk>"
    return "".join(each.format(letter, bus) for letter in "abcdefghijklmnop"[:count])


_PAIR = ("-object", KVMFR.format("lg"))
_AT_12 = {"vms": {"pci": {"ivshmem": "0000:00:12.0"}}}
_UHCI = "<controller type='usb' index='0' model='ich9-uhci{}'><master startport='{}'/></controller>"
_USB2 = "<controller type='usb' index='0' model='ich9-ehci1'/>" + _UHCI.format(1, 0) + _UHCI.format(2, 2)

KINDS: dict[str, list[Reported]] = {
    BRIDGED: [
        _bridged(_disks("sata", 7), "<controller type='sata' index='1'>"),
        _bridged(_disks("scsi", 8), "<controller type='scsi' index='0'>", "<controller type='scsi' index='1'>"),
        _bridged("<controller type='usb' index='0' model='ich9-ehci1'/>", "model='ich9-ehci1'>"),
        _bridged("<crypto model='virtio' type='qemu'><backend model='builtin'/></crypto>", "<crypto model='virtio'"),
        _bridged("<interface type='user'><model type='vmxnet3'/></interface>", "vmxnet3"),
        _bridged("<sound model='ich9'/>" + _NET.format(0).replace("slot='0'", "slot='0x1b'"), "<sound model='ich9'>"),
    ],
    "a pair in any spelling is the pair": [
        Reported(
            arguments=(*_device("{'driver':'ivshmem-plain','id':'shmem0','memdev':'lg'}"), "-object",
                       "{'qom-type':'memory-backend-file','id':'lg','mem-path':'/dev/kvmfr0','size':33554432,"
                       "'share':true}"),
            there=("'memdev':'lg'",), gone=("looking-glass",),
        ),
        Reported(
            arguments=("--object", "{'id':'lg','size':33554432,'mem-path':'\\/dev\\/kvmfr0','share':true,"
                       "'qom-type':'memory-backend-file'}", *_device("ivshmem-plain,memdev=lg,addr=0x10")),
            gone=('"looking-glass"', "memdev\":\"looking-glass"),
        ),
        Reported(arguments=("-object", KVMFR.format("looking-glass"), *_device(
            '{"driver":"ivshmem-plain","id":"shmem0","memdev":"looking-glass"}')), gone=("looking-glass-2", "shmem1")),
        Reported(devices=GPU + _shmem("scream", "<address type='pci' slot='0x11'/>"), arguments=(
            "-object", KVMFR.format("lg"), *_device("ivshmem-plain,id=lg-device,memdev=lg,addr=0x10.0")),
            there=("name='scream'",), said=("it is not Looking Glass's",)),
    ],
    "one battery, whatever its file is called": [
        Reported(arguments=(ACPI, "file=/home/alice/vm/fake_battery.aml"), gone=("fake_battery",),
                 tables={"/home/alice/vm/fake_battery.aml": BATTERY}),
        Reported(arguments=(ACPI, "file=/home/alice/mine.aml"), gone=("mine.aml",),
                 tables={"/home/alice/mine.aml": BATTERY}),
        Reported(arguments=(ACPI, "file=/home/alice/mine.aml:/home/alice/more.aml"),
                 there=("file=/home/alice/more.aml",), gone=("mine.aml",),
                 tables={"/home/alice/mine.aml": BATTERY, "/home/alice/more.aml": _empty_table()}),
        Reported(arguments=(ACPI, "file=/home/alice/more.aml", ACPI, "file=/home/alice/mine.aml"),
                 there=("file=/home/alice/more.aml",), gone=("mine.aml",), said=("it is read, and holds no battery",),
                 tables={"/home/alice/mine.aml": BATTERY, "/home/alice/more.aml": _empty_table()}),
    ],
    "a table argument that QEMU reads otherwise": [
        Reported(arguments=(ACPI, "/home/alice/vm/ssdt1.dat"), gone=("ssdt1",), said=("file= is missing",),
                 tables={"/home/alice/vm/ssdt1.dat": BATTERY}),
        Reported(arguments=(ACPI, "data=/home/alice/mine.aml"), gone=("mine.aml",), said=("file= is missing",),
                 tables={"/home/alice/mine.aml": BATTERY}),
        Reported(arguments=(ACPI, "sig=SSDT,file=/home/alice/mine.aml"), gone=("mine.aml",),
                 tables={"/home/alice/mine.aml": BATTERY}),
    ],
    "an override follows its device": [
        Reported(rest=_override("hostdev0"), there=("name='rombar'", "alias='hostdev0'")),
        Reported(devices=CARD, rest=_override("hostdev1"), config=TWO, there=("name='rombar'",)),
        Reported(devices=AUDIO, rest=_override("hostdev0"), config=TWO, there=("name='rombar'",)),
        Reported(devices=GPU + "<video><model type='qxl'/></video>", rest=_override("video0"),
                 there=("alias='video0'",)),
        Reported(devices=GPU + _shmem("looking-glass"), rest=_override("shmem0"), gone=("rombar",),
                 said=("its device is gone",)),
    ],
    "a setting of a device that libvirt writes as JSON becomes an override": [
        Reported(arguments=(SET, "device.hostdev0.x-pci-sub-vendor-id=0x1028",
                            SET, "device.hostdev0.x-pci-sub-device-id=0x0926"),
                 there=("value='4136'", "value='2342'"), gone=("value='-set'",), fault='no device "hostdev0"'),
        Reported(devices=CARD, config=TWO, arguments=(SET, "device.hostdev1.x-no-mmap=on"),
                 there=("name='x-no-mmap'",), gone=("value='-set'",), fault='no device "hostdev1"'),
        Reported(devices="", arguments=(*_device("vfio-pci,host=01:00.0,id=card"),
                                         SET, "device.card.x-pcie-lnksta-dllla=on"),
                 there=("name='x-pcie-lnksta-dllla'",), gone=("value='-set'", "vfio-pci"),
                 fault="slot 1 function 0"),
        Reported(arguments=(*_device("pci-testdev,id=mine,addr=0x12"), SET, "device.mine.membar=4096"),
                 there=("device.mine.membar=4096",)),
    ],
    "buses are the guest's": [
        Reported(port(1, 2) + port(3, 1) + passed("01:00.0", "03:00.0"), config=SHM),
        Reported(port(1, 3) + port(2, 2) + port(3, 1) + passed("01:00.0", "02:00.0") + _NET.format(1), config=SHM),
        Reported(port(4, 1) + passed("01:00.0"), config=SHM),
        Reported(port(1, 2) + port(2, 2, 1) + port(5, 2, 2) + _NET.format(1) + passed("01:00.0", "05:00.0")),
    ],
    "a sound card of an argument is the sound card": [
        Reported(arguments=(*_device("ich9-intel-hda,bus=pcie.0,addr=0x1b"), "-audiodev", "none,id=hda",
                            *_device("hda-micro,audiodev=hda")), gone=("<sound",),
                 said=("it is a sound card already",)),
        Reported(arguments=_device('{"driver":"ich9-intel-hda","addr":216}'), gone=("<sound",)),
        Reported(arguments=_device("pci-testdev,addr=1b"), there=("<sound",)),
        Reported(arguments=_device("ich9-usb-ehci1,addr=0x1d.7,multifunction=on", "pci-testdev,addr=0x1b"),
                 there=("<sound",)),
    ],
    "an address without a bus is one of bus 0": [
        Reported(arguments=_device("ich9-intel-hda,addr=0x10")),
        Reported(arguments=_device("pci-testdev,addr=10")),
        Reported(arguments=_device("{'driver':'pci-testdev','addr':128}")),
        Reported(arguments=_device("pci-testdev,addr=0x2", "pci-testdev,addr=0x1.0x0,multifunction=on"),
                 fault="slot 1 function 0"),
        Reported(arguments=_device("pci-testdev,addr=0x3", "pci-testdev,addr=0x4", "pci-testdev,addr=0x5")),
    ],
    "a card is passed once": [
        Reported("", _device("vfio-pci,host=01:00.0,bus=pcie.0,addr=0x8,multifunction=on"), gone=("vfio-pci",)),
        Reported(GPU, _device("vfio-pci,sysfsdev=/sys/bus/pci/devices/0000:01:00.0"), gone=("vfio-pci",),
                 fault="slot 1 function 0"),
        Reported("", _device("{'driver':'vfio-pci','host':'0000:01:00.0','rombar':0}"), gone=("vfio-pci",),
                 there=("<rom bar='off'/>",)),
        Reported("", _device("vfio-pci,host=01:00.0,addr=0x9.0,multifunction=on", "vfio-pci,host=01:00.1,addr=0x9.1"),
                 config=TWO, gone=("vfio-pci",)),
        Reported(port(1, 1) + passed("01:00.0", "01:00.0") + passed("01:00.0"), gone=("bus='0x02'",), fault="libvirt"),
    ],
    "a keyboard is shared once": [
        Reported(arguments=("-object", f"input-linux,id=kbd1,evdev={KEYBOARD},grab_all=on,repeat=on"), config=EVDEV,
                 gone=("<input type='evdev'",), said=(f"it shares {KEYBOARD} already",)),
        Reported(arguments=("-object", f"{{'qom-type':'input-linux','id':'k','evdev':'{KEYBOARD}'}}"), config=EVDEV,
                 gone=("<input type='evdev'",)),
        Reported(arguments=("-object", "input-linux,id=m,evdev=/dev/input/mouse"), config=EVDEV,
                 there=("<input type='evdev'", "/dev/input/mouse")),
    ],
    "a CPU of the arguments": [
        Reported(arguments=("-cpu", "host,-hypervisor,+hypervisor"), there=("policy='disable' name='hypervisor'",),
                 gone=("-cpu", "require")),
        Reported(arguments=("-cpu", "host,-hypervisor"), there=("policy='disable' name='hypervisor'",), gone=("-cpu",)),
        Reported(arguments=("-cpu", "host,kvm=off,hv_vendor_id=null,+topoext"), gone=("-cpu",),
                 there=("<hidden state='on'/>", "vendor_id")),
        Reported(arguments=("-cpu", "Haswell"), there=("value='Haswell'",), said=("wins",)),
        Reported(arguments=("-cpu", "host,phys-bits=39"), there=("phys-bits=39",), said=("wins",)),
    ],
    "a bridge that becomes empty goes": [
        Reported(port(1, 1) + _bridge(2, 1, 0) + GPU + _shmem("looking-glass", _AT_BRIDGE),
                 gone=("pcie-to-pci-bridge",)),
        Reported(port(1, 1) + _bridge(2, 1, 0) + GPU + _shmem("looking-glass-old", _AT_BRIDGE),
                 gone=("pcie-to-pci-bridge",)),
        Reported(port(1, 1) + _bridge(2, 1, 0) + GPU + _shmem("looking-glass", _AT_BRIDGE)
                 + _AC97,
                 there=("pcie-to-pci-bridge",), elsewhere="host device"),
        Reported(port(1, 1) + port(2, 1, 1) + _bridge(3, 2, 0) + passed("01:00.0", "01:00.0")
                 + _shmem("looking-glass", _AT_BRIDGE.replace("2", "3")), gone=("pcie-to-pci-bridge",)),
    ],
    "what is in nobody's way stays": [
        Reported(port(1, 1) + port(7, 1, 1) + passed("05:00.0", "07:00.0") + passed("01:00.0", "01:00.0"),
                 config={**_DRIVE, **NO_PICTURE}, there=("bus='0x07' slot='0x00'",)),
        Reported(port(1, 1) + port(2, 1, 1) + _NET.format(2) + passed("01:00.0", "01:00.0"), there=(_NET.format(2),)),
        Reported(port(1, 1) + port(4, 1, 1) + passed("05:00.0", "04:00.0") + passed("05:00.1") + GPU,
                 there=("bus='0x04' slot='0x00' function='0'",)),
        Reported(port(1, 1) + port(2, 1, 1) + _NET.format(1) + passed("01:00.0", "02:00.0"),
                 said=("it was in the place of the host's 0000:01:00.0",)),
    ],
    "SPICE that listens nowhere is said": [
        Reported(GPU + _SPICE.format("<listen type='none'/>"), said=("SPICE that listens nowhere",)),
        Reported(GPU + _SPICE.format("").replace("'spice'", "'spice' autoport='no'"), said=("listens nowhere",)),
        Reported(GPU + _SPICE.format("<listen type='none'/>"), config={"vms": {"spice": {"listen": "address"}}},
                 there=("<listen type='address'/>",), gone=("type='none'/>\n    </graphics",)),
    ],
    "a larger memory stays": [
        Reported(GPU + _shmem("looking-glass", "<address type='pci' slot='0x10'/>", 256), config=SHM,
                 there=("<size unit='M'>256",), said=("the displays need 32MiB of it",)),
        Reported(GPU + "<shmem name='looking-glass'><model type='ivshmem-plain'/><size unit='G'>1</size></shmem>",
                 config=SHM, there=("<size unit='G'>1",)),
        Reported(GPU + _shmem("looking-glass", "", 256), config={"lookingGlass": {"memory": "shm", "size": "64MiB"}},
                 there=("<size unit='M'>64",), said=("the configuration states it",)),
        Reported(GPU + _shmem("looking-glass", "", 16), config=SHM, there=("<size unit='M'>32",)),
    ],
    "a port of the arguments is no reason to go elsewhere": [
        Reported(_LAN, _device("pcie-root-port,id=rp1,bus=pcie.0,addr=0x1c,chassis=77,slot=1",
                               "vfio-pci,host=01:00.0,bus=rp1,addr=0x0.0,multifunction=on",
                               "vfio-pci,host=01:00.1,bus=rp1,addr=0x0.1"), config=TWO, gone=("vfio-pci",)),
        Reported(_LAN, _device("pcie-root-port,id=rp1,bus=pcie.0,addr=0x1c,chassis=77,slot=1",
                               "vfio-pci,host=01:00.0,bus=rp1,addr=0x0.0"),
                 config={"vms": {"pci": {"gpu": "0000:0b:00.0", "firstRootPort": "0000:00:04.0"}}}, gone=("vfio-pci",)),
        Reported(_LAN, _device("pcie-root-port,id=rp1,bus=pcie.0,addr=0x1c,chassis=77,slot=1",
                               "vfio-pci,host=01:00.0,bus=rp1,addr=0x0.0"), gone=("vfio-pci",), config={"gpus": {
            "functions": [BOTH[0], BOTH[1] | {"guestAddress": "0000:05:00.0"}]}}),
        Reported(passed("01:00.0", "00:06.0") + passed("01:00.1", "00:06.1") + "<sound model='ac97'/>", config=TWO),
        Reported("<controller type='usb' index='0'/><watchdog model='i6300esb'/>" + GPU,
                 config={"vms": {"pci": {"gpu": "0000:0b:00.0", "firstRootPort": "0000:00:04.0"}}}),
    ],
    "bridges of other models": [
        Reported("<controller type='pci' index='0' model='pcie-root'/>"
                 "<controller type='pci' index='1' model='dmi-to-pci-bridge'/>"
                 "<controller type='pci' index='2' model='pci-bridge'/>"
                 "<controller type='pci' index='3' model='pcie-root-port'><model name='ioh3420'/></controller>"
                 + passed("01:00.0", "03:00.0")),
    ],
    "each disk of SCSI hangs on a controller that Windows knows": [
        Reported(config={"vms": {"disks": [{"source": f"/{number}.raw", "bus": "scsi"} for number in range(8)]}},
                 there=("index='1' model='virtio-scsi'",), gone=("lsilogic", "<controller type='scsi' index='1'/>")),
    ],
    "what has a slot of the chip set stays there": [
        _bridged(_disks("sata", 6) + "<sound model='ich9'/>", "<sound model='ich9'/>"),
        _bridged(_USB2, "model='ich9-ehci1'/>", "<master startport='2'/></controller>"),
    ],
    "the shared memory is where the guest finds it, or where it is stated": [
        Reported(arguments=(*_PAIR, *_device("ivshmem-plain,memdev=lg,addr=10.1")), gone=("10.1",)),
        Reported(arguments=(*_PAIR, *_device("ivshmem-plain,memdev=lg,addr=16")), there=("addr=16",)),
        Reported(arguments=(*_PAIR, *_device("ivshmem-plain,memdev=lg,addr=16")), config=_AT_12, gone=("addr=16",)),
        Reported(arguments=(*_PAIR, *_device("ivshmem-plain,memdev=lg,addr=16", "pci-testdev,addr=12")), config=_AT_12,
                 there=("lg,addr=16",), said=("is at 0000:00:12.0",), elsewhere="Looking Glass device: address"),
        Reported(GPU + _shmem("looking-glass", "<address type='pci' slot='0x11'/>"), config={**SHM, **_AT_12},
                 there=("slot='0x12'",)),
        Reported(GPU + _shmem("looking-glass", "<address type='pci' slot='0x11'/>"), config=SHM,
                 there=("slot='0x11'",)),
        Reported(GPU + _shmem("looking-glass", "<address type='pci' slot='0x11' function='1'/>"), config=SHM,
                 gone=("slot='0x11'",)),
    ],
    "no display by choice": [
        Reported(GPU + "<video><model type='none'/></video>", config=NO_PICTURE, there=("<model type='none'/>",)),
        Reported(GPU + "<video><model type='none'/></video>", gone=("<model type='none'/>",),
                 said=("Looking Glass works best beside it",)),
        Reported(GPU + "<video><model type='virtio'/></video>", config=NO_PICTURE, there=("<model type='virtio'/>",)),
        Reported(GPU, _device("qxl-vga,id=mine,addr=0x9"), there=("qxl-vga",), gone=("<video",)),
    ],
}  # fmt: skip
