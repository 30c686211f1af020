"""A domain that exists, and the VM of the configuration that it is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from optimux.errors import InvalidInput, Problem

if TYPE_CHECKING:
    from optimux.plan.model import DomainPlan, Plan


def vm_of(plan: Plan, vm: str | None, document: bytes) -> DomainPlan:
    """The VM that is named, the only one, or the one with the domain's name. Raises ``InvalidInput``."""
    from optimux.patch import domain_name

    names = ", ".join(f'"{domain.key}"' for domain in plan.domains) or "none: the configuration has no VM"
    if vm is not None:
        found = [domain for domain in plan.domains if vm == domain.key] or [d for d in plan.domains if vm == d.name]
        if not found:
            raise InvalidInput([Problem("--vm", f'"{vm}"', names, "Name a VM of the configuration.")])
        return found[0]
    if len(plan.domains) == 1:
        return plan.domains[0]
    name = domain_name(document)
    found = [domain for domain in plan.domains if name == domain.name]
    if not found:
        raise InvalidInput([Problem("domain", f'the name "{name}"', names, "Say which VM it is with --vm.")])
    return found[0]
