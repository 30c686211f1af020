"""``lookingGlass``: how the picture comes back. VMs may override every key."""

from __future__ import annotations

from optimux.declare import Bool, Choice, Declared, Int, ListOf, MapOf, Scalar, Table, option
from optimux.declare.values import BAR_SIZE, SETTING, USER, WORD


class Display(Declared):
    width = option("width", Int(1, 16384), doc="Width of the mode.", unit="pixels", example=3840)
    height = option("height", Int(1, 16384), doc="Height of the mode.", unit="pixels", example=2160)
    refresh_rate = option("refreshRate", Int(1, 1000), 60, doc="Refresh rate of the mode.", unit="Hz", example=144)
    hdr = option("hdr", Bool(), False, doc="Whether frames are high dynamic range: doubles the memory with B7.")


class Windows(Declared):
    capture = option(
        "capture",
        Choice("d12", "dxgi", "nvfbc"),
        None,
        doc="How B7's host application captures. Null lets it choose.",
        example="d12",
    )
    throttle_fps = option(
        "throttleFPS", Int(1, 1000), None, doc="Upper bound of captured frames with B7.", unit="frames per second"
    )
    virtual_display = option(
        "virtualDisplay",
        Choice("vdd", "iddsample", "none"),
        None,
        doc="What stands in for a monitor with B7: Virtual-Display-Driver, the older IddSampleDriver, or none (a dummy "
        "plug or a real monitor). Null is vdd with b7; idd brings its own.",
        example="none",
    )


class Scream(Declared):
    enable = option("enable", Bool(), False, doc="A user service that plays Scream's network audio. SPICE replaced it.")
    interface = option("interface", WORD, "virbr0", doc="The network interface that it listens on.", example="virbr1")
    output = option("output", Choice("pulse", "alsa", "jack"), "pulse", doc="Where the sound goes.", example="alsa")


class LookingGlass(Declared):
    enable = option("enable", Bool(), True, doc="Whether VMs with a GPU get the shared memory at all.")
    release = option(
        "release",
        Choice("b7", "idd"),
        "b7",
        doc="B7, the newest tagged release, or idd, the master branch with its own display driver. Host and guest must "
        "be of one release.",
        example="idd",
    )
    memory = option(
        "memory",
        Choice("kvmfr", "shm"),
        "kvmfr",
        doc="The kvmfr kernel module, whose memory the client reads by DMA, or a file in /dev/shm.",
        example="shm",
    )
    displays = option(
        "displays",
        ListOf(Table(Display), least=1, most=16),
        (Display(width=1920, height=1080),),
        doc="The modes that the guest will show; the largest sets the size of the memory.",
        example=[{"width": 3840, "height": 2160}],
    )
    size = option(
        "size",
        BAR_SIZE,
        None,
        doc="Size of the shared memory, a power of two. Null computes it from the displays.",
        example="128MiB",
    )
    size_rule = option(
        "sizeRule",
        Choice("release", "article"),
        "release",
        doc='The formula for the size: the release\'s own, or "article", width x height / 131072, which is too small '
        "for B7 at several modes.",
        example="article",
    )
    user = option(
        "user",
        USER,
        None,
        doc="The user that runs the client: made a member of the group, and owner of a file in /dev/shm.",
        example="alice",
    )
    group = option(
        "group",
        USER,
        "kvm",
        doc="The group that may open the shared memory. A system group: of others udev takes no note, or warns.",
        example="libvirt",
    )
    client = option(
        "client",
        MapOf(MapOf(Scalar(), SETTING), SETTING),
        {},
        doc="Settings of the client, by section and key. Known keys of the release are checked, others pass through.",
        example={"win": {"fullScreen": True}},
    )
    install_client = option(
        "installClient", Bool(), True, doc="Whether the client's package and /etc/looking-glass-client.ini are written."
    )
    windows = option("windows", Table(Windows), Windows(), doc="The files for the guest's side.")
    scream = option("scream", Table(Scream), Scream(), doc="Sound by Scream over the network, off by default.")
