"""From facts to a configuration: each entry with why it is so, and whether it was found or guessed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from optimux.judge.propose.answers import Answers, Existing
from optimux.judge.propose.entry import Entry
from optimux.judge.propose.gpu import gpu_entries
from optimux.judge.propose.host import host_entries
from optimux.judge.propose.looking_glass import looking_glass_entries
from optimux.judge.propose.vm import default_memory, vm_entries

if TYPE_CHECKING:
    from optimux.facts import Facts
    from optimux.judge.gpus import Verdict

__all__ = ["Answers", "Entry", "Existing", "default_memory", "proposed"]


def proposed(facts: Facts, verdict: Verdict | None, answers: Answers) -> tuple[Entry, ...]:
    """The whole configuration, in the order of the tables; without a verdict there is no GPU in it."""
    return (
        *host_entries(facts, answers),
        *(gpu_entries(facts, verdict) if verdict else ()),
        *(looking_glass_entries(facts, verdict) if verdict else ()),
        *vm_entries(facts, verdict, answers),
    )
