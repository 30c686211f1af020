"""A guest's CPUs, memory, firmware and clock as they are emitted: every open question answered."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from optimux.record import Record

if TYPE_CHECKING:
    from collections.abc import Mapping

    from optimux.options.vm.compute import (
        BiosString,
        BoardString,
        CpuCache,
        CpuCheck,
        CpuMode,
        MemoryAccess,
        MemorySource,
        SmbiosMode,
        SystemString,
        WidthMode,
    )
    from optimux.options.vm.platform import (
        ClockOffset,
        FirmwareType,
        IoApic,
        OnCrash,
        OnPoweroff,
        OnReboot,
        PitPolicy,
        RtcPolicy,
        SecureBoot,
    )
    from optimux.sizes import Size


class MemoryBacking(Record):
    """What backs the memory; ``None`` leaves it to libvirt."""

    hugepages: bool
    hugepage_size: Size | None
    locked: bool
    nosharepages: bool
    access: MemoryAccess | None
    source: MemorySource | None


class Topology(Record):
    """Sockets, dies a socket, cores a die, threads a core."""

    sockets: int
    dies: int
    cores: int
    threads: int


class MaxPhysAddr(Record):
    """The width of guest physical addresses, in bits."""

    mode: WidthMode
    bits: int | None
    limit: int | None


class Cpu(Record):
    """What CPU the guest sees; ``features`` are names with their policies, in order."""

    mode: CpuMode
    check: CpuCheck
    migratable: bool | None  # None: the mode has no such setting
    cache: CpuCache
    max_phys_addr: MaxPhysAddr | None
    topology: Topology
    features: tuple[tuple[str, str], ...]


class CpuTune(Record):
    """Pinning, with sets of CPUs as libvirt writes them back, and iothreads."""

    vcpu_pin: Mapping[str, str]
    emulator_pin: str | None
    iothreads: int
    iothread_pin: Mapping[str, str]


class Smbios(Record):
    """SMBIOS strings."""

    mode: SmbiosMode
    bios: Mapping[BiosString, str]
    system: Mapping[SystemString, str]
    base_board: Mapping[BoardString, str]


class Firmware(Record):
    """The firmware; ``automatic`` is whether libvirt chooses the image by its features."""

    type: FirmwareType
    automatic: bool
    secure_boot: SecureBoot
    loader: str | None
    nvram_template: str | None
    nvram: str | None

    @property
    def features(self) -> tuple[tuple[str, bool], ...]:
        """What tells OVMF's images apart, as libvirt's descriptions of firmware name it."""
        return (("enrolled-keys", self.secure_boot == "on"), ("secure-boot", self.secure_boot != "off"))


class Features(Record):
    """Hypervisor features; ``smm`` is what Secure Boot needs, enforced or not."""

    kvm_hidden: bool
    vmport: bool
    ioapic: IoApic
    pmu: bool | None
    smm: bool


EnlightenmentName = Literal[
    "relaxed",
    "vapic",
    "spinlocks",
    "vpindex",
    "runtime",
    "synic",
    "stimer",
    "reset",
    "vendor_id",
    "frequencies",
    "reenlightenment",
    "tlbflush",
    "ipi",
    "evmcs",
    "avic",
    "emsr_bitmap",
    "xmm_input",
]
EnlightenmentPart = Literal["direct", "extended"]


class Enlightenment(Record):
    """A child of ``<hyperv>`` that is on: further attributes, and children that are on too."""

    name: EnlightenmentName
    attributes: tuple[tuple[str, str], ...] = ()
    children: tuple[EnlightenmentPart, ...] = ()


class Timers(Record):
    """The guest's timers; ``None`` leaves one to libvirt."""

    rtc_tickpolicy: RtcPolicy
    pit_tickpolicy: PitPolicy
    hpet: bool
    hypervclock: bool
    kvmclock: bool | None
    tsc_native: bool


class Clock(Record):
    """The guest's clock."""

    offset: ClockOffset
    timers: Timers


class Lifecycle(Record):
    """What power off, reboot and crash do."""

    on_poweroff: OnPoweroff
    on_reboot: OnReboot
    on_crash: OnCrash


class PowerManagement(Record):
    """Sleep states that the firmware offers."""

    suspend_to_mem: bool
    suspend_to_disk: bool


class ExtraXml(Record):
    """The user's own elements, by parent, and arguments for QEMU."""

    domain: str
    os: str
    features: str
    cpu: str
    clock: str
    devices: str
    qemu_args: tuple[str, ...]

    @property
    def is_empty(self) -> bool:
        """Whether the user has added nothing."""
        return not any(self._values())


class GuestFile(Record):
    """A program that the guest's setup may run: its SHA-256 in hexadecimal digits, and where it may be had."""

    sha256: str
    url: str | None


class GuestMedia(Record):
    """The medium that sets the guest up: ``path`` is where it lies on the host, ``files`` are by name."""

    enable: bool
    attach: bool
    path: str
    files: tuple[tuple[str, GuestFile], ...]
    emulated_display_off: bool


class Unattended(Record):
    """Answers for Windows' Setup, without the password; ``disk`` is the target of the disk that it formats.

    ``drivers`` are those that Setup loads: the disk's, the network's, that of the agent's channel. Without a product
    key Setup does not ask for one: the edition's name decides.
    """

    edition: str
    language: str
    locale: str
    keyboard: str
    time_zone: str
    user: str
    computer: str
    password_file: str | None
    product_key: str | None
    bypass_requirements: bool
    disk: str
    drivers: tuple[str, ...]


class Windows(Record):
    """The media of Windows and of virtio's drivers on the host, and what ``optimux install`` answers Setup.

    ``setup_drivers`` are those that Setup needs to see disks and network, and to have the agent's channel with them;
    each has a folder in virtio-win, and in it ``virtio_folder`` for this Windows, as ``w11``.
    """

    iso: str | None
    virtio_win: str | None
    unattended: Unattended | None
    setup_drivers: tuple[str, ...]
    virtio_folder: str
