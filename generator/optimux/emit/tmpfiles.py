"""tmpfiles.d(5): the shared memory as files in /dev/shm, which QEMU and the client both may open."""

from __future__ import annotations

from shlex import quote

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
        _made_now(tuple(memory.path for memory in plan.shm)),
    ]


# Whoever has it open or mapped would go on with a file that nobody else finds.
_REMOVE = (
    "if cat /proc/[0-9]*/maps 2>/dev/null | grep -qF {0} || find /proc/[0-9]*/fd -lname {0} 2>/dev/null | grep -q .; "
    "then echo {0} is in use: it goes with the next reboot >&2; else rm -f {0}; fi"
)


def _made_now(paths: tuple[str, ...]) -> HostCommand:
    """Taken back are those that were not there before."""
    return HostCommand(
        f"systemd-tmpfiles --create {PATH}",
        "makes them now",
        after=(PATH,),
        undo="; ".join(_REMOVE.format(quote(path)) for path in paths),
        words=paths,
        has_word="test -e {}",
        undo_word=_REMOVE,
    )


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
