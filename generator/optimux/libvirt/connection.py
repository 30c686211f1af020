"""libvirt through its own Python binding: looking domains up and defining them, nothing else.

Nothing here starts, stops or restarts a domain.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from optimux.libvirt.binding import Asking, LibvirtError, opened
from optimux.libvirt.uri import is_local, uri_of
from optimux.record import Record

if TYPE_CHECKING:
    from optimux.libvirt.install import Machine


class Found(Record):
    """A domain that libvirt knows: its inactive XML, and whether it runs."""

    xml: str
    running: bool


class Connection(Asking):
    """An open connection; use as a context manager. Raises ``LibvirtError``."""

    def __init__(self, uri: str | None = None) -> None:
        self.uri = uri_of(uri)
        self._libvirt, self._connection = opened(self.uri)

    def __enter__(self) -> Connection:
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()

    @property
    def is_local(self) -> bool:
        """Whether the domains run on this machine."""
        return is_local(self.uri)

    def find(self, name: str) -> Found | None:
        """The domain of that name, or ``None``; secrets such as graphics passwords are in the XML."""
        domain = self._lookup(name)
        if domain is None:
            return None
        flags = self._libvirt.VIR_DOMAIN_XML_INACTIVE | self._libvirt.VIR_DOMAIN_XML_SECURE
        xml, running = self._call(lambda: (domain.XMLDesc(flags), domain.isActive()))
        return Found(xml, bool(running))

    def define(self, xml: str) -> None:
        """Define or redefine a domain; a running one keeps running as it is."""
        self._call(lambda: self._connection.defineXML(xml))

    def installing(self, xml: str, answers: str) -> Machine:
        """What starts and watches a domain in the variant that Windows is installed in."""
        from optimux.libvirt.install import Machine

        return Machine(self._libvirt, self._connection, xml, answers)

    def undefine(self, name: str) -> None:
        """Take a definition back and keep the domain's files."""
        flags = self._libvirt.VIR_DOMAIN_UNDEFINE_KEEP_NVRAM | self._libvirt.VIR_DOMAIN_UNDEFINE_KEEP_TPM
        domain = self._lookup(name)
        if domain is not None:
            self._call(lambda: domain.undefineFlags(flags))

    def _lookup(self, name: str) -> Any:
        try:
            return self._connection.lookupByName(name)
        except self._libvirt.libvirtError as error:
            if error.get_error_code() == self._libvirt.VIR_ERR_NO_DOMAIN:
                return None
            raise LibvirtError(str(error)) from None
