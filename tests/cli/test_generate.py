"""``optimux generate`` as users and programs call it."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
from pathlib import Path

import pytest

from optimux.bundle.index import INDEX
from optimux.cli import run
from tests.cli.command import EXAMPLE, OTHER, command, contents, environment, optimux_process, state

Capture = pytest.CaptureFixture[str]


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "out"


def _generate(out: Path, *options: str, config: str = EXAMPLE) -> int:
    return run(["generate", config, "-o", str(out), *options])


def test_results_on_standard_output_the_rest_on_standard_error(out: Path, capsys: Capture) -> None:
    assert _generate(out) == 0
    said = capsys.readouterr()
    assert said.out.splitlines() == [str(out / path) for path in sorted(contents(out))]
    unchecked = (
        "not checked against a machine: ids, IOMMU groups, users, memory and versions; "
        "--here looks at this machine, --facts FILE at what was recorded of another\n"
    )
    assert said.err == unchecked + (
        "planned for debian, libvirt 11.3, QEMU 10.0, Linux 6.12\n"
        f"wrote {len(contents(out))} files to {out}; INSTALL.md there says what comes next\n"
    )
    assert _generate(out) == 0
    assert capsys.readouterr().err == unchecked + f"{out} is up to date: {len(contents(out))} files\n"


def test_json_is_what_is_on_the_disk(out: Path, capsys: Capture) -> None:
    assert _generate(out, "--json", config=OTHER) == 0
    said = capsys.readouterr()
    result = json.loads(said.out)
    assert result["folder"] == str(out)
    found = {
        path: (f"{(out / path).stat().st_mode & 0o7777:04o}", hashlib.sha256(content).hexdigest())
        for path, content in contents(out).items()
    }
    assert {file["path"]: (file["mode"], file["sha256"]) for file in result["files"]} == found
    assert [warning["path"] for warning in result["warnings"]] == [
        line.split(": ")[1] for line in said.err.splitlines() if line.startswith("warning: ")
    ]
    assert result["warnings"]


class TestCheck:
    """``--check``: nothing is written; 0 when current, else 1 and a difference that people can read."""

    def test_current(self, out: Path, capsys: Capture) -> None:
        _generate(out)
        before = state(out)
        capsys.readouterr()
        assert _generate(out, "--check") == 0
        said = capsys.readouterr()
        assert said.out == ""
        assert "is up to date" in said.err
        assert state(out) == before

    def test_missing(self, out: Path, capsys: Capture) -> None:
        assert _generate(out, "--check") == 1
        assert not out.exists()
        assert "+# Installing on this host" in capsys.readouterr().out

    def test_changed(self, out: Path, capsys: Capture) -> None:
        _generate(out)
        ini, hook, table = (
            out / "host/etc/looking-glass-client.ini",
            out / "host/etc/initramfs-tools/hooks/optimux",
            out / "acpi/Windows11.aml",
        )
        ini.write_text("mine\n")
        hook.chmod(0o644)
        table.write_bytes(b"\xff\xfe")
        (out / "host/manifest.json").unlink()
        before = state(out)
        capsys.readouterr()
        assert _generate(out, "--check") == 1
        said = capsys.readouterr()
        assert state(out) == before
        assert "--- written/host/etc/looking-glass-client.ini\n" in said.out
        assert "\n-mine\n" in said.out
        assert "host/etc/initramfs-tools/hooks/optimux: permissions are not 0755\n" in said.out
        assert "Binary file acpi/Windows11.aml differs: 2 and " in said.out
        assert "--- written/host/manifest.json\n" in said.out
        assert "is not up to date; run again without --check" in said.err

    def test_another_configuration(self, out: Path, capsys: Capture) -> None:
        _generate(out, config=OTHER)
        capsys.readouterr()
        assert _generate(out, "--check") == 1
        said = capsys.readouterr().out
        assert f"Only in {out}: nixos/optimux.nix (no longer generated)\n" in said

    def test_the_index_of_somebody_else(self, out: Path, capsys: Capture) -> None:
        """A listed path outside of the folder is neither read nor named."""
        _generate(out)
        index = json.loads((out / INDEX).read_text())
        index["files"]["../../../etc/passwd"] = "0" * 64
        (out / INDEX).write_text(json.dumps(index))
        assert _generate(out, "--check") == 0
        assert "passwd" not in capsys.readouterr().out


def test_regeneration_removes_what_is_no_longer_generated(out: Path) -> None:
    _generate(out)
    _generate(out, config=OTHER)
    assert not (out / "host").exists()
    assert (out / "nixos/optimux.nix").exists()
    _generate(out)
    assert not (out / "nixos").exists()


def test_a_changed_file_is_refused(out: Path, capsys: Capture) -> None:
    _generate(out)
    (out / "INSTALL.md").write_text("mine")
    capsys.readouterr()
    assert _generate(out, config=OTHER) == 1
    assert "  INSTALL.md\n" in capsys.readouterr().err
    assert (out / "INSTALL.md").read_text() == "mine"
    assert _generate(out, "--force", config=OTHER) == 0
    assert not (out / "INSTALL.md").exists()


def test_same_input_same_bytes(tmp_path: Path) -> None:
    """Whatever the time zone, the language, the host's name, the order of hashes, or the folder."""
    surroundings = (
        {"TZ": "UTC", "LANG": "C", "LC_ALL": "C", "PYTHONHASHSEED": "0"},
        {"TZ": "Pacific/Kiritimati", "LANG": "tr_TR.UTF-8", "LC_ALL": "C.UTF-8", "PYTHONHASHSEED": "4242"},
        {"HOSTNAME": "other", "HOME": "/nonexistent", "USER": "nobody", "PYTHONHASHSEED": "7", "COLUMNS": "20"},
    )
    results = []
    for number, surrounding in enumerate(surroundings):
        cwd = tmp_path / str(number) / "somewhere"
        cwd.mkdir(parents=True)
        process = optimux_process("generate", EXAMPLE, "-o", f"out-{number}", cwd=cwd, changes=surrounding)
        assert process.returncode == 0, process.stderr
        results.append(state(cwd / f"out-{number}"))
    assert results[0] == results[1] == results[2]


def test_standard_input_and_the_working_folder(tmp_path: Path) -> None:
    process = optimux_process("generate", "-", "-o", ".", cwd=tmp_path, given=Path(EXAMPLE).read_bytes())
    assert process.returncode == 0, process.stderr
    assert process.stdout.startswith(b"INSTALL.md\n")
    assert (tmp_path / "INSTALL.md").exists()


def test_the_shell_keeps_its_folder(tmp_path: Path) -> None:
    """After ``generate -o .`` the folder that the shell stands in is still the one on the disk."""
    script = f'"$@" >/dev/null 2>&1 && "$@" {OTHER} >/dev/null 2>&1 && test "$(pwd -P)" -ef "{tmp_path}" && ls'
    line = ["sh", "-c", script.replace(f" {OTHER}", ""), "sh", *command("generate", EXAMPLE, "-o", ".")]
    result = subprocess.run(line, cwd=tmp_path, env=environment(), capture_output=True, timeout=60, check=False)
    assert result.returncode == 0
    assert b"INSTALL.md" in result.stdout


@pytest.mark.parametrize("name", ["with space", "line\nend", "quote'\"", "ünï", os.fsdecode(b"\xff"), "-dash", "%s{}"])
def test_odd_names_of_folders(name: str, tmp_path: Path) -> None:
    process = optimux_process("generate", EXAMPLE, f"--output={name}", cwd=tmp_path)
    assert process.returncode == 0, process.stderr
    assert (tmp_path / name / "INSTALL.md").exists()
    assert [path.name for path in tmp_path.iterdir()] == [name]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full")
@pytest.mark.parametrize("output", ["/dev/full", "/dev/null"])
def test_a_device_is_no_folder(output: str, capsys: Capture) -> None:
    assert _generate(Path(output)) == 1
    assert f"{output} is no folder" in capsys.readouterr().err


def test_problems_as_json(tmp_path: Path, capsys: Capture) -> None:
    config, facts = tmp_path / "bad.toml", tmp_path / "facts.json"
    config.write_text("[host\n", encoding="utf-8")
    facts.write_text("{", encoding="utf-8")
    out = tmp_path / "out"
    assert run(["generate", str(config), "-o", str(out), "--facts", str(facts), "--json"]) == 2
    problems = json.loads(capsys.readouterr().out)["problems"]
    assert [problem["path"] for problem in problems] == [str(config), str(facts)]
    assert {"path", "found", "allowed", "remedy"} == set(problems[0])
    assert not out.exists()


def test_a_difference_as_json(tmp_path: Path, capsys: Capture) -> None:
    out = tmp_path / "out"
    assert run(["generate", EXAMPLE, "-o", str(out), "--check", "--json"]) == 1
    assert "INSTALL.md" in json.loads(capsys.readouterr().out)["added"]
    assert run(["generate", EXAMPLE, "-o", str(out)]) == 0
    capsys.readouterr()
    assert run(["generate", EXAMPLE, "-o", str(out), "--check", "--json"]) == 0
    assert not any(json.loads(capsys.readouterr().out).values())
