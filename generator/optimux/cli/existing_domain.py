"""A domain that exists, and the VM of the configuration that it is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from optimux.errors import InvalidInput, Problem

if TYPE_CHECKING:
    from optimux.plan.model import DomainPlan, Plan

UNKNOWN = "Name a VM of the configuration."


def vm_of(plan: Plan, vm: str | None, document: bytes) -> DomainPlan:
    """The VM that is named, the only one, or the one with the domain's name. Raises ``InvalidInput``."""
    from optimux.patch import domain_name

    if (chosen := chosen_vm(plan, vm)) is not None:
        return chosen
    name = domain_name(document)
    found = [domain for domain in plan.domains if name == domain.name]
    if not found:
        remedy = "Say which VM it is with --vm."
        raise InvalidInput([Problem("domain", f'the name "{name}"', names_of(plan), remedy)])
    return found[0]


def chosen_vm(plan: Plan, vm: str | None) -> DomainPlan | None:
    """The VM that is named by its key or else its name, or the only one; ``None`` where that leaves several."""
    if vm is None:
        return plan.domains[0] if len(plan.domains) == 1 else None
    found = [domain for domain in plan.domains if vm == domain.key] or [d for d in plan.domains if vm == d.name]
    if not found:
        raise InvalidInput([Problem("--vm", f'"{vm}"', names_of(plan), UNKNOWN)])
    return found[0]


def names_of(plan: Plan) -> str:
    """The keys that --vm may name, for a complaint."""
    return ", ".join(f'"{domain.key}"' for domain in plan.domains) or "none: the configuration has no VM"
