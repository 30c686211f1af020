"""The cards on demand, for the hook and for ``optimux gpu`` without a configuration."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from optimux.emit.artifact import HostFile

if TYPE_CHECKING:
    from optimux.plan.model import Plan

PATH = "/etc/optimux/cards.json"


def cards_files(plan: Plan) -> list[HostFile]:
    """The file, where a card is on demand; it has every card of the plan."""
    if all(gpu.binds_early for gpu in plan.gpus):
        return []
    return [HostFile(PATH, _text(plan), "the cards that are handed over, and their VMs")]


def _text(plan: Plan) -> str:
    cards = []
    for gpu in plan.gpus:
        own = {function.address for function in gpu.functions}
        cards.append(
            {
                "name": gpu.name,
                "bind": gpu.bind,
                "functions": [{"address": str(f.address), "id": str(f.id)} for f in gpu.functions],
                "domains": [d.name for d in plan.domains if any(device.source in own for device in d.host_devices)],
            }
        )
    about = "Written by Optimux: the cards that are handed over, and the VMs that have them."
    return json.dumps({"about": about, "cards": cards}, indent=2) + "\n"
