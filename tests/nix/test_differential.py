"""Two ways to NixOS, one result: what Nix decides from the options, and what the generator decides and emits for them.

nixos-modules/plan.nix is held against the plan itself, over every example, every golden case and option sets that
Hypothesis makes. What is a file is the generator's in both ways: the options that the module hands to it are held
against the data that they were.
"""

from __future__ import annotations

import json
from functools import cache
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, Phase, given
from hypothesis import settings as hypothesis_settings

from lab.nix.evaluator import need_lib
from optimux.emit.nixos import nixos_files, nixos_plan
from optimux.options.model import Options
from optimux.options.nix import READ_ONLY
from optimux.plan.resolve import plan_from
from tests.golden_cases import CASES, artifacts
from tests.nix.nixos import GROUPS, Case, evaluated, on_nixos
from tests.options.places import every_option, places
from tests.options.strategies import complaints, option_sets, repair

if TYPE_CHECKING:
    from pathlib import Path

GENERATED = 220
WANTED = ("plan", "options", "hostOptions", "failed")
# What the module takes from the bundle of the host; the rest follows from the VMs.
OF_THE_HOST = ("lib/", "apparmor/", "etc/modprobe.d/", "libexec/optimux-driver-override")
BATCH = 60


@cache
def generated() -> tuple[Any, ...]:
    """Option sets that the plan takes on NixOS, always the same ones."""
    found: list[Any] = []

    @hypothesis_settings(
        max_examples=GENERATED + 30,
        derandomize=True,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(option_sets(repaired=False))
    def collect(data: Any) -> None:
        usable = repair(on_nixos(data))
        if not complaints(usable):
            found.append(usable)

    collect()
    return tuple(found)


def golden() -> tuple[Any, ...]:
    """Every example and golden case that NixOS' plan takes; what is left out is known by name."""
    usable = (on_nixos(without_usr(case.data())) for case in CASES)
    return tuple(data for data in usable if not complaints(data))


def without_usr(data: Any) -> Any:
    """The data without images of the firmware that no NixOS has."""
    for vm in data.get("vms", {}).values():
        if vm.get("firmware", {}).get("loader", "").startswith("/usr/"):
            del vm["firmware"]
    return data


def people(data: Any) -> tuple[str, ...]:
    """The users that the options name."""
    tables = [data.get("lookingGlass", {}), *(vm.get("lookingGlass", {}) for vm in data.get("vms", {}).values())]
    return tuple({table["user"] for table in tables if table.get("user")})


def groups(data: Any) -> tuple[str, ...]:
    """The groups that the options name, and those of every NixOS."""
    tables = [data.get("lookingGlass", {}), *(vm.get("lookingGlass", {}) for vm in data.get("vms", {}).values())]
    return tuple({*GROUPS, *(table["group"] for table in tables if table.get("group"))})


def case_of(data: Any, **settings: Any) -> Case:
    """A system that has whom the options name."""
    return Case(data, users=people(data), groups=groups(data), settings=settings, wanted=WANTED)


def differences(data: Any, result: Any) -> dict[str, Any]:
    """Where the two disagree: keys of the plan with both values."""
    ours = json.loads(json.dumps(nixos_plan(plan_from(data))))
    theirs = result["native"]["plan"]
    return {
        key: (theirs.get(key), ours.get(key)) for key in ours.keys() | theirs.keys() if ours.get(key) != theirs.get(key)
    }


def batches() -> list[tuple[str, tuple[Any, ...]]]:
    """All cases in few processes of Nix."""
    made = generated()
    return [("golden", golden())] + [
        (f"generated {start}", made[start : start + BATCH]) for start in range(0, len(made), BATCH)
    ]


@cache
def results(folder: Path) -> list[tuple[Any, Any]]:
    """Data and what came of it, for all cases."""
    found: list[tuple[Any, Any]] = []
    for name, group in batches():
        where = folder / name.replace(" ", "-")
        where.mkdir()
        cases = [case_of(data) for data in group]
        found += zip(group, evaluated(cases, where), strict=True)
    return found


@pytest.fixture(scope="module")
def evaluations(tmp_path_factory: pytest.TempPathFactory) -> list[tuple[Any, Any]]:
    need_lib()
    return results(tmp_path_factory.mktemp("differential"))


@pytest.mark.xdist_group("nix")
def test_both_ways_agree(evaluations: list[tuple[Any, Any]]) -> None:
    wrong = [(data, found) for data, result in evaluations if (found := differences(data, result))]
    found = {path: values for _, paths in wrong for path, values in paths.items()}
    assert not wrong, f"{len(wrong)} of {len(evaluations)} differ; one each: {json.dumps(found, indent=1)}"


@pytest.mark.xdist_group("nix")
def test_what_the_generator_takes_the_module_takes(evaluations: list[tuple[Any, Any]]) -> None:
    failed = [result["native"]["failed"] for _, result in evaluations if result["native"]["failed"]]
    assert failed == []


@pytest.mark.xdist_group("nix")
def test_the_generator_reads_the_same(evaluations: list[tuple[Any, Any]]) -> None:
    """The options that the build hands to the generator give the domains, tables, rules and guest files of the data."""
    for data, result in evaluations:
        theirs = artifacts(plan_from(json.loads(result["native"]["options"])))
        assert theirs == artifacts(plan_from(data)), data


@pytest.mark.xdist_group("nix")
def test_rules_need_no_more_than_they_are_built_from(evaluations: list[tuple[Any, Any]]) -> None:
    """From the options without the VMs' devices the host's files are the same bytes."""
    for data, result in evaluations:
        ours = {artifact.path: artifact.content for artifact in nixos_files(plan_from(data))}
        reduced = nixos_files(plan_from(json.loads(result["native"]["hostOptions"])))
        theirs = {artifact.path: artifact.content for artifact in reduced}
        kept = {path for path in ours if path.startswith(OF_THE_HOST)}
        assert {path: theirs.get(path) for path in kept} == {path: ours[path] for path in kept}, data
        assert {path for path in theirs if path.startswith(OF_THE_HOST)} == kept


@pytest.mark.xdist_group("nix")
def test_an_edit_of_a_vm_builds_no_rule_anew(tmp_path: Path) -> None:
    (data,) = (on_nixos(case.data()) for case in CASES if case.name == "nixos")
    (vm,) = data["vms"].values()
    changes: tuple[Any, ...] = (
        {},
        {"vcpus": 2},
        {"memory": "5GiB"},
        {"disks": []},
        {"spice": {"port": 5999}},
        {"networks": []},
    )
    cases = [case_of({**data, "vms": {"Windows11": vm | change}}) for change in changes]
    results = evaluated(cases, tmp_path)
    assert len({result["native"]["hostOptions"] for result in results}) == 1
    assert len({result["native"]["options"] for result in results}) == len(changes)
    (other,) = evaluated(
        [case_of({**data, "gpus": {"dgpu": {**data["gpus"]["dgpu"], "d3coldAllowed": False}}})], tmp_path
    )
    assert other["native"]["hostOptions"] != results[0]["native"]["hostOptions"], "the twin: what rules do read"


@pytest.mark.xdist_group("nix")  # whose worker has generated them
def test_every_option_is_changed_at_least_once() -> None:
    changed = {
        place.path for data in (*golden(), *generated()) for place in places(Options, data) if not place.is_default
    }
    # Of an overriding table, any value at all overrides.
    changed |= {
        place.path
        for data in (*golden(), *generated())
        for place in places(Options, data)
        if place.path.startswith("vms.<name>.lookingGlass.")
    }
    read_only = set(READ_ONLY)
    assert {path for path, _ in every_option(Options)} - read_only - changed == set()


@pytest.mark.xdist_group("nix")  # whose worker has generated them
def test_there_are_enough_of_them() -> None:
    assert len(generated()) >= 200
    assert len({json.dumps(data, sort_keys=True) for data in generated()}) >= 200
    left_out = {case.name for case in CASES if complaints(on_nixos(without_usr(case.data())))}
    assert left_out == {"facts-fill-in"}, "it needs its facts; of the module, options alone say what the host is"


@pytest.mark.xdist_group("nix")
@pytest.mark.parametrize(
    ("change", "key"),
    [
        ({"host": {"iommuPassthrough": False}}, "kernelParams"),
        ({"gpus": {}}, "vfioOptions"),
        ({"lookingGlass": {"memory": "shm"}}, "kvmfr"),
        ({"lookingGlass": {"user": "bob"}}, "userGroups"),
        ({"vms": {}}, "emulatedTpm"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_difference_is_seen(change: Any, key: str, tmp_path: Path) -> None:
    """The twin: the plan of other options."""
    (data,) = (on_nixos(case.data()) for case in CASES if case.name == "nixos")
    changed = {**data, **{table: {**data[table], **values} if values else {} for table, values in change.items()}}
    (result,) = evaluated([case_of(changed)], tmp_path)
    assert key in differences(data, result)
