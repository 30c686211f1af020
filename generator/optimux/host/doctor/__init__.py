"""``doctor``: each precondition of the plan, looked at on the machine as it is.

An area's module has its checks; a check yields what holds, what is broken, and what cannot be seen from here.
Everything is read through one root, so that a recorded tree answers as the machine would.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from optimux.host.doctor.check import BROKEN, HOLDS, UNSEEN, Check, Result
from optimux.host.doctor.look import Look

if TYPE_CHECKING:
    from collections.abc import Iterable

AS_ROOT = "sudo optimux doctor"
__all__ = ["BROKEN", "HOLDS", "UNSEEN", "Check", "Look", "Result", "checks", "examine"]


def checks() -> tuple[Check, ...]:
    """Every check, in the order in which a person would look."""
    from optimux.host.doctor.areas import (
        binding,
        card,
        client,
        command_line,
        confinement,
        desktops,
        fallback,
        files,
        firmware,
        guest,
        hook,
        initramfs,
        iommu,
        kvmfr,
        libvirt,
        logs,
        modules,
        power,
    )

    areas = (
        *(
            iommu,
            command_line,
            fallback,
            card,
            initramfs,
            binding,
            power,
            modules,
            kvmfr,
            confinement,
            guest,
            firmware,
            libvirt,
            hook,
            desktops,
            client,
            files,
            logs,
        ),
    )
    return tuple(check for area in areas for check in area.CHECKS)


def examine(look: Look, chosen: Iterable[Check] | None = None) -> tuple[Result, ...]:
    """What the checks see; of an earlier boot only those that read its log."""
    wanted = checks() if chosen is None else chosen
    found = (result for check in wanted if check.of_log or not look.previous for result in check.results(look))
    sees_more = look.root.live and os.geteuid() != 0
    return tuple(found) if sees_more else tuple(map(_without_root, found))


def _without_root(result: Result) -> Result:
    """Of a record nobody sees more by being root, and who is root already sees all."""
    return result.replace(remedy="", command="") if result.command == AS_ROOT else result
