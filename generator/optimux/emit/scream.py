"""Scream's receiver as a service of the user's session: the guest's sound over the network."""

from __future__ import annotations

from typing import TYPE_CHECKING

from optimux.emit.artifact import HostCommand, HostFile

if TYPE_CHECKING:
    from optimux.emit.artifact import HostEntry
    from optimux.plan.model import Plan
    from optimux.plan.picture import ScreamReceiver

_FOLDER = "/etc/systemd/user"


def scream_entries(plan: Plan) -> list[HostEntry]:
    """A unit for each interface and output that some VM's Scream wants, and the commands that enable them."""
    entries: list[HostEntry] = []
    for scream in plan.scream:
        purpose = f"Scream's receiver on {scream.interface}"
        entries.append(HostFile(f"{_FOLDER}/{scream.unit}", scream_unit(scream), purpose))
        entries.append(_enable(scream.unit, purpose))
    return entries


def _enable(unit: str, purpose: str) -> HostCommand:
    return HostCommand(
        f"systemctl --global enable {unit}",
        f"starts {purpose} with the desktop",
        unless=f"systemctl --global is-enabled --quiet {unit}",
        undo=f"systemctl --global disable {unit}",
        offline=True,
    )


def scream_unit(scream: ScreamReceiver, program: str = "scream") -> str:
    """The unit. The interface of a libvirt network may come long after login, so it tries again, below the start
    limit of five times in ten seconds.
    """
    return f"""\
# Written by Optimux: plays what Scream sends from the guest.
[Unit]
Description=Scream receiver on {scream.interface}
PartOf=graphical-session.target
After=graphical-session.target

[Service]
ExecStart={program} -i {scream.interface} -o {scream.output} -v
Restart=always
RestartSec=5

[Install]
WantedBy=graphical-session.target
"""
