"""Whether the users that the options name are there."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from optimux.declare.kind import joined

if TYPE_CHECKING:
    from optimux.facts import Facts
    from optimux.findings import Findings
    from optimux.options.model import Options
    from optimux.plan.platform import Platform


def check_users(options: Options, platform: Platform, facts: Facts, findings: Findings) -> None:
    """A user whom the facts do not show: files would belong to nobody. On NixOS the next switch may make the user."""
    known = {user.name for user in facts.users} | {facts.user}
    for path, name in _named(options) if facts.users else ():
        if name in known:
            continue
        allowed = ", ".join(f'"{user.name}"' for user in facts.users)
        if platform.distribution == "nixos":
            findings.warn(path, f'"{name}", who is not there yet', allowed, "Is the user in your configuration?")
        else:
            remedy = "Name who will run the client, or make the user first."
            findings.error(path, f'"{name}"', allowed, remedy, ["facts.users"])


def _named(options: Options) -> Iterator[tuple[str, str]]:
    if options.looking_glass.user:
        yield "lookingGlass.user", options.looking_glass.user
    for key, vm in options.vms.items():
        if (name := vm.looking_glass.get("user")) is not None:
            yield f"{joined('vms', key)}.lookingGlass.user", name
