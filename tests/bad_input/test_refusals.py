"""Each bad input: exit code 2, nothing written, and a message that says where, what, what else and what next."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from optimux.errors import InvalidInput, Problem
from optimux.facts import Facts, load_facts
from optimux.plan.resolve import plan_from
from tests.bad_input.case import Case, Said
from tests.bad_input.cases import CASES
from tests.bad_input.edits import FACTS, GONE, GPU, VM, Edits, edited, generate, generate_from

if TYPE_CHECKING:
    from pathlib import Path

Capture = pytest.CaptureFixture[str]


def _problems(data: Any, facts: bool = False) -> tuple[Problem, ...]:
    with pytest.raises(InvalidInput) as caught:
        plan_from(data, load_facts(str(FACTS)) if facts else Facts())
    return caught.value.problems


def _says(problem: Problem, said: Said) -> bool:
    path, *parts = said
    fields = (problem.found, problem.allowed, problem.remedy)
    named = problem.path == path or problem.path.startswith(f"{path} (")
    return named and all(part in field for part, field in zip(parts, fields, strict=True))


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_the_problem_is_named(case: Case) -> None:
    problems = _problems(edited(case.edits), case.facts)
    for said in case.said:
        assert sum(_says(problem, said) for problem in problems) == 1, (said, problems)
    assert len(problems) == len(case.said), problems


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_the_command_refuses_and_writes_nothing(case: Case, tmp_path: Path, capsys: Capture) -> None:
    outcome = generate_from(tmp_path, edited(case.edits), capsys, case.facts)
    assert (outcome.code, outcome.files) == (2, None), outcome.errors
    for path, *parts in case.said:
        assert all(part in outcome.errors for part in (path, *parts)), outcome.errors


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_the_nearest_good_input_is_taken(case: Case, tmp_path: Path, capsys: Capture) -> None:
    outcome = generate_from(tmp_path, edited(case.twin), capsys, case.facts)
    assert outcome.code == 0, outcome.errors
    assert outcome.files


def test_what_was_written_before_stays(tmp_path: Path, capsys: Capture) -> None:
    before = generate_from(tmp_path, edited({}), capsys)
    stamps = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("out/**/*")}
    after = generate_from(tmp_path, edited({f"{VM}.memory": 16}), capsys)
    assert (before.code, after.code) == (0, 2)
    assert stamps == {path: path.stat().st_mtime_ns for path in tmp_path.rglob("out/**/*")}


def test_everything_is_reported_at_once(tmp_path: Path, capsys: Capture) -> None:
    """Shape and meaning, in every table, in one run."""
    wrong: Edits = {
        "hots": {},
        "host.initramfs": "drakut",
        f"{GPU}.disableIdleD3": True,
        "lookingGlass.size": "96MiB",
        f"{VM}.memroy": 1,
        f"{VM}.vcpus": 8,
        f"{VM}.cpuTune": {"emulatorPin": "3-1"},
        f"{VM}.networks.0.mac": "52",
        f"{VM}.battery": {"path": "/etc/a"},
    }
    outcome = generate_from(tmp_path, edited(wrong), capsys)
    assert (outcome.code, outcome.files) == (2, None)
    assert f"invalid input, {len(wrong)} problems; nothing was written" in outcome.errors
    for path in ("hots", "host.initramfs", f"{GPU}.disableIdleD3", "lookingGlass.size", f"{VM}.memroy", f"{VM}.vcpus"):
        assert f"  {path}: found" in outcome.errors
    for path in (f"{VM}.cpuTune.emulatorPin", f"{VM}.networks[0].mac", f"{VM}.battery.path"):
        assert f"  {path}: found" in outcome.errors


ARCH: Edits = {"host.distribution": "arch"}  # whose kernel has iommufd
LAYOUT: Edits = {f"{VM}.pci.rootPorts": 0, f"{VM}.pci.ivshmem": "0000:00:10.1"}
LAID_OUT = (f"{VM}.pci.ivshmem", f"{VM}.pci.rootPorts")

FOLLOW_UPS: tuple[tuple[Edits, list[str]], ...] = (
    # A GPU that cannot be read is still declared.
    ({f"{GPU}.functions.0.id": "x"}, [f"{GPU}.functions[0].id"]),
    ({f"{GPU}.functions": []}, [f"{GPU}.functions"]),
    ({f"{GPU}.functions": GONE}, [f"{GPU}.functions"]),
    ({"gpus": 1}, ["gpus"]),
    # With the vendor unknown nobody knows whose features are wrong.
    ({"host.cpuVendor": "AMD", f"{VM}.cpu.require": ["topoext"]}, ["host.cpuVendor"]),
    ({"host.cpuVendor": GONE, f"{VM}.cpu.require": ["topoext"]}, ["host.cpuVendor"]),
    (
        {**ARCH, "host.libvirtVersion": "new", f"{VM}.iommufd": True, "lookingGlass.memory": "shm"},
        ["host.libvirtVersion"],
    ),
    ({"host.distribution": GONE, f"{VM}.iommufd": True, "lookingGlass.memory": "shm"}, ["host.distribution"]),
    # A memory that cannot be read is not the default's.
    (
        {**ARCH, "lookingGlass.memory": "shmem", f"{VM}.iommufd": True, "host.libvirtVersion": "12.2"},
        ["lookingGlass.memory"],
    ),
    # Without its topology the VM has not four vCPUs.
    ({f"{VM}.cpu.topology": 8, f"{VM}.cpuTune": {"vcpuPin": {"15": "1"}}}, [f"{VM}.cpu.topology"]),
    # A disk that cannot be read keeps its place, and the second one's own faults are told by theirs.
    (
        {f"{VM}.disks.0.source": 1, f"{VM}.disks.1.address": "0000:00:05.0"},
        [f"{VM}.disks[0].source", f"{VM}.disks[1].address"],
    ),
    ({f"{VM}.disks.0": 1, f"{VM}.disks.1.address": "0000:00:05.0"}, [f"{VM}.disks[0]", f"{VM}.disks[1].address"]),
    # A misspelt key takes what it was meant for with it.
    (
        {f"{VM}.cpu.topology": GONE, f"{VM}.cpu.topolgy": {}, f"{VM}.cpuTune": {"vcpuPin": {"15": "1"}}},
        [f"{VM}.cpu.topolgy"],
    ),
    ({f"{VM}.tpm": {"model": "crb", "version": "1.2"}}, [f"{VM}.tpm.model"]),
    # A VM with one unusable field still has the rest judged, an unknown GPU among it.
    (
        {f"{VM}.memory": 16, f"{VM}.gpu": "rtx4090", f"{VM}.vcpus": 3, f"{GPU}.bind": "early"},
        [f"{GPU}.bind", f"{VM}.memory", f"{VM}.gpu", f"{VM}.vcpus"],
    ),
    ({f"{VM}.memory": GONE, f"{VM}.disks.1.address": "0000:00:05.0"}, [f"{VM}.memory", f"{VM}.disks[1].address"]),
    # Where devices go is judged by the options that say it, and by no other of the same tables.
    ({**LAYOUT, f"{VM}.disks.0.cache": "nonne"}, [f"{VM}.disks[0].cache", *LAID_OUT]),
    ({**LAYOUT, f"{GPU}.rom.bar": 3}, [f"{GPU}.rom.bar", *LAID_OUT]),
    ({**LAYOUT, f"{VM}.sound.modle": "usb"}, [f"{VM}.sound.modle", *LAID_OUT]),
    ({**LAYOUT, "lookingGlass.size": "big"}, ["lookingGlass.size", *LAID_OUT]),
    ({**LAYOUT, f"{VM}.disks.0.bus": "vritio"}, [f"{VM}.disks[0].bus"]),
    ({**LAYOUT, f"{GPU}.functions.0.address": "x"}, [f"{GPU}.functions[0].address"]),
    # But what has nothing to do with it is said.
    ({"host.cpuVendor": "AMD", f"{VM}.vcpus": 3}, ["host.cpuVendor", f"{VM}.vcpus"]),
    ({f"{GPU}.functions": [], f"{VM}.vcpus": 3}, [f"{GPU}.functions", f"{VM}.vcpus"]),
    (
        {f"{VM}.cpu.topology": 8, "vms.B": {"memory": "1GiB", "cpuTune": {"vcpuPin": {"4": "1"}}}},
        [f"{VM}.cpu.topology", "vms.B.cpuTune.vcpuPin.4"],
    ),
)


@pytest.mark.parametrize(("edits", "paths"), FOLLOW_UPS, ids=[" ".join(paths) for _, paths in FOLLOW_UPS])
def test_causes_are_named_not_what_follows(edits: Edits, paths: list[str]) -> None:
    assert [problem.path for problem in _problems(edited(edits))] == paths


def test_bound_but_not_passed_only_warns(tmp_path: Path, capsys: Capture) -> None:
    outcome = generate_from(tmp_path, edited({f"{GPU}.functions.1.passThrough": False}), capsys, facts=True)
    assert outcome.code == 0
    assert f"warning: {GPU}.functions[1].passThrough: found bound, not passed" in outcome.errors
    assert "warning" not in generate_from(tmp_path, edited({}), capsys, facts=True).errors


def test_the_rule_of_two_frames_only_warns(tmp_path: Path, capsys: Capture) -> None:
    outcome = generate_from(tmp_path, edited({"lookingGlass.sizeRule": "two-frames"}), capsys)
    assert outcome.code == 0
    assert "warning: lookingGlass.sizeRule: found 64MiB" in outcome.errors
    assert "at least 73.28 MiB" in outcome.errors


def test_facts_are_input_too(tmp_path: Path, capsys: Capture) -> None:
    config, facts = tmp_path / "config.json", tmp_path / "facts.json"
    config.write_text(json.dumps(edited({})))
    facts.write_text(json.dumps({"memory": 32, "cpu": {"vendor": "arm"}, "devices": [{"id": "x"}]}))
    outcome = generate(tmp_path, config, capsys, "--facts", str(facts))
    assert (outcome.code, outcome.files) == (2, None)
    for path in ("facts.memory", "facts.cpu.vendor", "facts.devices[0].id", "facts.devices[0].address"):
        assert f"  {path}: found" in outcome.errors
    facts.write_text(json.dumps({"memory": "32GiB", "cpu": {"vendor": "intel"}}))
    assert generate(tmp_path, config, capsys, "--facts", str(facts)).code == 0


def test_what_is_wrong_with_the_facts_hides_nothing_of_the_configuration(tmp_path: Path, capsys: Capture) -> None:
    """Problems of both files at once, and none that only follows from the facts."""
    config, facts = tmp_path / "config.json", tmp_path / "facts.json"
    config.write_text(json.dumps(edited({"host": {}, f"{VM}.vcpus": 3})))
    facts.write_text(json.dumps({"distribution": "debain", "cpu": {"vendor": "arm"}}))
    outcome = generate(tmp_path, config, capsys, "--facts", str(facts))
    found = [line.partition(": found")[0].strip() for line in outcome.errors.splitlines() if ": found" in line]
    assert found == ["facts.distribution", "facts.cpu.vendor", f"{VM}.vcpus"]
