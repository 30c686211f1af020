"""What is wanted and what is there: the plan for this host as it is now, and what differs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from optimux.emit.artifact import HostFile
from optimux.emit.host import host_entries
from optimux.facts import Facts
from optimux.findings import Findings
from optimux.host.apply.packages import Missing, missing
from optimux.host.apply.prepare import Prepared, prepare
from optimux.host.apply.refuse import check_distribution, reasons_against
from optimux.options.load import load_partial
from optimux.plan.resolve import plan_from
from optimux.record import Record

if TYPE_CHECKING:
    from collections.abc import Collection

    from optimux.emit.artifact import HostEntry
    from optimux.errors import Problem
    from optimux.files.root import Root
    from optimux.host.past import Past
    from optimux.host.shell import Shell
    from optimux.plan.model import Plan

KEPT = "/etc/optimux/optimux"
_COMMAND_LINE_ONLY_NOW = ("BOOT_IMAGE=", "initrd=")


class Configuration(Record):
    """The user's file: where it was, its bytes, and what they say."""

    path: str
    content: bytes
    data: Any
    mode: int = 0o600

    @property
    def kept(self) -> str:
        """Where apply keeps a copy."""
        return f"{KEPT}{'.json' if self.path.endswith('.json') else '.toml'}"


class Survey(Record):
    """Everything that is known before anything is done, and the ``shell`` that was asked."""

    plan: Plan
    against: tuple[Problem, ...]
    missing: Missing | None
    prepared: Prepared
    shell: Shell

    @property
    def installs(self) -> bool:
        """Whether packages can be installed here and now."""
        return self.shell.can(offline=False)

    @property
    def is_empty(self) -> bool:
        """Whether the host's own side is as it should be."""
        return self.prepared.is_empty and (self.missing is None or not self.installs)


def survey(
    configuration: Configuration,
    root: Root,
    shell: Shell,
    past: Past,
    only: Collection[str],
    *,
    place: str | None,
    seen: Any = None,
) -> Survey:
    """``place`` is another root than this machine's; ``seen`` are facts to take instead of looking.

    Raises ``InvalidInput``, and ``OptimuxError`` on NixOS.
    """
    from optimux.facts.detect import Root as Seen
    from optimux.facts.detect import detect

    findings = Findings()
    eyes = Seen.at(place)
    facts = detect(eyes) if seen is None else _given(seen, findings)
    plan = plan_from(configuration.data, facts, findings)
    check_distribution(plan)
    entries = [*_kept(configuration), *host_entries(plan)]
    return Survey(
        plan,
        reasons_against(plan, load_partial(configuration.data, Findings()).host, facts, eyes),
        missing(plan, facts, eyes, shell) if "packages" in only else None,
        prepare(entries, root, past, only, shell, _running_command_line(facts)),
        shell,
    )


def _given(seen: Any, findings: Findings) -> Facts:
    from optimux.facts import facts_from

    return facts_from(seen, findings)


def _kept(configuration: Configuration) -> list[HostEntry]:
    """The copy from which apply, doctor and the others start when no configuration is named."""
    return [
        HostFile(
            configuration.kept, configuration.content, "the configuration, for later runs", mode=configuration.mode
        )
    ]


def _running_command_line(facts: Facts) -> str:
    """What kernel-install(8) would take while /etc/kernel/cmdline is missing; empty where no kernel runs."""
    words = [word for word in facts.kernel_params if not word.startswith(_COMMAND_LINE_ONLY_NOW)]
    return f"{' '.join(words)}\n" if words else ""
