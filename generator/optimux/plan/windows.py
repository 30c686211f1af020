"""Windows' installation: the media among the disks, and whether Setup could do what is asked of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from optimux.options.vm import devices as options
from optimux.plan.guest import Unattended, Windows
from optimux.sizes import Size

if TYPE_CHECKING:
    from collections.abc import Iterable

    from optimux.options.vm import Vm
    from optimux.options.vm.windows import Unattended as Stated
    from optimux.plan.devices import Disk
    from optimux.plan.wanted import Wanted

# Accounts, groups and folders of users that Windows has by itself.
TAKEN = (
    *("administrator", "guest", "defaultaccount", "wdagutilityaccount", "system", "local service", "network service"),
    *("none", "administrators", "users", "guests", "everyone", "public", "default", "default user", "all users"),
)
# Microsoft, "Naming Files, Paths, and Namespaces": with an extension too, and the account's folder has its name.
DEVICES = frozenset(
    (
        *("con", "prn", "aux", "nul", "conin$", "conout$"),
        *(f"{port}{number}" for port in ("com", "lpt") for number in "0123456789¹²³"),
    )
)
MOST_USER = 20  # UTF-16 code units of an account's name
LEAST_MEMORY, LEAST_DISK = Size(4 << 30), Size(64 << 30)
_WHERE = "windows.unattended"
# Folders of virtio-win.iso, by the bus of a disk.
_DISK_DRIVERS = {"virtio": "viostor", "scsi": "vioscsi"}
_NETWORK_DRIVER, _SERIAL_DRIVER = "NetKVM", "vioserial"


def with_media(vm: Vm) -> Vm:
    """The options with Windows' media among the disks: a disk that is empty falls through to them."""
    windows = vm.windows
    disks = list(vm.disks)
    if windows.iso:
        if not any(disk.boot_order for disk in disks):
            first = next((index for index, disk in enumerate(disks) if disk.device == "disk"), None)
            if first is not None:
                disks[first] = disks[first].replace(boot_order=1)
        order = max((disk.boot_order or 0 for disk in disks), default=0) + 1
        disks.append(options.Disk(device="cdrom", source=windows.iso, boot_order=order))
    if windows.virtio_win:
        disks.append(options.Disk(device="cdrom", source=windows.virtio_win))
    return vm.replace(disks=tuple(disks)) if len(disks) > len(vm.disks) else vm


def resolve_windows(wanted: Wanted, disks: tuple[Disk, ...]) -> Windows:
    """The media, and the answers where there are some; ``disks`` are the resolved ones."""
    windows = wanted.vm.windows
    stated = windows.unattended
    drivers, folder = _setup_drivers(wanted, disks), _folder(wanted.vm.os_id)
    if stated is None:
        return Windows(windows.iso, windows.virtio_win, None, drivers, folder)
    _check_media(wanted)
    _check_names(wanted, stated)
    disk = _disk(wanted, stated, disks)
    _check_requirements(wanted, stated)
    return Windows(windows.iso, windows.virtio_win, _unattended(wanted, stated, disk), drivers, folder)


def _unattended(wanted: Wanted, stated: Stated, disk: Disk | None) -> Unattended:
    locale = stated.locale or stated.language
    return Unattended(
        edition=stated.edition,
        language=stated.language,
        locale=locale,
        keyboard=stated.keyboard or locale,
        time_zone=stated.time_zone,
        user=stated.user,
        computer=stated.computer,
        password_file=stated.password_file,
        product_key=stated.product_key,
        bypass_requirements=stated.bypass_requirements,
        disk=disk.target or "" if disk else "",
        drivers=(*_needed(wanted, [disk] if disk else []), _SERIAL_DRIVER),
    )


def _setup_drivers(wanted: Wanted, disks: Iterable[Disk]) -> tuple[str, ...]:
    """What Setup has to load; the channel's not for itself, but so that the agent answers from the first start."""
    needed = _needed(wanted, disks)
    return (*needed, _SERIAL_DRIVER) if needed and wanted.vm.channels else needed


def _needed(wanted: Wanted, disks: Iterable[Disk]) -> tuple[str, ...]:
    """Without the first there is no disk, without NetKVM no network."""
    found = [_DISK_DRIVERS.get(disk.bus) for disk in disks if disk.device == "disk"]
    found += [_NETWORK_DRIVER for card in wanted.vm.networks if card.model == "virtio"]
    return tuple(dict.fromkeys(driver for driver in found if driver))


def _folder(os_id: str) -> str:
    """virtio-win's name of a Windows: libosinfo's, with a w before 8.1, 10 and 11 but not before 2k25."""
    version = os_id.rstrip("/").rpartition("/")[2]
    return f"w{version}" if version.replace(".", "").isdigit() else version


def _check_media(wanted: Wanted) -> None:
    windows, media = wanted.vm.windows, wanted.vm.guest_media
    if not windows.iso:
        wanted.error("windows.iso", "nothing", "the medium of Windows", "Name the ISO image.", [_WHERE])
    if not windows.virtio_win:
        remedy = "Name the image of virtio-win: Setup sees no virtio disk and no network without it."
        wanted.error("windows.virtioWin", "nothing", "the medium of virtio's drivers", remedy, [_WHERE])
    if not (media.enable and media.attach):
        remedy = "Set guestMedia = { enable = true, attach = true }: from it comes the agent that is waited for."
        wanted.error("guestMedia.attach", "false", "true, with windows.unattended", remedy, [_WHERE])
    if not any(channel.name == "org.qemu.guest_agent.0" for channel in wanted.vm.channels):
        remedy = 'Add { type = "unix", name = "org.qemu.guest_agent.0" }.'
        wanted.error("channels", "no guest agent's", "a channel of the agent that is waited for", remedy, [_WHERE])


def _check_names(wanted: Wanted, stated: Stated) -> None:
    user = f"{_WHERE}.user"
    if stated.user.lower() in TAKEN or stated.user.lower().partition(".")[0].rstrip() in DEVICES:
        remedy = "Windows has it already, or keeps it for a device; choose another."
        wanted.error(user, f'"{stated.user}"', "a name that is free", remedy)
    if (units := len(stated.user.encode("utf-16-le")) // 2) > MOST_USER:
        found = f"{units} units of UTF-16"
        wanted.error(user, found, f"at most {MOST_USER}", "Characters beyond the usual ones count twice: shorten it.")
    if stated.computer.lower() in DEVICES:
        remedy = "Windows keeps it for a device; choose another."
        wanted.error(f"{_WHERE}.computer", f'"{stated.computer}"', "a name that is free", remedy)
    if stated.computer.isdecimal():
        wanted.error(f"{_WHERE}.computer", f'"{stated.computer}"', "not digits alone", "Add a letter.")
    if stated.user.lower() == stated.computer.lower():
        remedy = "Windows makes no account with the computer's name."
        wanted.error(f"{_WHERE}.computer", f'"{stated.computer}"', "another name than the user's", remedy)


def _disk(wanted: Wanted, stated: Stated, disks: tuple[Disk, ...]) -> Disk | None:
    """The disk to install on; what is wrong with it is told."""
    hard = [disk for disk in disks if disk.device == "disk"]
    targets = ", ".join(f'"{disk.target}"' for disk in hard)
    if stated.disk is None and len(hard) != 1:
        found = f"{len(hard)} disks and none named" if hard else "no disk"
        remedy = "Name the one that Windows goes to; Setup formats it." if hard else "Add one to disks."
        wanted.error(f"{_WHERE}.disk", found, targets or "one of disks", remedy, ["disks"])
        return None
    chosen = hard[0] if stated.disk is None else next((disk for disk in hard if disk.target == stated.disk), None)
    if chosen is None:
        wanted.error(f"{_WHERE}.disk", f'"{stated.disk}"', targets or "one of disks", "Compare with disks.", ["disks"])
    elif chosen.type == "block" and not stated.wipe_physical_disk:
        remedy = "Set wipePhysicalDisk = true if nothing on it is worth keeping."
        wanted.error(f"{_WHERE}.disk", f"{chosen.source}, a device of the host", "an image", remedy, ["disks"])
    elif chosen.bus == "usb":
        wanted.error(
            f"{_WHERE}.disk", f"{chosen.target}, on USB", "another bus", "Windows refuses USB disks.", ["disks"]
        )
    elif chosen.create and chosen.create.bytes < LEAST_DISK.bytes:
        wanted.warn(f"{_WHERE}.disk", chosen.create, f"at least {LEAST_DISK}", "Setup may refuse a smaller disk.")
    return chosen


def _check_requirements(wanted: Wanted, stated: Stated) -> None:
    """What Windows 11's Setup asks for, which LabConfig passes over."""
    vm = wanted.vm
    if vm.firmware.type == "bios":
        remedy = "Leave firmware.type out: the partitions are UEFI's."
        wanted.error("firmware.type", "bios", '"efi", with windows.unattended', remedy, [_WHERE])
        return
    missing = {
        "firmware.secureBoot": ("off", '"capable" or "on"', vm.firmware.secure_boot == "off"),
        "tpm.backend": ("none", '"emulator" or "passthrough"', vm.tpm.backend == "none"),
        "memory": (str(vm.memory), f"at least {LEAST_MEMORY}", vm.memory.bytes < LEAST_MEMORY.bytes),
    }
    lacking = {key: words[:2] for key, words in missing.items() if words[2]}
    if vm.os_id.endswith("/win/10"):
        lacking = {}
    if stated.bypass_requirements and not lacking:
        remedy = "Leave it out: Setup finds all that it asks for."
        wanted.warn(f"{_WHERE}.bypassRequirements", "true", "only where something is missing", remedy)
    for key, (found, allowed) in ({} if stated.bypass_requirements else lacking).items():
        remedy = f"Windows 11's Setup asks for it; {_WHERE}.bypassRequirements = true passes over that."
        wanted.error(key, found, allowed, remedy, [_WHERE])
