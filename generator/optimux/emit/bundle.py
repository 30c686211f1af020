"""The whole bundle: every artifact of a plan, by path."""

from __future__ import annotations

from optimux.acpi.battery import battery_asl, battery_table
from optimux.emit.artifact import Artifact
from optimux.emit.domain_xml import domain_xml
from optimux.plan.model import DomainPlan, Plan


def bundle(plan: Plan) -> tuple[Artifact, ...]:
    """The artifacts, sorted by path: the same plan gives the same bytes."""
    artifacts = [artifact for domain in plan.domains for artifact in domain_artifacts(domain)]
    artifacts += _host(plan)
    if any(domain.shared_memory for domain in plan.domains):
        from optimux.emit.windows import windows_artifacts

        artifacts += windows_artifacts(plan)
    return tuple(sorted(artifacts, key=lambda artifact: artifact.path))


def domain_artifacts(domain: DomainPlan) -> list[Artifact]:
    """``domains/<vm>.xml``; ``acpi/<vm>.aml`` with its source, where there is a battery."""
    artifacts = [Artifact(f"domains/{domain.key}.xml", domain_xml(domain).encode())]
    if domain.battery:
        artifacts.append(Artifact(f"acpi/{domain.key}.aml", battery_table(domain.battery)))
        artifacts.append(Artifact(f"acpi/{domain.key}.asl", battery_asl(domain.battery).encode()))
    return artifacts


def _host(plan: Plan) -> list[Artifact]:
    if plan.host.platform.distribution == "nixos":
        from optimux.emit.nixos import nixos_artifacts

        return nixos_artifacts(plan)
    from optimux.emit.host import host_entries
    from optimux.emit.manifest import host_artifacts

    return host_artifacts(plan, host_entries(plan))
