"""The packages that the plan needs and the host lacks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from optimux.emit.packages import package_names
from optimux.facts.detect.system import Packages
from optimux.record import Record
from optimux.rules import families

if TYPE_CHECKING:
    from optimux.facts.detect import Root
    from optimux.host.shell import Shell
    from optimux.plan.model import Plan


class Missing(Record):
    """Names, and the commands that install and remove just these, asking nothing."""

    names: tuple[str, ...]
    install: str
    remove: str


def missing(plan: Plan, seen: Root, shell: Shell) -> Missing | None:
    """What to install; ``None`` where everything is there, or where no package manager is known."""
    table = families()["packages"].get(plan.host.platform.distribution, {})
    names = package_names(plan)
    if not names or "install" not in table:
        return None
    lacking = _lacking(names, Packages(seen), shell)
    if not lacking:
        return None
    words = " ".join(lacking)
    return Missing(lacking, f"{table['installNow']} {words}", f"{table['removeNow']} {words}")


def _lacking(names: list[str], packages: Packages, shell: Shell) -> tuple[str, ...]:
    """By the database where it is read here, else by rpm; names that another package provides count as there."""
    if packages.knows:
        return tuple(name for name in names if not packages.version(name))
    held = shell.holds([f"rpm -q --whatprovides {name}" for name in names])
    return tuple(name for name, there in zip(names, held, strict=True) if not there)
