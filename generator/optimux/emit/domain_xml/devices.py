"""``<devices>``: one short function an element, in libvirt's order."""

from __future__ import annotations

from collections.abc import Iterator

from optimux.emit.domain_xml.address import drive_address, pci_address, placed
from optimux.emit.domain_xml.controllers import controllers
from optimux.emit.xml import Element, element, on_off, yes_no
from optimux.plan.devices import (
    Channel,
    Disk,
    Evdev,
    HostDevice,
    HostUsbDevice,
    Input,
    Network,
    Serial,
    Sound,
    Spice,
    Tpm,
    Usb,
    Watchdog,
)
from optimux.plan.model import DomainPlan, SharedMemory

DISK_SOURCES = {"file": "file", "block": "dev"}
NETWORK_SOURCES = {"network": "network", "bridge": "bridge", "direct": "dev"}


def devices(domain: DomainPlan) -> Element:
    """Every device of the domain."""
    return element("devices", *_devices(domain), raw=domain.extra_xml.devices)


def _devices(domain: DomainPlan) -> Iterator[Element]:
    if domain.emulator:
        yield element("emulator", text=domain.emulator)
    yield from map(disk, domain.disks)
    yield from controllers(domain)
    yield from map(network, domain.networks)
    yield from map(serial, domain.serials)
    yield from (_console(serial) for serial in domain.serials if serial.console)
    yield from map(channel, domain.channels)
    yield from map(input_, domain.inputs)
    yield from map(evdev, domain.evdev)
    yield from tpm(domain.tpm)
    yield from graphics(domain.spice)
    yield from sound(domain.sound)
    yield video(domain)
    yield from map(hostdev, domain.host_devices)
    yield from map(usb_hostdev, domain.usb.host_devices)
    yield from redirections(domain.usb)
    yield from watchdog(domain.watchdog)
    yield element("memballoon", model="virtio" if domain.memballoon else "none")
    if domain.shared_memory and domain.shared_memory.kind == "shm":
        yield shmem(domain, domain.shared_memory)


def disk(item: Disk) -> Element:
    """``<disk>``."""
    discard = item.discard if item.discard != "default" else None
    address = placed(item.placement) or (drive_address(item.drive_address) if item.drive_address else None)
    return element(
        "disk",
        element(
            "driver",
            name="qemu",
            type_=item.format,
            cache=item.cache,
            io=item.io,
            discard=discard,
            iothread=item.iothread,
        ),
        element("source", **{DISK_SOURCES[item.type]: item.source}) if item.source else None,
        element("target", dev=item.target, bus=item.bus),
        element("readonly") if item.readonly else None,
        element("serial", text=item.serial) if item.serial else None,
        element("boot", order=item.boot_order) if item.boot_order else None,
        address,
        type_=item.type,
        device=item.device,
    )


def network(item: Network) -> Element:
    """``<interface>``."""
    return element(
        "interface",
        element("mac", address=item.mac) if item.mac else None,
        element("source", **{NETWORK_SOURCES[item.type]: item.source}) if item.source else None,
        element("model", type_=item.model),
        element("boot", order=item.boot_order) if item.boot_order else None,
        placed(item.placement),
        type_=item.type,
    )


def _serial_source(serial: Serial) -> Element | None:
    mode = "bind" if serial.type == "unix" else None
    return element("source", mode=mode, path=serial.path) if serial.path else None


def serial(item: Serial) -> Element:
    """``<serial>``."""
    target = element("target", element("model", name="isa-serial"), type_="isa-serial", port=item.port)
    return element("serial", _serial_source(item), target, type_=item.type)


def _console(serial: Serial) -> Element:
    target = element("target", type_="serial", port=serial.port)
    return element("console", _serial_source(serial), target, type_=serial.type)


def channel(item: Channel) -> Element:
    """``<channel>``."""
    port = item.port
    return element(
        "channel",
        element("target", type_="virtio", name=item.name),
        element("address", type_="virtio-serial", controller="0", bus="0", port=port) if port else None,
        type_=item.type,
    )


def input_(item: Input) -> Element:
    """``<input>`` of an emulated device."""
    return element("input", placed(item.placement), type_=item.type, bus=item.bus)


def evdev(item: Evdev) -> Element:
    """``<input type='evdev'>``."""
    source = element(
        "source",
        dev=item.dev,
        grab="all" if item.grab == "all" else None,
        grabToggle=item.grab_toggle,
        repeat=on_off(item.repeat),
    )
    return element("input", source, type_="evdev")


def tpm(options: Tpm) -> Iterator[Element]:
    """``<tpm>``, where there is one."""
    if options.backend == "passthrough":
        device = element("device", path=options.device)
        yield element("tpm", element("backend", device, type_=options.backend), model=options.model)
    elif options.backend == "emulator":
        yield element("tpm", element("backend", type_=options.backend, version=options.version), model=options.model)


def graphics(spice: Spice) -> Iterator[Element]:
    """``<graphics type='spice'>``, where it is on."""
    if spice.enable:
        compression = spice.image_compression
        yield element(
            "graphics",
            element("listen", type_=spice.listen, address=spice.address if spice.listen == "address" else None),
            element("image", compression=compression) if compression != "default" else None,
            type_="spice",
            port=spice.port if spice.listen == "address" else None,
            autoport=yes_no(spice.port is None) if spice.listen == "address" else None,
        )


def sound(options: Sound) -> Iterator[Element]:
    """``<sound>``, where there is a card, and the ``<audio>`` that it plays to."""
    if options.model != "none":
        yield element(
            "sound",
            element("codec", type_=options.codec) if options.codec else None,
            element("audio", id="1"),
            placed(options.placement),
            model=options.model,
        )
    yield element("audio", id="1", type_=options.backend)


def video(domain: DomainPlan) -> Element:
    """``<video>``."""
    options = domain.video
    if options.model == "none":
        return element("video", element("model", type_="none"))
    model = element(
        "model",
        type_=options.model,
        ram=options.ram,
        vram=options.vram,
        vgamem=options.vgamem,
        heads=options.heads,
        primary="yes",
    )
    return element("video", model, placed(options.placement))


def hostdev(device: HostDevice) -> Element:
    """``<hostdev>`` of a PCI function."""
    rom = device.rom
    return element(
        "hostdev",
        element("driver", name="vfio", iommufd="yes") if device.iommufd else None,
        element("source", pci_address(device.source, type_=None)),
        element("alias", name=device.alias) if device.alias else None,
        element("rom", bar=rom.bar, file=rom.file) if rom else None,
        placed(device.placement),
        mode="subsystem",
        type_="pci",
        managed=yes_no(device.managed),
    )


def usb_hostdev(device: HostUsbDevice) -> Element:
    """``<hostdev>`` of a USB device."""
    source = element(
        "source",
        element("vendor", id=f"0x{device.id.vendor:04x}"),
        element("product", id=f"0x{device.id.device:04x}"),
    )
    address = element("address", type_="usb", bus="0", port=device.port) if device.port else None
    return element("hostdev", source, address, mode="subsystem", type_="usb", managed="yes")


def redirections(usb: Usb) -> Iterator[Element]:
    """``<redirdev>``, one a redirected port."""
    for port in usb.redirection_ports:
        address = element("address", type_="usb", bus="0", port=port) if port else None
        yield element("redirdev", address, bus="usb", type_="spicevmc")


def watchdog(item: Watchdog | None) -> Iterator[Element]:
    """``<watchdog>``, where there is one."""
    if item:
        yield element("watchdog", placed(item.placement), model=item.model, action=item.action)


def shmem(domain: DomainPlan, memory: SharedMemory) -> Element:
    """``<shmem>``."""
    return element(
        "shmem",
        element("model", type_="ivshmem-plain"),
        element("size", text=str(memory.size.mib), unit="M"),
        placed(domain.ivshmem),
        name=memory.name,
    )
