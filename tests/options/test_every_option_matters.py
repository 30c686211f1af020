"""No option is idle: some golden case sets it to a value that is not its default, and without it the bundle differs.

Where an option is required, always or beside the others that the case states, another valid value must make the
difference.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Any

import pytest

from optimux.declare import Choice, Overrides
from optimux.errors import InvalidInput
from optimux.guest.unattended import answer_medium
from optimux.options.looking_glass import LookingGlass
from optimux.options.model import Options
from optimux.plan.model import Plan
from tests.golden_cases import CASES, Case, Files, artifacts
from tests.options.places import Place, every_option, places, with_value, without

# Two options that only go together have no value of one that the other allows as it is: shown by a test of its own.
PAIRED = "vms.<name>.cpu.maxPhysAddr.mode"
# Without them the plan refuses what they allow: shown by a test of their own.
PERMISSIONS = tuple(f"vms.<name>.windows.unattended.{key}" for key in ("wipePhysicalDisk", "bypassRequirements"))

EVERY = tuple(every_option(Options))


@cache
def stated() -> dict[str, list[tuple[Case, Place]]]:
    """Where the cases state each option, by its path."""
    found: dict[str, list[tuple[Case, Place]]] = {path: [] for path, _ in EVERY}
    for case in CASES:
        for place in places(Options, case.data()):
            found[place.path].append((case, place))
    return found


def others(place: Place) -> Iterator[Any]:
    """Other values of an option: its words, its example, what the other cases say."""
    declared = place.declared
    words = declared.kind.words if isinstance(declared.kind, Choice) else ()
    seen = [*words, declared.example, *(place.value for _, place in stated()[place.path])]
    yield from (other for other in seen if other is not None and other != place.value)


def is_override(place: Place) -> bool:
    return place.path.startswith("vms.<name>.lookingGlass.")


def outcome(case: Case, data: Any) -> Files | None:
    """The bundle for other data on the case's host, or ``None`` where the plan refuses it."""
    try:
        plan = case.plan(data)
    except InvalidInput:
        return None
    return artifacts(plan) | answers(plan)


@cache
def told(case: Case) -> Files:
    """The answers of a case as it is."""
    return answers(case.plan())


def answers(plan: Plan) -> Files:
    """The answers of each VM, which no file of the bundle has, and what else `install` takes from the plan."""
    stated_by = {domain.key: (domain, domain.windows.unattended) for domain in plan.domains}
    return {
        f"answers/{key}": answer_medium(domain, "x") + f"{stated_.disk} {stated_.password_file}".encode()
        for key, (domain, stated_) in stated_by.items()
        if stated_ is not None
    }


def matters(case: Case, place: Place) -> bool:
    """Whether the case's bundle is another one without the option, or, where that is refused, with another value."""
    if not place.declared.required or is_override(place):
        reset = outcome(case, without(case.data(), place.keys))
        if reset is not None:
            return reset != case.bundle() | told(case)
    changed = (outcome(case, with_value(case.data(), place.keys, other)) for other in others(place))
    return any(files not in (None, case.bundle() | told(case)) for files in changed)


def proof(path: str) -> str | None:
    """The first case in which the option matters."""
    for case, place in stated()[path]:
        if (is_override(place) or not place.is_default) and matters(case, place):
            return case.name
    return None


@pytest.mark.parametrize("path", [path for path, _ in EVERY if path not in (PAIRED, *PERMISSIONS)])
def test_the_option_matters(path: str) -> None:
    where = ", ".join(f"{case.name} ({place.value!r})" for case, place in stated()[path]) or "no case"
    assert proof(path), f"{path} changes no artifact. Stated by: {where}. Give it a case in tests/golden/."


@pytest.mark.parametrize("path", PERMISSIONS)
def test_the_permission_matters(path: str) -> None:
    case, place = next((case, place) for case, place in stated()[path] if not place.is_default)
    with pytest.raises(InvalidInput):
        case.plan(without(case.data(), place.keys))


def test_the_pair_matters() -> None:
    """``mode = "emulate"`` and ``bits`` are refused without each other; both reset give another domain."""
    case, place = next((case, place) for case, place in stated()[PAIRED] if not place.is_default)
    bits = (*place.keys[:-1], "bits")
    for keys in (place.keys, bits):
        with pytest.raises(InvalidInput, match=r"maxPhysAddr\.bits"):
            case.plan(without(case.data(), keys))
    both = outcome(case, without(without(case.data(), place.keys), bits))
    assert both is not None
    domains = [
        {path: text for path, text in files.items() if b"<maxphysaddr mode='emulate'" in text}
        for files in (case.bundle(), both)
    ]
    assert domains[0]
    assert not domains[1]


def test_every_key_that_a_vm_may_override_is_looked_at() -> None:
    overridable = {path.rpartition(".")[2] for path, _ in EVERY if path.startswith("vms.<name>.lookingGlass.")}
    assert overridable == set(LookingGlass.by_key)
    assert isinstance(dict(EVERY)["vms.<name>.lookingGlass"].kind, Overrides)


def test_an_idle_option_would_be_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """The negative twin: with an emitter that forgets an option, the search finds no proof."""
    path = "vms.<name>.features.vmport"
    assert proof(path)
    monkeypatch.setattr("optimux.emit.domain_xml.features", lambda domain: None)
    bundles = {case.name: artifacts(case.plan()) for case, _ in stated()[path]}
    monkeypatch.setattr(Case, "bundle", lambda case: bundles[case.name])
    assert proof(path) is None
