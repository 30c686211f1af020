"""What two VMs of one configuration may not share."""

from __future__ import annotations

from optimux.declare.kind import joined
from optimux.findings import Findings, doubled
from optimux.plan.model import DomainPlan
from optimux.plan.uuids import uuid_of


def check_together(domains: list[DomainPlan], findings: Findings) -> None:
    """Names, UUIDs, MAC addresses and table files that two VMs share."""
    _check_once([(f"{joined('vms', domain.key)}.name", domain.name) for domain in domains], "each name once", findings)
    # Those that nobody stated follow from the names.
    stated = [
        (f"{joined('vms', domain.key)}.uuid", domain.uuid)
        for domain in domains
        if domain.uuid != uuid_of("domain", domain.name)
    ]
    _check_once(stated, "each uuid once", findings)
    macs = [
        (f"{joined('vms', domain.key)}.networks[{index}].mac", network.mac)
        for domain in domains
        for index, network in enumerate(domain.networks)
        if network.mac
    ]
    _check_once(macs, "each MAC address once", findings)
    tables: dict[str, DomainPlan] = {}
    for domain in domains:
        if domain.battery and tables.setdefault(domain.battery_path, domain).battery != domain.battery:
            because = [
                f"{joined('vms', tables[domain.battery_path].key)}.battery",
                f"{joined('vms', domain.key)}.battery",
            ]
            found = f"{domain.battery_path}, another table at vms.{tables[domain.battery_path].key}"
            findings.error(
                f"{joined('vms', domain.key)}.battery.path",
                found,
                "one table a file",
                "Give it a path of its own.",
                because,
            )


def _check_once(values: list[tuple[str, str]], allowed: str, findings: Findings) -> None:
    for path, value, first in doubled(values):
        findings.error(path, value, allowed, f"{first} has it; change one of them.", [first])
