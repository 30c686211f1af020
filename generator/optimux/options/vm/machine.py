"""The VM itself."""

from __future__ import annotations

from optimux.declare import Bool, Declared, Int, ListOf, MapOf, Overrides, Table, Text, option
from optimux.declare.values import ADDRESS, PATH, SIZE, UUID, WORD
from optimux.options.looking_glass import LookingGlass
from optimux.options.vm.battery import BatteryOptions
from optimux.options.vm.compute import Cpu, CpuTune, MemoryBacking, Smbios
from optimux.options.vm.devices import (
    Channel,
    Disk,
    Evdev,
    Input,
    Network,
    Serial,
    Sound,
    Spice,
    Tpm,
    Usb,
    Video,
    Watchdog,
)
from optimux.options.vm.platform import (
    Clock,
    ExtraXml,
    Features,
    Firmware,
    Hyperv,
    Lifecycle,
    Pci,
    PowerManagement,
)

DEFAULT_INPUTS = (
    Input(type="mouse", bus="virtio"),
    Input(type="keyboard", bus="virtio"),
)


class Vm(Declared):
    name = option(
        "name",
        Text(
            r"[^\s./\"'<>&\\][^/\n\r\t\"'<>&\\]{0,63}", "1 to 64 characters without / \\ quotes, < > & or a leading dot"
        ),
        None,
        doc="The domain's name. Null is the table's name.",
        example="Windows 11",
    )
    uuid = option("uuid", UUID, None, doc="The domain's UUID. Null derives one from the name.")
    gpu = option("gpu", WORD, None, doc="The GPU that it gets, a name of gpus. Null is none.", example="dgpu")
    os_id = option(
        "osId",
        Text(r"https?://[^\s\"'<>&]+", "an address of libosinfo"),
        "http://microsoft.com/win/11",
        doc="libosinfo's id of the guest system.",
    )
    memory = option("memory", SIZE, doc="The guest's memory.", example="16GiB")
    memory_backing = option("memoryBacking", Table(MemoryBacking), MemoryBacking(), doc="What backs the memory.")
    vcpus = option(
        "vcpus", Int(1, 1024), None, doc="Virtual CPUs. Null is the topology's product, or 4 without one.", example=16
    )
    cpu = option("cpu", Table(Cpu), Cpu(), doc="What CPU the guest sees.")
    cpu_tune = option("cpuTune", Table(CpuTune), CpuTune(), doc="Pinning, and iothreads.")
    smbios = option("smbios", Table(Smbios), None, doc="SMBIOS strings.")
    machine = option(
        "machine",
        Text(r"(pc-)?q35(-[0-9]{1,2}\.[0-9]{1,2})?", "a q35 machine such as pc-q35-10.0", 32),
        None,
        doc="The machine type. Null is the planned QEMU's newest q35.",
        example="pc-q35-8.0",
    )
    emulator = option("emulator", PATH, None, doc="The QEMU binary. Null leaves it to libvirt.")
    firmware = option("firmware", Table(Firmware), Firmware(), doc="UEFI or BIOS.")
    features = option("features", Table(Features), Features(), doc="Hypervisor features.")
    hyperv = option("hyperv", Table(Hyperv), Hyperv(), doc="Hyper-V enlightenments.")
    clock = option("clock", Table(Clock), Clock(), doc="Clock and timers.")
    lifecycle = option("lifecycle", Table(Lifecycle), Lifecycle(), doc="What power off, reboot and crash do.")
    power_management = option(
        "powerManagement", Table(PowerManagement), PowerManagement(), doc="Sleep states that firmware offers."
    )
    pci = option("pci", Table(Pci), Pci(), doc="Where devices sit in the guest.")
    disks = option("disks", ListOf(Table(Disk)), (), doc="Disks and CD-ROM drives, in order.")
    networks = option("networks", ListOf(Table(Network)), (Network(),), doc="Network cards, in order.")
    usb = option("usb", Table(Usb), Usb(), doc="USB controller, host devices, redirection.")
    evdev = option("evdev", ListOf(Table(Evdev)), (), doc="Host input devices, shared by a key.")
    inputs = option("inputs", ListOf(Table(Input)), DEFAULT_INPUTS, doc="Emulated input devices, beside PS/2's own.")
    spice = option("spice", Table(Spice), Spice(), doc="The SPICE server.")
    channels = option("channels", ListOf(Table(Channel)), (Channel(),), doc="virtio-serial channels.")
    virtio_serial_address = option(
        "virtioSerialAddress",
        ADDRESS,
        None,
        doc="PCI address of the virtio-serial controller. Null leaves it to libvirt.",
    )
    sound = option("sound", Table(Sound), Sound(), doc="The sound card and where it plays.")
    video = option("video", Table(Video), Video(), doc="The emulated display; Looking Glass B7 wants one.")
    tpm = option("tpm", Table(Tpm), Tpm(), doc="The TPM; Windows 11 wants one.")
    serials = option("serials", ListOf(Table(Serial)), (), doc="Serial ports.")
    watchdog = option("watchdog", Table(Watchdog), None, doc="A watchdog.")
    memballoon = option("memballoon", Bool(), False, doc="A memory balloon; slow with VFIO.")
    battery = option("battery", Table(BatteryOptions), BatteryOptions(), doc="The ACPI battery.")
    looking_glass = option(
        "lookingGlass", Overrides(LookingGlass), {}, doc="Keys of lookingGlass that differ for this VM."
    )
    iommufd = option(
        "iommufd", Bool(), False, doc="Passes devices by iommufd (libvirt 12.1). Not together with kvmfr memory."
    )
    extra_xml = option("extraXml", Table(ExtraXml), ExtraXml(), doc="Elements that the options do not cover.")


VMS = MapOf(Table(Vm))
