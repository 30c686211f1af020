"""Firmware, hypervisor features, clock, power: what is neither CPU nor device."""

from __future__ import annotations

from optimux.declare import Bool, Choice, Declared, Int, ListOf, Table, Text, option
from optimux.declare.values import ADDRESS, PATH, PLACEMENT, SIZE, XML
from optimux.pci import Address


class Firmware(Declared):
    type = option(
        "type",
        Choice("efi", "bios"),
        "efi",
        doc="OVMF, chosen by libvirt from the firmware descriptions on the host, or SeaBIOS.",
    )
    secure_boot = option(
        "secureBoot",
        Bool(),
        False,
        doc="Whether the image enforces secure boot and holds Microsoft's keys. Unsigned guest drivers need it off.",
    )
    loader = option(
        "loader",
        PATH,
        None,
        doc="An explicit firmware image, in place of libvirt's choice.",
        example="/usr/share/OVMF/OVMF_CODE_4M.fd",
    )
    nvram_template = option(
        "nvramTemplate",
        PATH,
        None,
        doc="The template of the variable store, with an explicit loader.",
        example="/usr/share/OVMF/OVMF_VARS_4M.fd",
    )
    nvram = option(
        "nvram",
        PATH,
        None,
        doc="The variable store itself. Null leaves it to libvirt.",
        example="/var/lib/libvirt/qemu/nvram/Windows11_VARS.fd",
    )


class Hyperv(Declared):
    enable = option("enable", Bool(), True, doc="Whether any enlightenment is shown.")
    relaxed = option("relaxed", Bool(), True, doc="No watchdog timeouts in the guest.")
    vapic = option("vapic", Bool(), True, doc="Virtual APIC page.")
    spinlocks = option("spinlocks", Bool(), True, doc="Guest spinlocks notify the host.")
    spinlock_retries = option(
        "spinlockRetries", Int(4095, 2**31 - 1), 8191, doc="Attempts before the host is notified."
    )
    vpindex = option("vpindex", Bool(), True, doc="Virtual processor index.")
    runtime = option("runtime", Bool(), True, doc="Processor run time.")
    synic = option("synic", Bool(), True, doc="Synthetic interrupt controller.")
    stimer = option("stimer", Bool(), True, doc="Synthetic timers; need synic, vpindex and the hypervclock timer.")
    stimer_direct = option("stimerDirect", Bool(), True, doc="Timer interrupts without messages.")
    reset = option("reset", Bool(), False, doc="Reset by hypercall. Discouraged by QEMU.")
    vendor_id = option(
        "vendorId",
        Text(r"[ -+./0-~-]{1,12}", "1 to 12 ASCII characters without a comma", 4096),
        None,
        doc="Vendor id in place of Microsoft's. Unneeded with today's drivers.",
        example="GenuineIntel",
    )
    frequencies = option("frequencies", Bool(), True, doc="TSC and APIC frequencies.")
    reenlightenment = option("reenlightenment", Bool(), False, doc="Notification of TSC changes, for migration.")
    tlbflush = option("tlbflush", Bool(), True, doc="TLB flush by hypercall.")
    tlbflush_direct = option("tlbflushDirect", Bool(), False, doc="Nested guests flush too; libvirt 11.0.")
    tlbflush_extended = option("tlbflushExtended", Bool(), False, doc="Flush of ranges; libvirt 11.0.")
    ipi = option("ipi", Bool(), True, doc="Inter-processor interrupts by hypercall.")
    evmcs = option("evmcs", Bool(), None, doc="Enlightened VMCS, Intel hosts only. Null is on there, off elsewhere.")
    avic = option("avic", Bool(), True, doc="AVIC and APICv stay usable beside synic; libvirt 8.10.")
    xmm_input = option("xmmInput", Bool(), False, doc="Hypercall arguments in XMM registers; libvirt 10.7.")
    emsr_bitmap = option("emsrBitmap", Bool(), False, doc="Enlightened MSR bitmap for nested guests; libvirt 10.7.")


class Features(Declared):
    kvm_hidden = option("kvmHidden", Bool(), True, doc="Hides KVM's signature from the guest.")
    vmport = option("vmport", Bool(), False, doc="VMware's I/O port. Anti-cheat and drivers look for it.")
    ioapic = option(
        "ioapic",
        Choice("kvm", "qemu", "default"),
        "kvm",
        doc='Who emulates the I/O APIC; "default" writes no element.',
    )
    pmu = option("pmu", Bool(), None, doc="Performance counters for the guest. Null leaves it to libvirt.")


class Timers(Declared):
    rtc_tickpolicy = option(
        "rtcTickpolicy", Choice("catchup", "delay", "none"), "catchup", doc='"none" writes no element.'
    )
    pit_tickpolicy = option(
        "pitTickpolicy", Choice("delay", "discard", "none"), "delay", doc='"none" writes no element.'
    )
    hpet = option("hpet", Bool(), False, doc="The high precision event timer; slow under KVM.")
    hypervclock = option("hypervclock", Bool(), True, doc="Hyper-V's reference time.")
    kvmclock = option("kvmclock", Bool(), None, doc="KVM's clock. Null leaves it to libvirt.")
    tsc_native = option("tscNative", Bool(), False, doc="The TSC in mode native, with invtsc.")


class Clock(Declared):
    offset = option("offset", Choice("localtime", "utc"), "localtime", doc="Windows expects local time.")
    timers = option("timers", Table(Timers), Timers(), doc="The guest's timers.")


class Lifecycle(Declared):
    on_poweroff = option("onPoweroff", Choice("destroy", "restart"), "destroy", doc="After power off.")
    on_reboot = option("onReboot", Choice("restart", "destroy"), "restart", doc="After a reboot.")
    on_crash = option("onCrash", Choice("destroy", "restart", "preserve"), "destroy", doc="After a crash.")


class PowerManagement(Declared):
    suspend_to_mem = option("suspendToMem", Bool(), False, doc="Whether firmware offers S3.")
    suspend_to_disk = option("suspendToDisk", Bool(), False, doc="Whether firmware offers S4.")


class Pci(Declared):
    gpu = option(
        "gpu",
        ADDRESS,
        Address(0, 1, 0, 0),
        doc="Where the guest sees function 0 of its GPU; the bus is the index of a root port.",
        example="0000:05:00.0",
    )
    first_root_port = option(
        "firstRootPort",
        ADDRESS,
        Address(0, 0, 1, 0),
        doc="Where root port 1 sits; further ports take the next functions, then the next free slots.",
        example="0000:00:02.0",
    )
    root_ports = option(
        "rootPorts",
        Int(0, 32),
        None,
        doc="How many root ports are written. Null writes those that the planned addresses need; libvirt adds its own.",
        example=14,
    )
    ivshmem = option(
        "ivshmem",
        PLACEMENT,
        Address(0, 0, 0x10, 0),
        doc='Where the guest sees the shared memory; "auto" leaves it to QEMU, which may collide.',
        example="auto",
    )
    hole64 = option(
        "hole64",
        SIZE,
        None,
        doc="Size of the 64-bit PCI hole (pcihole64), for resizable BARs larger than firmware expects.",
        example="64GiB",
    )


class ExtraXml(Declared):
    """The escape hatch: elements that the model does not cover, appended to their parent."""

    domain = option("domain", XML, "", doc="Further children of <domain>.", example="<title>Games</title>")
    os = option("os", XML, "", doc="Further children of <os>.")
    features = option("features", XML, "", doc="Further children of <features>.", example="<msrs unknown='ignore'/>")
    cpu = option("cpu", XML, "", doc="Further children of <cpu>.")
    clock = option("clock", XML, "", doc="Further children of <clock>.")
    devices = option("devices", XML, "", doc="Further children of <devices>.", example="<rng model='virtio'/>")
    qemu_args = option(
        "qemuArgs",
        ListOf(Text()),
        (),
        doc="Further arguments of QEMU, one a string.",
        example=["-global", "ICH9-LPC.disable_s3=1"],
    )
