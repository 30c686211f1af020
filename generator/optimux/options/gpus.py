"""``gpus.<name>``: a card that is given to VMs, with all its functions."""

from __future__ import annotations

from optimux.declare import Bool, Choice, Declared, Int, ListOf, Table, option
from optimux.declare.values import ADDRESS, MODULE, PATH, PCI_ID


class Function(Declared):
    address = option("address", ADDRESS, doc="Where the host sees it (lspci -D).", example="0000:01:00.0")
    id = option("id", PCI_ID, doc="Its vendor and device id (lspci -nn).", example="10de:249d")
    pass_through = option(
        "passThrough",
        Bool(),
        True,
        doc="Whether the guest gets it. A function that is bound and not passed is useless to both sides.",
    )
    guest_address = option(
        "guestAddress",
        ADDRESS,
        None,
        doc="Where the guest sees it. Null puts function N of the GPU at function N of vms.<name>.pci.gpu, and other "
        "devices behind root ports of their own.",
        example="0000:01:00.1",
    )


class Rom(Declared):
    bar = option(
        "bar",
        Choice("on", "off"),
        None,
        doc="Whether the guest sees the ROM BAR. Null leaves it to libvirt (on).",
        example="off",
    )
    file = option(
        "file",
        PATH,
        None,
        doc="A dumped ROM for function 0, for a card whose own cannot be read.",
        example="/var/lib/libvirt/vbios/ga104m.rom",
    )


class SubsystemIds(Declared):
    vendor = option("vendor", Int(0, 0xFFFF), doc="Subsystem vendor id, as a number.", example=0x103C)
    device = option("device", Int(0, 0xFFFF), doc="Subsystem device id, as a number.", example=0x88D1)


class Gpu(Declared):
    functions = option(
        "functions",
        ListOf(Table(Function), least=1, most=4),
        doc="The card's functions: .0 display, .1 HDMI audio, .2 USB, .3 UCSI. All of them, or the group stays in use.",
        example=[{"address": "0000:01:00.0", "id": "10de:249d"}, {"address": "0000:01:00.1", "id": "10de:228b"}],
    )
    other_devices = option(
        "otherDevices",
        ListOf(Table(Function), most=16),
        (),
        doc="Other devices of the GPU's IOMMU group, or wanted in the guest likewise (an NVMe disk, a USB controller).",
        example=[{"address": "0000:02:00.0", "id": "144d:a80a"}],
    )
    bind = option(
        "bind",
        Choice("id", "address", "libvirt"),
        "id",
        doc="When vfio-pci takes the functions: early by id (every device with that id), early by address "
        "(driver_override, for two cards with one id), or by libvirt at VM start.",
        example="address",
    )
    softdeps = option(
        "softdeps",
        ListOf(MODULE),
        None,
        doc="Drivers that must load after vfio-pci. Null is the list of known drivers for the functions' classes.",
        example=["nouveau", "snd_hda_intel"],
    )
    blacklist = option(
        "blacklist",
        ListOf(MODULE),
        None,
        doc="Drivers never loaded by alias. Null is the GPU drivers of the functions' vendor when binding early, none "
        "when libvirt binds. Never blacklist what the host needs for its own devices.",
        example=["nouveau"],
    )
    rom = option("rom", Table(Rom), Rom(), doc="The expansion ROM of function 0.")
    subsystem_ids = option(
        "subsystemIds",
        Table(SubsystemIds),
        None,
        doc="Subsystem ids shown to the guest, for a laptop's GPU that reports zeroes (SUBSYS_00000000 in Windows).",
    )
    release_framebuffer = option(
        "releaseFramebuffer",
        Bool(),
        None,
        doc="Keeps simpledrm and efifb off the card (initcall_blacklist=sysfb_init). Null does so when the facts say "
        "that the GPU is the boot VGA.",
        example=True,
    )
    d3cold_allowed = option(
        "d3coldAllowed",
        Bool(),
        True,
        doc="Lets the idle card and its root port reach D3cold: runtime power management on, d3cold_allowed=1.",
    )
    disable_idle_d3 = option(
        "disableIdleD3",
        Bool(),
        False,
        doc="Keeps idle devices of vfio-pci in D0, for cards that do not come back. Not with d3coldAllowed.",
    )
    disable_vga = option(
        "disableVga",
        Bool(),
        False,
        doc="Opts the card out of VGA arbitration (vfio-pci disable_vga=1), where the host's X server stutters.",
    )
