"""Group memberships."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

from optimux.emit.artifact import HostCommand
from optimux.emit.users import user_entries
from tests.host.plans import commands, plan

if TYPE_CHECKING:
    from lab.consumers.roots import Root


def test_the_user_joins_the_group(trixie: Root) -> None:
    (entry,) = user_entries(plan(lookingGlass={"user": "games", "group": "kvm"}))
    assert isinstance(entry, HostCommand)
    with trixie.session() as session:
        assert "kvm" not in session.run(["id", "-Gn", "games"]).stdout.split()
        session.run(["sh", "-c", entry.command])
        assert "kvm" in session.run(["id", "-Gn", "games"]).stdout.split()


def test_names_are_one_word_each() -> None:
    (command,) = (c for c in commands(plan(lookingGlass={"user": "alice$"})) if c.startswith("usermod"))
    assert shlex.split(command) == ["usermod", "-aG", "kvm", "alice$"]


def test_nobody_joins_without_a_user() -> None:
    assert user_entries(plan()) == []
