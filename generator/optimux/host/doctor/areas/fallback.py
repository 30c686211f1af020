"""A way back: has each kernel, the newest above all, an entry that boots without what the plan adds?"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from optimux.emit.artifact import HostCommand
from optimux.emit.boot_loader import boot_loader_entries
from optimux.emit.boot_loader.cmdline import AFTER_IMAGE, LATER
from optimux.emit.boot_loader.fallback import FOLDERS, IMAGES, SUFFIX
from optimux.host.doctor.check import Result, broken, check, for_root, holds

if TYPE_CHECKING:
    from optimux.host.doctor.look import Look

MENU = "/boot/grub/grub.cfg"
_SUBMENU = b"optimux-without"
_COPIED = ("systemd-boot", "grubby", "sdbootutil")
_MOST = 8 << 20
# Of boots that are still to be tried, at the end of an entry's name (systemd.io/AUTOMATIC_BOOT_ASSESSMENT).
_COUNTER = re.compile(r"\+[0-9]+(?:-[0-9]+)?$")
_NUMBERS = re.compile("([0-9]+)")


@check(
    "bootLoader.fallback",
    "an entry of the newest kernel that boots without Optimux",
    "When the host does not come up with its card given away, that entry brings it up as it was.",
)
def entry(look: Look) -> Iterator[Result]:
    """By the loader: GRUB's submenu, a copy of each entry, a copy of each unified image."""
    host = look.plan.host if look.plan else None
    if host is None or not host.kernel_params:
        return
    if host.platform.boot_loader == "grub" and host.platform.distribution == "debian":
        yield from _menu(look)
    elif host.platform.boot_loader in _COPIED:
        yield from _entries(look)
    elif host.platform.boot_loader == "uki":
        yield from _images(look)


def _menu(look: Look) -> Iterator[Result]:
    """update-grub writes the submenu anew for every kernel, so it is there for all or for none."""
    data = look.root.data(MENU, _MOST)
    if data is not None and _SUBMENU in data:
        yield holds("the submenu Without Optimux", MENU)
    elif data is not None:
        yield broken("no submenu Without Optimux", MENU, "Have the menu written anew.", "sudo update-grub")
    elif look.root.exists(MENU):
        yield for_root("root's alone", MENU)


def _entries(look: Look) -> Iterator[Result]:
    found = [
        (folder, name) for folder in FOLDERS for name in _names(look, folder, ".conf") if _is_linux(look, folder, name)
    ]
    lacking = [
        f"{folder}/{name}.conf" for folder, name in found if f"{name}{SUFFIX}.conf" not in look.root.names(folder)
    ]
    if lacking:
        remedy = "Bring the host to the plan: that makes one beside each entry."
        yield broken(f"none beside {', '.join(lacking)}", lacking[0].rpartition("/")[0], remedy, "optimux apply")
    elif found:
        yield holds(f"one beside each of {len(found)}", found[0][0])
    else:
        yield from _hidden(look, FOLDERS, "no entry is found")


def _is_linux(look: Look, folder: str, name: str) -> bool:
    """What has options; of another system's entry there is no copy."""
    return any(line.startswith("options") for line in look.root.lines(f"{folder}/{name}.conf"))


def _images(look: Look) -> Iterator[Result]:
    """A later kernel's image has the plan's words in it from the start: what apply left with the tools that make it
    makes one without them beside it.
    """
    found = [(folder, _COUNTER.sub("", name)) for folder in IMAGES for name in _names(look, folder, ".efi")]
    if not found:
        yield from _hidden(look, IMAGES, "no unified image is found")
        return
    folder, newest = max(found, key=lambda pair: _natural(pair[1]))
    kept = [name for place, name in found if f"{name}{SUFFIX}.efi" in look.root.names(place)]
    if newest in kept:
        yield holds(f"{newest}{SUFFIX}.efi", folder)
        return
    older = f" Until then keep the kernel of {kept[-1]}{SUFFIX}.efi." if kept else ""
    yield broken(f"none beside {newest}.efi", folder, *_made_beside(look, older))


def _made_beside(look: Look, older: str) -> tuple[str, str]:
    """The remedy, and its command."""
    if not (look.plan and any(look.root.exists(path) for path in (LATER, AFTER_IMAGE))):
        return f"Bring the host to the plan: from then on one is made beside each new image.{older}", "optimux apply"
    command = [e.command for e in boot_loader_entries(look.plan) if isinstance(e, HostCommand) and e.after][-1]
    return f"Have the image made anew: that makes one beside it, where the ESP has room for it.{older}", command


def _names(look: Look, folder: str, ending: str) -> list[str]:
    """What lies there, but for the copies, without the ending."""
    names = [name.removesuffix(ending) for name in look.root.names(folder) if name.endswith(ending)]
    return [name for name in names if not name.endswith(SUFFIX)]


def _natural(name: str) -> list[tuple[int, str]]:
    """In the order of versions: 6.9 before 6.12."""
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in _NUMBERS.split(name)]


def _hidden(look: Look, folders: tuple[str, ...], seen: str) -> Iterator[Result]:
    where = " or ".join(folders)
    hidden = any(place in look.root.unseen for folder in folders for place in (folder, *_above(folder)))
    yield for_root(f"{seen}{', and a folder cannot be read' if hidden else ''}", where)


def _above(folder: str) -> list[str]:
    parts = folder.split("/")
    return ["/".join(parts[:number]) for number in range(2, len(parts))]


CHECKS = (entry,)
