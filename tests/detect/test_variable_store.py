"""The keys that a variable store trusts: of stores made here, of Debian's own, and by virt-fw-vars."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from lab.consumers.roots import Root
from optimux.facts.detect.variable_store import years
from tests.stores import CA_2023, PCA_2011, store, trusting, variable

OLD, NEW = (variable("db", certificate) for certificate in (PCA_2011, CA_2023))
STORES = {
    "both": (trusting(PCA_2011, CA_2023), (2011, 2023)),
    "the older alone": (trusting(PCA_2011), (2011,)),
    "the newer alone": (trusting(CA_2023), (2023,)),
    "another's key": (trusting(b"Debian Secure Boot CA"), ()),
    "no keys": (store(variable("SetupMode", b"\1")), ()),
    "empty": (store(), ()),
    "replaced": (store(variable("db", PCA_2011, state=0x3D), NEW), (2023,)),
    "never whole": (store(OLD, variable("db", CA_2023, state=0x7F)), (2011,)),
    "the older ones refused": (store(variable("dbx", PCA_2011), NEW), (2023,)),
    "a namesake": (store(variable("db", CA_2023, vendor="8be4df61-93ca-11d2-aa0d-00e098032b8c"), OLD), (2011,)),
    "odd lengths": (store(variable("a", b"x"), variable("bc", b"yyy"), OLD), (2011,)),
    "behind rubbish": (b"\xff" * 0x1000 + trusting(CA_2023), (2023,)),
}


@pytest.mark.parametrize(("content", "found"), STORES.values(), ids=STORES)
def test_what_counts(content: bytes, found: tuple[int, ...]) -> None:
    assert years(content) == found


@pytest.mark.parametrize(
    "content",
    [b"", b"QFI\xfb" + PCA_2011, PCA_2011 * 9, trusting(PCA_2011)[:80], store(OLD, state=0xFF)],
    ids=["nothing", "qcow2", "names alone", "cut off", "not healthy"],
)
def test_what_is_no_store(content: bytes) -> None:
    assert years(content) is None


def test_a_store_that_lies_ends() -> None:
    """Sizes beyond its end, and none at all."""
    whole = trusting(PCA_2011)
    for position in range(72, 220):
        for byte in (0, 0xFF):
            years(whole[:position] + bytes([byte]) + whole[position + 1 :])


def test_debians_own(trixie: Root) -> None:
    """trixie's are of 2011 alone (2025.02-8)."""
    folder = trixie.path / "usr/share/OVMF"
    assert years((folder / "OVMF_VARS_4M.ms.fd").read_bytes()) == (2011,)
    assert years((folder / "OVMF_VARS_4M.fd").read_bytes()) == ()
    assert years((folder / "OVMF_CODE_4M.fd").read_bytes()) is None


@pytest.mark.parametrize("keys", ["win11", "win23", "uefi11", "uefi23", "none"])
def test_virt_firmwares(keys: str, trixie: Root, tmp_path: Path) -> None:
    """What it makes, as it reads that itself."""
    program = shutil.which("virt-fw-vars")
    if program is None:
        pytest.skip("virt-fw-vars is not installed (Debian: python3-virt-firmware)")

    def ask(*words: str | Path) -> str:
        return subprocess.run([program, *words], check=True, capture_output=True, text=True, timeout=60).stdout

    made = tmp_path / "made.fd"
    ask("-i", trixie.path / "usr/share/OVMF/OVMF_VARS_4M.fd", "-o", made, "--enroll-redhat", "--microsoft-db", keys)
    trusted = ask("-i", made, "-p", "-v").partition("name=db guid")[2].partition("name=")[0]
    subjects = [line for line in trusted.splitlines() if line.strip().startswith("subject CN=")]
    assert years(made.read_bytes()) == tuple(year for year in (2011, 2023) if str(year) in "".join(subjects))
    assert bool(subjects) == (keys != "none")
