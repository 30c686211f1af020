"""Who can log in, who runs this, and what plays sound in the session."""

from __future__ import annotations

import os
import re

from optimux.facts.detect.root import Root
from optimux.facts.host import UserFacts
from optimux.facts.software import SessionFacts

FIRST, LAST = 1000, 60000  # login.defs(5): UID_MIN, UID_MAX
NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,31}")
MOST = 100
NO_SHELLS = ("nologin", "false", "sync", "shutdown", "halt")


def users(root: Root) -> tuple[UserFacts, ...]:
    """The people of /etc/passwd, with the groups of /etc/group."""
    members: dict[str, list[str]] = {}
    names: dict[str, str] = {}
    for line in root.lines("/etc/group"):
        name, _, number, listed = [*line.split(":"), "", "", ""][:4]
        names[number] = name
        for user in listed.split(","):
            members.setdefault(user, []).append(name)
    found = []
    for name, primary in _people(root):
        groups = [names[primary]] if primary in names else []
        groups += [group for group in members.get(name, ()) if group not in groups]
        found.append(UserFacts(name=name, groups=tuple(groups)))
    return tuple(found)


def _people(root: Root) -> list[tuple[str, str]]:
    found = []
    for line in root.lines("/etc/passwd"):
        fields = line.split(":")
        if len(fields) < 7 or not NAME.fullmatch(fields[0]) or not fields[2].isdecimal():
            continue
        if FIRST <= int(fields[2]) < LAST and fields[6].rpartition("/")[2] not in NO_SHELLS:
            found.append((fields[0], fields[3]))
    return found[:MOST]


def user(root: Root, people: tuple[UserFacts, ...]) -> str | None:
    """Who asks, behind sudo too; of a record the only one who can log in."""
    if root.live:
        asking = os.environ.get("SUDO_USER") or os.environ.get("USER") or ""
        if NAME.fullmatch(asking) and asking != "root":
            return asking
    return people[0].name if len(people) == 1 else None


def session(root: Root) -> SessionFacts:
    """The sockets of the sound servers; another user's folder cannot be seen."""
    folders = [f"/run/user/{uid}" for uid in root.names("/run/user")]
    if any(root.exists(f"{folder}/pipewire-0") for folder in folders):
        return SessionFacts(audio="pipewire")
    if any(root.exists(f"{folder}/pulse/native") for folder in folders):
        return SessionFacts(audio="pulseaudio")
    return SessionFacts()
