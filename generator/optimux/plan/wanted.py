"""One VM on its way to a plan: what the user wants, what it refers to, and where complaints go."""

from __future__ import annotations

from collections.abc import Iterable

from optimux.declare.kind import joined
from optimux.facts import Facts
from optimux.findings import Findings
from optimux.options.gpus import Gpu
from optimux.options.looking_glass import LookingGlass
from optimux.options.model import Options
from optimux.options.vm import Vm
from optimux.plan.model import SharedMemory
from optimux.plan.platform import Platform
from optimux.plan.requested import Requested
from optimux.record import Record


class Wanted(Record):
    """A VM of the options with its card, its share of Looking Glass, and the host it is for."""

    key: str
    vm: Vm
    gpu: Gpu | None
    shared_memory: SharedMemory | None
    looking_glass: LookingGlass
    requested: Requested
    options: Options
    platform: Platform
    facts: Facts
    findings: Findings

    @property
    def path(self) -> str:
        """Where the VM stands in the options."""
        return joined("vms", self.key)

    @property
    def vcpus(self) -> int:
        """Virtual CPUs: stated, or the topology's product, or four."""
        topology = self.vm.cpu.topology
        return self.vm.vcpus or (topology.vcpus if topology else 4)

    def error(self, key: str, found: object, allowed: str, remedy: str, because: Iterable[str] = ()) -> None:
        """A problem at an option of this VM, by its path below ``vms.<name>``.

        ``because`` are the other options that it was judged by: below ``vms.<name>``, or from the top as ``host.x``.
        A key of ``lookingGlass`` is meant in both places, as the VM's own and as the one that it inherits.
        """
        causes = [cause for key in because for cause in (key, f"{self.path}.{key}")]
        self.findings.error(f"{self.path}.{key}", found, allowed, remedy, causes)

    def warn(self, key: str, found: object, allowed: str, remedy: str) -> None:
        """A surprise at an option of this VM, by its path below ``vms.<name>``."""
        self.findings.warn(f"{self.path}.{key}", found, allowed, remedy)
