"""Devices: disks, networks, USB, input, SPICE, sound, video and what else hangs on a bus."""

from __future__ import annotations

from optimux.declare import Bool, Choice, Declared, Int, ListOf, Table, Text, option
from optimux.declare.values import ADDRESS, IP_ADDRESS, MAC, PATH, PCI_ID, PORT, WORD

GUEST_ADDRESS = "Its PCI address in the guest. Null leaves it to the plan or to libvirt."


class Disk(Declared):
    source = option("source", PATH, None, doc="The image, or the block device. Null is an empty CD-ROM drive.")
    type = option("type", Choice("file", "block"), "file", doc="Whether the source is an image or a block device.")
    device = option("device", Choice("disk", "cdrom"), "disk", doc="What the guest sees.")
    format = option("format", Choice("qcow2", "raw"), None, doc="Null is qcow2 for image files of disks, else raw.")
    bus = option(
        "bus",
        Choice("virtio", "sata", "scsi", "usb", "nvme"),
        None,
        doc="Null is virtio, sata for CD-ROMs. nvme needs libvirt 11.5.",
    )
    target = option(
        "target",
        Text(r"[vs]d[a-z]{1,2}|nvme[0-9]{1,2}n[0-9]{1,2}", "a target such as vda or sdb", 12),
        None,
        doc="Null counts up.",
    )
    cache = option(
        "cache",
        Choice("none", "writeback", "writethrough", "directsync", "unsafe"),
        None,
        doc="Host page cache. Null leaves it to libvirt.",
        example="none",
    )
    io = option("io", Choice("native", "threads", "io_uring"), None, doc="Asynchronous I/O. Null leaves it to libvirt.")
    discard = option(
        "discard",
        Choice("unmap", "ignore", "default"),
        None,
        doc='Null is unmap for disks; "default" writes no attribute.',
    )
    iothread = option("iothread", Int(1, 64), None, doc="The iothread that serves it (virtio only).")
    boot_order = option("bootOrder", Int(1, 99), None, doc="Place in the boot order, from 1.", example=1)
    readonly = option("readonly", Bool(), None, doc="Null is true for CD-ROMs.")
    serial = option("serial", Text(r"[A-Za-z0-9_.+ -]{1,36}", "at most 36 characters"), None, doc="Its serial number.")
    address = option("address", ADDRESS, None, doc=GUEST_ADDRESS + " virtio and nvme only.")
    drive_address = option(
        "driveAddress",
        Text(r"(0|[1-9][0-9]?)(:(0|[1-9][0-9]?)){3}", "controller:bus:target:unit"),
        None,
        doc="Its address on a SATA or SCSI controller, controller:bus:target:unit.",
        example="0:0:0:1",
    )


class Network(Declared):
    type = option("type", Choice("network", "bridge", "direct", "user"), "network", doc="How it reaches the outside.")
    source = option(
        "source", WORD, "default", doc="libvirt's network, the bridge, or the host interface (direct). Not for user."
    )
    model = option("model", Choice("virtio", "e1000e", "rtl8139"), "virtio", doc="The card that the guest sees.")
    mac = option("mac", MAC, None, doc="Its MAC address. Null lets libvirt make one.", example="52:54:00:12:34:56")
    boot_order = option("bootOrder", Int(1, 99), None, doc="Place in the boot order, from 1.")
    address = option("address", ADDRESS, None, doc=GUEST_ADDRESS)


class HostUsbDevice(Declared):
    id = option("id", PCI_ID, doc="Its vendor and product id (lsusb).", example="046d:c52b")
    port = option("port", Int(1, 15), None, doc="The guest's USB port. Null leaves it to libvirt.")


class Usb(Declared):
    model = option(
        "model",
        Choice("qemu-xhci", "nec-xhci", "ich9-ehci1", "none"),
        "qemu-xhci",
        doc='The guest\'s USB controller; "none" removes it.',
    )
    ports = option("ports", Int(1, 15), 15, doc="Its ports (xHCI only).")
    address = option("address", ADDRESS, None, doc=GUEST_ADDRESS)
    host_devices = option("hostDevices", ListOf(Table(HostUsbDevice)), (), doc="USB devices of the host, given away.")
    redirection_ports = option(
        "redirectionPorts",
        ListOf(Int(0, 15)),
        (),
        doc="One SPICE USB redirection channel an entry: the guest's USB port, 0 leaves it to libvirt.",
        example=[2, 3],
    )


class Evdev(Declared):
    dev = option(
        "dev", PATH, doc="The host's input device.", example="/dev/input/by-path/platform-i8042-serio-0-event-kbd"
    )
    grab = option("grab", Choice("all", "none"), "all", doc='"all" grabs every evdev device with this one.')
    grab_toggle = option(
        "grabToggle",
        Choice("ctrl-ctrl", "alt-alt", "shift-shift", "meta-meta", "scrolllock", "ctrl-scrolllock"),
        None,
        doc="The keys that switch host and guest. Null is libvirt's (both Ctrl keys).",
        example="meta-meta",
    )
    repeat = option("repeat", Bool(), True, doc="Auto repeat of keys.")


class Input(Declared):
    type = option("type", Choice("mouse", "keyboard", "tablet"), doc="What it is.", example="keyboard")
    bus = option("bus", Choice("ps2", "usb", "virtio"), doc="Where it hangs.", example="virtio")
    address = option("address", ADDRESS, None, doc=GUEST_ADDRESS + " virtio only.")


class Spice(Declared):
    enable = option("enable", Bool(), True, doc="A SPICE server: input, clipboard and sound of Looking Glass use it.")
    port = option("port", PORT, None, doc="Its TCP port. Null picks one (autoport).", example=5900)
    listen = option(
        "listen",
        Choice("address", "none"),
        "address",
        doc='On an address, or "none": only by file descriptor, which Looking Glass cannot use.',
    )
    address = option(
        "address",
        IP_ADDRESS,
        None,
        doc="The address it listens on. Null is libvirt's (127.0.0.1).",
        example="127.0.0.1",
    )
    image_compression = option(
        "imageCompression",
        Choice("off", "auto_glz", "auto_lz", "quic", "glz", "lz", "default"),
        "off",
        doc='Compression of images; "default" writes no element.',
    )


class Channel(Declared):
    type = option("type", Choice("spicevmc", "unix"), "spicevmc", doc="The SPICE agent's, or a socket of libvirt's.")
    name = option(
        "name", Text(r"[a-z0-9_.-]{1,64}", "a dotted name"), "com.redhat.spice.0", doc="The port's name in the guest."
    )
    port = option("port", Int(1, 30), None, doc="Its port on the virtio-serial controller. Null leaves it to libvirt.")


class Sound(Declared):
    model = option(
        "model",
        Choice("ich9", "ich6", "ac97", "usb", "virtio", "none"),
        "ich9",
        doc="The sound card; virtio needs libvirt 10.4.",
    )
    backend = option(
        "backend",
        Choice("spice", "pulseaudio", "pipewire", "alsa", "none"),
        "spice",
        doc="Where the sound goes. pipewire needs libvirt 9.10.",
    )
    codec = option("codec", Choice("duplex", "micro", "output"), None, doc="Codec of an HDA card. Null is libvirt's.")
    address = option("address", ADDRESS, None, doc=GUEST_ADDRESS)


class Video(Declared):
    model = option("model", Choice("vga", "qxl", "virtio", "bochs", "none"), "vga", doc="The emulated display.")
    ram = option(
        "ram", Int(1024, 1 << 30), None, doc="QXL's primary memory, a power of two.", unit="KiB", example=65536
    )
    vram = option("vram", Int(1024, 1 << 30), None, doc="Video memory, a power of two.", unit="KiB", example=16384)
    vgamem = option(
        "vgamem", Int(1024, 1 << 30), None, doc="QXL's VGA memory, a power of two.", unit="KiB", example=16384
    )
    heads = option("heads", Int(1, 16), 1, doc="How many monitors it drives.")
    address = option("address", ADDRESS, None, doc="Its PCI address in the guest. Null is 00:02.0, if free.")


class Tpm(Declared):
    backend = option(
        "backend",
        Choice("emulator", "passthrough", "none"),
        "emulator",
        doc="swtpm, the host's own TPM (which the guest then owns), or none.",
    )
    model = option("model", Choice("tpm-crb", "tpm-tis"), "tpm-crb", doc="What the guest sees.")
    version = option("version", Choice("2.0", "1.2"), "2.0", doc="Version of the emulated TPM.")
    device = option("device", PATH, "/dev/tpm0", doc="The host's TPM, with passthrough.", example="/dev/tpmrm0")


class Watchdog(Declared):
    model = option("model", Choice("itco", "i6300esb"), doc="The watchdog; itco needs libvirt 9.1.", example="itco")
    action = option(
        "action", Choice("reset", "shutdown", "poweroff", "pause", "none"), "reset", doc="What its expiry does."
    )


class Serial(Declared):
    type = option("type", Choice("pty", "file", "unix"), "pty", doc="The host's end.")
    path = option("path", PATH, None, doc="The file or socket, where the type has one.")
    port = option("port", Int(0, 3), 0, doc="The guest's serial port.")
    console = option(
        "console",
        Bool(),
        None,
        doc="Whether <console> names it too: the first alone, where null is true. Left out, libvirt adds it.",
    )
