"""Groups that users must be in."""

from __future__ import annotations

from optimux.emit.artifact import HostCommand, HostEntry
from optimux.plan.model import Plan


def user_entries(plan: Plan) -> list[HostEntry]:
    """A command for each membership."""
    from shlex import quote

    return [_membership(quote(user), quote(group), user, group) for user, group in plan.host.user_groups]


def _membership(user_word: str, group_word: str, user: str, group: str) -> HostCommand:
    return HostCommand(
        f"usermod -aG {group_word} {user_word}",
        f"lets {user} open what is shared with {group}",
        step="groups",
        unless=f"id -nG {user_word} | tr ' ' '\\n' | grep -Fqx -- {group_word}",
        undo=f"gpasswd -d {user_word} {group_word}",
        offline=True,
    )
