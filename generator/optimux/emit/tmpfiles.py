"""tmpfiles.d(5): the shared memory as files in /dev/shm, which QEMU and the client both may open."""

from __future__ import annotations

from optimux.emit.artifact import HostCommand, HostEntry, HostFile
from optimux.emit.text import commented
from optimux.plan.model import Plan, SharedMemory

PATH = "/etc/tmpfiles.d/optimux.conf"


def tmpfiles_entries(plan: Plan) -> list[HostEntry]:
    """One file a device, made anew at each boot."""
    if not plan.shm:
        return []
    text = commented("the shared memory of Looking Glass.", tmpfiles_lines(plan))
    return [
        HostFile(PATH, text, "makes the shared memory's files at boot"),
        HostCommand(f"systemd-tmpfiles --create {PATH}", "makes them now", after=(PATH,)),
    ]


def tmpfiles_lines(plan: Plan) -> tuple[str, ...]:
    """A line for each file."""
    return tuple(map(_line, plan.shm))


def _line(memory: SharedMemory) -> str:
    return f"f {quoted(memory.path)} 0660 {memory.user or 'root'} {memory.group} -"


def quoted(path: str) -> str:
    """A path for the second field: specifiers escaped, white space and backslashes kept."""
    escaped = path.replace("%", "%%")
    if not any(char in escaped for char in ' \\"'):
        return escaped
    return '"' + escaped.replace("\\", "\\\\").replace('"', '\\"') + '"'
