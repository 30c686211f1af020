"""The machine as a whole: what it is, its memory, the kernel that runs, its command line."""

from __future__ import annotations

import re
import shlex

from optimux.declare import Choice
from optimux.facts.detect.root import Root, clean
from optimux.facts.detect.words import known
from optimux.facts.host import HugepageFacts, Machine, MachineForm, MachineInside
from optimux.sizes import Size
from optimux.version import Version

DMI = "/sys/class/dmi/id"
# SMBIOS 3.7 §7.4.1, system enclosure types.
FORMS = {
    **dict.fromkeys(("8", "9", "10", "14", "30", "31", "32"), "laptop"),
    **dict.fromkeys(("3", "4", "5", "6", "7", "15", "16", "24", "34", "35", "36"), "desktop"),
    **dict.fromkeys(("17", "23", "25", "28", "29"), "server"),
}
# What hypervisors call themselves in DMI's vendor, product or board.
HYPERVISORS = re.compile("QEMU|KVM|VMware|VirtualBox|innotek|Xen|Bochs|Parallels|BHYVE|Amazon EC2|Google Comp", re.I)
FORM, INSIDE = Choice(MachineForm), Choice(MachineInside)
MOST_WORDS = 200


def machine(root: Root) -> Machine:
    """Vendor, model and kind of the machine, and what it runs in."""
    vendor, product = (clean(root.text(f"{DMI}/{name}")) for name in ("sys_vendor", "product_name"))
    inside = _inside(root, f"{vendor} {product}")
    form = FORMS.get(root.text(f"{DMI}/chassis_type") or "")
    return Machine(
        vendor=vendor,
        model=_model(root, product),
        form=known(FORM, "vm" if inside == "vm" else form or _by_battery(root)),
        architecture=_architecture(root),
        inside=known(INSIDE, inside),
    )


def _model(root: Root, product: str | None) -> str | None:
    """Lenovo's product is a number; its family or version has the name."""
    if product and re.fullmatch("[0-9A-Z]{4,12}", product):
        for name in ("product_version", "product_family"):
            words = clean(root.text(f"{DMI}/{name}"))
            if words and " " in words:
                return f"{words} ({product})"
    return product


def _by_battery(root: Root) -> str | None:
    folder = "/sys/class/power_supply"
    batteries = [name for name in root.names(folder) if name.startswith("BAT")]
    return "laptop" if batteries else None


def _inside(root: Root, dmi: str) -> str | None:
    release = root.text("/proc/sys/kernel/osrelease") or ""
    if "microsoft" in release.lower():
        return "wsl"
    if root.exists("/run/systemd/container") or root.exists("/.dockerenv") or root.exists("/run/.containerenv"):
        return "container"
    flags = re.search(r"^flags\s*:(.*)$", (root.text("/proc/cpuinfo") or "").partition("\n\n")[0], re.MULTILINE)
    if HYPERVISORS.search(dmi) or (flags and "hypervisor" in flags[1].split()):
        return "vm"
    return None


def _architecture(root: Root) -> str | None:
    """As the kernel says it, where it does; else by what only one kind of processor has in /proc/cpuinfo."""
    said = root.text("/proc/sys/kernel/arch")
    if said and re.fullmatch("[a-z0-9_]{1,32}", said):
        return said
    info = (root.text("/proc/cpuinfo") or "")[:4096]
    if "vendor_id" in info and "flags" in info:
        return "x86_64" if re.search(r"\blm\b", info) else "i686"
    return "aarch64" if "CPU implementer" in info else None


def kernel_version(root: Root) -> Version | None:
    """The numbers that the release begins with."""
    match = re.match(r"[0-9]{1,5}(\.[0-9]{1,5}){1,2}", root.text("/proc/sys/kernel/osrelease") or "")
    return Version.parse(match[0]) if match else None


def kernel_params(root: Root) -> tuple[str, ...]:
    """The words of /proc/cmdline."""
    text = root.text("/proc/cmdline") or ""
    try:
        words = shlex.split(text)
    except ValueError:
        words = text.split()
    return tuple(word for word in (clean(word) for word in words[:MOST_WORDS]) if word)


def memory(root: Root) -> Size | None:
    """MemTotal: what firmware and kernel left."""
    match = re.search(r"^MemTotal:\s*([0-9]{1,15}) kB", root.text("/proc/meminfo") or "", re.MULTILINE)
    return Size(int(match[1]) << 10) if match and int(match[1]) else None


def hugepages(root: Root) -> tuple[HugepageFacts, ...]:
    """Every size that the kernel offers."""
    folder = "/sys/kernel/mm/hugepages"
    found = []
    for name in root.names(folder):
        match = re.fullmatch(r"hugepages-([0-9]{1,10})kB", name)
        if match and int(match[1]):
            count, free = (root.number(f"{folder}/{name}/{file}") or 0 for file in ("nr_hugepages", "free_hugepages"))
            found.append(HugepageFacts(size=Size(int(match[1]) << 10), count=max(count, 0), free=max(free, 0)))
    return tuple(sorted(found, key=lambda pages: pages.size.bytes))
