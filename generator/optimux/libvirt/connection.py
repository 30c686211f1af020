"""libvirt through its own Python binding: looking domains up and defining them, nothing else.

Nothing here starts, stops or restarts a domain.
"""

from __future__ import annotations

import os
import sys
from importlib import import_module
from typing import TYPE_CHECKING, Any

from optimux.errors import OptimuxError
from optimux.record import Record

if TYPE_CHECKING:
    from optimux.libvirt.install import Machine

SYSTEM = "qemu:///system"
# Where distributions put Python packages: Debian; Fedora and openSUSE; Arch.
_FOLDERS = (
    "/usr/lib/python3/dist-packages",
    "/usr/lib64/python{version}/site-packages",
    "/usr/lib/python{version}/site-packages",
)


def uri_of(stated: str | None) -> str:
    """Where to connect to: what is stated, else the environment's, else the system's own."""
    return stated or os.environ.get("LIBVIRT_DEFAULT_URI") or SYSTEM


def is_local(stated: str | None) -> bool:
    """Whether a URI, or the default, has no host, so that domains run here (https://libvirt.org/uri.html)."""
    return uri_of(stated).partition("://")[2].startswith("/")


class LibvirtError(OptimuxError):
    """What libvirt refused, in its own words."""


class Found(Record):
    """A domain that libvirt knows: its inactive XML, and whether it runs."""

    xml: str
    running: bool


class Connection:
    """An open connection; use as a context manager. Raises ``LibvirtError``."""

    def __init__(self, uri: str | None = None) -> None:
        self._libvirt = binding()
        self.uri = uri_of(uri)
        # Errors come back as exceptions; the binding would print them besides.
        self._libvirt.registerErrorHandler(lambda *_: None, None)
        self._connection = self._call(lambda: self._libvirt.open(self.uri))

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

    def _call(self, action: Any) -> Any:
        try:
            return action()
        except self._libvirt.libvirtError as error:
            raise LibvirtError(str(error)) from None


def binding(name: str = "libvirt") -> Any:
    """A module of libvirt's own; the system's too where this runs in a virtual environment. Raises ``OptimuxError``."""
    try:
        return import_module(name)
    except ImportError:
        found = _of_the_system(name)
    if found is None:
        raise OptimuxError(
            "libvirt's Python binding is missing. Install the distribution's package (Debian: python3-libvirt), which "
            f"is for the distribution's own Python, or build it for this one: {sys.executable} -m pip install "
            "libvirt-python, with libvirt's headers (Debian: libvirt-dev) and pkg-config."
        )
    return found


def _of_the_system(name: str) -> Any:
    """What the distribution's package holds, if it was made for this Python; nothing else of its folder is seen."""
    for folder in _FOLDERS:
        path = folder.format(version=f"{sys.version_info.major}.{sys.version_info.minor}")
        if not os.path.exists(f"{path}/{name}.py"):  # noqa: PTH110 - start-up
            continue
        sys.path.append(path)
        try:
            return import_module(name)
        except ImportError:
            continue
        finally:
            sys.path.remove(path)
    return None
