"""The guest agent through libvirt (virDomainQemuAgentCommand of libvirt-qemu.h), and a restart through it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from optimux.errors import OptimuxError
from optimux.guest.agent import Agent, AgentError, AgentSilent
from optimux.libvirt.binding import LibvirtError, binding, opened
from optimux.libvirt.uri import uri_of


class Transport:
    """A domain's agent channel. libvirt waits ``seconds`` for the answer, and says itself that nobody listens."""

    def __init__(self, libvirt: Any, domain: Any) -> None:
        self._libvirt = libvirt
        self._qemu = binding("libvirt_qemu")
        self._domain = domain

    def command(self, request: str, seconds: int) -> str:
        """The agent's answer. Raises ``AgentSilent`` and ``AgentError``."""
        try:
            answer: str = self._qemu.qemuAgentCommand(self._domain, request, seconds, 0)
        except self._libvirt.libvirtError as error:
            code = error.get_error_code()
            silent = (self._libvirt.VIR_ERR_AGENT_UNRESPONSIVE, self._libvirt.VIR_ERR_AGENT_UNSYNCED)
            if code in silent or code == getattr(self._libvirt, "VIR_ERR_AGENT_COMMAND_TIMEOUT", None):
                raise AgentSilent(str(error)) from None
            raise AgentError(f"{error}. Does the domain have the channel org.qemu.guest_agent.0, and run?") from None
        return answer


@contextmanager
def guest(name: str, uri: str | None) -> Iterator[tuple[Agent, Callable[[], None]]]:
    """The agent of the running domain ``name``, and what asks it to restart its guest. Raises ``OptimuxError``."""
    libvirt, connection = opened(uri_of(uri))
    try:
        domain = _running(libvirt, connection, name)
        yield Agent(Transport(libvirt, domain)), lambda: _restart(libvirt, domain)
    finally:
        connection.close()


def _running(libvirt: Any, connection: Any, name: str) -> Any:
    try:
        domain = connection.lookupByName(name)
        is_active = domain.isActive()
    except libvirt.libvirtError as error:
        raise LibvirtError(str(error)) from None
    if not is_active:
        raise OptimuxError(f"{name} does not run: start it first (virsh start {name})")
    return domain


def _restart(libvirt: Any, domain: Any) -> None:
    """Through the agent, as ACPI's button may be set to do nothing; the answer may be lost with the guest."""
    try:
        domain.reboot(libvirt.VIR_DOMAIN_REBOOT_GUEST_AGENT)
    except libvirt.libvirtError as error:
        if error.get_error_code() != libvirt.VIR_ERR_AGENT_UNRESPONSIVE:
            raise LibvirtError(str(error)) from None
