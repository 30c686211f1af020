"""The medium that sets a guest up, at the place where its domain looks for it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from optimux.cli.report import say

if TYPE_CHECKING:
    from collections.abc import Iterable

    from optimux.plan.model import DomainPlan


def missing_media(domains: Iterable[DomainPlan]) -> tuple[DomainPlan, ...]:
    """The VMs whose attached medium is not there. One that is there stays: it may have programs on it."""
    from optimux.emit.windows import with_medium

    return tuple(domain for domain in with_medium(domains) if not Path(domain.guest_media.path).exists())


def place_media(domains: Iterable[DomainPlan]) -> None:
    """Write those that are missing. Raises ``OptimuxError``."""
    for domain in missing_media(domains):
        from optimux.emit.windows import medium_of
        from optimux.files.replace import replace_file

        path = Path(domain.guest_media.path)
        replace_file(path, medium_of(domain), 0o644)
        say(f"wrote {path}")
