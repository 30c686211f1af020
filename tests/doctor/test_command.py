"""``optimux doctor``: exit codes, and what each output says of what is broken, unseen, and holds."""

from __future__ import annotations

import io
import json
import tarfile
import tomllib
import xml.etree.ElementTree as ElementTree
from typing import TYPE_CHECKING

import pytest
from rich.console import Console

from lab import CHECKOUT
from optimux.cli import run
from optimux.cli.doctor_picture import picture
from optimux.host.doctor import checks
from optimux.host.doctor.findings import report_of
from tests.doctor import cases
from tests.doctor.machine import CONFIG, config, report, tree

if TYPE_CHECKING:
    from pathlib import Path

    from tests.doctor.machine import Members

    Capture = pytest.CaptureFixture[str]

BAD: Members = {"/dev/kvmfr0": "QEMU's\n", cases.DMESG: None, cases.CMDLINE: "vfio-pci-ids=10de:2520\n"}
OLD: Members = {"/var/log/dmesg.0": "[    1.000000] nouveau 0000:01:00.0: NVIDIA GA106\n"}


def lines(place: Path, *arguments: str, changes: Members | None = None) -> list[str]:
    return ["doctor", config(place), "--root", tree(place, changes), *arguments]


@pytest.mark.parametrize(
    ("changes", "options", "code"),
    [
        ({}, (), 0),
        ({}, ("--strict",), 0),
        (BAD, (), 1),
        ({cases.DMESG: None}, (), 0),
        ({cases.DMESG: None}, ("--strict",), 1),
        ({}, ("--vm", "win11"), 0),
        ({}, ("--vm", "other"), 2),
        ({}, ("--json", "--junit"), 2),
        (OLD, ("--previous-boot",), 1),
    ],
)
def test_exit_code(changes: Members, options: tuple[str, ...], code: int, tmp_path: Path) -> None:
    assert run(lines(tmp_path, *options, changes=changes)) == code


def test_json(tmp_path: Path, capsys: Capture) -> None:
    assert run(lines(tmp_path, "--json", changes=BAD)) == 1
    data = json.loads(capsys.readouterr().out)
    found = {(check["check"], check["subject"]): check for check in data["checks"]}
    assert found["kvmfr.device", "/dev/kvmfr0"]["outcome"] == "broken"
    assert found["kvmfr.device", "/dev/kvmfr0"]["command"].startswith("rm /dev/kvmfr0")
    assert data["counts"] == {
        outcome: sum(check["outcome"] == outcome for check in data["checks"])
        for outcome in ("holds", "broken", "unseen")
    }
    unseen = [check for check in data["checks"] if check["outcome"] == "unseen"]
    assert {check["where"] for check in unseen} == {cases.DMESG}
    assert {"driver.since", "log.faults", "power.back"} <= {check["check"] for check in unseen}


def test_junit(tmp_path: Path, capsys: Capture) -> None:
    """What is unseen is skipped, not passed."""
    run(lines(tmp_path, "--junit", changes={**BAD, "/etc/group": "kvm:x:104:\x1b<&>\n"}))
    suites = ElementTree.fromstring(capsys.readouterr().out)
    found = suites.findall(".//testcase")
    failed = [case.get("classname") for case in found if case.find("failure") is not None]
    assert "doctor.kvmfr.device" in failed
    assert "doctor.driver.since" in [case.get("classname") for case in found if case.find("skipped") is not None]
    assert (suites.get("tests"), suites.get("failures")) == (str(len(found)), str(len(failed)))


def test_what_is_broken_comes_first(tmp_path: Path, capsys: Capture) -> None:
    run(lines(tmp_path, changes=BAD))
    said = capsys.readouterr().out.splitlines()
    assert said[1].startswith("Looked at by ")
    assert "broken" in said[1] or "broken" in said[2]
    text = "\n".join(said)
    assert text.index("Next:") < text.index("commandLine.spelling") < text.index("Cannot be seen") < text.index("Holds")


def test_everything_holds(tmp_path: Path, capsys: Capture) -> None:
    assert run(lines(tmp_path, "--all")) == 0
    said = capsys.readouterr().out
    assert "Everything holds." in said
    assert "vfio-pci at 1.2 s, and nobody before" in said


@pytest.mark.parametrize("width", [60, 100, 200])
@pytest.mark.parametrize("changes", [{}, BAD], ids=["good", "bad"])
def test_it_fits(changes: Members, width: int, tmp_path: Path) -> None:
    file = io.StringIO()
    drawn = picture(report(tmp_path, changes), show_all=True)
    Console(file=file, width=width, highlight=False).print(drawn)
    assert max(map(len, file.getvalue().splitlines())) <= width
    assert "…" not in file.getvalue()


def test_without_a_configuration(tmp_path: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    """The cards that the machine shows; and that apply's copy is found."""
    monkeypatch.chdir(tmp_path)
    assert run(["doctor", "--root", tree(tmp_path)]) == 0
    assert "without a configuration" in capsys.readouterr().out
    kept = {"/etc/optimux/optimux.toml": (CONFIG.read_text(encoding="utf-8")), **BAD}
    assert run(["doctor", "--root", tree(tmp_path, kept)]) == 1
    assert "by /etc/optimux/optimux.toml" in capsys.readouterr().out
    assert run(["doctor", "--vm", "win11", "--root", tree(tmp_path)]) == 2
    as_json = json.dumps(tomllib.loads(CONFIG.read_text(encoding="utf-8")))
    assert run(["doctor", "--root", tree(tmp_path, {"/etc/optimux/optimux.json": as_json})]) == 0
    assert "by /etc/optimux/optimux.json" in capsys.readouterr().out


@pytest.mark.parametrize("kept", ["host = 1\n", "= no TOML"])
def test_a_kept_configuration_that_is_wrong(
    kept: str, tmp_path: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run(["doctor", "--root", tree(tmp_path, {"/etc/optimux/optimux.toml": kept})]) == 2
    assert "invalid input" in capsys.readouterr().err


def test_a_configuration_for_another_machine(tmp_path: Path) -> None:
    """It is right by itself: the machine is looked at all the same."""
    found = report(tmp_path, {f"{cases.CARD}/device": "0x249d\n"})
    assert [(result.key, result.subject) for result in found.broken] == [("plan.fits", "gpus.dgpu.functions[0].id")]
    assert "driver.now" in {result.key for result in found.results}


def test_the_boot_before(tmp_path: Path) -> None:
    """Only what its log can answer."""
    found = report(tmp_path, OLD, previous=True)
    assert [(result.key, result.subject) for result in found.broken] == [("driver.since", "0000:01:00.0")]
    assert {result.key for result in found.unseen} == {"commandLine.parameters", "commandLine.spelling"}
    assert "reset.done" in {result.key for result in found.results}
    assert "kvmfr.device" not in {result.key for result in found.results}


JOURNALCTL = """#!/bin/sh
echo "$@" >>"$CALLS"
echo "[    0.000000] host kernel: Linux version 6.12"
echo "[    0.100000] host kernel: Command line: intel_iommu=on iommu=pt"
echo "[    1.000000] host kernel: nouveau 0000:01:00.0: NVIDIA GA106"
echo "[    2.000000] host audit[9]: AVC apparmor=\\"STATUS\\""
"""


@pytest.mark.parametrize(("options", "boot"), [((), "--boot=0"), (("--previous-boot",), "--boot=-1")])
def test_a_folders_own_journal(
    options: tuple[str, ...], boot: str, tmp_path: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """journalctl is asked for the folder's journal and for no other."""
    folder = tmp_path / "tree"
    with tarfile.open(tree(tmp_path, {"/dev/kvm": None, "/dev/kvmfr0": None, "/dev/null": None})) as tar:
        tar.extraction_filter = lambda member, path: member  # by name only Python 3.11.4 and newer have it
        tar.extractall(folder)
    (folder / "var/log/journal/0123").mkdir(parents=True)
    program = tmp_path / "bin" / "journalctl"
    program.parent.mkdir()
    program.write_text(JOURNALCTL)
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:/usr/bin:/bin")
    monkeypatch.setenv("CALLS", str(tmp_path / "calls"))
    assert run(["doctor", config(tmp_path), "--root", str(folder), "--json", *options]) == 1
    found = json.loads(capsys.readouterr().out)["checks"]
    since = [check for check in found if check["check"] == "driver.since" and check["subject"] == "0000:01:00.0"]
    assert since[0]["seen"] == "nouveau at 1.0 s, vfio-pci never"
    (call,) = (tmp_path / "calls").read_text().splitlines()
    assert boot in call.split()
    assert f"--directory={folder}/var/log/journal" in call.split()


def test_every_check_is_documented() -> None:
    text = (CHECKOUT / "docs" / "doctor.md").read_text(encoding="utf-8")
    missing = [f"| `{check.key}` | {check.wanted} |" for check in checks()]
    assert [line for line in missing if line not in text] == []


@pytest.mark.parametrize(
    ("distribution", "there", "command"),
    [
        ("debian", "config", "optimux apply {config}"),
        ("debian", "optimux.toml", "optimux apply"),
        ("nixos", "config", "nixos-rebuild switch"),
    ],
)
def test_the_remedy_names_what_brings_this_host_to_the_plan(
    distribution: str, there: str, command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    edits = (('distribution = "debian"\ninitramfs = "initramfs-tools"', f'distribution = "{distribution}"'),)
    path = config(tmp_path, *(edits if distribution == "nixos" else ()))
    monkeypatch.chdir(tmp_path)
    place = tree(tmp_path, {cases.CMDLINE: "quiet\n", "/etc/os-release": f"ID={distribution}\n"})
    found = report_of(path if there == "config" else None, None, place, previous=False)
    (result,) = [result for result in found.broken if result.key == "commandLine.parameters"]
    assert result.command == command.format(config=path)


def test_a_name_in_a_command_is_one_word(tmp_path: Path) -> None:
    """What a remedy says is pasted into a shell."""
    name = "Windows 11; reboot"
    qemu = cases.qemu("Failed to assign irq")["/var/log/libvirt/qemu/win11.log"]
    changes: Members = {
        f"/var/log/libvirt/qemu/{name}.log": str(qemu).replace("Failed to assign irq", "swtpm died"),
        "/etc/libvirt/qemu/networks/default.xml": None,
    }
    found = report(tmp_path, changes, [('name = "win11"', f'name = "{name}"')])
    commands = {result.key: result.command for result in found.broken}
    assert commands["domain.log"] == f"tail /var/log/swtpm/libvirt/qemu/'{name}'-swtpm.log"
    assert commands["libvirt.networks"] == "virsh net-define default.xml && virsh net-start default"
