"""What keeps desktops off the cards that are handed over while one runs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from optimux.host.doctor.check import Result, broken, check, for_root, holds

if TYPE_CHECKING:
    from optimux.host.doctor.look import Look

DRM = "/sys/class/drm"


@check(
    "card.seat",
    "a card with keepFree on a seat of its own, in udev's database",
    "A desktop opens every card of its seat as it starts; a rule that udev has not applied to the card is only a file.",
)
def seat(look: Look) -> Iterator[Result]:
    """Each card that a driver of the host's shows at this moment."""
    from optimux.host.handover.keep_free import DATABASE, on_own_seat

    free = {gpu.name for gpu in look.plan.gpus if gpu.keep_free and not gpu.binds_early} if look.plan else set()
    for card in look.cards:
        for device in look.devices(card):
            if card.name not in free or device.drm_card is None:
                continue
            number = look.root.text(f"{DRM}/{device.drm_card}/dev")
            path, subject = f"{DATABASE}/c{number}", str(device.address)
            if not look.may_read(path):
                yield for_root("only root may read it", path, subject)
            elif on_own_seat(look.root.text(path)):
                yield holds(f"{device.drm_card} is on its own", path, subject)
            else:
                remedy = "Bring the host to the plan and reboot: udev looks at its rules as a card appears."
                seen = f"{device.drm_card} is on the seat of the desktops, or a seat's master"
                yield broken(seen, path, remedy, "optimux apply && reboot", subject)


CHECKS = (seat,)
