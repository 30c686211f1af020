"""This machine's own facts, where a configuration is for it: what a verb looks at when no --facts is given."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from optimux.facts import Facts
    from optimux.facts.detect import Root

# "here": this machine, whatever it is; "elsewhere": another; "evidence": this one where its PCI bus shows the card.
Place = Literal["here", "elsewhere", "evidence"]
UNCHECKED = "ids, IOMMU groups, users, memory and versions"


def place_of(here: bool | None) -> Place:
    """What --here and --elsewhere mean; without either, evidence decides."""
    return "evidence" if here is None else "here" if here else "elsewhere"


def facts_of(data: Any, place: Place) -> tuple[Facts | None, str]:
    """What this machine shows, or ``None`` where the configuration is for another; and what is not checked, if any."""
    if place == "elsewhere":
        return None, f"{UNCHECKED}; --here looks at this machine, --facts FILE at what was recorded of another"
    if not sys.platform.startswith("linux"):
        return None, f"{UNCHECKED}; this is no Linux"
    from optimux.facts.detect import Root, detect

    root = Root.at()
    if place == "evidence" and not any(_is_there(root, *card) for card in _cards(data)):
        return None, f"{UNCHECKED}; {_why_not(data)} Add --here if it is for this machine"
    facts = detect(root)
    facts = facts.replace(users=(*facts.users, *_others(data, {user.name for user in facts.users})))
    return facts, "" if facts.devices else "ids and IOMMU groups; this machine shows no PCI devices"


def _cards(data: Any) -> Iterator[tuple[str, str]]:
    """Address and id of every GPU function that the raw configuration names, whatever else is wrong with it."""
    gpus = data.get("gpus") if isinstance(data, Mapping) else None
    for gpu in gpus.values() if isinstance(gpus, Mapping) else ():
        functions = gpu.get("functions") if isinstance(gpu, Mapping) else None
        for function in functions if isinstance(functions, list) else ():
            pair = (function.get("address"), function.get("id")) if isinstance(function, Mapping) else (None, None)
            if isinstance(pair[0], str) and isinstance(pair[1], str):
                yield pair[0].lower(), pair[1].lower()


def _is_there(root: Root, address: str, id_: str) -> bool:
    from optimux.facts.detect.pci import DEVICES, address_of

    known = address_of(address)
    if known is None:
        return False
    base = f"{DEVICES}/{known}"
    vendor, device = (root.number(f"{base}/{name}", 16) for name in ("vendor", "device"))
    return vendor is not None and device is not None and f"{vendor:04x}:{device:04x}" == id_


def _why_not(data: Any) -> str:
    card = next(_cards(data), None)
    return f"no {card[1]} is at {card[0]} here." if card else "it names no GPU to know this one by."


def _others(data: Any, known: set[str]) -> Iterator[Any]:
    """Users whom /etc/passwd lacks and the name service knows: of a directory, of systemd-homed, of the system."""
    import grp
    import os
    import pwd

    from optimux.facts.host import UserFacts

    for name in sorted(_users(data) - known):
        with contextlib.suppress(KeyError, ValueError, OSError):
            entry = pwd.getpwnam(name)
            groups = []
            for number in os.getgrouplist(name, entry.pw_gid):
                with contextlib.suppress(KeyError):
                    groups.append(grp.getgrgid(number).gr_name)
            yield UserFacts(name=name, groups=tuple(groups))


def _users(data: Any) -> set[str]:
    """The users that the raw configuration names."""
    tables = [data] if isinstance(data, Mapping) else []
    vms = tables[0].get("vms") if tables else None
    tables += [vm for vm in vms.values() if isinstance(vm, Mapping)] if isinstance(vms, Mapping) else []
    shared = [table.get("lookingGlass") for table in tables]
    named = [table.get("user") for table in shared if isinstance(table, Mapping)]
    return {name for name in named if isinstance(name, str) and name}
