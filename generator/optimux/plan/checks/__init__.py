"""Rules between the options of a VM, between VMs, and between them and the host."""

from __future__ import annotations

from optimux.plan.checks.advice import advise_looking_glass, advise_passthrough
from optimux.plan.checks.compute import check_compute
from optimux.plan.checks.devices import check_devices
from optimux.plan.checks.driver import check_driver
from optimux.plan.checks.fragments import check_extra_xml
from optimux.plan.checks.together import check_together
from optimux.plan.devices import Disk
from optimux.plan.wanted import Wanted

__all__ = ["check_domain", "check_together"]


def check_domain(wanted: Wanted, disks: tuple[Disk, ...]) -> None:
    """Every rule that one VM may break; ``disks`` are the resolved ones."""
    check_compute(wanted)
    check_devices(wanted)
    check_driver(wanted, disks)
    check_extra_xml(wanted)
    if wanted.shared_memory:
        advise_looking_glass(wanted)
    if wanted.gpu:
        advise_passthrough(wanted)
