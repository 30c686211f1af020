"""What the checks look at: the machine through one root, its facts, and the plan where there is one."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from optimux.host.doctor.log import Asking, Log
from optimux.judge.roles import displays, functions_of, is_integrated
from optimux.record import Record

if TYPE_CHECKING:
    from collections.abc import Callable

    from optimux.facts import Facts, PciDevice
    from optimux.facts.detect import Root
    from optimux.guest.provisioning import Report as GuestReport
    from optimux.pci import Address
    from optimux.plan.model import DomainPlan, Plan


class Card(Record):
    """A card that is given away: the functions that go, and when vfio-pci takes them.

    ``bind`` is the plan's, or ``None`` where no configuration says.
    """

    name: str
    functions: tuple[Address, ...]
    bind: str | None
    d3cold: bool


class Look:
    """One machine, looked at once. ``place`` is the root's path, where it is not this machine's own.

    ``ask`` gives a running guest's report by the domain's name, where guests are to be asked; it raises
    ``OptimuxError``.
    """

    def __init__(
        self,
        root: Root,
        facts: Facts,
        plan: Plan | None,
        *,
        place: str | None = None,
        previous: bool = False,
        asking: Asking | None = None,
        ask: Callable[[str], GuestReport] | None = None,
    ) -> None:
        self.root = root
        self.facts = facts
        self.plan = plan
        self.previous = previous
        self.ask = ask
        self._asking = asking
        self._place = place

    @cached_property
    def log(self) -> Log:
        """The kernel's log of the boot that is asked for."""
        return (self._asking or Asking(self.root, self._place, previous=self.previous)).read()

    @cached_property
    def cards(self) -> tuple[Card, ...]:
        """The plan's cards; without a plan each discrete one."""
        if self.plan:
            return tuple(
                Card(gpu.name, tuple(f.address for f in gpu.functions), gpu.bind, gpu.d3cold_allowed)
                for gpu in self.plan.gpus
            )
        found = [device for device in displays(self.facts) if not is_integrated(self.facts, device)]
        return tuple(
            Card(str(device.address), tuple(f.address for f in functions_of(self.facts, device)), None, True)
            for device in found
        )

    @property
    def domains(self) -> tuple[DomainPlan, ...]:
        """The plan's VMs."""
        return self.plan.domains if self.plan else ()

    def devices(self, card: Card) -> tuple[PciDevice, ...]:
        """The card's functions as far as the machine shows them, bridges left out."""
        found = (self.facts.device(address) for address in card.functions)
        return tuple(device for device in found if device and not device.is_bridge)

    def may_read(self, path: str) -> bool:
        """Whether a file that is there can be read; what is missing can."""
        return not self.root.exists(path) or self.root.data(path, 1) is not None

    def has(self, folder: str) -> bool:
        """Whether the folder is shown at all: /dev of a record may be a few nodes, and proves nothing of others."""
        sure = {"/dev": "/dev/null"}.get(folder)
        return self.root.live or (self.root.exists(sure) if sure else bool(self.root.names(folder)))

    def running(self, name: str) -> bool:
        """Whether libvirt's QEMU driver keeps a process of that VM."""
        return self.root.exists(f"/run/libvirt/qemu/{name}.pid")
