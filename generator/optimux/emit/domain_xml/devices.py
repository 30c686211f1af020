"""``<devices>``: one short function an element, in libvirt's order."""

from __future__ import annotations

from collections.abc import Iterator

from optimux.emit.domain_xml.controllers import controllers
from optimux.emit.domain_xml.places import drive_address, pci_address, pci_address_of
from optimux.emit.xml import Element, element, on_off, yes_no
from optimux.options.vm import Vm
from optimux.options.vm.devices import (
    Channel,
    Disk,
    Evdev,
    HostUsbDevice,
    Input,
    Network,
    Serial,
    Sound,
    Spice,
    Tpm,
    Watchdog,
)
from optimux.plan.model import DomainPlan, HostDevice, SharedMemory

DISK_SOURCES = {"file": "file", "block": "dev"}
NETWORK_SOURCES = {"network": "network", "bridge": "bridge", "direct": "dev"}


def devices(domain: DomainPlan) -> Element:
    """Every device of the domain."""
    return element("devices", *_devices(domain), raw=domain.vm.extra_xml.devices)


def _devices(domain: DomainPlan) -> Iterator[Element]:
    vm = domain.vm
    if vm.emulator:
        yield element("emulator", text=vm.emulator)
    yield from map(_disk, domain.disks)
    yield from controllers(domain)
    yield from map(_network, vm.networks)
    yield from map(_serial, vm.serials)
    yield from (_console(serial) for serial in vm.serials if serial.console)
    yield from map(_channel, vm.channels)
    yield from map(_input, vm.inputs)
    yield from map(_evdev, vm.evdev)
    yield from _tpm(vm.tpm)
    yield from _graphics(vm.spice)
    yield from _sound(vm.sound)
    yield _video(domain)
    yield from map(_hostdev, domain.host_devices)
    yield from map(_usb_hostdev, vm.usb.host_devices)
    yield from _redirections(vm)
    yield from _watchdog(vm.watchdog)
    yield element("memballoon", model="virtio" if vm.memballoon else "none")
    if domain.memory and domain.memory.kind == "shm":
        yield _shmem(domain, domain.memory)


def _disk(disk: Disk) -> Element:
    discard = disk.discard if disk.discard != "default" else None
    address = pci_address_of(disk.address) or (drive_address(disk.drive_address) if disk.drive_address else None)
    return element(
        "disk",
        element(
            "driver",
            name="qemu",
            type_=disk.format,
            cache=disk.cache,
            io=disk.io,
            discard=discard,
            iothread=disk.iothread,
        ),
        element("source", **{DISK_SOURCES[disk.type]: disk.source}) if disk.source else None,
        element("target", dev=disk.target, bus=disk.bus),
        element("readonly") if disk.readonly else None,
        element("serial", text=disk.serial) if disk.serial else None,
        element("boot", order=disk.boot_order) if disk.boot_order else None,
        address,
        type_=disk.type,
        device=disk.device,
    )


def _network(network: Network) -> Element:
    source = {NETWORK_SOURCES[network.type]: network.source} if network.type != "user" else {}
    return element(
        "interface",
        element("mac", address=network.mac) if network.mac else None,
        element("source", **source) if source else None,
        element("model", type_=network.model),
        element("boot", order=network.boot_order) if network.boot_order else None,
        pci_address_of(network.address),
        type_=network.type,
    )


def _serial_source(serial: Serial) -> Element | None:
    mode = "bind" if serial.type == "unix" else None
    return element("source", mode=mode, path=serial.path) if serial.path else None


def _serial(serial: Serial) -> Element:
    target = element("target", element("model", name="isa-serial"), type_="isa-serial", port=serial.port)
    return element("serial", _serial_source(serial), target, type_=serial.type)


def _console(serial: Serial) -> Element:
    target = element("target", type_="serial", port=serial.port)
    return element("console", _serial_source(serial), target, type_=serial.type)


def _channel(channel: Channel) -> Element:
    port = channel.port
    return element(
        "channel",
        element("target", type_="virtio", name=channel.name),
        element("address", type_="virtio-serial", controller="0", bus="0", port=port) if port else None,
        type_=channel.type,
    )


def _input(item: Input) -> Element:
    return element("input", pci_address_of(item.address), type_=item.type, bus=item.bus)


def _evdev(item: Evdev) -> Element:
    source = element(
        "source",
        dev=item.dev,
        grab="all" if item.grab == "all" else None,
        grabToggle=item.grab_toggle,
        repeat=on_off(item.repeat),
    )
    return element("input", source, type_="evdev")


def _tpm(tpm: Tpm) -> Iterator[Element]:
    if tpm.backend == "passthrough":
        yield element("tpm", element("backend", element("device", path=tpm.device), type_=tpm.backend), model=tpm.model)
    elif tpm.backend == "emulator":
        yield element("tpm", element("backend", type_=tpm.backend, version=tpm.version), model=tpm.model)


def _graphics(spice: Spice) -> Iterator[Element]:
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


def _sound(sound: Sound) -> Iterator[Element]:
    if sound.model != "none":
        yield element(
            "sound",
            element("codec", type_=sound.codec) if sound.codec else None,
            element("audio", id="1"),
            pci_address_of(sound.address),
            model=sound.model,
        )
    yield element("audio", id="1", type_=sound.backend)


def _video(domain: DomainPlan) -> Element:
    video = domain.vm.video
    if video.model == "none":
        return element("video", element("model", type_="none"))
    model = element(
        "model",
        type_=video.model,
        ram=video.ram,
        vram=video.vram,
        vgamem=video.vgamem,
        heads=video.heads,
        primary="yes",
    )
    return element("video", model, pci_address_of(domain.video_address))


def _hostdev(device: HostDevice) -> Element:
    rom = device.rom
    return element(
        "hostdev",
        element("driver", name="vfio", iommufd="yes") if device.iommufd else None,
        element("source", pci_address(device.source, type_=None)),
        element("alias", name=device.alias) if device.alias else None,
        element("rom", bar=rom.bar, file=rom.file) if rom else None,
        pci_address(device.guest, multifunction=device.multifunction),
        mode="subsystem",
        type_="pci",
        managed="yes",
    )


def _usb_hostdev(device: HostUsbDevice) -> Element:
    source = element(
        "source",
        element("vendor", id=f"0x{device.id.vendor:04x}"),
        element("product", id=f"0x{device.id.device:04x}"),
    )
    address = element("address", type_="usb", bus="0", port=device.port) if device.port else None
    return element("hostdev", source, address, mode="subsystem", type_="usb", managed="yes")


def _redirections(vm: Vm) -> Iterator[Element]:
    for port in vm.usb.redirection_ports:
        address = element("address", type_="usb", bus="0", port=port) if port else None
        yield element("redirdev", address, bus="usb", type_="spicevmc")


def _watchdog(watchdog: Watchdog | None) -> Iterator[Element]:
    if watchdog:
        yield element("watchdog", model=watchdog.model, action=watchdog.action)


def _shmem(domain: DomainPlan, memory: SharedMemory) -> Element:
    return element(
        "shmem",
        element("model", type_="ivshmem-plain"),
        element("size", text=str(memory.size.mib), unit="M"),
        pci_address_of(domain.ivshmem),
        name=memory.name,
    )
