"""One domain as somebody who uses it sees it: its networks and itself started, its end awaited, its picture's place."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from optimux.errors import InvalidInput, OptimuxError, Problem
from optimux.libvirt.binding import Asking, LibvirtError, opened
from optimux.libvirt.uri import uri_of

if TYPE_CHECKING:
    from collections.abc import Iterator


class VirtualMachine(Asking):
    """A domain that is defined. Every method raises ``LibvirtError`` with libvirt's words."""

    def __init__(self, libvirt: Any, connection: Any, domain: Any) -> None:
        self._libvirt, self._connection, self._domain = libvirt, connection, domain

    @property
    def name(self) -> str:
        """libvirt's name."""
        return str(self._domain.name())

    @property
    def runs(self) -> bool:
        """Whether it runs, or waits in a way that ends by itself."""
        return bool(self._call(self._domain.isActive))

    def xml(self) -> str:
        """The live XML of one that runs, else its definition."""
        return str(self._call(lambda: self._domain.XMLDesc(0)))

    def start_network(self, name: str) -> bool:
        """Start a network that is not active; whether that was needed."""
        network = self._call(lambda: self._connection.networkLookupByName(name))
        if self._call(network.isActive):
            return False
        self._call(network.create)
        return True

    def start(self) -> None:
        """Start it; libvirt's hooks run before this returns."""
        self._call(self._domain.create)

    def resume(self) -> None:
        """Let one that was paused run on."""
        state, _ = self._call(lambda: self._domain.state(0))
        if state in (self._libvirt.VIR_DOMAIN_PAUSED, self._libvirt.VIR_DOMAIN_PMSUSPENDED):
            self._call(self._domain.resume)

    def shut_down(self) -> None:
        """Ask the guest to shut down, as its power button does."""
        self._call(self._domain.shutdown)


@contextmanager
def machine(name: str, uri: str | None) -> Iterator[VirtualMachine]:
    """The domain of that name. Raises ``LibvirtError``, and ``InvalidInput`` with the names that there are."""
    libvirt, connection = opened(uri_of(uri))
    try:
        yield VirtualMachine(libvirt, connection, _found(libvirt, connection, name))
    finally:
        connection.close()


def _found(libvirt: Any, connection: Any, name: str) -> Any:
    try:
        return connection.lookupByName(name)
    except libvirt.libvirtError as error:
        if error.get_error_code() != libvirt.VIR_ERR_NO_DOMAIN:
            raise LibvirtError(str(error)) from None
    try:
        names = sorted(domain.name() for domain in connection.listAllDomains())
    except libvirt.libvirtError as error:
        raise OptimuxError(str(error)) from None
    allowed = ", ".join(f'"{known}"' for known in names) or "none: no VM is defined (optimux define)"
    raise InvalidInput([Problem("VM", f'"{name}"', allowed, "Name a VM that libvirt knows.")])
