"""``lookingGlass``: how the picture comes back. VMs may override every key."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from optimux.declare import Bool, Choice, Declared, Int, ListOf, MapOf, Scalar, Table, option
from optimux.declare.values import BAR_SIZE, SETTING, USER, WORD

if TYPE_CHECKING:
    from collections.abc import Mapping

    from optimux.sizes import Size


class Display(Declared):
    width: int = option("width", Int(1, 16384), doc="Width of the mode.", unit="pixels", example=3840)
    height: int = option("height", Int(1, 16384), doc="Height of the mode.", unit="pixels", example=2160)
    refresh_rate: int = option(
        "refreshRate", Int(1, 1000), default=60, doc="Refresh rate of the mode.", unit="Hz", example=144
    )
    hdr: bool = option(
        "hdr", Bool(), default=False, doc="Whether frames are high dynamic range: doubles the memory with B7."
    )


Capture = Literal["d12", "dxgi", "nvfbc"]
VirtualDisplay = Literal["vdd", "iddsample", "none"]


class Windows(Declared):
    capture: Capture | None = option(
        "capture",
        Choice(Capture),
        default=None,
        doc="How B7's host application captures. Null lets it choose.",
        example="d12",
    )
    throttle_fps: int | None = option(
        "throttleFPS",
        Int(1, 1000),
        default=None,
        doc="Upper bound of captured frames with B7.",
        unit="frames per second",
    )
    virtual_display: VirtualDisplay | None = option(
        "virtualDisplay",
        Choice(VirtualDisplay),
        default=None,
        doc="What stands in for a monitor with B7: Virtual-Display-Driver, the older IddSampleDriver, or none (a dummy "
        "plug or a real monitor). Null is vdd with b7; idd brings its own.",
        example="none",
    )


ScreamOutput = Literal["pulse", "alsa", "jack"]


class Scream(Declared):
    enable: bool = option(
        "enable", Bool(), default=False, doc="A user service that plays Scream's network audio. SPICE replaced it."
    )
    interface: str = option(
        "interface", WORD, default="virbr0", doc="The network interface that it listens on.", example="virbr1"
    )
    output: ScreamOutput = option(
        "output", Choice(ScreamOutput), default="pulse", doc="Where the sound goes.", example="alsa"
    )


Release = Literal["b7", "idd"]
MemoryKind = Literal["kvmfr", "shm"]
SizeRule = Literal["release", "two-frames"]


class LookingGlass(Declared):
    enable: bool = option("enable", Bool(), default=True, doc="Whether VMs with a GPU get the shared memory at all.")
    release: Release = option(
        "release",
        Choice(Release),
        default="b7",
        doc="B7, the newest tagged release, or idd, the master branch with its own display driver. Host and guest must "
        "be of one release.",
        example="idd",
    )
    memory: MemoryKind = option(
        "memory",
        Choice(MemoryKind),
        default="kvmfr",
        doc="The kvmfr kernel module, whose memory the client reads by DMA, or a file in /dev/shm.",
        example="shm",
    )
    displays: tuple[Display, ...] = option(
        "displays",
        ListOf(Table(Display), least=1, most=16),
        default=(Display(width=1920, height=1080),),
        doc="The modes that the guest will show; the largest sets the size of the memory.",
        example=[{"width": 3840, "height": 2160}],
    )
    size: Size | None = option(
        "size",
        BAR_SIZE,
        default=None,
        doc="Size of the shared memory, a power of two. Null computes it from the displays.",
        example="128MiB",
    )
    size_rule: SizeRule = option(
        "sizeRule",
        Choice(SizeRule, formerly={"article": "two-frames"}),
        default="release",
        doc='The formula for the size: the release\'s own, or "two-frames", width x height / 131072, which is too '
        "small for B7 at several modes.",
        example="two-frames",
    )
    user: str | None = option(
        "user",
        USER,
        default=None,
        doc="The user that runs the client: made a member of the group, and owner of a file in /dev/shm.",
        example="alice",
    )
    group: str = option(
        "group",
        USER,
        default="kvm",
        doc="The group that may open the shared memory. A system group: of others udev takes no note, or warns.",
        example="libvirt",
    )
    client: Mapping[str, Mapping[str, str | int | bool]] = option(
        "client",
        MapOf(MapOf(Scalar(), SETTING), SETTING),
        default={},
        doc="Settings of the client, by section and key. Known keys of the release are checked, others pass through.",
        example={"win": {"fullScreen": True}},
    )
    install_client: bool = option(
        "installClient",
        Bool(),
        default=True,
        doc="Whether the client's package and /etc/looking-glass-client.ini are written.",
    )
    windows: Windows = option("windows", Table(Windows), default=Windows(), doc="The files for the guest's side.")
    scream: Scream = option(
        "scream", Table(Scream), default=Scream(), doc="Sound by Scream over the network, off by default."
    )
