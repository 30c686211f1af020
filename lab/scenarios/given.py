"""What an L1 machine was configured with: the plan of its options, and the domain that it is to run."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from optimux.files.documents import read_json
from optimux.plan.resolve import plan_from
from optimux.record import Record
from optimux.vm.evidence.checks import subject_of

if TYPE_CHECKING:
    from optimux.pci import Address, Id
    from optimux.plan.model import Plan, SharedMemory
    from optimux.vm.evidence.checks import Subject


class Given(Record):
    """``subject`` is the only VM of ``plan``, with the domain's XML as it was built."""

    plan: Plan
    subject: Subject

    @property
    def memory(self) -> SharedMemory:
        """The shared memory, which every plan here has."""
        (memory,) = self.plan.shared_memories
        return memory

    @property
    def passed(self) -> dict[str, tuple[Address, Id]]:
        """By address on the host: where the guest has the function, and its id."""
        (gpu,), (domain,) = self.plan.gpus, self.plan.domains
        ids = {function.address: function.id for function in gpu.functions}
        return {str(device.source): (device.guest, ids[device.source]) for device in domain.host_devices}


def given(options: str, xml: str = "") -> Given:
    """``options`` is a JSON file, ``xml`` the domain's; without one it is the generator's own."""
    plan = plan_from(read_json(options))
    subject = subject_of(plan.domains[0])
    return Given(plan, subject.replace(xml=Path(xml).read_text(encoding="utf-8")) if xml else subject)
