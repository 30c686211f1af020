"""From the options' devices to the plan's: nulls resolved, each at its place."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypedDict

from optimux.options.vm import Vm, devices
from optimux.plan.devices import (
    Channel,
    Disk,
    Evdev,
    HostUsbDevice,
    Input,
    Network,
    Placement,
    Serial,
    Sound,
    Spice,
    Tpm,
    Usb,
    Video,
    Watchdog,
    settled,
)
from optimux.plan.pci_topology import PciTopology


def planned_disks(disks: Sequence[Disk], placements: Sequence[Placement | None]) -> tuple[Disk, ...]:
    """Resolved disks, at their places."""
    return tuple(disk.replace(placement=place) for disk, place in zip(disks, placements, strict=True))


class OtherDevices(TypedDict):
    """Every device that is no disk, by the plan's own field."""

    networks: tuple[Network, ...]
    usb: Usb
    inputs: tuple[Input, ...]
    evdev: tuple[Evdev, ...]
    spice: Spice
    channels: tuple[Channel, ...]
    sound: Sound
    video: Video
    tpm: Tpm
    serials: tuple[Serial, ...]
    watchdog: Watchdog | None


def planned_devices(vm: Vm, topology: PciTopology) -> OtherDevices:
    """Every device that is no disk, at its place."""
    return {
        "networks": tuple(map(_network, vm.networks, topology.networks)),
        "usb": _usb(vm.usb, topology.usb),
        "inputs": tuple(
            settled(Input, item, placement=place) for item, place in zip(vm.inputs, topology.inputs, strict=True)
        ),
        "evdev": tuple(settled(Evdev, item) for item in vm.evdev),
        "spice": settled(Spice, vm.spice),
        "channels": tuple(settled(Channel, item) for item in vm.channels),
        "sound": settled(
            Sound,
            vm.sound,
            placement=topology.sound,
            backend=vm.sound.backend if vm.sound.model != "none" else "none",
        ),
        "video": settled(Video, vm.video, placement=topology.video),
        "tpm": settled(Tpm, vm.tpm),
        "serials": tuple(_serial(index, serial) for index, serial in enumerate(vm.serials)),
        "watchdog": settled(Watchdog, vm.watchdog, placement=topology.watchdog) if vm.watchdog else None,
    }


def _network(network: devices.Network, placement: Placement | None) -> Network:
    source = network.source if network.type != "user" else None
    mac = network.mac.lower() if network.mac else None
    return settled(Network, network, placement=placement, source=source, mac=mac)


def _usb(usb: devices.Usb, placement: Placement | None) -> Usb:
    return settled(
        Usb,
        usb,
        placement=placement,
        ports=usb.ports if usb.model in ("qemu-xhci", "nec-xhci") else None,
        host_devices=tuple(settled(HostUsbDevice, device) for device in usb.host_devices),
        redirection_ports=tuple(port or None for port in usb.redirection_ports),
    )


def _serial(index: int, serial: devices.Serial) -> Serial:
    return settled(Serial, serial, console=index == 0 if serial.console is None else serial.console)
