"""``optimux patch`` as a process: streams, files, exit codes."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from lab.documents import BY_HAND, I440FX, STORED, VIRT_MANAGER
from optimux.cli import run
from optimux.patch import patch_domain
from tests import needs
from tests.cli.command import CHECKOUT, EXAMPLE, command, environment, optimux_process
from tests.golden_cases import case

PLAN = case("omen-17").plan().domains[0]
TWO_VMS = str(CHECKOUT / "examples" / "two-vms-one-gpu.toml")
RESULT = patch_domain(VIRT_MANAGER.encode(), PLAN).document


@pytest.fixture
def domain(tmp_path: Path) -> Path:
    path = tmp_path / "win11.xml"
    path.write_text(VIRT_MANAGER, encoding="utf-8")
    path.chmod(0o600)
    return path


def test_standard_streams() -> None:
    done = optimux_process("patch", EXAMPLE, given=VIRT_MANAGER.encode())
    assert (done.returncode, done.stdout) == (0, RESULT)
    assert b"memballoon: set model of <memballoon> from 'virtio' to 'none' (VFIO pins all memory)" in done.stderr
    assert b"left as it is: audio" in done.stderr


def test_a_file_and_an_output(domain: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.xml"
    done = optimux_process("patch", EXAMPLE, str(domain), "-o", str(out))
    assert (done.returncode, done.stdout) == (0, b"")
    assert out.read_bytes() == RESULT
    assert domain.read_text() == VIRT_MANAGER


def test_in_place_with_backups(domain: Path) -> None:
    assert optimux_process("patch", EXAMPLE, str(domain), "--in-place", "--only", "video").returncode == 0
    assert optimux_process("patch", EXAMPLE, str(domain), "--in-place").returncode == 0
    backups = [domain.with_name("win11.xml.bak"), domain.with_name("win11.xml.bak1")]
    assert backups[0].read_text() == VIRT_MANAGER
    assert b"type='vga'" in backups[1].read_bytes()
    assert domain.read_bytes() == RESULT
    assert {path.stat().st_mode & 0o777 for path in (domain, *backups)} == {0o600}
    before = sorted(domain.parent.iterdir())
    again = optimux_process("patch", EXAMPLE, str(domain), "--in-place")
    assert b"nothing to change" in again.stderr
    assert sorted(domain.parent.iterdir()) == before


def test_check(domain: Path) -> None:
    done = optimux_process("patch", EXAMPLE, str(domain), "--check")
    assert (done.returncode, done.stdout) == (1, b"")
    assert domain.read_text() == VIRT_MANAGER
    own = (CHECKOUT / "tests/golden/omen-17/expected/domains/Windows11.xml").read_bytes()
    done = optimux_process("patch", EXAMPLE, "--check", given=own)
    assert (done.returncode, done.stdout) == (0, b"")


def test_check_counts_what_is_stated_and_not_applied(tmp_path: Path) -> None:
    stated = tmp_path / "stated.toml"
    stated.write_text(
        Path(EXAMPLE)
        .read_text()
        .replace('gpu = "rtx3070"', 'gpu = "rtx3070"\nuuid = "5d5b00d8-475a-4b6c-8053-9dda30cd2f95"')
    )
    done = optimux_process("patch", str(stated), "--check", given=RESULT)
    assert (done.returncode, done.stdout) == (1, b"")
    assert b"nothing to change" in done.stderr
    assert b"not patched: keys: uuid" in done.stderr


@pytest.mark.parametrize("text", [VIRT_MANAGER, STORED.replace("\n", "\r\n"), BY_HAND, BY_HAND.rstrip("\n")])
def test_the_difference_is_what_patch_applies(text: str, tmp_path: Path) -> None:
    path = tmp_path / "domain.xml"
    path.write_bytes(text.encode())
    done = optimux_process("patch", EXAMPLE, str(path), "--diff")
    assert done.returncode == 0
    assert b"\x1b" not in done.stdout
    if shutil.which("patch") is None:
        pytest.skip("patch(1) is not installed")
    applied = subprocess.run(
        ["patch", "--binary", "-s", str(path)], input=done.stdout, capture_output=True, timeout=30, check=False
    )
    assert applied.returncode == 0, applied.stdout
    assert path.read_bytes() == patch_domain(text.encode(), PLAN).document


def test_colours_on_a_terminal_only(domain: Path) -> None:
    for words, coloured in (({}, True), ({"NO_COLOR": "1"}, False)):
        ours, theirs = needs.terminal()
        line = command("patch", EXAMPLE, str(domain), "--diff", "--only", "memballoon")
        subprocess.run(line, stdout=theirs, stderr=subprocess.DEVNULL, env=environment(**words), timeout=60, check=True)
        os.close(theirs)
        seen = os.read(ours, 1 << 16)
        os.close(ours)
        assert b"memballoon model='none'" in seen
        assert (b"\x1b[32m" in seen) == coloured


@pytest.mark.parametrize(
    ("document", "words"),
    [(I440FX, b"i440fx"), ("<domain>\n<a></domain>", b"line 2, column"), ("<network/>", b"<network>")],
)
def test_bad_input_writes_nothing(document: str, words: bytes, domain: Path) -> None:
    domain.write_text(document)
    for options in ((), ("--in-place",), ("-o", str(domain.with_name("out"))), ("--check",), ("--diff",)):
        done = optimux_process("patch", EXAMPLE, str(domain), *options)
        assert (done.returncode, done.stdout) == (2, b""), options
        assert words in done.stderr
    assert [path.name for path in domain.parent.iterdir()] == ["win11.xml"]
    assert domain.read_text() == document


def test_which_vm() -> None:
    named = VIRT_MANAGER.replace("<name>win11<", "<name>windows<").encode()
    assert optimux_process("patch", TWO_VMS, given=named).returncode == 0
    done = optimux_process("patch", TWO_VMS, given=VIRT_MANAGER.encode())
    assert done.returncode == 2
    assert b'the name "win11"' in done.stderr
    assert optimux_process("patch", TWO_VMS, "--vm", "windows", given=VIRT_MANAGER.encode()).returncode == 0
    done = optimux_process("patch", TWO_VMS, "--vm", "other", given=named)
    assert (done.returncode, done.stdout) == (2, b"")


def test_only_and_except() -> None:
    only = optimux_process("patch", EXAMPLE, "--only", "tpm,memballoon", given=VIRT_MANAGER.encode()).stdout
    assert b"<tpm" in only
    assert b"<hostdev" not in only
    words = ("--except", "tpm", "--except", "gpu,pci")
    but = optimux_process("patch", EXAMPLE, *words, given=VIRT_MANAGER.encode()).stdout
    assert b"<tpm" not in but
    assert b"<hostdev" not in but
    assert b"memballoon model='none'" in but
    assert optimux_process("patch", EXAMPLE, "--only", "sond", given=b"<domain/>").returncode == 2


class TestTheSchemaAsJudge:
    """With the schema of the planned libvirt on the machine; a stub of one stands in for it."""

    @pytest.fixture
    def complaints(self, monkeypatch: pytest.MonkeyPatch) -> dict[bytes, list[str]]:
        found: dict[bytes, list[str]] = {}
        monkeypatch.setattr("optimux.libvirt.schema.is_oracle_for", lambda planned: True)
        monkeypatch.setattr("optimux.libvirt.schema.violations", lambda document: found.get(document, []))
        return found

    def test_never_from_valid_to_invalid(
        self, domain: Path, complaints: dict[bytes, list[str]], capfd: pytest.CaptureFixture[str]
    ) -> None:
        complaints[RESULT] = ["line 3: no"]
        assert run(["patch", EXAMPLE, str(domain), "--in-place"]) == 2
        assert domain.read_text() == VIRT_MANAGER
        assert "after the patch line 3: no" in capfd.readouterr().err

    def test_invalid_before_is_a_warning(
        self, domain: Path, complaints: dict[bytes, list[str]], capfd: pytest.CaptureFixture[str]
    ) -> None:
        complaints |= {RESULT: ["line 3: no"], VIRT_MANAGER.encode(): ["line 2: no"]}
        assert run(["patch", EXAMPLE, str(domain), "--in-place"]) == 0
        assert domain.read_bytes() == RESULT
        assert "line 2: no" in capfd.readouterr().err
