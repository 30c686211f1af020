"""What fails around a machine is told with its cause and a remedy, and never as a defect."""

from __future__ import annotations

import os
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from optimux.vm.errors import AcceleratorFailed, Crashed, VmError
from optimux.vm.linux import debian_package
from optimux.vm.linux.kernel import read_module
from optimux.vm.qemu.accel import tcg
from optimux.vm.qemu.run import Run


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that is the whole search path, beside the shell's own."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return folder


def _program(folder: Path, name: str, script: str) -> None:
    (folder / name).write_text(f"#!/bin/sh\n{script}\n")
    (folder / name).chmod(0o755)


def test_a_package_that_cannot_be_downloaded(programs: Path) -> None:
    _program(programs, "apt-cache", "exit 0")
    _program(programs, "apt-get", "echo 'E: no network here' >&2; exit 100")
    with pytest.raises(VmError, match=r"apt-get -qq download busybox failed: E: no network here\. Check the network"):
        debian_package.files_of("busybox", lambda _: True)


def test_a_download_that_hangs(programs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(debian_package, "_DOWNLOAD_SECONDS", 0.2)
    _program(programs, "apt-cache", "exit 0")
    _program(programs, "apt-get", "exec /bin/sleep 20")
    with pytest.raises(VmError, match=r"apt-get -qq download busybox took more than 0\.2 s"):
        debian_package.files_of("busybox", lambda _: True)


@pytest.mark.parametrize("script", ["exit 2", "echo no archive; exit 0", "exit 0"])
def test_a_package_that_cannot_be_unpacked(script: str, programs: Path) -> None:
    _program(programs, "apt-cache", "exit 0")
    _program(programs, "apt-get", ": >busybox_1_amd64.deb")
    _program(programs, "dpkg-deb", script)
    with pytest.raises(VmError, match=r"busybox_1_amd64\.deb cannot be unpacked"):
        debian_package.files_of("busybox", lambda _: True)


def test_a_module_that_nothing_unpacks(programs: Path, tmp_path: Path) -> None:
    file = tmp_path / "battery.ko.zst"
    file.write_bytes(b"packed")
    with pytest.raises(VmError, match=r"battery\.ko\.zst cannot be unpacked\. Install zstd\."):
        read_module(file)
    _program(programs, "zstd", "exit 1")
    with pytest.raises(VmError, match=r"battery\.ko\.zst cannot be unpacked"):
        read_module(file)
    _program(programs, "zstd", "printf module")
    assert read_module(file) == b"module"


def _run(tmp_path: Path, state: str | VmError, status: int | None = None, said: str = "") -> Run:
    """A run whose QEMU is as it is told to be."""

    def execute(_: str) -> dict[str, str]:
        if isinstance(state, VmError):
            raise state
        return {"status": state}

    process: Any = SimpleNamespace(
        status=status, said=said, wait_briefly=lambda: status, evidence=lambda: [("QEMU said", said)]
    )
    qmp: Any = SimpleNamespace(execute=execute, evidence=list)
    qtest: Any = None
    return Run(tmp_path, tcg("a test"), process, qmp, qtest, os.open(os.devnull, os.O_RDONLY))


@pytest.mark.parametrize(
    ("state", "status", "kind", "words"),
    [
        ("internal-error", None, AcceleratorFailed, "guests die in TCG with an internal error"),
        ("shutdown", None, VmError, "the guest stopped: its state is shutdown"),
        (VmError("QEMU refused query-status: no", ""), None, VmError, "QEMU refused query-status: no"),
        ("running", 1, VmError, "QEMU ended before the guest was done: out of memory"),
        ("running", -9, Crashed, "QEMU was killed by SIGKILL: out of memory"),
    ],
)
def test_a_machine_that_is_no_longer_well(
    state: str | VmError, status: int | None, kind: type[VmError], words: str, tmp_path: Path
) -> None:
    with pytest.raises(kind, match=words) as error:
        _run(tmp_path, state, status, ": out of memory").check_alive()
    assert type(error.value) is kind
    assert error.value.folder == tmp_path


@pytest.mark.parametrize("state", ["running", "paused", "prelaunch"])
def test_a_machine_that_is_well(state: str, tmp_path: Path) -> None:
    _run(tmp_path, state).check_alive()
