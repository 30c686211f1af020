"""A whole look: which configuration it is by, what the machine is, and the result of every check."""

from __future__ import annotations

import os
import shlex
from typing import TYPE_CHECKING, Any

from optimux.errors import InvalidInput, Problem
from optimux.host.doctor import checks, examine
from optimux.host.doctor.check import BROKEN, HOLDS, UNSEEN, Result
from optimux.host.doctor.log import Asking
from optimux.host.doctor.look import Look
from optimux.record import Record

if TYPE_CHECKING:
    from optimux.facts import Facts
    from optimux.facts.detect import Root
    from optimux.guest.provisioning import Report as GuestReport
    from optimux.judge.finding import Outcome
    from optimux.plan.model import Plan

HERE = "optimux.toml"
GUEST_SECONDS = 5
KEPT = ("/etc/optimux/optimux.toml", "/etc/optimux/optimux.json")
FITS, WHY_IT_FITS = "plan.fits", "What is generated from it is for another machine, or cannot work on this one."


class Report(Record):
    """``config`` is the file that it was judged by, or ``None``; ``harmless`` are lines of the log, each with why."""

    machine: str
    config: str | None
    results: tuple[Result, ...]
    harmless: tuple[tuple[str, str], ...] = ()
    previous: bool = False

    def having(self, outcome: Outcome) -> tuple[Result, ...]:
        """The results of one outcome, in the order of the checks."""
        return tuple(result for result in self.results if result.outcome == outcome)

    @property
    def broken(self) -> tuple[Result, ...]:
        """What was seen not to hold."""
        return self.having(BROKEN)

    @property
    def unseen(self) -> tuple[Result, ...]:
        """What cannot be seen from here."""
        return self.having(UNSEEN)

    def as_data(self) -> dict[str, Any]:
        """The report as ``doctor --json`` prints it."""
        return {
            "machine": self.machine,
            "config": self.config,
            "previousBoot": self.previous,
            "counts": {outcome: len(self.having(outcome)) for outcome in (HOLDS, BROKEN, UNSEEN)},
            "checks": [result.as_data() for result in self.results],
            "harmless": [{"line": line, "why": why} for line, why in self.harmless],
        }


def report_of(config: str | None, vm: str | None, place: str | None, *, previous: bool) -> Report:
    """Look at this machine, or at a recorded one. Raises ``InvalidInput`` and ``OptimuxError``."""
    from contextlib import closing

    from optimux.facts.detect import Root

    with closing(Root.of_a_machine(place)) as root:
        return _report(root, config, vm, place, previous=previous)


# Without these a VM does not start, or starts with what is not its memory.
ENDS_A_START = frozenset(
    (
        *("kvm.there", "iommu.on", "kvmfr.device", "kvmfr.size", "memory.hugepages", "firmware.image", "tpm.swtpm"),
        *("hook.there", "hook.seen"),
    )
)
# What matters before a start beside these. Logs, images and signatures take longer, and tell of other boots.
_BEFORE_A_START = frozenset(
    (
        *("iommu.group", "memory.fits", "memory.access", "shm.file", "user.groups", "client.release", "card.reserved"),
        *("hook.selinux", "hook.alone", "driver.now"),
    )
)


def before_start(name: str, place: str | None = None) -> tuple[Result, ...]:
    """What is broken for a VM, by libvirt's name, according to the configuration that apply keeps.

    Nothing where none is kept, where it cannot be read, or where it has no such VM: libvirt may have others.
    """
    from contextlib import closing

    from optimux.facts.detect import Root, detect

    with closing(Root.at(place)) as root:
        kept = next((path for path in KEPT if root.exists(path)), None)
        try:
            data = _kept(root, kept) if kept else None
            facts = detect(root)
            plan = plan_on(data, facts)[0] if data is not None else None
        except InvalidInput:
            return ()
        found = [domain for domain in plan.domains if domain.name == name] if plan else []
        if plan is None or not found:
            return ()
        look = Look(root, facts, plan.replace(domains=(found[0],)), place=place)
        wanted = ENDS_A_START | _BEFORE_A_START
        return tuple(r for r in examine(look, [c for c in checks() if c.key in wanted]) if r.outcome == BROKEN)


def _report(root: Root, config: str | None, vm: str | None, place: str | None, *, previous: bool) -> Report:
    from optimux.facts.detect import detect
    from optimux.host.doctor.areas.logs import harmless

    asking = Asking(root, place, previous=previous)
    name, data = _configuration(config, root)
    if vm is not None and data is None:
        remedy = "Name CONFIG, or run it where optimux.toml lies."
        raise InvalidInput([Problem("--vm", "no configuration", "a VM of a configuration", remedy)])
    facts = detect(root)
    plan, problems = plan_on(data, facts) if data is not None else (None, ())
    ask = _ask_guest if vm is not None and root.live else None
    look = Look(root, facts, _only(plan, vm), place=place, previous=previous, asking=asking, ask=ask)
    found = (*_fit(problems, name), *examine(look))
    results = tuple(result.replace(command=_command(result.command, name, plan)) for result in found)
    machine = " ".join(word for word in (facts.machine.vendor, facts.machine.model) if word) or "This machine"
    return Report(machine, name, results, harmless(look), previous)


def _command(command: str, name: str | None, plan: Plan | None) -> str:
    """A remedy's command with the configuration in it; NixOS is brought to the plan by its own."""
    called = shlex.quote(name or HERE)
    if plan and plan.host.platform.distribution == "nixos":
        command = command.replace("optimux apply", "nixos-rebuild switch")
    elif name not in (None, HERE, *KEPT):
        command = command.replace("optimux apply", f"optimux apply {called}")
    return command.replace("CONFIG", called)


def _ask_guest(name: str) -> GuestReport:
    """What a guest's agent says of its setup. Raises ``OptimuxError``."""
    from optimux.guest.provisioning import Setup
    from optimux.libvirt.agent import guest

    with guest(name, None) as (agent, restart):
        agent.wait(GUEST_SECONDS)
        return Setup(agent, restart).status()


def _configuration(config: str | None, root: Root) -> tuple[str | None, Any]:
    """The file that is named, that lies here, or that apply keeps; and its data."""
    from optimux.options.load import read_config

    if config is not None or os.path.exists(HERE):  # noqa: PTH110 - start-up
        name = HERE if config is None else config
        return name, read_config(name)
    kept = next((path for path in KEPT if root.exists(path)), None)
    return (kept, _kept(root, kept)) if kept else (None, None)


def _kept(root: Root, path: str) -> Any:
    """What apply keeps, read through the root as all else. Raises ``InvalidInput``."""
    import json
    import tomllib

    text = root.text(path)
    if text is None:
        remedy = "Run it as root, or name your own CONFIG."
        raise InvalidInput([Problem(path, "a file that cannot be read", "the configuration of apply", remedy)])
    try:
        return json.loads(text) if path.endswith(".json") else tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        raise InvalidInput([Problem(path, str(error), "TOML or JSON", "Name your own CONFIG.")]) from None


def plan_on(data: Any, facts: Facts) -> tuple[Plan, tuple[Problem, ...]]:
    """The plan on this machine. Where it cannot be made here, the plan alone, and why it does not fit.

    Raises ``InvalidInput`` for a configuration that is wrong by itself.
    """
    from optimux.facts import Facts
    from optimux.plan.resolve import plan_from

    try:
        return plan_from(data, facts), ()
    except InvalidInput as error:
        problems = error.problems
    try:
        return plan_from(data), problems
    except InvalidInput:  # what the machine is need not be stated
        seen = Facts(distribution=facts.distribution, cpu=Facts().cpu.replace(vendor=facts.cpu.vendor))
        return plan_from(data, seen), problems


def _only(plan: Plan | None, vm: str | None) -> Plan | None:
    if plan is None or vm is None:
        return plan
    found = [domain for domain in plan.domains if vm == domain.key] or [d for d in plan.domains if vm == d.name]
    if not found:
        names = ", ".join(f'"{domain.key}"' for domain in plan.domains) or "none: the configuration has no VM"
        raise InvalidInput([Problem("--vm", f'"{vm}"', names, "Name a VM of the configuration.")])
    return plan.replace(domains=(found[0],))


def _fit(problems: tuple[Problem, ...], name: str | None) -> list[Result]:
    wanted = "a configuration that fits this machine"
    if name is None:
        return []
    if not problems:
        return [Result(HOLDS, "it does", name, key=FITS, wanted=wanted, why=WHY_IT_FITS)]
    return [
        Result(BROKEN, problem.found, name, problem.path, problem.remedy, "", FITS, problem.allowed, WHY_IT_FITS)
        for problem in problems
    ]
