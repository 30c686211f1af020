"""The order in which a plan is made: platform, cards, shared memory, domains, host."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from optimux.declare import Table
from optimux.declare.kind import joined
from optimux.facts import Facts
from optimux.findings import Findings
from optimux.options.load import load_partial
from optimux.options.looking_glass import LookingGlass
from optimux.options.model import Options
from optimux.plan.checks.users import check_users
from optimux.plan.domain import resolve_domains
from optimux.plan.gpus import resolve_bindings, resolve_gpus
from optimux.plan.host import resolve_host
from optimux.plan.libvirt_objects import resolve_images, resolve_networks, resolve_pools, used_networks
from optimux.plan.looking_glass import looking_glass_of, resolve_memories
from optimux.plan.model import Plan
from optimux.plan.picture import scream_receivers
from optimux.plan.platform import resolve_platform
from optimux.plan.requested import Requested, requested
from optimux.plan.software import has_client, needed_software
from optimux.plan.table import battery_tables


def resolve(options: Options, facts: Facts | None = None) -> Plan:
    """The plan for ``options`` on the host that ``facts`` describe: what is no default counts as stated.

    Raises ``InvalidInput`` with every problem.
    """
    findings = Findings()
    plan = _resolve(options, facts or Facts(), requested(Table(Options).written(options)), findings)
    findings.refuse()
    return plan


def plan_from(data: Any, facts: Facts | None = None, findings: Findings | None = None) -> Plan:
    """The plan for plain data: problems of shape and of meaning are reported together. Raises ``InvalidInput``.

    ``findings`` hold what is known to be wrong already, such as what ``facts`` were made from.
    """
    findings = findings or Findings()
    options = load_partial(data, findings)
    if findings.overflows:  # too much is wrong for a judgement of the rest to mean anything
        findings.refuse()
    plan = _resolve(options, facts or Facts(), {} if findings.problems else requested(data), findings)
    findings.refuse()
    return plan


def _resolve(options: Options, facts: Facts, stated: Mapping[str, Requested], findings: Findings) -> Plan:
    platform = resolve_platform(options.host, facts, findings)
    tables = {key: looking_glass_of(options, vm) for key, vm in options.vms.items()}
    _check_clients(options, tables, findings)
    check_users(options, platform, facts, findings)
    options = options.replace(gpus=resolve_bindings(options.gpus, facts, findings))
    gpus = resolve_gpus(options.gpus, facts, findings)
    memories = resolve_memories(options, tables, findings)
    domains = resolve_domains(options, platform, facts, memories, tables, stated, findings)
    networks, scream = used_networks(options), scream_receivers(tables or {"": options.looking_glass})
    clients = tuple(domain for domain in domains if has_client(domain))
    return Plan(
        host=resolve_host(options, platform, facts, memories, domains, findings),
        gpus=gpus,
        shared_memories=memories,
        scream=scream,
        domains=domains,
        networks=resolve_networks(options, findings),
        used_networks=networks,
        battery_tables=battery_tables(domains),
        clients=clients,
        software=needed_software(domains, memories, networks, clients, scream),
        pools=resolve_pools(options.host.pools),
        images=resolve_images(domains),
        warnings=tuple(findings.warnings),
    )


def _check_clients(options: Options, tables: Mapping[str, LookingGlass], findings: Findings) -> None:
    """The client settings under each release that they are used with."""
    top = options.looking_glass
    seen = {("lookingGlass.client", top.release): top.client}
    for key, table in tables.items():
        own = "client" in options.vms[key].looking_glass
        where = f"{joined('vms', key)}.lookingGlass.client" if own else "lookingGlass.client"
        seen[(where, table.release)] = table.client
    for (path, release), settings in seen.items():
        if settings:
            from optimux.options.client import check_client

            check_client(settings, release, path, findings)
