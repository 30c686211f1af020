"""Devices: disks, networks, USB, input, SPICE, sound, video and what else hangs on a bus."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from optimux.declare import Bool, Choice, Declared, Int, ListOf, Table, Text, option
from optimux.declare.values import ADDRESS, IP_ADDRESS, MAC, PATH, PCI_ID, PORT, SIZE, WORD

if TYPE_CHECKING:
    from optimux.pci import Address, Id
    from optimux.sizes import Size


GUEST_ADDRESS = "Its PCI address in the guest. Null leaves it to the plan or to libvirt."


DiskType = Literal["file", "block"]
DiskDevice = Literal["disk", "cdrom"]
DiskFormat = Literal["qcow2", "raw"]
DiskBus = Literal["virtio", "sata", "scsi", "usb", "nvme"]
DiskCache = Literal["none", "writeback", "writethrough", "directsync", "unsafe"]
DiskIo = Literal["native", "threads", "io_uring"]
Discard = Literal["unmap", "ignore", "default"]


class Disk(Declared):
    source: str | None = option(
        "source", PATH, default=None, doc="The image, or the block device. Null is an empty CD-ROM drive."
    )
    type: DiskType = option(
        "type", Choice(DiskType), default="file", doc="Whether the source is an image or a block device."
    )
    device: DiskDevice = option("device", Choice(DiskDevice), default="disk", doc="What the guest sees.")
    create: Size | None = option(
        "create",
        SIZE,
        default=None,
        doc="Size of an empty image that is made where the source does not exist. What exists is never touched. Null "
        "makes none.",
        example="64GiB",
    )
    format: DiskFormat | None = option(
        "format", Choice(DiskFormat), default=None, doc="Null is qcow2 for image files of disks, else raw."
    )
    bus: DiskBus | None = option(
        "bus",
        Choice(DiskBus),
        default=None,
        doc="Null is virtio, sata for CD-ROMs. nvme needs libvirt 11.5.",
    )
    target: str | None = option(
        "target",
        Text(r"[vs]d[a-z]{1,2}|nvme[0-9]{1,2}n[0-9]{1,2}", "a target such as vda or sdb", 12),
        default=None,
        doc="Null counts up.",
    )
    cache: DiskCache | None = option(
        "cache",
        Choice(DiskCache),
        default=None,
        doc="Host page cache. Null leaves it to libvirt.",
        example="none",
    )
    io: DiskIo | None = option("io", Choice(DiskIo), default=None, doc="Asynchronous I/O. Null leaves it to libvirt.")
    discard: Discard | None = option(
        "discard",
        Choice(Discard),
        default=None,
        doc='Null is unmap for disks; "default" writes no attribute.',
    )
    iothread: int | None = option(
        "iothread", Int(1, 64), default=None, doc="The iothread that serves it (virtio only)."
    )
    boot_order: int | None = option(
        "bootOrder", Int(1, 99), default=None, doc="Place in the boot order, from 1.", example=1
    )
    readonly: bool | None = option("readonly", Bool(), default=None, doc="Null is true for CD-ROMs.")
    serial: str | None = option(
        "serial", Text(r"[A-Za-z0-9_.+ -]{1,36}", "at most 36 characters"), default=None, doc="Its serial number."
    )
    address: Address | None = option("address", ADDRESS, default=None, doc=GUEST_ADDRESS + " virtio and nvme only.")
    drive_address: str | None = option(
        "driveAddress",
        Text(r"(0|[1-9][0-9]?)(:(0|[1-9][0-9]?)){3}", "controller:bus:target:unit"),
        default=None,
        doc="Its address on a SATA or SCSI controller, controller:bus:target:unit.",
        example="0:0:0:1",
    )


NetworkType = Literal["network", "bridge", "direct", "user"]
NetworkModel = Literal["virtio", "e1000e", "rtl8139"]


class Network(Declared):
    type: NetworkType = option("type", Choice(NetworkType), default="network", doc="How it reaches the outside.")
    source: str = option(
        "source",
        WORD,
        default="default",
        doc="libvirt's network, the bridge, or the host interface (direct). Not for user.",
    )
    model: NetworkModel = option("model", Choice(NetworkModel), default="virtio", doc="The card that the guest sees.")
    mac: str | None = option(
        "mac", MAC, default=None, doc="Its MAC address. Null lets libvirt make one.", example="52:54:00:12:34:56"
    )
    boot_order: int | None = option("bootOrder", Int(1, 99), default=None, doc="Place in the boot order, from 1.")
    address: Address | None = option("address", ADDRESS, default=None, doc=GUEST_ADDRESS)


class HostUsbDevice(Declared):
    id: Id = option("id", PCI_ID, doc="Its vendor and product id (lsusb).", example="046d:c52b")
    port: int | None = option("port", Int(1, 15), default=None, doc="The guest's USB port. Null leaves it to libvirt.")


UsbModel = Literal["qemu-xhci", "nec-xhci", "ich9-ehci1", "none"]


class Usb(Declared):
    model: UsbModel = option(
        "model",
        Choice(UsbModel),
        default="qemu-xhci",
        doc='The guest\'s USB controller; "none" removes it.',
    )
    ports: int = option("ports", Int(1, 15), default=15, doc="Its ports (xHCI only).")
    address: Address | None = option("address", ADDRESS, default=None, doc=GUEST_ADDRESS)
    host_devices: tuple[HostUsbDevice, ...] = option(
        "hostDevices", ListOf(Table(HostUsbDevice)), default=(), doc="USB devices of the host, given away."
    )
    redirection_ports: tuple[int, ...] = option(
        "redirectionPorts",
        ListOf(Int(0, 15)),
        default=(),
        doc="One SPICE USB redirection channel an entry: the guest's USB port, 0 leaves it to libvirt.",
        example=[2, 3],
    )


Grab = Literal["all", "none"]
GrabToggle = Literal["ctrl-ctrl", "alt-alt", "shift-shift", "meta-meta", "scrolllock", "ctrl-scrolllock"]


class Evdev(Declared):
    dev: str = option(
        "dev", PATH, doc="The host's input device.", example="/dev/input/by-path/platform-i8042-serio-0-event-kbd"
    )
    grab: Grab = option("grab", Choice(Grab), default="all", doc='"all" grabs every evdev device with this one.')
    grab_toggle: GrabToggle | None = option(
        "grabToggle",
        Choice(GrabToggle),
        default=None,
        doc="The keys that switch host and guest. Null is libvirt's (both Ctrl keys).",
        example="meta-meta",
    )
    repeat: bool = option("repeat", Bool(), default=True, doc="Auto repeat of keys.")


InputType = Literal["mouse", "keyboard", "tablet"]
InputBus = Literal["ps2", "usb", "virtio"]


class Input(Declared):
    type: InputType = option("type", Choice(InputType), doc="What it is.", example="keyboard")
    bus: InputBus = option("bus", Choice(InputBus), doc="Where it hangs.", example="virtio")
    address: Address | None = option("address", ADDRESS, default=None, doc=GUEST_ADDRESS + " virtio only.")


SpiceListen = Literal["address", "none"]
ImageCompression = Literal["off", "auto_glz", "auto_lz", "quic", "glz", "lz", "default"]


class Spice(Declared):
    enable: bool = option(
        "enable", Bool(), default=True, doc="A SPICE server: input, clipboard and sound of Looking Glass use it."
    )
    port: int | None = option("port", PORT, default=None, doc="Its TCP port. Null picks one (autoport).", example=5900)
    listen: SpiceListen = option(
        "listen",
        Choice(SpiceListen),
        default="address",
        doc='On an address, or "none": only by file descriptor, which Looking Glass cannot use.',
    )
    address: str | None = option(
        "address",
        IP_ADDRESS,
        default=None,
        doc="The address it listens on. Null is libvirt's (127.0.0.1).",
        example="127.0.0.1",
    )
    image_compression: ImageCompression = option(
        "imageCompression",
        Choice(ImageCompression),
        default="off",
        doc='Compression of images; "default" writes no element.',
    )


ChannelType = Literal["spicevmc", "unix"]


class Channel(Declared):
    type: ChannelType = option(
        "type", Choice(ChannelType), default="spicevmc", doc="The SPICE agent's, or a socket of libvirt's."
    )
    name: str = option(
        "name",
        Text(r"[a-z0-9_.-]{1,64}", "a dotted name"),
        default="com.redhat.spice.0",
        doc="The port's name in the guest.",
    )
    port: int | None = option(
        "port", Int(1, 30), default=None, doc="Its port on the virtio-serial controller. Null leaves it to libvirt."
    )


SoundModel = Literal["ich9", "ich6", "ac97", "usb", "virtio", "none"]
SoundBackend = Literal["spice", "pulseaudio", "pipewire", "alsa", "none"]
SoundCodec = Literal["duplex", "micro", "output"]


class Sound(Declared):
    model: SoundModel = option(
        "model",
        Choice(SoundModel),
        default="ich9",
        doc="The sound card; virtio needs libvirt 10.4.",
    )
    backend: SoundBackend = option(
        "backend",
        Choice(SoundBackend),
        default="spice",
        doc="Where the sound goes. pipewire needs libvirt 9.10.",
    )
    codec: SoundCodec | None = option(
        "codec", Choice(SoundCodec), default=None, doc="Codec of an HDA card. Null is libvirt's."
    )
    address: Address | None = option("address", ADDRESS, default=None, doc=GUEST_ADDRESS)


VideoModel = Literal["vga", "qxl", "virtio", "bochs", "none"]


class Video(Declared):
    model: VideoModel = option("model", Choice(VideoModel), default="vga", doc="The emulated display.")
    ram: int | None = option(
        "ram", Int(1024, 1 << 30), default=None, doc="QXL's primary memory, a power of two.", unit="KiB", example=65536
    )
    vram: int | None = option(
        "vram", Int(1024, 1 << 30), default=None, doc="Video memory, a power of two.", unit="KiB", example=16384
    )
    vgamem: int | None = option(
        "vgamem", Int(1024, 1 << 30), default=None, doc="QXL's VGA memory, a power of two.", unit="KiB", example=16384
    )
    heads: int = option("heads", Int(1, 16), default=1, doc="How many monitors it drives.")
    address: Address | None = option(
        "address", ADDRESS, default=None, doc="Its PCI address in the guest. Null is 00:02.0, if free."
    )


TpmBackend = Literal["emulator", "passthrough", "none"]
TpmModel = Literal["tpm-crb", "tpm-tis"]
TpmVersion = Literal["2.0", "1.2"]


class Tpm(Declared):
    backend: TpmBackend = option(
        "backend",
        Choice(TpmBackend),
        default="emulator",
        doc="swtpm, the host's own TPM (which the guest then owns), or none.",
    )
    model: TpmModel = option("model", Choice(TpmModel), default="tpm-crb", doc="What the guest sees.")
    version: TpmVersion = option("version", Choice(TpmVersion), default="2.0", doc="Version of the emulated TPM.")
    device: str = option(
        "device", PATH, default="/dev/tpm0", doc="The host's TPM, with passthrough.", example="/dev/tpmrm0"
    )


WatchdogModel = Literal["itco", "i6300esb"]
WatchdogAction = Literal["reset", "shutdown", "poweroff", "pause", "none"]


class Watchdog(Declared):
    model: WatchdogModel = option(
        "model", Choice(WatchdogModel), doc="The watchdog; itco needs libvirt 9.1.", example="itco"
    )
    action: WatchdogAction = option("action", Choice(WatchdogAction), default="reset", doc="What its expiry does.")


SerialType = Literal["pty", "file", "unix"]


class Serial(Declared):
    type: SerialType = option("type", Choice(SerialType), default="pty", doc="The host's end.")
    path: str | None = option("path", PATH, default=None, doc="The file or socket, where the type has one.")
    port: int = option("port", Int(0, 3), default=0, doc="The guest's serial port.")
    console: bool | None = option(
        "console",
        Bool(),
        default=None,
        doc="Whether <console> names it too: the first alone, where null is true. Left out, libvirt adds it.",
    )
