"""modules-load.d(5): kvmfr has no device that would load it."""

from __future__ import annotations

from optimux.emit.artifact import HostEntry, HostFile
from optimux.emit.text import commented
from optimux.plan.model import Plan

PATH = "/etc/modules-load.d/optimux.conf"


def modules_load_entries(plan: Plan) -> list[HostEntry]:
    """kvmfr at boot, where a VM uses it: without the module QEMU would create a plain file at its path."""
    text = commented("the shared memory of Looking Glass.", ["kvmfr"])
    return [HostFile(PATH, text, "loads kvmfr at boot", step="modules")] if plan.kvmfr else []
