"""How a VM's picture and sound come back, as they are emitted: every open question answered."""

from __future__ import annotations

from typing import TYPE_CHECKING

from optimux.plan.devices import settled
from optimux.record import Record

if TYPE_CHECKING:
    from collections.abc import Mapping

    from optimux.options import looking_glass as options
    from optimux.options.looking_glass import Capture, Release, ScreamOutput, VirtualDisplay


class Display(Record):
    """A mode: pixels and hertz."""

    width: int
    height: int
    refresh_rate: int


class Windows(Record):
    """The guest's side with B7; ``virtual_display`` stands in for a monitor."""

    capture: Capture | None
    throttle_fps: int | None
    virtual_display: VirtualDisplay


class LookingGlass(Record):
    """What a VM has of it; ``release`` is that of the shared memory where there is one."""

    enable: bool
    release: Release
    displays: tuple[Display, ...]
    client: Mapping[str, Mapping[str, str | int | bool]]
    install_client: bool
    windows: Windows
    has_scream: bool


class ScreamReceiver(Record):
    """A receiver of Scream's network audio; ``unit`` is its systemd unit."""

    unit: str
    interface: str
    output: ScreamOutput


def planned_looking_glass(table: options.LookingGlass) -> LookingGlass:
    """A VM's table; B7 shows what a virtual display has, unless another stand-in is named."""
    return settled(
        LookingGlass,
        table,
        displays=tuple(settled(Display, display) for display in table.displays),
        windows=settled(Windows, table.windows, virtual_display=table.windows.virtual_display or "vdd"),
        has_scream=table.scream.enable,
    )


def scream_receivers(tables: Mapping[str, options.LookingGlass]) -> tuple[ScreamReceiver, ...]:
    """One for each interface and output, by VM: the first has a name of its own, the others a VM's."""
    wanted: dict[options.Scream, str] = {}
    for key, table in tables.items():
        if table.scream.enable:
            wanted.setdefault(table.scream, f"optimux-scream-{key}.service" if wanted else "optimux-scream.service")
    return tuple(settled(ScreamReceiver, scream, unit=unit) for scream, unit in wanted.items())
