"""What the host must have installed, by its distribution's own names."""

from __future__ import annotations

from optimux.emit.artifact import HostCommand, HostEntry
from optimux.plan.model import Plan
from optimux.rules import families
from optimux.version import Version


def package_entries(plan: Plan) -> list[HostEntry]:
    """The command that installs what the distribution has."""
    names = package_names(plan)
    if not names:
        return []
    install = families()["packages"][plan.host.platform.distribution]["install"]
    return [HostCommand(f"{install} {' '.join(names)}", "installs what the VMs need", first=True, step="packages")]


def package_names(plan: Plan) -> list[str]:
    """Packages of the distribution itself."""
    table = families()["packages"].get(plan.host.platform.distribution, {})
    since = table.get("sinceQemu", {})
    names = (name for feature in plan.software for name in table.get(feature, ()))
    to_be_had = [name for name in names if name not in since or plan.host.platform.qemu >= Version.parse(since[name])]
    return list(dict.fromkeys(to_be_had))


def elsewhere(plan: Plan) -> list[str]:
    """What the distribution does not have, each with where it is to be had."""
    table = families()["packages"]
    notes = table["elsewhere"] | table.get(plan.host.platform.distribution, {}).get("elsewhere", {})
    return [notes[feature] for feature in plan.software if notes.get(feature)]
