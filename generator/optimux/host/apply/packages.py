"""The packages that the plan needs and the host lacks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from optimux.emit.packages import package_names
from optimux.facts.detect.system import Packages
from optimux.record import Record
from optimux.rules import families

if TYPE_CHECKING:
    from optimux.facts import Facts
    from optimux.facts.detect import Root
    from optimux.host.shell import Shell
    from optimux.plan.model import Plan


class Missing(Record):
    """Names, and the commands that install and remove just these, asking nothing.

    ``after_reboot``: what is installed becomes part of the system only then.
    """

    names: tuple[str, ...]
    install: str
    remove: str
    after_reboot: bool = False


def missing(plan: Plan, facts: Facts, seen: Root, shell: Shell) -> Missing | None:
    """What to install; ``None`` where everything is there, or where no package manager is known."""
    table = families()["packages"].get(plan.host.platform.distribution, {})
    names = _own_names(package_names(plan), table, facts)
    if not names or "install" not in table:
        return None
    lacking = _lacking(names, Packages(seen), shell)
    if not lacking:
        return None
    words = " ".join(lacking)
    install, remove = f"{table['installNow']} {words}", f"{table['removeNow']} {words}"
    return Missing(lacking, install, remove, table.get("afterReboot", False))


def _own_names(names: list[str], table: dict[str, Any], facts: Facts) -> list[str]:
    """Where a distribution of the family calls a package otherwise."""
    words = (facts.os.id, *facts.os.id_like)
    called: dict[str, str] = next((table["called"][word] for word in words if word in table.get("called", {})), {})
    return [called.get(name, name) for name in names]


def _lacking(names: list[str], packages: Packages, shell: Shell) -> tuple[str, ...]:
    """By the database where it is read here, else by rpm; names that another package provides count as there."""
    if packages.knows or not shell.runs:
        return tuple(name for name in names if not packages.version(name))
    held = shell.holds([f"rpm -q --whatprovides {name}" for name in names])
    return tuple(name for name, there in zip(names, held, strict=True) if not there)
