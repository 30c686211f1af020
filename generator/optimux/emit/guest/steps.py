"""The steps of the guest's setup, in their order: a table that setup.ps1 walks and a test walks beside it.

A step is tested first. Where the test says that something is lacking its act runs, and the test once more; a step
without an act names a person. The order is not free: settings are read when a display driver loads, and a virtual
display takes the GPU with the most memory, so both come on their side of the GPU's driver.
"""

from __future__ import annotations

from optimux.record import Record


class Step(Record):
    """``test`` and ``act`` are functions of setup.ps1; ``restarts`` says that its act ends in a restart."""

    name: str
    test: str
    act: str | None = None
    restarts: bool = False


_FIRST = (
    Step("windows", "Test-Windows"),
    Step("shared-memory", "Test-SharedMemory"),
    Step("gpu", "Test-GpuPresent"),
    Step("virtio", "Test-Virtio", "Install-Virtio"),
    Step("settings", "Test-Settings", "Install-Settings"),
    Step("gpu-driver", "Test-GpuDriver", "Install-GpuDriver"),
)
_VIRTUAL_DISPLAY = Step("virtual-display", "Test-VirtualDisplay", "Install-VirtualDisplay")
_B7 = (
    Step("looking-glass-host", "Test-LookingGlassHost", "Install-LookingGlassHost"),
    Step("ivshmem-driver", "Test-IvshmemDriver"),
    Step("capture", "Test-Capture", "Set-Topology"),
)
_IDD = (
    Step("looking-glass-idd", "Test-IddDriver", "Install-IddDriver", restarts=True),
    Step("older-host-off", "Test-OldHostOff", "Disable-OldHost"),
    Step("ivshmem-driver", "Test-IvshmemDriver"),
)
_DISPLAY_OFF = Step("emulated-display-off", "Test-EmulatedDisplayOff", "Disable-EmulatedDisplay")


def steps_for(release: str, virtual_display: str, *, emulated_display_off: bool) -> tuple[Step, ...]:
    """The steps for Looking Glass's ``release`` ("b7", "idd") and B7's stand-in for a monitor.

    The emulated display goes off only with B7: the idd release makes its own the only monitor by itself.
    """
    if release == "idd":
        return (*_FIRST, *_IDD)
    display = (_VIRTUAL_DISPLAY,) if virtual_display == "vdd" else ()
    return (*_FIRST, *display, *_B7, *((_DISPLAY_OFF,) if emulated_display_off else ()))


def programs_for(release: str, virtual_display: str) -> tuple[str, ...]:
    """The files that the steps ask for, by the names under which setup.ps1 looks for them."""
    if release == "idd":
        return ("looking-glass-idd-setup.exe",)
    display = ("virtual-display-driver.zip", "nefconw.exe") if virtual_display == "vdd" else ()
    return ("looking-glass-host-setup.exe", *display)
