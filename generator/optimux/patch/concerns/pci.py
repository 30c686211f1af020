"""Where the planned devices that the domain has sit in the guest."""

from __future__ import annotations

from optimux.patch.concerns.memory import place_memory
from optimux.patch.draft import Draft
from optimux.patch.placing import place_functions, place_video


def pci(draft: Draft) -> None:
    """The GPU at its place behind its root port, display and shared memory clear of it."""
    for device in dict.fromkeys(device.guest.device for device in draft.plan.host_devices):
        place_functions(draft, device)
    place_video(draft)
    place_memory(draft)
