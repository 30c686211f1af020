"""The plan: every decision made, as frozen values. Emitters read it and decide nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from optimux.record import Record

if TYPE_CHECKING:
    from optimux.errors import Problem
    from optimux.options.gpus import Bind
    from optimux.options.host import Forward
    from optimux.options.looking_glass import MemoryKind, Release
    from optimux.options.vm.devices import DiskFormat
    from optimux.pci import Address, Id
    from optimux.plan.battery import Battery
    from optimux.plan.devices import (
        Channel,
        Disk,
        Evdev,
        HostDevice,
        Input,
        Network,
        Placement,
        RootPort,
        Serial,
        Sound,
        Spice,
        Tpm,
        Usb,
        Video,
        Watchdog,
    )
    from optimux.plan.guest import (
        Clock,
        Cpu,
        CpuTune,
        Enlightenment,
        ExtraXml,
        Features,
        Firmware,
        GuestMedia,
        Lifecycle,
        MemoryBacking,
        PowerManagement,
        Smbios,
        Windows,
    )
    from optimux.plan.picture import LookingGlass, ScreamReceiver
    from optimux.plan.platform import Platform
    from optimux.plan.requested import Requested
    from optimux.sizes import Size


class PlannedFunction(Record):
    """A PCI function on the host that a GPU entry names."""

    address: Address
    id: Id
    passed: bool


class GpuPlan(Record):
    """One card: its functions first, other devices of its group after them."""

    name: str
    functions: tuple[PlannedFunction, ...]
    bind: Bind
    d3cold_allowed: bool
    disable_idle_d3: bool
    keep_free: bool  # no compositor of the host's opens it

    @property
    def binds_early(self) -> bool:
        """Whether vfio-pci takes it at boot."""
        return self.bind != "on-demand"


OTHER_IVSHMEM_ID = "looking-glass-device"  # where libvirt has the one that guides give the device


class SharedMemory(Record):
    """One Looking Glass device: its size is here and nowhere else.

    ``path`` is ``/dev/kvmfrN`` or ``/dev/shm/NAME``; ``name`` is the ``<shmem>`` name and the memdev id.
    """

    gpu: str
    kind: MemoryKind
    release: Release
    name: str
    path: str
    size: Size
    user: str | None
    group: str


class VfioOptions(Record):
    """The parameters of the module vfio-pci: the ids that it takes at boot, and two of its switches."""

    ids: tuple[Id, ...]
    disable_idle_d3: bool
    disable_vga: bool


class BatteryTable(Record):
    """A battery table's file on the host. VMs may share one; it belongs to the first of them, ``key``."""

    key: str
    path: str
    battery: Battery


# What a guest does to a file: read it, or write it as well.
Access = Literal["r", "rw"]


class HostPlan(Record):
    """The host's side. Module names use underscores, kernel parameters are single words."""

    platform: Platform
    kernel_params: tuple[str, ...]
    early_modules: tuple[str, ...]  # for the initramfs, in load order; empty when nothing binds early
    vfio: VfioOptions
    softdeps: tuple[str, ...]  # drivers that wait for vfio-pci
    blacklist: tuple[str, ...]
    override_addresses: tuple[Address, ...]  # driver_override=vfio-pci before any driver loads
    device_acl: tuple[str, ...]  # the whole cgroup_device_acl, empty when libvirt's own list is enough
    guest_files: tuple[tuple[str, Access], ...]  # path, and how: what AppArmor must let every guest open
    apparmor_drop_in: bool  # whether libvirt reads abstractions/libvirt-qemu.d
    user_groups: tuple[tuple[str, str], ...]  # user and group that it must be a member of
    idle_services: tuple[str, ...]  # units of drivers that have no card left, without ".service"


class DomainPlan(Record):
    """One VM, with every null that matters resolved. ``requested`` is for ``patch``: emitters never ask it."""

    key: str
    name: str
    uuid: str
    os_id: str
    ram: Size
    memory_backing: MemoryBacking
    vcpus: int
    cpu: Cpu
    cpu_tune: CpuTune
    smbios: Smbios | None
    machine: str
    emulator: str | None
    firmware: Firmware
    features: Features
    hyperv: tuple[Enlightenment, ...]  # in libvirt's order
    clock: Clock
    lifecycle: Lifecycle
    power_management: PowerManagement
    hole64: Size | None
    root_ports: tuple[RootPort, ...]
    disks: tuple[Disk, ...]  # in libvirt's order
    networks: tuple[Network, ...]
    usb: Usb
    inputs: tuple[Input, ...]
    evdev: tuple[Evdev, ...]
    spice: Spice
    channels: tuple[Channel, ...]
    sata: tuple[Placement | None, ...]  # one a controller, by index
    scsi_controllers: int
    virtio_serial: Placement | None
    sound: Sound
    video: Video
    tpm: Tpm
    serials: tuple[Serial, ...]
    watchdog: Watchdog | None
    memballoon: bool
    host_devices: tuple[HostDevice, ...]
    shared_memory: SharedMemory | None  # Looking Glass's
    ivshmem: Placement | None  # where the guest sees it; None: QEMU chooses
    ivshmem_id: str  # of an argument's device: one that libvirt gives to no <shmem> of the user's
    battery: Battery | None
    battery_path: str
    battery_in_acpi: bool  # <acpi><table>, else a command line argument
    subsystem: tuple[tuple[str, int], ...]  # QEMU properties of the GPU's device, by qemu:override
    extra_xml: ExtraXml
    looking_glass: LookingGlass
    card: tuple[PlannedFunction, ...]  # what its GPU's entry names, whole
    guest_media: GuestMedia
    windows: Windows
    requested: Requested
    autostart: bool
    prepare: tuple[str, ...]  # programs that libvirt's hook runs before the start
    release: tuple[str, ...]  # and after the end
    isolated_cpus: str | None  # as in "2-7": the host's programs stay off them while it runs
    governor: str | None  # the host's, while it runs
    makes_hugepages: bool  # for each start, of the size that its memory takes

    hands_over: bool  # whether a card of its own is the host's while it does not run
    guarded: tuple[Address, ...]  # on the host: what vfio-pci has since boot, but not after the fallback entry

    @property
    def changes_the_host(self) -> bool:
        """Whether anything is set while it runs, and undone."""
        return self.isolated_cpus is not None or self.governor is not None or self.makes_hugepages

    @property
    def needs_hook(self) -> bool:
        """Whether it does not start, or not as it is meant, without libvirt's hook."""
        return bool(self.prepare or self.release or self.changes_the_host or self.hands_over)


class NetworkPlan(Record):
    """A network of libvirt that is defined for the VMs."""

    name: str
    uuid: str
    bridge: str | None  # None: libvirt chooses virbrN
    forward: Forward
    address: str  # the host's own
    prefix: int
    dhcp: tuple[str, str] | None  # first and last address that guests get


class PoolPlan(Record):
    """A storage pool of libvirt that is defined: a folder."""

    name: str
    uuid: str
    path: str


class ImagePlan(Record):
    """An empty disk image that is made where ``path`` does not exist."""

    path: str
    format: DiskFormat
    size: Size


class Plan(Record):
    """Everything that is emitted, and what merely surprises (``warnings``)."""

    host: HostPlan
    gpus: tuple[GpuPlan, ...]
    shared_memories: tuple[SharedMemory, ...]  # kvmfr devices in the order of their numbers, then files
    scream: tuple[ScreamReceiver, ...]  # one for each interface and output
    domains: tuple[DomainPlan, ...]
    networks: tuple[NetworkPlan, ...]  # to be defined
    used_networks: tuple[str, ...]  # to be started, now and at boot
    battery_tables: tuple[BatteryTable, ...]  # to be written, one a path
    clients: tuple[DomainPlan, ...]  # those whose picture a client shows; the system's settings are the first's
    software: tuple[str, ...]  # what must be installed, by the names of rules.toml's packages
    pools: tuple[PoolPlan, ...]
    images: tuple[ImagePlan, ...]
    warnings: tuple[Problem, ...]

    @property
    def has_hook(self) -> bool:
        """Whether libvirt's hook is there: for the guarded functions alone on NixOS only.

        There the entry that binds nothing is always in the menu. Elsewhere a driver that is built into the kernel may
        have a function at every boot, which libvirt takes and the guard would refuse.
        """
        guards = self.host.platform.distribution == "nixos" and any(domain.guarded for domain in self.domains)
        return guards or any(domain.needs_hook for domain in self.domains)

    @property
    def kvmfr(self) -> tuple[SharedMemory, ...]:
        """The kvmfr devices, by number."""
        return tuple(memory for memory in self.shared_memories if memory.kind == "kvmfr")

    @property
    def shm(self) -> tuple[SharedMemory, ...]:
        """The files in /dev/shm."""
        return tuple(memory for memory in self.shared_memories if memory.kind == "shm")
