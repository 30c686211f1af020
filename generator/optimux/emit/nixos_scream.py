"""NixOS: Scream's receiver for each interface and output that some VM wants."""

from __future__ import annotations

from typing import TYPE_CHECKING

from optimux.nix_text import Attributes, Binding, Expression, Template, attributes, bind

if TYPE_CHECKING:
    from optimux.options.looking_glass import Scream
    from optimux.plan.model import Plan

PORT = 4010  # UDP; the default of -p in Scream 4.0, Receivers/unix


def scream_bindings(plan: Plan) -> list[Binding]:
    """A user service a receiver, and the firewall opened for it: NixOS drops the packets otherwise."""
    receivers = _receivers(plan)
    services = [Binding(("systemd", "user", "services", name), _service(table)) for name, table in receivers.items()]
    ports = [
        Binding(("networking", "firewall", "interfaces", interface, "allowedUDPPorts"), [PORT])
        for interface in dict.fromkeys(table.interface for table in receivers.values())
    ]
    if not services:
        return []
    why = "Sound of the VMs over the network, by Scream, and NixOS' firewall opened for it."
    return [services[0].replace(comment=why), *services[1:], *ports]


def _receivers(plan: Plan) -> dict[str, Scream]:
    """Services by name, one for each interface and output; without VMs the top-level table counts."""
    tables = {domain.key: domain.looking_glass.scream for domain in plan.domains} or {"": plan.looking_glass.scream}
    services: dict[str, Scream] = {}
    for key, table in tables.items():
        if table.enable and table not in services.values():
            services[f"optimux-scream-{key}" if services else "optimux-scream"] = table
    return services


def _service(scream: Scream) -> Attributes:
    command = Template((Expression("pkgs.scream"), f"/bin/scream -i {scream.interface} -o {scream.output} -v"))
    return Attributes(
        (
            bind("description", f"Scream receiver on {scream.interface}"),
            bind("wantedBy", ["graphical-session.target"]),
            bind("partOf", ["graphical-session.target"]),
            bind("after", ["graphical-session.target"]),
            bind(
                "serviceConfig",
                attributes(ExecStart=command, Restart="always", RestartSec=5),
                "The interface of a libvirt network may come long after login.",
            ),
        )
    )
