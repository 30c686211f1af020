"""What libvirt keeps of a VM: its file, or its own words where only its group may read."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from optimux.host.doctor.look import Look

RUN = "/run/libvirt"
SOCKETS = (f"{RUN}/virtqemud-sock", f"{RUN}/libvirt-sock")
DOMAINS = "/etc/libvirt/qemu"
ON_NIXOS = "/var/lib/libvirt/qemu"


def home(look: Look) -> str:
    """Where the definitions lie: NixOS' libvirt keeps its configuration below /var/lib."""
    return ON_NIXOS if look.facts.distribution == "nixos" else DOMAINS


def definition(look: Look, name: str) -> tuple[bytes | None, str]:
    """The XML of a VM, ``None`` where there is none to be had, and where it is from."""
    path = f"{home(look)}/{name}.xml"
    document = look.root.data(path)
    if document is None and look.root.live and any(map(look.root.exists, SOCKETS)):
        return _asked(name), f"{path}, by libvirt"
    return document, path


def _asked(name: str) -> bytes | None:
    from optimux.errors import OptimuxError
    from optimux.libvirt.connection import Connection

    try:
        with Connection() as connection:
            found = connection.find(name)
    except OptimuxError:
        return None
    return found.xml.encode() if found else None
