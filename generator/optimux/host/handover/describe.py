"""A process in the words by which a person finds it: program, user, unit, session."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

from optimux.host.handover.holder import Holder

if TYPE_CHECKING:
    from collections.abc import Iterable

    from optimux.host.handover.holder import Use
    from optimux.host.handover.nodes import Sysfs

# They hold a session's devices on behalf of whoever draws there; alone they are told like everybody else.
BROKERS = ("systemd", "systemd-logind", "elogind", "seatd")
_UNIT = re.compile(r"[^/]+\.(service|scope)")
_SESSION = re.compile(r"/session-([^/]+)\.scope")


def holders(uses: Iterable[Use], sysfs: Sysfs) -> tuple[Holder, ...]:
    """Each process once, with all that it holds; brokers are left out where the one that they serve is there too."""
    by_pid: dict[int, list[Use]] = {}
    for use in uses:
        by_pid.setdefault(use.pid, []).append(use)
    users = _users(sysfs)
    found = [_holder(pid, tuple(sorted(own, key=lambda use: use.node)), sysfs, users) for pid, own in by_pid.items()]
    served = {use.node for holder in found if holder.program not in BROKERS for use in holder.uses}
    return tuple(h for h in found if h.program not in BROKERS or not served.issuperset(h.nodes))


def _holder(pid: int, uses: tuple[Use, ...], sysfs: Sysfs, users: dict[str, str]) -> Holder:
    base = f"/proc/{pid}"
    status = dict(_pairs(sysfs.text(f"{base}/status")))
    uid = status.get("Uid", "").split("\t")[0]
    cgroup = next((line[3:] for line in (sysfs.text(f"{base}/cgroup") or "").splitlines() if line[:3] == "0::"), "")
    units = [match[0] for match in _UNIT.finditer(cgroup)]
    session = _SESSION.search(cgroup)
    frozen = "frozen 1" in (sysfs.text(f"/sys/fs/cgroup{cgroup}/cgroup.events") or "") if cgroup else False
    return Holder(
        pid=pid,
        program=_program(base, sysfs, status.get("Name") or "?"),
        user=users.get(uid, uid or "?"),
        uses=uses,
        unit=_unescaped(units[-1]) if units else None,
        user_unit="/user@" in cgroup and len(units) > 1,
        session=session[1] if session else None,
        state="frozen" if frozen else status.get("State", "")[:1],
        own_namespace=any(_differs(sysfs, pid, kind) for kind in ("mnt", "pid")),
    )


def _program(base: str, sysfs: Sysfs, name: str) -> str:
    """The kernel keeps fifteen letters; the command line may have the rest."""
    if len(name) < 15:
        return name
    first = (sysfs.text(f"{base}/cmdline") or "").partition("\0")[0].rpartition("/")[2]
    return first if first.startswith(name) else name


def _differs(sysfs: Sysfs, pid: int, kind: str) -> bool:
    own, first = (_link(sysfs, f"/proc/{number}/ns/{kind}") for number in (pid, 1))
    return own is not None and first is not None and own != first


def _link(sysfs: Sysfs, path: str) -> str | None:
    try:
        return os.readlink(sysfs.root + path)  # noqa: PTH115 - a link of /proc leads nowhere
    except OSError:
        return None


def _pairs(text: str | None) -> Iterable[tuple[str, str]]:
    for line in (text or "").splitlines():
        key, _, value = line.partition(":")
        yield key, value.strip()


def _users(sysfs: Sysfs) -> dict[str, str]:
    lines = (line.split(":") for line in (sysfs.text("/etc/passwd") or "").splitlines())
    return {fields[2]: fields[0] for fields in lines if len(fields) > 2}


def _unescaped(unit: str) -> str:
    """systemd.unit(5): ``\\x2d`` is a dash; for people."""
    return re.sub(r"\\x([0-9a-f]{2})", lambda match: chr(int(match[1], 16)), unit)
