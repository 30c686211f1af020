"""What libvirt's hook does around a VM with a card on demand.

libvirt waits for its hooks without a limit, and a hook must not call libvirt. After a refused prepare it still calls
release, so giving back what was never taken is no error.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from optimux.host.handover.cards import INSTALLED, cards_from
from optimux.host.handover.give import give
from optimux.host.handover.kernel import Kernel
from optimux.host.handover.picture import look, machine_of
from optimux.host.handover.state import Store
from optimux.host.handover.take import Taking

if TYPE_CHECKING:
    from collections.abc import Callable

    from optimux.host.handover.cards import Card

BEFORE, AFTER = "prepare/begin", "release/end"
END_SECONDS = 5.0  # for a QEMU that is on its way out


def run(domain: str, stage: str, say: Callable[[str], None]) -> None:
    """Take or give the cards of a domain. Raises ``OptimuxError`` where the start is to be refused."""
    if stage not in (BEFORE, AFTER) or not Path(INSTALLED).exists():
        return
    kernel, store = Kernel(), Store()
    for card in cards_from(INSTALLED):
        if card.on_demand and domain in card.domains:
            with store.lock(kernel):
                (_before if stage == BEFORE else _after)(card, domain, kernel, store, say)


def _before(card: Card, domain: str, kernel: Kernel, store: Store, say: Callable[[str], None]) -> None:
    import sys

    again = (sys.executable, "-m", "optimux", "gpu", "give", "--gpu", card.name)
    Taking(card, kernel, store, lambda: look(card), say, domain, (), again).run()


def _after(card: Card, domain: str, kernel: Kernel, store: Store, say: Callable[[str], None]) -> None:
    """Only what was taken for this VM: a card that was taken by hand stays."""
    state = store.read(card.name)
    if state is None or state.domain != domain:
        return
    machine = None
    for _ in kernel.rounds(END_SECONDS, 0.5):
        if (machine := machine_of(card)) is None:
            break
    give(card, kernel, store, say, machine)
