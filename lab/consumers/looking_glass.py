"""The client of Looking Glass, which reads its ini and says what it took."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from optimux.record import Record

if TYPE_CHECKING:
    from lab.consumers.roots import Root

_NOBODY = 65534  # it refuses to run as root
_ROW = re.compile(r"^  \| (?P<key>\w+:\w+) +\|[^|]*\| (?P<value>.*?) *\| ", re.MULTILINE)
_COMPLAINT = re.compile(r"^[\d:.]+ \[[WE]\] +(?P<file>\S+?):\d+ +\|[^|]*\| (?P<words>.*)$", re.MULTILINE)
# What it says of the machine, not of the ini: no /etc/passwd entry, no /proc of a real one.
_MACHINE = frozenset({"cpuinfo.c"})
_CONFIG = "/etc/looking-glass-client.ini"


class Reading(Record):
    """What the client made of an ini: every option with its value, and its complaints in its own words."""

    values: dict[str, str]
    complaints: tuple[str, ...]


def looking_glass_client(root: Root, ini: str) -> Reading:
    """Let the client read ``ini`` as the system's own file and list its options; it opens no window.

    Keys are ``section:name``. The client only warns of a key that it does not know.
    """
    with root.session() as session:
        session.put("/etc/passwd", f"nobody:x:{_NOBODY}:{_NOBODY}::/tmp:/bin/sh\n")
        session.put(_CONFIG, ini)
        done = session.run(["looking-glass-client", "--help"], check=False, user=_NOBODY, env={"HOME": "/tmp"})
    output = done.stdout + done.stderr
    complaints = (each for each in _COMPLAINT.finditer(output) if each["file"] not in _MACHINE)
    values = {row["key"]: row["value"] for row in _ROW.finditer(output)}
    return Reading(values, tuple(each["words"] for each in complaints))
