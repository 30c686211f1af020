"""Every check holds on a machine that works, and is broken, for the stated reason, on one that does not.

What each says is kept in ``results.txt`` to the letter: evidence, remedy and command are a user's next step.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from optimux.emit.boot_loader.cmdline import AFTER_IMAGE, LATER
from optimux.facts.detect.tools import FILES
from optimux.host.doctor import BROKEN, HOLDS, UNSEEN, checks
from optimux.host.doctor.areas.command_line import misspelt
from optimux.host.doctor.areas.guest import PROBLEMS
from optimux.host.doctor.known import known
from tests.doctor import cases
from tests.doctor.further import confined, guest, host, placed
from tests.doctor.hook import hook_of, other_hook
from tests.doctor.machine import GUEST, IMAGE, report, results_of
from tests.letters import compare, sections

if TYPE_CHECKING:
    from collections.abc import Iterable

    from optimux.host.doctor.check import Result
    from tests.doctor.further import Further
    from tests.doctor.machine import Members

RESULTS = Path(__file__).parent / "results.txt"
CHECKS = {check.key: check for check in checks()}
# What Windows can say of a device, and a code that it may add.
DEVICES = "\n".join(f"device {code} code-{code}" for code in (*sorted(PROBLEMS), 999))
TWINS = [
    *(
        pytest.param(key, case, id=f"{key}-{number}")
        for key, found in cases.BROKEN.items()
        for number, case in enumerate(found)
    ),
    pytest.param("guest.report", ({**cases.RUNS, GUEST: DEVICES}, (), "code-"), id="guest.report-codes"),
]


def told(results: Iterable[Result], place: Path) -> str:
    """All that is said; a folder of this run's own has no name."""
    lines = []
    for result in results:
        parts = {"at": result.where, "of": result.subject, "do": result.remedy, "run": result.command}
        lines += [f"{result.outcome}: {result.seen}", *(f"  {key} {text}" for key, text in parts.items() if text)]
    return "\n".join(lines).replace(str(place), "PLACE")


def test_every_check_has_both_twins() -> None:
    assert set(CHECKS) == set(cases.BROKEN)
    assert set(cases.HOLDS) | set(cases.UNSEEN) <= set(CHECKS)


def test_no_key_stands_twice() -> None:
    assert len(CHECKS) == len(checks())


def test_everything_holds_on_a_machine_that_works(tmp_path: Path) -> None:
    found = report(tmp_path)
    assert [(result.key, result.seen) for result in (*found.broken, *found.unseen)] == []


@pytest.mark.parametrize("key", CHECKS)
def test_holds(key: str, tmp_path: Path, update_golden: bool) -> None:
    changes, edits = cases.HOLDS.get(key, ({}, ()))
    results = results_of(CHECKS[key], tmp_path, changes, edits)
    assert {result.outcome for result in results} == {HOLDS}, results
    compare(RESULTS, f"{key} holds", told(results, tmp_path), update=update_golden)


def test_a_hook_beside_an_earlier_one_is_called(tmp_path: Path) -> None:
    """libvirtd keeps whether there is any."""
    changes = {**hook_of(1360), **other_hook(0o755, 1200)}
    (result,) = results_of(CHECKS["hook.seen"], tmp_path, changes, cases.ON_DEMAND)
    assert (result.outcome, result.seen) == (HOLDS, "libvirtd has looked since, for /etc/libvirt/hooks/qemu.d/aaa")


@pytest.mark.parametrize(("key", "case"), TWINS)
def test_broken(
    key: str, case: cases.Case, tmp_path: Path, update_golden: bool, request: pytest.FixtureRequest
) -> None:
    changes, edits, said = case
    results = results_of(CHECKS[key], tmp_path, changes, edits)
    compare(RESULTS, request.node.callspec.id, told(results, tmp_path), update=update_golden)
    found = [r for r in results if r.outcome == BROKEN]
    assert found
    assert said in found[0].seen
    assert found[0].where
    assert found[0].remedy


@pytest.mark.parametrize("key", cases.UNSEEN)
def test_unseen(key: str, tmp_path: Path, update_golden: bool) -> None:
    changes, edits, said = cases.UNSEEN[key]
    results = results_of(CHECKS[key], tmp_path, changes, edits)
    compare(RESULTS, f"{key} unseen", told(results, tmp_path), update=update_golden)
    assert [result.outcome for result in results] == [UNSEEN]
    assert said in results[0].seen


def _further() -> dict[str, Further]:
    """Every further case, by its check and its own name."""
    named = {**vars(host), **vars(confined), **vars(guest), **vars(placed)}
    tables = [value for name, value in named.items() if name.isupper() and _is_table(value)]
    return {f"{case[0]}: {name}": case for table in tables for name, case in table.items()}


def _is_table(value: object) -> bool:
    return isinstance(value, dict) and all(isinstance(case, tuple) and len(case) == 4 for case in value.values())


@pytest.mark.parametrize(("key", "changes", "edits", "said"), _further().values(), ids=_further())
def test_further(
    key: str,
    changes: Members,
    edits: cases.Edits | None,
    said: str,
    tmp_path: Path,
    update_golden: bool,
    request: pytest.FixtureRequest,
) -> None:
    found = told(results_of(CHECKS[key], tmp_path, changes, edits), tmp_path)
    assert found.startswith(said)
    if said:
        compare(RESULTS, request.node.callspec.id, found, update=update_golden)
    else:
        assert found == ""


def test_what_each_check_is_for(update_golden: bool) -> None:
    words = [f"{c.key}{' (of the log)' if c.of_log else ''}: {c.wanted}\n  {c.why}" for c in checks()]
    compare(RESULTS, "checks", "\n".join(words), update=update_golden)


def test_nothing_is_kept_of_no_case() -> None:
    headings = {f"{key} holds" for key in CHECKS} | {f"{key} unseen" for key in cases.UNSEEN} | {"checks"}
    further = {name for name, (*_, said) in _further().items() if said}
    assert set(sections(RESULTS)) == headings | {str(twin.id) for twin in TWINS} | further


WORDS = """intel_iommu amd_iommu amd_iommu_intr amd_iommu_dump iommu iommu.passthrough iommu.strict iommu.forcedac
vfio_pci.disable_vga vfio_pci.disable_idle_d3 vfio_pci.nointxmask vfio_pci.enable_sriov vfio_pci.disable_denylist
vfio_iommu_type1.allow_unsafe_interrupts vfio_iommu_type1.disable_hugepages vfio_iommu_type1.dma_entry_limit
vfio.enable_unsafe_noiommu_mode kvmfr.static_size_mb initcall_blacklist module_blacklist modprobe.blacklist
rd.driver.pre rd.driver.blacklist rd.driver.post pcie_acs_override pcie_aspm pcie_port_pm hugepages hugepagesz
default_hugepagesz transparent_hugepage kvm.ignore_msrs kvm.report_ignored_msrs kvm_intel.nested kvm_amd.nested
kvm_amd.avic"""


@pytest.mark.parametrize("word", WORDS.split())
def test_a_word_that_the_kernel_knows(word: str) -> None:
    """It is no misspelling itself; with two letters changed round it is one, where passthrough is spoken of."""
    assert misspelt(f"{word}=on") is None
    assert misspelt(f"{word.replace('_', '-')}=on") is None
    turned = f"{word[:-2]}{word[-1]}{word[-2]}"
    said = misspelt(f"{turned}=on")
    assert said is None or said[1].removesuffix("=on") in WORDS.split()
    assert said is not None or re.search("vfio|iommu|kvmfr|hugepage", turned) is None


# A machine on which nothing is there that a check could look at.
ELSEWHERE: Members = {cases.GPU: None, cases.SOUND: None, IMAGE: None}
OF_THE_CARD = ("card.", "driver.", "power.", "reset.", "initramfs.content", "iommu.given", "iommu.group")


def test_nothing_holds_of_what_is_not_there(tmp_path: Path) -> None:
    """A card that is missing is said to be; no check is content with having seen none of it."""
    found = report(tmp_path, ELSEWHERE)
    content = [result for result in found.having(HOLDS) if result.key.startswith(OF_THE_CARD)]
    of_the_log = [result for result in content if result.where == cases.DMESG]
    assert [result.key for result in content if result not in of_the_log] == []
    assert {result.key for result in found.broken} >= {"plan.fits", "iommu.given"}


def test_every_tool_that_is_known_lets_go() -> None:
    assert {tool for tool, _ in FILES} <= set(known()["letGo"])


def test_what_is_known_has_a_pattern_that_compiles() -> None:
    for entry in (*known()["harmless"], *known()["causes"]):
        assert re.compile(entry["pattern"])


@pytest.mark.parametrize(
    ("card", "family"),
    [("67df", "Polaris"), ("687f", "Vega"), ("731f", "Navi 10, 12 or 14"), ("73bf", None), ("7550", None)],
)
def test_families_that_do_not_reset(card: str, family: str | None, tmp_path: Path) -> None:
    """RX 580, Vega 64, RX 5700 XT; not RX 6800 XT, nor RX 9070."""
    changes: Members = {f"{cases.CARD}/vendor": "0x1002\n", f"{cases.CARD}/device": f"0x{card}\n"}
    (result,) = results_of(CHECKS["reset.method"], tmp_path, changes, [("10de:2520", f"1002:{card}")])
    assert (result.outcome == BROKEN) == (family is not None)
    assert family is None or family in result.seen


@pytest.mark.parametrize(
    ("there", "edits", "seen"),
    [
        (
            {f"{cases.ENTRIES}/1-6.12{end}.conf": cases.LINUX for end in ("", "-optimux-off")}
            | {f"{cases.ENTRIES}/windows.conf": cases.OTHERS},
            cases.BY_ENTRIES,
            "one beside each of 1",
        ),
        (
            {f"{cases.IMAGES}/{name}.efi": "MZ" for name in ("1-6.9", "1-6.12+2-1", "1-6.12-optimux-off")},
            cases.BY_IMAGES,
            "1-6.12-optimux-off.efi",
        ),
    ],
)
def test_the_way_back_of_other_loaders(there: Members, edits: cases.Edits, seen: str, tmp_path: Path) -> None:
    (result,) = results_of(CHECKS["bootLoader.fallback"], tmp_path, there, edits)
    assert (result.outcome, result.seen) == (HOLDS, seen)


@pytest.mark.parametrize(
    ("plugin", "command"),
    [(LATER, "update-initramfs -u -k all"), (AFTER_IMAGE, "update-initramfs -u -k all"), ("", "optimux apply")],
)
def test_how_a_later_image_gets_its_way_back(plugin: str, command: str, tmp_path: Path) -> None:
    there = {f"{cases.IMAGES}/1-6.12+3.efi": "MZ", **({plugin: "#!/bin/sh\n"} if plugin else {})}
    (result,) = results_of(CHECKS["bootLoader.fallback"], tmp_path, there, cases.BY_IMAGES)
    assert (result.outcome, result.seen) == (BROKEN, "none beside 1-6.12.efi")
    assert command in result.command


@pytest.mark.parametrize(("end", "outcome"), [("~Module signature appended~\n", HOLDS), ("", BROKEN)])
@pytest.mark.parametrize("packed", ["", ".gz", ".xz", ".zst"])
def test_a_modules_signature_however_it_is_packed(packed: str, end: str, outcome: str, tmp_path: Path) -> None:
    """What the distributions' own programs make of it; cut off, it says nothing."""
    program = {"": "cat", ".gz": "gzip", ".xz": "xz", ".zst": "zstd"}[packed]
    if shutil.which(program) is None:
        pytest.skip(f"no {program} here")
    data = subprocess.run([program], input=f"ELF{end}".encode(), capture_output=True, check=True).stdout
    path = cases.KVMFR.replace(".xz", packed)
    dep = f"updates/dkms/kvmfr.ko{packed}:\n"
    there = {**cases.SIGNING, f"{cases.MODULES}/modules.dep": dep, path: data}
    (result,) = results_of(CHECKS["modules.signed"], tmp_path, there)
    assert (result.outcome, result.where) == (outcome, path)
    if packed:
        (result,) = results_of(CHECKS["modules.signed"], tmp_path, {**there, path: data[:-6]})
        assert result.outcome == UNSEEN


def test_a_modules_signature_without_the_program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    path = cases.KVMFR.replace(".xz", ".zst")
    there = {**cases.SIGNING, f"{cases.MODULES}/modules.dep": "updates/dkms/kvmfr.ko.zst:\n", path: b"\x28\xb5\x2f\xfd"}
    (result,) = results_of(CHECKS["modules.signed"], tmp_path, there)
    assert (result.outcome, "without the program zstd" in result.seen) == (UNSEEN, True)
