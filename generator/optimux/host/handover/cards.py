"""The cards that a plan names, as hand-over needs them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from optimux.errors import InvalidInput, Problem
from optimux.pci import Address, Id
from optimux.record import Record

if TYPE_CHECKING:
    from optimux.plan.model import Plan


INSTALLED = "/etc/optimux/cards.json"
ON_DEMAND = "on-demand"


class CardFunction(Record):
    """One function: where it sits, and the id that the configuration expects there."""

    address: Address
    id: Id


class Card(Record):
    """A card with all of its functions, and the VMs (libvirt's names) that have it."""

    name: str
    functions: tuple[CardFunction, ...]
    on_demand: bool
    domains: tuple[str, ...]

    @property
    def addresses(self) -> tuple[Address, ...]:
        """Where its functions sit."""
        return tuple(function.address for function in self.functions)


def cards_of(plan: Plan) -> tuple[Card, ...]:
    """Every card of a plan, in its order."""
    found = []
    for gpu in plan.gpus:
        functions = tuple(CardFunction(function.address, function.id) for function in gpu.functions)
        own = {function.address for function in gpu.functions}
        domains = tuple(d.name for d in plan.domains if any(device.source in own for device in d.host_devices))
        found.append(Card(gpu.name, functions, not gpu.binds_early, domains))
    return tuple(found)


def chosen(cards: tuple[Card, ...], name: str | None) -> Card:
    """The card of that name, or the only one. Raises ``InvalidInput``."""
    found = [card for card in cards if name in (None, card.name)]
    if len(found) == 1:
        return found[0]
    names = ", ".join(f'"{card.name}"' for card in cards) or "none: the configuration has no card"
    said = "no card named" if name is None else f'"{name}"'
    raise InvalidInput([Problem("--gpu", said, names, "Name a card of the configuration.")])


def cards_from(path: str, root: str = "") -> tuple[Card, ...]:
    """The cards of the file that ``apply`` installs (see ``emit.cards``). Raises ``InvalidInput`` for any other."""
    from optimux.files.documents import read_json

    data = read_json(root + path)
    try:
        return tuple(_card(entry) for entry in data["cards"])
    except (KeyError, TypeError, ValueError, AttributeError):
        remedy = "Run optimux apply again, or name the configuration."
        raise InvalidInput([Problem(path, "something else", "the cards that apply wrote", remedy)]) from None


def _card(entry: dict[str, Any]) -> Card:
    functions = tuple(CardFunction(Address.parse(f["address"]), Id.parse(f["id"])) for f in entry["functions"])
    return Card(str(entry["name"]), functions, entry["bind"] == ON_DEMAND, tuple(map(str, entry["domains"])))
