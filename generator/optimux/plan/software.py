"""What the host must have installed, by the names under which rules.toml lists each distribution's packages."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from optimux.plan.model import DomainPlan, SharedMemory
    from optimux.plan.picture import ScreamReceiver

_CLIENTS = {"b7": "clientB7", "idd": "clientIdd"}


def has_client(domain: DomainPlan) -> bool:
    """Whether a Looking Glass client of this host shows the VM's picture."""
    glass = domain.looking_glass
    return domain.shared_memory is not None and glass.enable and glass.install_client


def needed_software(
    domains: Sequence[DomainPlan],
    memories: Sequence[SharedMemory],
    networks: Sequence[str],
    clients: Sequence[DomainPlan],
    scream: Sequence[ScreamReceiver],
) -> tuple[str, ...]:
    """Each name once. ``networks`` are those that VMs use, ``clients`` the VMs that a client shows."""
    return tuple(_needed(domains, memories, networks, clients, scream))


def _needed(
    domains: Sequence[DomainPlan],
    memories: Sequence[SharedMemory],
    networks: Sequence[str],
    clients: Sequence[DomainPlan],
    scream: Sequence[ScreamReceiver],
) -> Iterator[str]:
    yield "base"
    if any(domain.firmware.type == "efi" for domain in domains):
        yield "firmware"
    if "default" in networks:
        yield "network"
    if any(domain.tpm.backend == "emulator" for domain in domains):
        yield "tpm"
    if any(memory.kind == "kvmfr" for memory in memories):
        yield "kvmfr"
    if clients:
        releases = {memory.release for memory in memories}
        yield from (name for release, name in _CLIENTS.items() if release in releases)
    if scream:
        yield "scream"
