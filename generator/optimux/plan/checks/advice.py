"""What works, but not as most users want."""

from __future__ import annotations

from optimux.plan.wanted import Wanted


def advise_looking_glass(wanted: Wanted) -> None:
    """What makes a worse picture, or none at first."""
    vm = wanted.vm
    if wanted.looking_glass.release == "b7" and vm.video.model == "none":
        wanted.warn("video.model", "none", "vga for B7", "The picture is black until its host program runs.")
    if wanted.looking_glass.release == "b7" and any(item.type == "tablet" for item in vm.inputs):
        wanted.warn("inputs", "a tablet", "no tablet with B7", "Its pointer fights the client's; remove it.")
    if not vm.spice.enable:
        wanted.warn("spice.enable", "false", "true", "Without it the client has no input, sound, clipboard.")
    elif vm.spice.listen == "none":
        wanted.warn("spice.listen", "none", "address", "Looking Glass' client cannot reach it.")
    spice = {key.lower(): value for key, value in wanted.looking_glass.client.get("spice", {}).items()}
    if spice.get("enable") is False:
        remedy = "It loses sound and clipboard; spice.input = false turns off input alone."
        wanted.findings.warn("lookingGlass.client.spice.enable", "false", "true", remedy)
    windows = wanted.looking_glass.windows
    if wanted.looking_glass.release == "idd" and windows != type(windows)():
        remedy = "The idd release captures and shows by itself; remove it."
        wanted.findings.warn("lookingGlass.windows", "settings of B7", "none with idd", remedy)
    if any(item.grab_toggle == "scrolllock" for item in vm.evdev):
        remedy = "Scroll Lock is the client's escape key; choose another."
        wanted.warn("evdev", "grabToggle scrolllock", "another key", remedy)


def advise_passthrough(wanted: Wanted) -> None:
    """What costs without a use beside VFIO."""
    vm = wanted.vm
    if vm.memballoon:
        wanted.warn("memballoon", "true", "false with VFIO", "VFIO pins all memory: a balloon only costs.")
