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
    attached = (domain for domain in domains if domain.guest_media.enable and domain.guest_media.attach)
    return tuple(domain for domain in attached if not Path(domain.guest_media.path).exists())


def place_media(domains: Iterable[DomainPlan]) -> None:
    """Write those that are missing. Raises ``OptimuxError``."""
    for domain in missing_media(domains):
        from optimux.emit.guest.iso import iso_image
        from optimux.emit.guest.medium import medium_files
        from optimux.emit.windows import settings_files
        from optimux.files.replace import replace_file

        path = Path(domain.guest_media.path)
        release = domain.shared_memory.release if domain.shared_memory else domain.looking_glass.release
        replace_file(path, iso_image(medium_files(domain, settings_files(domain, release))), 0o644)
        say(f"wrote {path}")
