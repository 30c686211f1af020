"""Display modes as Looking Glass's own display driver reads them, wherever they are written.

Source: idd/LGIdd/config/CSettings.cpp of 2026-08.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from optimux.plan.picture import Display

REGISTRY_PARENT = r"HKEY_LOCAL_MACHINE\SOFTWARE\LookingGlass"
REGISTRY_KEY = rf"{REGISTRY_PARENT}\IDD"


def mode(display: Display) -> str:
    """One mode, such as ``3840x2160@144``."""
    return f"{display.width}x{display.height}@{display.refresh_rate}"


def driver_modes(displays: Sequence[Display]) -> list[str]:
    """All of them, the first preferred."""
    first, *rest = map(mode, displays)
    return [f"{first}*", *rest]
