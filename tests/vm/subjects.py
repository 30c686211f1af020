"""A generated VM to verify: the example machine with a few keys changed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from optimux.facts import Facts
from optimux.options.load import read_config
from optimux.plan.resolve import plan_from
from optimux.vm.evidence.checks import Subject, subject_of

EXAMPLE = Path(__file__).parents[2] / "examples/omen-17.toml"


def subject(battery: dict[str, Any] | None = None, **looking_glass: Any) -> Subject:
    """What the example generates with these keys of ``battery`` and ``lookingGlass`` over its own."""
    data = read_config(str(EXAMPLE))
    data["lookingGlass"] |= looking_glass
    if battery is not None:
        data["vms"]["Windows11"]["battery"] = battery
    return subject_of(plan_from(data, Facts()).domains[0])
