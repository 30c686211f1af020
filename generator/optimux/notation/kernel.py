"""The kernel's parameters, on its command line and in modprobe's files."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from optimux.pci import Id
    from optimux.sizes import Size


def ids_parameter(ids: Iterable[Id]) -> str:
    """What vfio-pci takes at boot: ``ids=10de:249d,10de:228b``."""
    return f"ids={','.join(map(str, ids))}"


def page_size(size: Size) -> str:
    """``1G``: ``memparse()`` in the kernel's lib/cmdline.c knows K, M and G."""
    return str(size).removesuffix("iB")
