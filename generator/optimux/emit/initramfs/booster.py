"""booster.yaml: one file, the user's; booster reads modprobe.d by itself and has no hooks."""

from __future__ import annotations

from optimux.emit.artifact import HostLines
from optimux.plan.model import Plan

CONF = "/etc/booster.yaml"
_HOW = "add the modules that are missing to the setting `modules_force_load`; where there is none, append the line"


def entries(plan: Plan) -> list[HostLines]:
    """Our modules added to ``modules_force_load``."""
    lines = (f"modules_force_load: {','.join(plan.host.early_modules)}",)
    purpose = "puts vfio-pci into the initramfs and loads it there"
    return [HostLines(CONF, lines, r"^modules_force_load:[ \t]*", purpose, separator=",", how=_HOW)]
