"""Two ways to NixOS, one result: the native module with the options, and the module that the generator emits for them.

Both are evaluated with nixpkgs' real ``lib.evalModules`` and upstream's option types, over every example, every golden
case and option sets that Hypothesis makes; what is compared is every option that either sets, the contents of
generated files included.
"""

from __future__ import annotations

import json
import re
from functools import cache
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, Phase, given
from hypothesis import settings as hypothesis_settings

from lab.nix.evaluator import need_lib
from optimux.options.model import Options
from optimux.options.nix import FROM_CONFIG
from optimux.plan.resolve import plan_from
from tests.golden_cases import CASES, artifacts
from tests.nix.nixos import Case, evaluated, on_nixos
from tests.options.places import every_option, places
from tests.options.strategies import complaints, option_sets, repair

if TYPE_CHECKING:
    from pathlib import Path

GENERATED = 220
BATCH = 60
# What one of the two has by design, and why.
ONLY_NATIVE = {
    ("systemd", "services", "optimux-domains"): "the emitted module comes with domains/*.xml, which its reader defines",
}
# Where the battery's table lies in the store: in the built domains, or beside the emitted module. The tables' own
# bytes are compared by test_the_generator_reads_the_same.
TABLES = re.compile(r"/nix/store/[a-z0-9]{32}-(?:optimux-domains/acpi/(?P<native>.+)|(?P<emitted>.+)-battery)\.aml")


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
    usable = (on_nixos(case.data()) for case in CASES)
    return tuple(data for data in usable if not complaints(data))


def people(data: Any) -> tuple[str, ...]:
    """The users that the options name."""
    tables = [data.get("lookingGlass", {}), *(vm.get("lookingGlass", {}) for vm in data.get("vms", {}).values())]
    return tuple({table["user"] for table in tables if table.get("user")})


def compared(config: Any) -> dict[str, Any]:
    """The options that are set, by path, without what is one side's by design."""
    flat = {path: value for path, value in _flat(config, ()) if path[: len(next(iter(ONLY_NATIVE)))] not in ONLY_NATIVE}
    return {".".join(path): _table(value) for path, value in flat.items()}


def _flat(value: Any, path: tuple[str, ...]) -> list[tuple[tuple[str, ...], Any]]:
    if not isinstance(value, dict):
        return [(path, value)]
    return [row for key, item in value.items() for row in _flat(item, (*path, key))]


def _table(value: Any) -> Any:
    match = TABLES.fullmatch(value) if isinstance(value, str) else None
    return f"the table of {match['native'] or match['emitted']}" if match else value


def differences(result: Any) -> dict[str, Any]:
    """Where the two disagree: option paths with both values."""
    native, emitted = compared(result["native"]["config"]), compared(result["emitted"]["config"])
    paths = native.keys() | emitted.keys()
    return {path: (native.get(path), emitted.get(path)) for path in paths if native.get(path) != emitted.get(path)}


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
        cases = [Case(data, users=people(data)) for data in group]
        found += zip(group, evaluated(cases, where, emitted=True), strict=True)
    return found


@pytest.fixture(scope="module")
def evaluations(tmp_path_factory: pytest.TempPathFactory) -> list[tuple[Any, Any]]:
    need_lib()
    return results(tmp_path_factory.mktemp("differential"))


@pytest.mark.xdist_group("nix")
def test_both_ways_agree(evaluations: list[tuple[Any, Any]]) -> None:
    wrong = [(data, found) for data, result in evaluations if (found := differences(result))]
    found = {path: values for _, paths in wrong for path, values in paths.items()}
    assert not wrong, f"{len(wrong)} of {len(evaluations)} differ; one each: {json.dumps(found, indent=1)}"


@pytest.mark.xdist_group("nix")
def test_the_generator_reads_the_same(evaluations: list[tuple[Any, Any]]) -> None:
    """The options that the build hands to the generator give the domains, tables and guest files of the data."""
    for data, result in evaluations:
        theirs = artifacts(plan_from(json.loads(result["native"]["options"])))
        assert theirs == artifacts(plan_from(data)), data


@pytest.mark.xdist_group("nix")
def test_assertions_of_the_emitted_module_are_ours_too(evaluations: list[tuple[Any, Any]]) -> None:
    for _, result in evaluations:
        assert set(result["emitted"]["failed"]) <= set(result["native"]["failed"])


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
    read_only = set(FROM_CONFIG) - {"host.securityModule"}
    assert {path for path, _ in every_option(Options)} - read_only - changed == set()


def test_there_are_enough_of_them() -> None:
    assert len(generated()) >= 200
    assert len({json.dumps(data, sort_keys=True) for data in generated()}) >= 200
    left_out = {case.name for case in CASES if complaints(on_nixos(case.data()))}
    assert left_out == {"facts-fill-in"}, "it needs its facts; of the module, options alone say what the host is"


@pytest.mark.xdist_group("nix")
@pytest.mark.parametrize(
    ("old", "new", "path"),
    [
        ('MODE="0660"', 'MODE="0666"', "services.udev.packages"),
        ("softdep nouveau pre: vfio-pci\n", "\n", "boot.extraModprobeConfig"),
        ("intel_iommu=on", "intel_iommu=off", "boot.kernelParams"),
        ("shmFile=/dev/kvmfr0", "shmFile=/dev/kvmfr1", "environment.etc.looking-glass-client.ini.text"),
        ("Windows11-battery.aml", "Other-battery.aml", "systemd.tmpfiles.settings"),
        ('extraGroups = [ "kvm" ]', "extraGroups = [ ]", "users.users.alice.extraGroups"),
    ],
)
def test_a_difference_is_seen(old: str, new: str, path: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The twin: an emitted module with one thing changed."""
    from optimux.emit import nixos

    right = nixos.nixos_module
    monkeypatch.setattr(nixos, "nixos_module", lambda plan: right(plan).replace(old, new, 1))
    (tmp_path / "0/nixos").mkdir(parents=True)
    (tmp_path / "0/nixos/Other-battery.aml").write_bytes(b"")
    (data,) = (on_nixos(case.data()) for case in CASES if case.name == "nixos")
    assert old in right(plan_from(data))
    (result,) = evaluated([Case(data, users=people(data))], tmp_path, emitted=True)
    assert [found for found in differences(result) if found.startswith(path)], differences(result)
