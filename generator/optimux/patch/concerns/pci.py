"""Where the planned devices that the domain has sit in the guest."""

from __future__ import annotations

from optimux.emit.xml import element
from optimux.notation.libvirt import size
from optimux.patch.concerns.memory import place_memory
from optimux.patch.draft import Draft
from optimux.patch.placing import place_functions, place_video


def pci(draft: Draft) -> None:
    """The GPU at its place behind its root port, display and shared memory clear of it."""
    for device in dict.fromkeys(device.guest.device for device in draft.plan.host_devices):
        place_functions(draft, device)
    place_video(draft)
    place_memory(draft)
    if draft.states("pci.hole64"):
        _hole(draft)


def _hole(draft: Draft) -> None:
    """How much address space the guest's firmware keeps for 64-bit BARs."""
    wanted = draft.plan.hole64
    if wanted is None:
        return
    why = "the configuration says so"
    devices = draft.devices
    root = devices.child("controller", type_="pci", model="pcie-root")
    root = root or devices.child("controller", type_="pci", index="0")
    if root is None:
        root = draft.insert(draft.devices, element("controller", type_="pci", index="0", model="pcie-root"), why)
    present = root.child("pcihole64")
    if present is None:
        draft.insert(root, element("pcihole64", text=str(wanted.kib), unit="KiB"), why)
    elif size(present.words, present.get("unit"), 1024) != wanted.bytes:
        draft.set(present, "unit", "KiB", why)
        draft.set_text(present, str(wanted.kib), why)
