"""The VM itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

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
from optimux.options.vm.guest import GuestMedia
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
from optimux.options.vm.windows import Windows

DEFAULT_INPUTS = (
    Input(type="mouse", bus="virtio"),
    Input(type="keyboard", bus="virtio"),
)
DEFAULT_CHANNELS = (Channel(), Channel(type="unix", name="org.qemu.guest_agent.0"))

if TYPE_CHECKING:
    from collections.abc import Mapping

    from optimux.pci import Address
    from optimux.sizes import Size


class Hooks(Declared):
    prepare: tuple[str, ...] = option(
        "prepare",
        ListOf(PATH),
        default=(),
        doc="Programs that run before the VM starts, in order; one that fails keeps it from starting. They are called "
        "as libvirt calls its hook qemu, with the domain's XML on standard input, and must not call libvirt.",
        example=["/usr/local/bin/quiet-fans"],
    )
    release: tuple[str, ...] = option(
        "release",
        ListOf(PATH),
        default=(),
        doc="Programs that run after the VM has ended and its devices are given back.",
        example=["/usr/local/bin/loud-fans"],
    )


class WhileRunning(Declared):
    isolate_cpus: bool = option(
        "isolateCpus",
        Bool(),
        default=False,
        doc="Keeps the host's programs off the CPUs that the vCPUs are pinned to (AllowedCPUs of system.slice, "
        "user.slice and init.scope), until the VM has ended.",
    )
    governor: str | None = option(
        "governor",
        WORD,
        default=None,
        doc="How the host's CPUs choose their frequency until the VM has ended; null leaves it.",
        example="performance",
    )
    hugepages: bool = option(
        "hugepages",
        Bool(),
        default=False,
        doc="Has the kernel make the huge pages for its memory before it starts, beside those that are reserved, and "
        "take them back after its end; the start is refused where memory is in too small pieces.",
    )


class Vm(Declared):
    name: str | None = option(
        "name",
        Text(
            r"[^\s./\"'<>&\\][^/\n\r\t\"'<>&\\]{0,63}", "1 to 64 characters without / \\ quotes, < > & or a leading dot"
        ),
        default=None,
        doc="The domain's name. Null is the table's name.",
        example="Windows 11",
    )
    uuid: str | None = option("uuid", UUID, default=None, doc="The domain's UUID. Null derives one from the name.")
    gpu: str | None = option(
        "gpu", WORD, default=None, doc="The GPU that it gets, a name of gpus. Null is none.", example="dgpu"
    )
    autostart: bool = option(
        "autostart",
        Bool(),
        default=False,
        doc="Whether it starts with the host, by a unit that waits for its GPU, its networks and the shared memory.",
    )
    while_running: WhileRunning = option(
        "whileRunning", Table(WhileRunning), default=WhileRunning(), doc="What the host does for it while it runs."
    )
    hooks: Hooks = option("hooks", Table(Hooks), default=Hooks(), doc="Programs of your own around its life.")
    os_id: str = option(
        "osId",
        Text(r"https?://[^\s\"'<>&]+", "an address of libosinfo"),
        default="http://microsoft.com/win/11",
        doc="libosinfo's id of the guest system.",
    )
    memory: Size = option("memory", SIZE, doc="The guest's memory.", example="16GiB")
    memory_backing: MemoryBacking = option(
        "memoryBacking", Table(MemoryBacking), default=MemoryBacking(), doc="What backs the memory."
    )
    vcpus: int | None = option(
        "vcpus",
        Int(1, 1024),
        default=None,
        doc="Virtual CPUs. Null is the topology's product, or 4 without one.",
        example=16,
    )
    cpu: Cpu = option("cpu", Table(Cpu), default=Cpu(), doc="What CPU the guest sees.")
    cpu_tune: CpuTune = option("cpuTune", Table(CpuTune), default=CpuTune(), doc="Pinning, and iothreads.")
    smbios: Smbios | None = option("smbios", Table(Smbios), default=None, doc="SMBIOS strings.")
    machine: str | None = option(
        "machine",
        Text(r"(pc-)?q35(-[0-9]{1,2}\.[0-9]{1,2})?", "a q35 machine such as pc-q35-10.0", 32),
        default=None,
        doc="The machine type. Null is the planned QEMU's newest q35.",
        example="pc-q35-8.0",
    )
    emulator: str | None = option("emulator", PATH, default=None, doc="The QEMU binary. Null leaves it to libvirt.")
    firmware: Firmware = option("firmware", Table(Firmware), default=Firmware(), doc="UEFI or BIOS.")
    features: Features = option("features", Table(Features), default=Features(), doc="Hypervisor features.")
    hyperv: Hyperv = option("hyperv", Table(Hyperv), default=Hyperv(), doc="Hyper-V enlightenments.")
    clock: Clock = option("clock", Table(Clock), default=Clock(), doc="Clock and timers.")
    lifecycle: Lifecycle = option(
        "lifecycle", Table(Lifecycle), default=Lifecycle(), doc="What power off, reboot and crash do."
    )
    power_management: PowerManagement = option(
        "powerManagement", Table(PowerManagement), default=PowerManagement(), doc="Sleep states that firmware offers."
    )
    pci: Pci = option("pci", Table(Pci), default=Pci(), doc="Where devices sit in the guest.")
    disks: tuple[Disk, ...] = option("disks", ListOf(Table(Disk)), default=(), doc="Disks and CD-ROM drives, in order.")
    networks: tuple[Network, ...] = option(
        "networks", ListOf(Table(Network)), default=(Network(),), doc="Network cards, in order."
    )
    usb: Usb = option("usb", Table(Usb), default=Usb(), doc="USB controller, host devices, redirection.")
    evdev: tuple[Evdev, ...] = option(
        "evdev", ListOf(Table(Evdev)), default=(), doc="Host input devices, shared by a key."
    )
    inputs: tuple[Input, ...] = option(
        "inputs",
        ListOf(Table(Input)),
        default=DEFAULT_INPUTS,
        doc="Emulated input devices, beside PS/2's own. The idd release brings its own input: there the default is "
        "none.",
    )
    spice: Spice = option("spice", Table(Spice), default=Spice(), doc="The SPICE server.")
    channels: tuple[Channel, ...] = option(
        "channels",
        ListOf(Table(Channel)),
        default=DEFAULT_CHANNELS,
        doc="virtio-serial channels: by default SPICE's and the guest agent's.",
    )
    virtio_serial_address: Address | None = option(
        "virtioSerialAddress",
        ADDRESS,
        default=None,
        doc="PCI address of the virtio-serial controller. Null leaves it to libvirt.",
    )
    sound: Sound = option("sound", Table(Sound), default=Sound(), doc="The sound card and where it plays.")
    video: Video = option(
        "video", Table(Video), default=Video(), doc="The emulated display; Looking Glass B7 wants one."
    )
    tpm: Tpm = option("tpm", Table(Tpm), default=Tpm(), doc="The TPM; Windows 11 wants one.")
    serials: tuple[Serial, ...] = option("serials", ListOf(Table(Serial)), default=(), doc="Serial ports.")
    watchdog: Watchdog | None = option("watchdog", Table(Watchdog), default=None, doc="A watchdog.")
    memballoon: bool = option("memballoon", Bool(), default=False, doc="A memory balloon; slow with VFIO.")
    battery: BatteryOptions = option(
        "battery", Table(BatteryOptions), default=BatteryOptions(), doc="The ACPI battery."
    )
    looking_glass: Mapping[str, Any] = option(
        "lookingGlass", Overrides(LookingGlass), default={}, doc="Keys of lookingGlass that differ for this VM."
    )
    guest_media: GuestMedia = option(
        "guestMedia", Table(GuestMedia), default=GuestMedia(), doc="The medium that sets a Windows guest up."
    )
    windows: Windows = option(
        "windows", Table(Windows), default=Windows(), doc="Windows' installation: its media, and answers for its Setup."
    )
    iommufd: bool = option(
        "iommufd",
        Bool(),
        default=False,
        doc="Passes devices by iommufd (libvirt 12.1). Not together with kvmfr memory.",
    )
    extra_xml: ExtraXml = option(
        "extraXml", Table(ExtraXml), default=ExtraXml(), doc="Elements that the options do not cover."
    )


# Far more than one host starts, and few enough that any number of them is planned within seconds.
VMS = MapOf(Table(Vm), most=1000)
