"""libvirt's own Python binding, wherever it is, and what it refuses."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from importlib import import_module
from typing import Any

from optimux.errors import OptimuxError

# Where distributions put Python packages: Debian; Fedora and openSUSE; Arch.
_FOLDERS = (
    "/usr/lib/python3/dist-packages",
    "/usr/lib64/python{version}/site-packages",
    "/usr/lib/python{version}/site-packages",
)


class LibvirtError(OptimuxError):
    """What libvirt refused, in its own words."""


class Asking:
    """What asks libvirt: ``_libvirt`` is the binding, and each call that it refuses is a ``LibvirtError``."""

    _libvirt: Any

    def _call(self, action: Callable[[], Any]) -> Any:
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


def opened(uri: str) -> tuple[Any, Any]:
    """The binding, and a connection. Raises ``LibvirtError`` with libvirt's words, and ``OptimuxError``."""
    libvirt = binding()
    # Errors come back as exceptions; the binding would print them besides.
    libvirt.registerErrorHandler(lambda *_: None, None)
    try:
        return libvirt, libvirt.open(uri)
    except libvirt.libvirtError as error:
        raise LibvirtError(f"{error}. {_what_opens(uri, str(error))}") from None


def _what_opens(uri: str, words: str) -> str:
    """The next step: another machine's libvirt, none here, or one that does not let this user in."""
    if "://" in uri and not uri.partition("://")[2].startswith("/"):
        return "Look at the address, and whether libvirt runs there."
    if "No such file" in words or "Connection refused" in words:
        return (
            "libvirt does not run here: `optimux apply` installs it; where it is installed, start it with "
            "systemctl enable --now libvirtd.socket (or virtqemud.socket)."
        )
    return "Is libvirt running, and are you in the group libvirt?"


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
