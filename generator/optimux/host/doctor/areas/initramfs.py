"""The initramfs in use: does it hold what takes the card before any driver of the host's can?"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from optimux.host.doctor.areas.binding import VFIO, drivers_of
from optimux.host.doctor.check import Result, broken, check, for_root, holds, unseen

if TYPE_CHECKING:
    from optimux.host.doctor.look import Look

MOST = 512 << 20
MODPROBE = "etc/modprobe.d/optimux.conf"
_MODULE = re.compile(r"(?:^|/)([^/]+)\.ko(?:\.[a-z0-9]+)?$")


@check(
    "initramfs.tool",
    "one tool that builds initramfs images, the plan's",
    "Files for a tool that is not in use do nothing, in silence.",
)
def tool(look: Look) -> Iterator[Result]:
    """The tools that show themselves, beside the plan's."""
    wanted = look.plan.host.platform.initramfs if look.plan else None
    if look.plan is None or wanted is None or not look.plan.host.early_modules:
        return
    found = {seen.name: seen.evidence for seen in look.facts.boot.initramfs}
    if wanted in found:
        yield holds(wanted, found[wanted])
    elif found:
        name, evidence = next(iter(found.items()))
        remedy = f'State host.initramfs = "{name}", and bring the host to the new plan.'
        yield broken(f"{name}, where the plan has {wanted}", evidence, remedy, "optimux apply")
    else:
        yield unseen("no tool shows itself", "/usr/bin, /usr/sbin")


@check(
    "initramfs.content",
    "vfio-pci and its options in the image that was booted",
    "Whoever loads first has the card: without vfio-pci in the image that is the host's driver.",
)
def content(look: Look) -> Iterator[Result]:
    """What the image holds; where the log shows that vfio-pci was first, the image did what it is for."""
    host = look.plan.host if look.plan else None
    if host is None or not host.early_modules or host.platform.initramfs is None:
        return
    if _was_first(look):
        yield holds("vfio-pci had every function first in this boot", look.log.where)
        return
    path = image_of(look)
    if path is None:
        seen = "no image is found for the kernel that runs"
        hidden = any(f"{missed}/".startswith("/boot/") for missed in look.root.unseen)
        yield for_root(f"{seen}{'; /boot cannot be read' if hidden else ''}", "/boot")
        return
    data = look.root.data(path, MOST)
    if data is None:
        yield for_root("root's alone", path)
        return
    yield _held(look, path, data)


def _was_first(look: Look) -> bool:
    """Whether the log shows it of every function; of none that is not there."""
    cards = [card for card in look.cards if card.bind not in (None, "on-demand")]
    devices = [device for card in cards for device in look.devices(card)]
    first = [next(iter(drivers_of(look.log, str(device.address))), "") for device in devices]
    return bool(first) and all(driver in VFIO for driver in first)


def _held(look: Look, path: str, data: bytes) -> Result:
    from optimux.emit.modprobe import vfio_options
    from optimux.host.doctor.initramfs_image import UnreadableError, names_in

    try:
        names = names_in(data)
    except UnreadableError as error:
        return unseen(str(error), path, "List it with its own tool.", f"lsinitramfs {path} || lsinitrd {path}")
    modules = {match[1].replace("-", "_") for name in names if (match := _MODULE.search(name))}
    native = sorted({m for card in look.cards for d in look.devices(card) for m in d.modules} & modules - {"vfio_pci"})
    beside = f", with {', '.join(native)}" if native else ""
    remedy, command = "Renew the image, after the plan's files are in their places.", "optimux apply"
    if "vfio_pci" not in modules | _built_in(look):
        return broken(f"without vfio-pci{beside}", path, remedy, command)
    if look.plan and vfio_options(look.plan) and not _options(names):
        return broken(f"with vfio-pci, without {MODPROBE}{beside}", path, remedy, command)
    return holds(f"vfio-pci and its options{beside}", path)


def _options(names: set[str]) -> bool:
    """Our file, or all of modprobe.d in one, as mkinitcpio and NixOS have it."""
    return MODPROBE in names or "usr/lib/modprobe.d/optimux.conf" in names


def _built_in(look: Look) -> set[str]:
    release = look.root.text("/proc/sys/kernel/osrelease")
    lines = look.root.lines(f"/lib/modules/{release}/modules.builtin")
    return {match[1].replace("-", "_") for line in lines if (match := _MODULE.search(line))}


def image_of(look: Look) -> str | None:
    """The image of the kernel that runs, by the names that distributions give it."""
    release = look.root.text("/proc/sys/kernel/osrelease") or ""
    base = look.root.text(f"/lib/modules/{release}/pkgbase") or ""
    token = look.root.text("/etc/machine-id") or ""
    places = [f"/boot/initrd.img-{release}", f"/boot/initramfs-{release}.img", f"/boot/initrd-{release}"]
    places += [f"/boot/initramfs-{base}.img", f"/boot/booster-{base}.img"] if base else []
    for top in ("/boot", "/efi", "/boot/efi"):
        places += [f"{top}/{token}/{release}/initrd"] if token else []
        folder = f"{top}/EFI/Linux"
        unified = [name for name in look.root.names(folder) if name.endswith(".efi")]
        places += [f"{folder}/{name}" for name in unified if release in name or (base and name.endswith(f"{base}.efi"))]
    return next((path for path in places if look.root.exists(path)), None)


CHECKS = (tool, content)
