"""The guest's medium, read back by three readers that know nothing of each other."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from optimux.emit.guest.iso import iso_image
from optimux.errors import OptimuxError

FILES = {
    "setup.cmd": b"@echo off\r\n",
    "checklist.zh.html": "清单".encode(),
    "optimux/setup.ps1": b"x" * 5000,
    "optimux/plan.json": b"{}",
    "optimux/looking-glass-host.ini": b"a",
    "optimux/looking-glass-idd.reg": b"b",
    "optimux/payload/empty": b"",
}


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("media") / "guest.iso"
    path.write_bytes(iso_image(FILES))
    return path


def run(program: str, *arguments: str) -> bytes:
    if shutil.which(program) is None:
        pytest.skip(f"{program} is not installed")
    return subprocess.run([program, *arguments], capture_output=True, check=True, timeout=60).stdout


def test_isoinfo_reads_joliet(image: Path) -> None:
    listed = set(run("isoinfo", "-J", "-f", "-i", str(image)).decode().split("\n")) - {""}
    assert {name.lstrip("/") for name in listed} == {*FILES, "optimux", "optimux/payload"}
    for name, content in FILES.items():
        if content:
            assert run("isoinfo", "-J", "-x", f"/{name}", "-i", str(image)) == content
    assert b"Volume id: OPTIMUX" in run("isoinfo", "-d", "-i", str(image))


def test_7zip_reads_it(image: Path, tmp_path: Path) -> None:
    run("7zz", "x", f"-o{tmp_path}", str(image))
    found = {str(path.relative_to(tmp_path)): path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    assert found == FILES


def test_xorriso_reads_it(image: Path, tmp_path: Path) -> None:
    run(
        "xorriso",
        "-osirrox",
        "on",
        "-joliet",
        "on",
        "-read_fs",
        "ecma119",
        "-indev",
        f"stdio:{image}",  # below /dev it takes a path for a drive
        "-extract",
        "/",
        str(tmp_path / "out"),
    )
    found = [path for path in (tmp_path / "out").rglob("*") if path.is_file()]
    assert sorted(path.read_bytes() for path in found) == sorted(FILES.values())
    # Of the names that plain ISO 9660 allows; one that is in no upper case would not be found by old firmware.
    assert all(re.fullmatch(r"[A-Z0-9_]{1,8}(\.[A-Z0-9_]{0,3})?(;1)?", path.name.upper()) for path in found), found


def test_the_same_input_gives_the_same_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    first = iso_image(FILES)
    monkeypatch.setattr("time.time", lambda: 2_000_000_000.0)
    monkeypatch.setenv("TZ", "Asia/Shanghai")
    assert iso_image(dict(reversed(FILES.items()))) == first
    assert iso_image(FILES | {"setup.cmd": b"@echo on\r\n"}) != first


@pytest.mark.parametrize(
    ("names", "said"),
    [
        (["a:b"], "cannot be a name"),
        (["../x"], "cannot be a name"),
        (["a//b"], "cannot be a name"),
        (["x" * 65], "cannot be a name"),
        (["a\\b"], "cannot be a name"),
        (["Setup.cmd", "setup.CMD"], "one file to Windows"),
    ],
)
def test_names_that_windows_would_not_have(names: list[str], said: str) -> None:
    with pytest.raises(OptimuxError, match=said):
        iso_image(dict.fromkeys(names, b""))


def test_the_twin_long_names_that_are_alike(tmp_path: Path) -> None:
    names = [f"{'x' * 63}{number}" for number in range(10)] + ["long-name-one.inf", "long-name-two.inf"]
    (tmp_path / "many.iso").write_bytes(iso_image(dict.fromkeys(names, b"1")))
    listed = run("isoinfo", "-J", "-f", "-i", str(tmp_path / "many.iso")).decode().split("\n")
    assert {name.lstrip("/") for name in listed if name} == set(names)
