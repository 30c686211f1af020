"""What hangs on the host's buses: PCI functions, connectors, input and USB devices, disks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from optimux.declare import Bool, Choice, Declared, Int, ListOf, Table, Text, option
from optimux.declare.values import ADDRESS, CPU_SET, MODULE, PCI_ID, SIZE, TEXT

if TYPE_CHECKING:
    from optimux.pci import Address, Id
    from optimux.sizes import Size


SriovRole = Literal["physical", "virtual"]


class Sriov(Declared):
    role: SriovRole = option("role", Choice(SriovRole), doc="Whether it makes virtual functions, or is one.")
    total: int = option("total", Int(), default=0, doc="How many virtual functions a physical one can make.")
    enabled: int = option("enabled", Int(), default=0, doc="How many it has made.")


PowerState = Literal["D0", "D1", "D2", "D3hot", "D3cold", "unknown", "error"]
RuntimeStatus = Literal["active", "suspended", "suspending", "resuming", "error", "unsupported"]


class PciDevice(Declared):
    address: Address = option("address", ADDRESS, doc="Where it sits.")
    id: Id = option("id", PCI_ID, doc="Its vendor and device id.")
    pci_class: str = option("class", Text("[0-9a-fA-F]{4}", "four hexadecimal digits"), doc="Base class and subclass.")
    subsystem_id: Id | None = option("subsystemId", PCI_ID, default=None, doc="Its subsystem vendor and device id.")
    driver: str | None = option("driver", MODULE, default=None, doc="The driver that it is bound to.")
    driver_override: str | None = option(
        "driverOverride", MODULE, default=None, doc="The only driver that it may be bound to."
    )
    modules: tuple[str, ...] = option(
        "modules", ListOf(MODULE), default=(), doc="The kernel modules that its alias names."
    )
    iommu_group: int | None = option("iommuGroup", Int(), default=None, doc="Its IOMMU group.")
    boot_vga: bool = option("bootVga", Bool(), default=False, doc="Whether firmware used it for the boot console.")
    boot_display: bool | None = option(
        "bootDisplay", Bool(), default=None, doc="Whether the kernel takes it for the boot display."
    )
    name: str | None = option("name", TEXT, default=None, doc="Its name in pci.ids.")
    upstream: Address | None = option("upstream", ADDRESS, default=None, doc="The port that it hangs on.")
    power_state: PowerState | None = option("powerState", Choice(PowerState), default=None, doc="Its power state.")
    runtime_status: RuntimeStatus | None = option(
        "runtimeStatus", Choice(RuntimeStatus), default=None, doc="What runtime power management says of it."
    )
    d3cold_allowed: bool | None = option("d3coldAllowed", Bool(), default=None, doc="Whether it may lose power.")
    reset_methods: tuple[str, ...] = option(
        "resetMethods", ListOf(Text("[a-z_]{1,32}", "a reset method")), default=(), doc="How it is reset."
    )
    bar_sizes: tuple[Size, ...] = option(
        "barSizes", ListOf(SIZE), default=(), doc="The sizes that its largest resizable BAR can have."
    )
    bar_size: Size | None = option("barSize", SIZE, default=None, doc="The size that its largest BAR has.")
    sriov: Sriov | None = option("sriov", Table(Sriov), default=None, doc="Its part in SR-IOV.")
    removable: bool | None = option(
        "removable", Bool(), default=None, doc="Whether it hangs on a port that can be unplugged."
    )
    numa_node: int | None = option("numaNode", Int(), default=None, doc="The NUMA node that it is near.")
    drm_card: str | None = option(
        "drmCard", Text("card[0-9]{1,4}", "a name such as card1"), default=None, doc="Its DRM node."
    )
    render_node: str | None = option(
        "renderNode", Text("renderD[0-9]{1,4}", "a name such as renderD128"), default=None, doc="For PRIME."
    )

    @property
    def is_bridge(self) -> bool:
        """Class 06: VFIO does not mind bridges in a group."""
        return self.pci_class.startswith("06")

    @property
    def is_display(self) -> bool:
        """Class 03: VGA (0300), 3D without outputs (0302), and others (0380)."""
        return self.pci_class.startswith("03")

    @property
    def is_asleep(self) -> bool:
        """Without power: what its driver would know of outputs may be missing."""
        return self.power_state == "D3cold"


class Mode(Declared):
    width: int = option("width", Int(1, 1 << 16), doc="Width.", unit="pixels")
    height: int = option("height", Int(1, 1 << 16), doc="Height.", unit="pixels")
    refresh_rate: int | None = option(
        "refreshRate", Int(1, 1000), default=None, doc="Refresh rate, rounded.", unit="Hz"
    )


ConnectorKind = Literal["DP", "HDMI", "DVI", "VGA", "eDP", "LVDS", "DSI", "USB", "virtual", "other"]
ConnectorStatus = Literal["connected", "disconnected", "unknown"]


class Connector(Declared):
    address: Address = option("address", ADDRESS, doc="The PCI function whose driver lists it.")
    name: str = option("name", TEXT, doc='Its name, without the card\'s, such as "eDP-1".')
    kind: ConnectorKind = option("kind", Choice(ConnectorKind), doc="What it is.")
    status: ConnectorStatus = option("status", Choice(ConnectorStatus), doc="What its driver last saw.")
    enabled: bool | None = option("enabled", Bool(), default=None, doc="Whether a picture is sent to it.")
    monitor: str | None = option("monitor", TEXT, default=None, doc="The name that the monitor gives itself (EDID).")
    mode: Mode | None = option("mode", Table(Mode), default=None, doc="The monitor's preferred mode (EDID).")
    hdr: bool | None = option(
        "hdr", Bool(), default=None, doc="Whether the monitor takes high dynamic range (CTA-861.3)."
    )

    @property
    def is_panel(self) -> bool:
        """A connector inside the case: a built-in screen's."""
        return self.kind in ("eDP", "LVDS", "DSI")

    @property
    def is_output(self) -> bool:
        """A connector on the case."""
        return self.kind in ("DP", "HDMI", "DVI", "VGA", "USB")


MuxPosition = Literal["discrete", "hybrid"]


class Mux(Declared):
    source: str = option("source", TEXT, doc="The file that says so.")
    position: MuxPosition | None = option(
        "position", Choice(MuxPosition), default=None, doc="Which GPU the built-in screen hangs on."
    )


InputDeviceKind = Literal["keyboard", "mouse", "touchpad"]


class InputDevice(Declared):
    path: str = option(
        "path", TEXT, doc="A path that stays with the device.", example="/dev/input/by-id/usb-x-event-kbd"
    )
    kind: InputDeviceKind = option("kind", Choice(InputDeviceKind), doc="What it is.")
    name: str | None = option("name", TEXT, default=None, doc="What it calls itself.")
    stable: bool = option("stable", Bool(), default=True, doc="Whether the path stays the same after a reboot.")
    usb_id: Id | None = option("usbId", PCI_ID, default=None, doc="Its vendor and product id on USB.")


UsbDeviceKind = Literal["audio", "network", "hid", "storage", "video", "bluetooth", "other"]


class UsbDevice(Declared):
    id: Id = option("id", PCI_ID, doc="Its vendor and product id.")
    port: str = option(
        "port", Text("[0-9]{1,3}-[0-9.]{1,32}", "bus and ports"), doc="Its bus and ports.", example="1-4.2"
    )
    name: str | None = option("name", TEXT, default=None, doc="What it calls itself.")
    controller: Address | None = option("controller", ADDRESS, default=None, doc="The PCI function that it hangs on.")
    kinds: tuple[UsbDeviceKind, ...] = option(
        "kinds", ListOf(Choice(UsbDeviceKind)), default=(), doc="What its interfaces are."
    )
    removable: bool | None = option("removable", Bool(), default=None, doc="Whether it can be unplugged.")


class Disk(Declared):
    name: str = option("name", TEXT, doc="The kernel's name.", example="nvme0n1")
    path: str | None = option(
        "path", TEXT, default=None, doc="A path that stays with the disk.", example="/dev/disk/by-id/nvme-x"
    )
    model: str | None = option("model", TEXT, default=None, doc="Its model.")
    size: Size | None = option("size", SIZE, default=None, doc="Its size.")
    controller: Address | None = option("controller", ADDRESS, default=None, doc="The PCI function that it hangs on.")
    in_use: bool = option(
        "inUse", Bool(), default=False, doc="Whether the host has mounted something of it, or swaps there."
    )
    removable: bool = option("removable", Bool(), default=False, doc="Whether its medium can be taken out.")


CoreKind = Literal["P", "E"]


class Core(Declared):
    cpus: str = option("cpus", CPU_SET, doc="Its logical CPUs.", example="0,8")
    kind: CoreKind = option("kind", Choice(CoreKind), default="P", doc="Performance or efficiency.")
    package: int = option("package", Int(), default=0, doc="The socket.")
    numa_node: int = option("numaNode", Int(), default=0, doc="The NUMA node.")
    shared_cache: str | None = option(
        "sharedCache", CPU_SET, default=None, doc="The CPUs that share its last level of cache."
    )
