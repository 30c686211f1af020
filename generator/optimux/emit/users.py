"""Groups that users must be in."""

from __future__ import annotations

from optimux.emit.artifact import HostCommand, HostEntry
from optimux.plan.model import Plan


def user_entries(plan: Plan) -> list[HostEntry]:
    """A command for each membership."""
    from shlex import quote

    return [
        HostCommand(f"usermod -aG {quote(group)} {quote(user)}", f"lets {user} open what is shared with {group}")
        for user, group in plan.host.user_groups
    ]
