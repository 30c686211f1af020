"""``gpus.<name>``: a card that is given to VMs, with all its functions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from optimux.declare import Bool, Choice, Declared, Int, ListOf, Table, option
from optimux.declare.values import ADDRESS, MODULE, PATH, PCI_ID

if TYPE_CHECKING:
    from optimux.pci import Address, Id


class Function(Declared):
    address: Address = option("address", ADDRESS, doc="Where the host sees it (lspci -D).", example="0000:01:00.0")
    id: Id = option("id", PCI_ID, doc="Its vendor and device id (lspci -nn).", example="10de:249d")
    pass_through: bool = option(
        "passThrough",
        Bool(),
        default=True,
        doc="Whether the guest gets it. A function that is bound and not passed is useless to both sides.",
    )
    guest_address: Address | None = option(
        "guestAddress",
        ADDRESS,
        default=None,
        doc="Where the guest sees it. Null puts function N of the GPU at function N of vms.<name>.pci.gpu, and other "
        "devices behind root ports of their own.",
        example="0000:01:00.1",
    )


RomBar = Literal["on", "off"]


class Rom(Declared):
    bar: RomBar | None = option(
        "bar",
        Choice(RomBar),
        default=None,
        doc="Whether the guest sees the ROM BAR. Null leaves it to libvirt (on).",
        example="off",
    )
    file: str | None = option(
        "file",
        PATH,
        default=None,
        doc="A dumped ROM for function 0, for a card whose own cannot be read.",
        example="/var/lib/libvirt/vbios/ga104m.rom",
    )


class SubsystemIds(Declared):
    vendor: int = option("vendor", Int(0, 0xFFFF), doc="Subsystem vendor id, as a number.", example=0x103C)
    device: int = option("device", Int(0, 0xFFFF), doc="Subsystem device id, as a number.", example=0x88D1)


Bind = Literal["id", "address", "on-demand"]


class Gpu(Declared):
    functions: tuple[Function, ...] = option(
        "functions",
        ListOf(Table(Function), least=1, most=4),
        doc="The card's functions: .0 display, .1 HDMI audio, .2 USB, .3 UCSI. All of them, or the group stays in use.",
        example=[{"address": "0000:01:00.0", "id": "10de:249d"}, {"address": "0000:01:00.1", "id": "10de:228b"}],
    )
    other_devices: tuple[Function, ...] = option(
        "otherDevices",
        ListOf(Table(Function), most=16),
        default=(),
        doc="Other devices of the GPU's IOMMU group, or wanted in the guest likewise (an NVMe disk, a USB controller).",
        example=[{"address": "0000:02:00.0", "id": "144d:a80a"}],
    )
    bind: Bind = option(
        "bind",
        Choice(Bind, formerly={"libvirt": "on-demand"}),
        default="id",
        doc="When vfio-pci takes the functions: early by id (every device with that id), early by address "
        "(driver_override, for two cards with one id), or on demand: the host has the card while no VM runs, and "
        "Optimux' hook in libvirt takes it when a VM starts, or refuses the start and says who holds it (see "
        "`optimux gpu`). Virtual functions of SR-IOV are always bound on demand.",
        example="address",
    )
    keep_free: bool = option(
        "keepFree",
        Bool(),
        default=False,
        doc="Keeps the host's desktops off a card that is bound on demand, so that it can be taken while one runs: it "
        "gets a seat of its own (systemd-logind). Screens on its outputs stay dark on the host; programs may still "
        "render on it.",
    )
    softdeps: tuple[str, ...] | None = option(
        "softdeps",
        ListOf(MODULE),
        default=None,
        doc="Drivers that must load after vfio-pci. Null is the list of known drivers for the functions' classes.",
        example=["nouveau", "snd_hda_intel"],
    )
    blacklist: tuple[str, ...] | None = option(
        "blacklist",
        ListOf(MODULE),
        default=None,
        doc="Drivers never loaded by alias. Null is the GPU drivers of the functions' vendor when binding early, none "
        "when it is bound on demand. Never blacklist what the host needs for its own devices.",
        example=["nouveau"],
    )
    rom: Rom = option("rom", Table(Rom), default=Rom(), doc="The expansion ROM of function 0.")
    subsystem_ids: SubsystemIds | None = option(
        "subsystemIds",
        Table(SubsystemIds),
        default=None,
        doc="Subsystem ids shown to the guest, for a laptop's GPU that reports zeroes (SUBSYS_00000000 in Windows).",
    )
    release_framebuffer: bool | None = option(
        "releaseFramebuffer",
        Bool(),
        default=None,
        doc="Keeps simpledrm and efifb off the card (initcall_blacklist=sysfb_init). Null does so when the facts say "
        "that the GPU is the boot VGA.",
        example=True,
    )
    d3cold_allowed: bool = option(
        "d3coldAllowed",
        Bool(),
        default=True,
        doc="Lets the idle card and its root port reach D3cold: runtime power management on, d3cold_allowed=1.",
    )
    disable_idle_d3: bool = option(
        "disableIdleD3",
        Bool(),
        default=False,
        doc="Keeps idle devices of vfio-pci in D0, for cards that do not come back. Not with d3coldAllowed.",
    )
    disable_vga: bool = option(
        "disableVga",
        Bool(),
        default=False,
        doc="Opts the card out of VGA arbitration (vfio-pci disable_vga=1), where the host's X server stutters.",
    )
