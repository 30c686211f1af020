"""Devices of a guest as they are emitted: the options' words with every open question answered."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from optimux.record import Record

if TYPE_CHECKING:
    from optimux.declare import Declared
    from optimux.options.gpus import RomBar
    from optimux.options.vm.devices import (
        ChannelType,
        Discard,
        DiskBus,
        DiskCache,
        DiskDevice,
        DiskFormat,
        DiskIo,
        DiskType,
        Grab,
        GrabToggle,
        ImageCompression,
        InputBus,
        InputType,
        NetworkModel,
        NetworkType,
        SerialType,
        SoundBackend,
        SoundCodec,
        SoundModel,
        SpiceListen,
        TpmBackend,
        TpmModel,
        TpmVersion,
        UsbModel,
        VideoModel,
        WatchdogAction,
        WatchdogModel,
    )
    from optimux.pci import Address, Id
    from optimux.sizes import Size

R = TypeVar("R", bound=Record)


def settled(kind: type[R], table: Declared, **resolved: Any) -> R:
    """A planned value: what is not resolved here stands in the table under the same name."""
    return kind(**({name: getattr(table, name) for name in kind._fields if name not in resolved} | resolved))


class Placement(Record):
    """Where a device sits, with a bus as libvirt numbers its controllers.

    ``multifunction`` stands at function 0 of a slot that several share: QEMU refuses the others without it.
    """

    address: Address
    multifunction: bool = False


class Placed(Record):
    """A device that may have a PCI address; without one, libvirt finds it a place."""

    placement: Placement | None

    @property
    def address(self) -> Address | None:
        """Where it sits, if that is planned."""
        return self.placement.address if self.placement else None


class RootPort(Record):
    """A pcie-root-port: ``index`` is libvirt's number for what is behind it, ``guest_bus`` the guest's."""

    placement: Placement
    index: int
    guest_bus: int

    @property
    def address(self) -> Address:
        """Where it sits."""
        return self.placement.address


class Rom(Record):
    """What a guest sees of a card's expansion ROM: libvirt's own where it says nothing."""

    bar: RomBar | None
    file: str | None


class HostDevice(Record):
    """A function given to the guest."""

    placement: Placement
    source: Address
    rom: Rom | None
    alias: str | None  # user alias, where qemu:override needs one
    iommufd: bool
    managed: bool  # whether libvirt binds it; on demand our hook does, which refuses where libvirt would hang
    stated: bool  # whether the configuration names its place

    @property
    def guest(self) -> Address:
        """Where the guest sees it, behind the port that libvirt numbers so."""
        return self.placement.address


class Disk(Placed):
    """A disk or CD-ROM drive. ``drive_address`` is controller, bus, target and unit.

    ``index`` is its place among the VM's options, those first that the configuration lists.
    """

    index: int
    source: str | None
    type: DiskType
    device: DiskDevice
    format: DiskFormat
    bus: DiskBus
    target: str
    cache: DiskCache | None
    io: DiskIo | None
    discard: Discard
    iothread: int | None
    boot_order: int | None
    readonly: bool
    serial: str | None
    drive_address: str | None
    create: Size | None  # how large an image is made where there is none


class Network(Placed):
    """A network card; ``source`` is ``None`` where the type has none."""

    type: NetworkType
    source: str | None
    model: NetworkModel
    mac: str | None
    boot_order: int | None


class Input(Placed):
    """An emulated input device."""

    type: InputType
    bus: InputBus


class Evdev(Record):
    """An input device of the host's that both sides share."""

    dev: str
    grab: Grab
    grab_toggle: GrabToggle | None
    repeat: bool


class HostUsbDevice(Record):
    """A USB device of the host's, by vendor and product."""

    id: Id
    port: int | None


class Usb(Placed):
    """The USB controller and what is plugged into it; a redirection's port is ``None`` where libvirt chooses.

    ``ports`` is ``None`` for controllers that have no such setting.
    """

    model: UsbModel
    ports: int | None
    host_devices: tuple[HostUsbDevice, ...]
    redirection_ports: tuple[int | None, ...]


class Spice(Record):
    """The SPICE server. ``port`` is ``None`` where libvirt chooses one."""

    enable: bool
    port: int | None
    listen: SpiceListen
    address: str | None
    image_compression: ImageCompression


class Channel(Record):
    """A virtio-serial channel."""

    type: ChannelType
    name: str
    port: int | None


class Sound(Placed):
    """The sound card, and where it plays."""

    model: SoundModel
    backend: SoundBackend
    codec: SoundCodec | None


class Video(Placed):
    """The emulated display; its figures are in KiB."""

    model: VideoModel
    ram: int | None
    vram: int | None
    vgamem: int | None
    heads: int


class Tpm(Record):
    """The TPM."""

    backend: TpmBackend
    model: TpmModel
    version: TpmVersion
    device: str


class Serial(Record):
    """A serial port; ``console`` is whether ``<console>`` names it too."""

    type: SerialType
    path: str | None
    port: int
    console: bool


class Watchdog(Placed):
    """A watchdog."""

    model: WatchdogModel
    action: WatchdogAction
