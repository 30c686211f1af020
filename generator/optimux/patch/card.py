"""A domain without its card: what passes the card, shows its picture or speaks of it; all else keeps every byte."""

from __future__ import annotations

from optimux.notation.libvirt import QEMU
from optimux.patch.arguments import remove
from optimux.patch.concerns.battery import remove_battery
from optimux.patch.concerns.memory import remove_memory
from optimux.patch.draft import Draft
from optimux.patch.edit import apply, edits
from optimux.patch.machine.aliases import aliases
from optimux.patch.overrides import follow_aliases, sets_of
from optimux.patch.source import Source
from optimux.patch.style import Style
from optimux.plan.model import DomainPlan

_WHY = "the machine starts without the card"


def without_card(document: bytes, domain: DomainPlan) -> bytes:
    """The domain without the planned functions, Looking Glass's memory, the battery table, and what is said of them.

    Each goes in whatever form the domain has it, element or argument; the user's own devices, memories, tables,
    properties and arguments stay. Raises ``InvalidInput`` for a document that is no well-formed XML.
    """
    source = Source(document)
    style = Style(source.text, source.root)
    draft = Draft(source.root, domain, (), lambda _path: None)
    _functions(draft)
    remove_memory(draft)
    remove_battery(draft)
    left = set(aliases(draft.root).values())
    gone = [alias for alias in draft.aliases_before.values() if alias not in left]
    # Of a device that is not there QEMU takes no -set, and libvirt drops an override in silence.
    remove(draft, [argument for alias in gone for argument in sets_of(draft, alias)], _WHY)
    follow_aliases(draft)
    block = draft.root.child("override", QEMU)
    if block is not None and not block.children:
        draft.drop(block)
    return source.encode(apply(source.text, edits(source.text, source.root, style)))


def _functions(draft: Draft) -> None:
    planned = (*(device.source for device in draft.plan.host_devices), *(card.address for card in draft.plan.card))
    for address in dict.fromkeys(planned):
        for device in draft.machine.passing(address):
            if device.node is not None:
                draft.remove(device.node, _WHY)
            elif device.argument is not None:
                remove(draft, [*sets_of(draft, device.argument.get("id")), device.argument], _WHY)
