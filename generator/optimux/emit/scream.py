"""Scream's receiver as a service of the user's session: the guest's sound over the network."""

from __future__ import annotations

from typing import TYPE_CHECKING

from optimux.emit.artifact import HostCommand, HostFile

if TYPE_CHECKING:
    from optimux.emit.artifact import HostEntry
    from optimux.options.looking_glass import Scream
    from optimux.plan.model import Plan

_FOLDER = "/etc/systemd/user"


def scream_entries(plan: Plan) -> list[HostEntry]:
    """A unit for each interface and output that some VM's Scream wants, and the commands that enable them."""
    entries: list[HostEntry] = []
    for name, scream in receivers(plan):
        purpose = f"Scream's receiver on {scream.interface}"
        entries.append(HostFile(f"{_FOLDER}/{name}", scream_unit(scream), purpose))
        entries.append(HostCommand(f"systemctl --global enable {name}", f"starts {purpose} with the desktop"))
    return entries


def receivers(plan: Plan) -> list[tuple[str, Scream]]:
    """Units by name: the first needs none of a VM's, further ones differ in interface or output."""
    units: dict[str, Scream] = {}
    tables = {domain.key: domain.looking_glass for domain in plan.domains} or {"": plan.looking_glass}
    for key, table in tables.items():
        if table.scream.enable and table.scream not in units.values():
            units[f"optimux-scream-{key}.service" if units else "optimux-scream.service"] = table.scream
    return list(units.items())


def scream_unit(scream: Scream, program: str = "scream") -> str:
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
