"""More of what each check says: branches that ``cases`` does not take, a limit from both its sides, who may not look.

An entry is a check, the files that change, edits of the configuration (``None``: there is none), and how the first
result begins; empty where the check has nothing to say. All of it is kept to the letter in ``results.txt``.
"""

from __future__ import annotations

from tests.doctor.cases import Edits
from tests.doctor.machine import Members

Further = tuple[str, Members, Edits | None, str]
LIBVIRT: Edits = (("d3coldAllowed", 'bind = "libvirt"\nd3coldAllowed'),)
NIXOS: Edits = (('distribution = "debian"\ninitramfs = "initramfs-tools"', 'distribution = "nixos"'),)
