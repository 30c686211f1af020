"""What decides over the card on the host: IOMMU, command line, drivers, power, modules, confinement."""

from __future__ import annotations

from tests.doctor.cases import (
    AUDIO,
    CARD,
    CMDLINE,
    DMESG,
    HELD,
    IOMEM,
    MUX,
    NATIVE,
    NOUVEAU,
    ON_DEMAND,
    PORT,
    RUNS,
    TABLES,
    WITHOUT_GROUPS,
    Edits,
    log,
)
from tests.doctor.further import LIBVIRT, Further
from tests.doctor.machine import HIDDEN, Members, link

AMD: Members = {
    "/proc/cpuinfo": "vendor_id\t: AuthenticAMD\nflags\t\t: fpu lm svm\naddress sizes\t: 48 bits physical\n"
}
MAX_BITS = "cpu.topology", 'cpu.maxPhysAddr = {{ mode = "{}", {} = {} }}\ncpu.topology'


def bits(mode: str, key: str, number: int) -> Edits:
    """A width of the guest's addresses."""
    return ((MAX_BITS[0], MAX_BITS[1].format(mode, key, number)),)


BRIDGE: Members = {f"{AUDIO}/class": "0x060400\n", f"{AUDIO}/driver": NOUVEAU}
IOMMU: dict[str, Further] = {
    "a bridge of the card's": ("iommu.given", BRIDGE, (), "holds: group 1\n  at /sys/bus/pci/devices/0000:01:00.0"),
    "a container": ("iommu.on", {**WITHOUT_GROUPS, "/.dockerenv": ""}, (), "unseen: this is a container"),
    "AMD's, off": ("iommu.on", {**WITHOUT_GROUPS, **AMD, f"{TABLES}/DMAR": None}, (), "broken: no groups, and no DMAR"),
    "AMD's, not shown": ("iommu.on", {**WITHOUT_GROUPS, **AMD, "/sys/firmware": None}, (), "unseen: no groups; the"),
    "as wide as the guest": ("iommu.width", {}, bits("emulate", "bits", 39), "holds: guest 39 bits, IOMMU 39"),
    "one bit more": ("iommu.width", {}, bits("emulate", "bits", 40), "broken: guest 40 bits, IOMMU 39"),
    "a limit": ("iommu.width", {}, bits("passthrough", "limit", 38), "holds: guest 38 bits"),
    "the processor's, wider": (
        "iommu.width",
        {"/proc/cpuinfo": "vendor_id\t: GenuineIntel\nflags\t\t: lm vmx\naddress sizes\t: 46 bits physical\n"},
        bits("passthrough", "limit", 45),
        "broken: guest 45 bits",
    ),
    "the processor's not shown": (
        "iommu.width",
        {"/proc/cpuinfo": "vendor_id\t: GenuineIntel\nflags\t\t: lm vmx\n"},
        (),
        "unseen: the width of",
    ),
    "a mate without a driver": (
        "iommu.group",
        {
            "/sys/devices/pci0000:00/0000:00:14.0/iommu_group": link("../../../kernel/iommu_groups/1"),
            "/sys/devices/pci0000:00/0000:00:14.0/driver": None,
        },
        (),
        "holds: 3 devices",
    ),
    "no KVM in the processor": (
        "kvm.there",
        {"/dev/kvm": None, "/proc/cpuinfo": "vendor_id\t: GenuineIntel\nflags\t\t: fpu lm\n"},
        (),
        "broken: missing, and no VT-x",
    ),
    "none of AMD's": (
        "kvm.there",
        {"/dev/kvm": None, "/proc/cpuinfo": "vendor_id\t: AuthenticAMD\nflags\t\t: fpu lm\n"},
        (),
        "broken: missing, and no SVM",
    ),
    "AMD's module": ("kvm.there", {"/dev/kvm": None, **AMD}, (), "broken: missing"),
    "a plain file": ("kvm.there", {"/dev/kvm": "x"}, (), "broken: missing"),
}

LINE: dict[str, Further] = {
    "a dash for an underscore": (
        "commandLine.parameters",
        {CMDLINE: "intel-iommu=on iommu=pt hugepagesz=2M hugepages=4096\n"},
        (),
        "holds: ",
    ),
    "the same once more": (
        "commandLine.parameters",
        {CMDLINE: "intel_iommu=on iommu=pt hugepagesz=2M hugepages=4096 intel_iommu=on\n"},
        (),
        "holds: ",
    ),
    "other pages beside": (
        "commandLine.parameters",
        {CMDLINE: "intel_iommu=on iommu=pt hugepagesz=2M hugepages=4096 hugepagesz=1G hugepages=2 iommu=off\n"},
        (),
        "holds: ",
    ),
    "from a file": (
        "commandLine.parameters",
        {CMDLINE: "quiet\n", "/etc/default/grub": "GRUB_CMDLINE_LINUX=''\n", "/etc/kernel/cmdline": "quiet\n"},
        (),
        "broken: without",
    ),
    "nothing may lose power": (
        "commandLine.aspm",
        {CMDLINE: "pcie_aspm=off\n"},
        (("d3coldAllowed = true", "d3coldAllowed = false"),),
        "",
    ),
    "not shown": ("commandLine.spelling", {CMDLINE: ""}, (), "unseen: the command line cannot be read"),
}

DRIVER: dict[str, Further] = {
    "a bridge of the card's": ("driver.now", BRIDGE, (), "holds: vfio-pci\n  at /sys/bus/pci/devices/0000:01:00.0"),
    "without a configuration": ("driver.now", {f"{CARD}/driver": NOUVEAU}, None, "broken: nouveau"),
    "without one, both the host's": (
        "driver.now",
        {f"{CARD}/driver": NOUVEAU, f"{AUDIO}/driver": NOUVEAU},
        None,
        "holds: nouveau",
    ),
    "the host's until a start": (
        "driver.now",
        {f"{CARD}/driver": NOUVEAU, f"{AUDIO}/driver": NOUVEAU},
        LIBVIRT,
        "holds: nouveau; libvirt binds it",
    ),
    "none, and vfio-pci beside": ("driver.now", {f"{CARD}/driver": None}, ON_DEMAND, "holds: no driver; libvirt binds"),
    "none at boot": ("driver.now", {f"{CARD}/driver": None}, (), "broken: no driver"),
    "none while it runs": ("driver.now", {f"{CARD}/driver": None, **RUNS}, ON_DEMAND, "broken: no driver, while win11"),
    "since, on demand": ("driver.since", {}, ON_DEMAND, ""),
    "since, by libvirt": ("driver.since", {}, LIBVIRT, ""),
    "vfio-pci first, the host's later": (
        "driver.since",
        log("vfio-pci 0000:01:00.0: enabling device", "nouveau 0000:01:00.0: NVIDIA GA106"),
        (),
        "holds: vfio-pci at 1.0 s, and nobody before",
    ),
    "asked, and no word": (
        "driver.since",
        log("vfio_pci: add [10de:2520[ffffffff:ffffffff]] class 0x000000/00000000"),
        (),
        "holds: vfio-pci asked for 10de:2520 at 1.0 s",
    ),
    "only the bus": (
        "driver.since",
        log(
            "pci 0000:01:00.0: [10de:2520] type 00",
            "pcieport 0000:01:00.0: PME",
            "iommu 0000:01:00.0: group 1",
            "platform 0000:01:00.0: x",
            "nouveau 0000:01:00.0: VGA arbiter says",
        ),
        (),
        "holds: no driver spoke of it",
    ),
    "no word of it": ("driver.since", log("Linux version 6.12"), (), ""),
    "drm's own word": (
        "driver.since",
        log("vfio-pci 0000:01:00.1: enabling device", "[drm] Initialized nouveau 1.4.0 for 0000:01:00.0 on minor 0"),
        (),
        "broken: nouveau at 2.0 s, vfio-pci never",
    ),
    "no override": ("driver.override", {}, (), ""),
}

CARDS: dict[str, Further] = {
    "a seat of its own, not asked for": ("card.seat", NATIVE, ON_DEMAND, ""),
    "no second, by a switch": (
        "card.second",
        {"/sys/devices/pci0000:00/0000:00:02.0/class": "0x088000\n", MUX: "1\n"},
        (),
        "broken: none",
    ),
    "no second, of a desktop": (
        "card.second",
        {"/sys/devices/pci0000:00/0000:00:02.0": None, "/sys/class/dmi/id/chassis_type": "3\n"},
        None,
        "holds: every card could go",
    ),
    "no second, of a laptop": ("card.second", {"/sys/devices/pci0000:00/0000:00:02.0": None}, None, "broken: none"),
    "no second, of what is not said": (
        "card.second",
        {"/sys/devices/pci0000:00/0000:00:02.0": None, "/sys/class/dmi/id/chassis_type": "99\n"},
        None,
        "broken: none",
    ),
    "a switch on hybrid": (
        "card.panel",
        {MUX: "1\n", "/sys/class/drm/card1-eDP-1": None},
        (),
        "holds: the switch is on hybrid",
    ),
    "a switch that says nothing": (
        "card.panel",
        {MUX: "7\n", "/sys/class/drm/card1-eDP-1": None},
        (),
        "unseen: no connected screen",
    ),
    "a screen that is not built in": (
        "card.panel",
        {"/sys/class/drm/card1-eDP-1": None, "/sys/class/drm/card1-HDMI-A-1/status": "connected\n"},
        (),
        "unseen: no connected screen",
    ),
    "a screen at the card that is not built in": (
        "card.panel",
        {**NATIVE, "/sys/class/drm/card0-HDMI-A-1/status": "connected\n"},
        (),
        "holds: eDP-1 hangs on",
    ),
    "a built-in screen that is off": (
        "card.panel",
        {**NATIVE, "/sys/class/drm/card0-eDP-1/status": "disconnected\n"},
        (),
        "holds: eDP-1 hangs on",
    ),
    "a desktop without a screen": (
        "card.panel",
        {"/sys/class/drm": None, "/sys/class/dmi/id/chassis_type": "3\n"},
        (),
        "",
    ),
    "nobody is the boot display": ("card.console", {"/sys/devices/pci0000:00/0000:00:02.0/boot_vga": "0\n"}, (), ""),
    "the boot display, as newer kernels say": ("card.console", {f"{CARD}/boot_display": "1\n"}, (), "broken: the boot"),
    "another's, as newer kernels say": (
        "card.console",
        {
            "/sys/devices/pci0000:00/0000:00:02.0/boot_vga": "0\n",
            "/sys/devices/pci0000:00/0000:00:02.0/boot_display": "1\n",
        },
        (),
        "holds: another one",
    ),
    "a framebuffer beside it": (
        "card.framebuffer",
        {"/proc/iomem": IOMEM.format("  a0000000-afffffff : BOOTFB\n    a0000000-afffffff : simpledrm\n")},
        (),
        "holds: none",
    ),
    "a framebuffer of another's": (
        "card.framebuffer",
        {"/proc/iomem": IOMEM.format("    a0000000-afffffff : BOOTFB\n")},
        (),
        "holds: none",
    ),
    "reserved, without a configuration": ("card.reserved", {}, None, ""),
    "reserved, without a log": ("card.reserved", {DMESG: None}, (), "unseen: no journal"),
    "no log and no configuration": ("card.reserved", {DMESG: None}, None, ""),
    "reserved, of another card": (
        "card.reserved",
        log("vfio-pci 0000:02:00.0: BAR 1: can't reserve [mem 0x90000000-0x9fffffff 64bit pref]"),
        (),
        "holds: no complaint",
    ),
    "held, at boot": ("card.holders", HELD, (), ""),
    "held, by libvirt": ("card.holders", HELD, LIBVIRT, "broken: Xwayland (77)"),
    "held, without a name": ("card.holders", {**HELD, "/proc/77/comm": None}, ON_DEMAND, "broken: ? (77)"),
    "held twice": (
        "card.holders",
        {
            **HELD,
            "/proc/78/comm": "sway",
            "/proc/78/fd/3": link("/dev/dri/renderD128"),
            "/proc/x/fd/3": link("/dev/dri/card0"),
        },
        ON_DEMAND,
        "broken: Xwayland (77)",
    ),
    "held by NVIDIA's nodes": (
        "card.holders",
        {
            **HELD,
            f"{CARD}/driver": link("../../../../bus/pci/drivers/nvidia"),
            "/proc/77/fd/9": link("/dev/nvidiactl"),
        },
        ON_DEMAND,
        "broken: Xwayland (77)",
    ),
    "NVIDIA's nodes of another driver": (
        "card.holders",
        {**HELD, "/proc/77/fd/9": link("/dev/nvidiactl")},
        ON_DEMAND,
        "holds: none",
    ),
    "held, by whom is hidden": ("card.holders", {**HELD, "/proc/77/fd": HIDDEN}, ON_DEMAND, "unseen: other users'"),
    "held by nobody": ("card.holders", NATIVE, ON_DEMAND, "holds: none"),
    "held by vfio-pci": ("card.holders", {}, ON_DEMAND, ""),
    "no /etc, no tools": ("tools.others", {"/etc": None}, (), ""),
}

POWER: dict[str, Further] = {
    "shallow on a desktop": (
        "power.idle",
        {f"{CARD}/power_state": "D3hot\n", "/sys/class/dmi/id/chassis_type": "3\n"},
        (),
        "holds: D3hot",
    ),
    "shallow on a laptop": ("power.idle", {f"{CARD}/power_state": "D3hot\n"}, (), "broken: D3hot, and nothing is seen"),
    "awake on a desktop": (
        "power.idle",
        {f"{CARD}/power_state": "D0\n", "/sys/class/dmi/id/chassis_type": "3\n"},
        (),
        "broken: D0, and nothing is seen",
    ),
    "unknown": ("power.idle", {f"{CARD}/power_state": "unknown\n"}, (), "unseen: its power state is unknown"),
    "an error": ("power.idle", {f"{CARD}/power_state": "error\n"}, (), "unseen: its power state is error"),
    "not shown": ("power.idle", {f"{CARD}/power_state": None}, (), "unseen: its power state is not shown"),
    "in use": ("power.idle", {f"{CARD}/power_state": "D0\n", **RUNS}, (), ""),
    "may not sleep": (
        "power.idle",
        {f"{CARD}/power_state": "D0\n"},
        (("d3coldAllowed = true", "d3coldAllowed = false"),),
        "",
    ),
    "the host's": ("power.idle", {f"{CARD}/driver": NOUVEAU, f"{AUDIO}/driver": NOUVEAU}, ON_DEMAND, ""),
    "without a configuration": ("power.idle", {}, None, ""),
    "kept by its sound": (
        "power.idle",
        {f"{CARD}/power_state": "D0\n", f"{AUDIO}/power/control": "on\n"},
        (),
        "broken: D0, as power/control keeps 0000:01:00.1 on",
    ),
    "kept by its port": (
        "power.idle",
        {f"{CARD}/power_state": "D0\n", f"{PORT}/power/control": "on\n"},
        (),
        "broken: D0, as power/control keeps the port 0000:00:01.0 on",
    ),
    "kept by itself": (
        "power.idle",
        {f"{CARD}/power_state": "D0\n", f"{CARD}/d3cold_allowed": "0\n"},
        (),
        "broken: D0, as it may not lose power",
    ),
    "back, without a log": ("power.back", {DMESG: None}, (), "unseen: no journal"),
    "back, without a configuration": ("power.back", {}, None, ""),
    "not back, without a configuration": (
        "power.back",
        log("vfio-pci 0000:01:00.0: can't change power state from D3cold to D0"),
        None,
        "broken: vfio-pci 0000:01:00.0: can't",
    ),
    "reset failed, twice": (
        "reset.done",
        log("vfio-pci 0000:01:00.0: reset failed 1", "vfio-pci 0000:01:00.0: Reset failed 2"),
        (),
        "broken: vfio-pci 0000:01:00.0: Reset failed 2",
    ),
    "its own way": (
        "reset.method",
        {f"{CARD}/vendor": "0x1002\n", f"{CARD}/device": "0x731f\n", f"{CARD}/reset_method": "device_specific bus\n"},
        (("10de:2520", "1002:731f"),),
        "holds: device_specific bus",
    ),
    "a family's, and none": (
        "reset.method",
        {f"{CARD}/vendor": "0x1002\n", f"{CARD}/device": "0x731f\n", f"{CARD}/reset_method": "\n"},
        (("10de:2520", "1002:731f"),),
        "broken: none, of a Navi",
    ),
}
