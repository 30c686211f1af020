"""``optimux verify`` as a person and a program use it."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

import pytest

from optimux.acpi.battery import battery_table
from optimux.cli import main
from optimux.vm.errors import VmError
from optimux.vm.verify.host_device import host_device
from tests.vm.subjects import EXAMPLE, subject

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.usefixtures("qemu")


def _run(capfd: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as left:
        main(["verify", str(EXAMPLE), *words])
    out, err = capfd.readouterr()
    code = left.value.code
    return (code if isinstance(code, int) else 0), out, err


@pytest.fixture
def temporary(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Where the run's own folder is made."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    return tmp_path


def test_all_is_well(capfd: pytest.CaptureFixture[str], temporary: Path) -> None:
    code, out, err = _run(capfd)
    assert code == 0
    assert out.startswith("Windows11: Firmware level, SeaBIOS\n  ok     SeaBIOS boots: tables in memory after ")
    assert out.count("  ok ") == 8
    assert "FAILED" not in out
    assert "8 checks passed, 0 failed" in err
    assert list(temporary.iterdir()) == []


def test_findings_for_a_program(capfd: pytest.CaptureFixture[str], temporary: Path) -> None:
    code, out, _ = _run(capfd, "--json")
    result = json.loads(out)
    assert code == 0
    assert (result["passed"], result["logs"]) == (True, None)
    assert [(level["vm"], level["level"]) for level in result["levels"]] == [
        ("Windows11", "host"),
        ("Windows11", "seabios"),
    ]
    assert {check["state"] for level in result["levels"] for check in level["checks"]} == {"passed"}


def test_logs_are_kept(capfd: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    _, _, err = _run(capfd, "--keep", str(tmp_path / "logs"))
    assert f"logs: {tmp_path}/logs" in err
    names = {path.name for path in (tmp_path / "logs/Windows11-seabios").iterdir()}
    assert names >= {"command.txt", "qemu.log", "qmp.log", "console.log", "battery.aml"}


def test_a_failure_keeps_its_logs_and_exits_with_1(
    capfd: pytest.CaptureFixture[str], temporary: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The emitter loses the last byte of the table."""
    monkeypatch.setattr("optimux.emit.bundle.battery_table", lambda battery: battery_table(battery)[:-1] + b"\0")
    code, out, err = _run(capfd)
    assert code == 1
    assert "  FAILED battery table: SSDT OPTMUX/BATTERY differs in the checksum" in out
    assert "7 checks passed, 1 failed" in err
    (folder,) = temporary.iterdir()
    assert f"logs: {folder}" in err
    assert (folder / "Windows11-seabios/qmp.log").exists()


def test_a_machine_that_dies_is_a_finding(
    capfd: pytest.CaptureFixture[str], temporary: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake = temporary / "qemu"
    fake.write_text("#!/bin/sh\necho no luck >&2; exit 3\n")
    fake.chmod(0o755)
    monkeypatch.setenv("OPTIMUX_QEMU", str(fake))
    code, out, err = _run(capfd, "--json")
    (check,) = json.loads(out)["levels"][1]["checks"]
    assert code == 1
    assert (check["name"], check["state"]) == ("machine", "failed")
    assert check["found"] == "QEMU ended at once: no luck"
    assert "exited with 3" in err
    assert "exited with 3" in json.loads(out)["levels"][1]["details"]


def test_a_level_that_cannot_run_does_not_end_the_others(
    capfd: pytest.CaptureFixture[str], temporary: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def none(qemu: str) -> None:
        raise VmError("no UEFI firmware for QEMU", "Install it.")

    monkeypatch.setattr("optimux.vm.verify.firmware_level.find_ovmf", none)
    two = EXAMPLE.with_name("two-vms-one-gpu.toml")
    with pytest.raises(SystemExit) as left:
        main(["verify", str(two), "--firmware", "both", "--json"])
    levels = {(level["vm"], level["level"]): level["checks"] for level in json.loads(capfd.readouterr().out)["levels"]}
    assert left.value.code == 1
    keys = {vm for vm, _ in levels}
    assert len(keys) == 2
    for key in keys:
        assert "passed" in {check["state"] for check in levels[key, "seabios"]}
        assert "failed" not in {check["state"] for check in levels[key, "seabios"]}
    states = [(check["state"], check["found"]) for key in keys for check in levels[key, "ovmf"]]
    assert sorted(states) == [
        ("failed", "no UEFI firmware for QEMU"),
        ("skipped", "not looked at: this level cannot run here, see above"),
    ]


def test_a_folder_that_cannot_be(capfd: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    code, out, err = _run(capfd, "--keep", str(tmp_path / "file"))
    assert (code, out) == (2, "")
    assert "--keep: found" in err


def test_an_unknown_vm_is_invalid_input(capfd: pytest.CaptureFixture[str]) -> None:
    code, _, err = _run(capfd, "--vm", "nope")
    assert code == 2
    assert "Windows11" in err


def test_a_regular_file_in_kvmfrs_place_is_named(tmp_path: Path) -> None:
    memory = subject().memory
    assert memory is not None
    device = tmp_path / "kvmfr0"
    assert list(host_device(memory.replace(path=str(device)))) == []
    device.write_bytes(b"")
    (check,) = host_device(memory.replace(path=str(device)))
    assert check.state == "failed"
    assert "is a regular file: QEMU made it because the module kvmfr was not loaded" in check.found
    assert f"remove {device}, load kvmfr" in check.remedy
    (check,) = host_device(memory.replace(path="/dev/null"))
    assert check.state == "passed"


def test_a_stale_file_of_another_size_is_named(tmp_path: Path) -> None:
    memory = subject(memory="shm").memory
    assert memory is not None
    file = tmp_path / "looking-glass"
    file.write_bytes(b"")
    assert list(host_device(memory.replace(path=str(file)))) == []
    os.truncate(file, 64 << 20)
    (check,) = host_device(memory.replace(path=str(file)))
    assert check.state == "failed"
    assert "has 67108864 bytes, planned is 128MiB" in check.found
