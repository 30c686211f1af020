"""Firmware, hypervisor features, clock, power: what is neither CPU nor device."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from optimux.declare import Bool, Choice, Declared, Int, ListOf, Table, Text, option
from optimux.declare.values import ADDRESS, PATH, PLACEMENT, SIZE, XML
from optimux.pci import Address

if TYPE_CHECKING:
    from optimux.sizes import Size


FirmwareType = Literal["efi", "bios"]
SecureBoot = Literal["off", "capable", "on"]


class Firmware(Declared):
    type: FirmwareType = option(
        "type",
        Choice(FirmwareType),
        default="efi",
        doc="OVMF, chosen by libvirt from the firmware descriptions on the host, or SeaBIOS.",
    )
    secure_boot: SecureBoot | None = option(
        "secureBoot",
        Choice(SecureBoot, booleans=("off", "on")),
        default=None,
        doc="Secure Boot's state: an image without it; one that can check signatures and holds no keys, which Windows "
        "11's Setup accepts and which refuses nothing; one with Microsoft's keys, which refuses unsigned drivers. Null "
        'is "capable" where libvirt chooses the image, and "off" with an explicit loader or BIOS. false and true are '
        '"off" and "on".',
        example="on",
    )
    loader: str | None = option(
        "loader",
        PATH,
        default=None,
        doc="An explicit firmware image, in place of libvirt's choice.",
        example="/usr/share/OVMF/OVMF_CODE_4M.fd",
    )
    nvram_template: str | None = option(
        "nvramTemplate",
        PATH,
        default=None,
        doc="The template of the variable store, with an explicit loader.",
        example="/usr/share/OVMF/OVMF_VARS_4M.fd",
    )
    nvram: str | None = option(
        "nvram",
        PATH,
        default=None,
        doc="The variable store itself. Null leaves it to libvirt.",
        example="/var/lib/libvirt/qemu/nvram/Windows11_VARS.fd",
    )


class Hyperv(Declared):
    enable: bool = option("enable", Bool(), default=True, doc="Whether any enlightenment is shown.")
    relaxed: bool = option("relaxed", Bool(), default=True, doc="No watchdog timeouts in the guest.")
    vapic: bool = option("vapic", Bool(), default=True, doc="Virtual APIC page.")
    spinlocks: bool = option("spinlocks", Bool(), default=True, doc="Guest spinlocks notify the host.")
    spinlock_retries: int = option(
        "spinlockRetries", Int(4095, 2**31 - 1), default=8191, doc="Attempts before the host is notified."
    )
    vpindex: bool = option("vpindex", Bool(), default=True, doc="Virtual processor index.")
    runtime: bool = option("runtime", Bool(), default=True, doc="Processor run time.")
    synic: bool = option("synic", Bool(), default=True, doc="Synthetic interrupt controller.")
    stimer: bool = option(
        "stimer", Bool(), default=True, doc="Synthetic timers; need synic, vpindex and the hypervclock timer."
    )
    stimer_direct: bool = option("stimerDirect", Bool(), default=True, doc="Timer interrupts without messages.")
    reset: bool = option("reset", Bool(), default=False, doc="Reset by hypercall. Discouraged by QEMU.")
    vendor_id: str | None = option(
        "vendorId",
        Text(r"[ -+./0-~-]{1,12}", "1 to 12 ASCII characters without a comma", 4096),
        default=None,
        doc="Vendor id in place of Microsoft's. Unneeded with today's drivers.",
        example="GenuineIntel",
    )
    frequencies: bool = option("frequencies", Bool(), default=True, doc="TSC and APIC frequencies.")
    reenlightenment: bool = option(
        "reenlightenment", Bool(), default=False, doc="Notification of TSC changes, for migration."
    )
    tlbflush: bool = option("tlbflush", Bool(), default=True, doc="TLB flush by hypercall.")
    tlbflush_direct: bool = option(
        "tlbflushDirect", Bool(), default=False, doc="Nested guests flush too; libvirt 11.0."
    )
    tlbflush_extended: bool = option("tlbflushExtended", Bool(), default=False, doc="Flush of ranges; libvirt 11.0.")
    ipi: bool = option("ipi", Bool(), default=True, doc="Inter-processor interrupts by hypercall.")
    evmcs: bool | None = option(
        "evmcs", Bool(), default=None, doc="Enlightened VMCS, Intel hosts only. Null is on there, off elsewhere."
    )
    avic: bool = option("avic", Bool(), default=True, doc="AVIC and APICv stay usable beside synic; libvirt 8.10.")
    xmm_input: bool = option(
        "xmmInput", Bool(), default=False, doc="Hypercall arguments in XMM registers; libvirt 10.7."
    )
    emsr_bitmap: bool = option(
        "emsrBitmap", Bool(), default=False, doc="Enlightened MSR bitmap for nested guests; libvirt 10.7."
    )


IoApic = Literal["kvm", "qemu", "default"]


class Features(Declared):
    kvm_hidden: bool = option("kvmHidden", Bool(), default=True, doc="Hides KVM's signature from the guest.")
    vmport: bool = option("vmport", Bool(), default=False, doc="VMware's I/O port. Anti-cheat and drivers look for it.")
    ioapic: IoApic = option(
        "ioapic",
        Choice(IoApic),
        default="kvm",
        doc='Who emulates the I/O APIC; "default" writes no element.',
    )
    pmu: bool | None = option(
        "pmu", Bool(), default=None, doc="Performance counters for the guest. Null leaves it to libvirt."
    )


RtcPolicy = Literal["catchup", "delay", "none"]
PitPolicy = Literal["delay", "discard", "none"]


class Timers(Declared):
    rtc_tickpolicy: RtcPolicy = option(
        "rtcTickpolicy", Choice(RtcPolicy), default="catchup", doc='"none" writes no element.'
    )
    pit_tickpolicy: PitPolicy = option(
        "pitTickpolicy", Choice(PitPolicy), default="delay", doc='"none" writes no element.'
    )
    hpet: bool = option("hpet", Bool(), default=False, doc="The high precision event timer; slow under KVM.")
    hypervclock: bool = option("hypervclock", Bool(), default=True, doc="Hyper-V's reference time.")
    kvmclock: bool | None = option("kvmclock", Bool(), default=None, doc="KVM's clock. Null leaves it to libvirt.")
    tsc_native: bool = option("tscNative", Bool(), default=False, doc="The TSC in mode native, with invtsc.")


ClockOffset = Literal["localtime", "utc"]


class Clock(Declared):
    offset: ClockOffset = option("offset", Choice(ClockOffset), default="localtime", doc="Windows expects local time.")
    timers: Timers = option("timers", Table(Timers), default=Timers(), doc="The guest's timers.")


OnPoweroff = Literal["destroy", "restart"]
OnReboot = Literal["restart", "destroy"]
OnCrash = Literal["destroy", "restart", "preserve"]


class Lifecycle(Declared):
    on_poweroff: OnPoweroff = option("onPoweroff", Choice(OnPoweroff), default="destroy", doc="After power off.")
    on_reboot: OnReboot = option("onReboot", Choice(OnReboot), default="restart", doc="After a reboot.")
    on_crash: OnCrash = option("onCrash", Choice(OnCrash), default="destroy", doc="After a crash.")


class PowerManagement(Declared):
    suspend_to_mem: bool = option("suspendToMem", Bool(), default=False, doc="Whether firmware offers S3.")
    suspend_to_disk: bool = option("suspendToDisk", Bool(), default=False, doc="Whether firmware offers S4.")


class Pci(Declared):
    gpu: Address = option(
        "gpu",
        ADDRESS,
        default=Address(0, 1, 0, 0),
        doc="Where the guest sees function 0 of its GPU; the bus is the index of a root port.",
        example="0000:05:00.0",
    )
    first_root_port: Address = option(
        "firstRootPort",
        ADDRESS,
        default=Address(0, 0, 1, 0),
        doc="Where root port 1 sits; further ports take the next functions, then the next free slots.",
        example="0000:00:02.0",
    )
    root_ports: int | None = option(
        "rootPorts",
        Int(0, 32),
        default=None,
        doc="How many root ports are written. Null writes those that the planned addresses need; libvirt adds its own.",
        example=14,
    )
    ivshmem: Address | None = option(
        "ivshmem",
        PLACEMENT,
        default=Address(0, 0, 0x10, 0),
        doc='Where the guest sees the shared memory; "auto" leaves that of kvmfr memory to QEMU, which may collide.',
        example="auto",
    )
    hole64: Size | None = option(
        "hole64",
        SIZE,
        default=None,
        doc="Size of the 64-bit PCI hole (pcihole64), for resizable BARs larger than firmware expects.",
        example="64GiB",
    )


class ExtraXml(Declared):
    """The escape hatch: elements that the model does not cover, appended to their parent."""

    domain: str = option("domain", XML, default="", doc="Further children of <domain>.", example="<title>Games</title>")
    os: str = option("os", XML, default="", doc="Further children of <os>.")
    features: str = option(
        "features", XML, default="", doc="Further children of <features>.", example="<msrs unknown='ignore'/>"
    )
    cpu: str = option("cpu", XML, default="", doc="Further children of <cpu>.")
    clock: str = option("clock", XML, default="", doc="Further children of <clock>.")
    devices: str = option(
        "devices", XML, default="", doc="Further children of <devices>.", example="<rng model='virtio'/>"
    )
    qemu_args: tuple[str, ...] = option(
        "qemuArgs",
        ListOf(Text()),
        default=(),
        doc="Further arguments of QEMU, one a string.",
        example=["-global", "ICH9-LPC.disable_s3=1"],
    )
