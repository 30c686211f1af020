"""Where libvirt is asked."""

from __future__ import annotations

import os

SYSTEM = "qemu:///system"


def uri_of(stated: str | None) -> str:
    """Where to connect to: what is stated, else the environment's, else the system's own."""
    return stated or os.environ.get("LIBVIRT_DEFAULT_URI") or SYSTEM


def is_local(stated: str | None) -> bool:
    """Whether a URI, or the default, has no host, so that domains run here (https://libvirt.org/uri.html)."""
    return uri_of(stated).partition("://")[2].startswith("/")
