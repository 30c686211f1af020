"""AppArmor: what virt-aa-helper does not allow a guest by itself."""

from __future__ import annotations

import re

from optimux.emit.artifact import HostEntry, HostFile, HostLines
from optimux.emit.text import commented
from optimux.plan.model import HostPlan, Plan

DROP_IN = "/etc/apparmor.d/abstractions/libvirt-qemu.d/optimux"
LOCAL = "/etc/apparmor.d/local/abstractions/libvirt-qemu"
_PLAIN = re.compile(r"[A-Za-z0-9/._+-]+")
_ESCAPES = {"\\": r"\134"} | {char: f"\\{char}" for char in "*?[]{}^"}
_PURPOSE = "what the guests may open beyond libvirt's own rules; read at each start of a VM"


def apparmor_entries(plan: Plan) -> list[HostEntry]:
    """A file of our own where libvirt reads the folder, lines of the administrator's file elsewhere."""
    host = plan.host
    rules = apparmor_rules(host)
    if not rules:
        return []
    if host.apparmor_drop_in:
        text = commented("what guests may open beyond libvirt's own rules.", (f"  {rule}" for rule in rules))
        return [HostFile(DROP_IN, text, _PURPOSE)]
    return [HostLines(LOCAL, rules, None, _PURPOSE)]


def apparmor_rules(host: HostPlan) -> tuple[str, ...]:
    """Lines of an abstraction; none where another module confines, or nothing does."""
    return tuple(f"{_path(path)} {access}," for path, access in host.guest_files)


def _path(path: str) -> str:
    """A path as apparmor.d(5) wants it: globbing characters and backslashes escaped, quoted where it is not plain.

    One that does not parse would take the abstraction with it, and every guest of the host. A backslash is octal: at
    the end of a path the parser would read it together with the quote, whatever stood before it.
    """
    escaped = "".join(_ESCAPES.get(char, char) for char in path)
    return path if _PLAIN.fullmatch(path) else f'"{escaped}"'
