"""Each bad case is a clear error that names the remedy."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from lab.consumers.session import as_root
from optimux.sizes import Size
from optimux.vm.errors import Crashed, Silent, VmError
from optimux.vm.linux import debian_package
from optimux.vm.linux.busybox import find_busybox
from optimux.vm.linux.cache import cache
from optimux.vm.linux.kernel import find_kernel
from optimux.vm.qemu.machine import Ivshmem, Machine
from optimux.vm.qemu.memory import shared_file
from optimux.vm.qemu.programs import find_ovmf, find_qemu
from optimux.vm.qemu.run import start
from optimux.vm.verify.firmware_level import firmware_level
from tests.vm.subjects import EXAMPLE, subject

if TYPE_CHECKING:
    from optimux.vm.qemu.accel import Accelerator

_VERIFY = [sys.executable, "-c", "from optimux.cli import main; main()", "verify", str(EXAMPLE)]


def _script(path: Path, text: str) -> str:
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return str(path)


def test_no_qemu(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("OPTIMUX_QEMU", raising=False)
    monkeypatch.setattr("optimux.vm.qemu.programs._ELSEWHERE", ())
    with pytest.raises(VmError, match=r"no QEMU.*Debian, Ubuntu, Arch: qemu-system-x86"):
        find_qemu()


def test_no_qemu_on_the_command_line(tmp_path: Path) -> None:
    done = subprocess.run(_VERIFY, env={"PATH": str(tmp_path)}, capture_output=True, text=True, timeout=60)
    if Path("/usr/libexec/qemu-kvm").exists():
        pytest.skip("this machine has /usr/libexec/qemu-kvm, which is found without PATH")
    assert done.returncode == 1
    assert "  FAILED machine: no QEMU: qemu-system-x86_64 is not in PATH\n         Install it" in done.stdout
    assert "0 checks passed, 1 failed" in done.stderr


def test_a_named_qemu_that_is_not_there(tmp_path: Path, emulated: Accelerator) -> None:
    with (
        pytest.raises(VmError, match=r"/none cannot be started: No such file.*installed and executable"),
        start(Machine(), emulated, "/none", tmp_path),
    ):
        pass


def test_no_uefi_firmware(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("optimux.vm.qemu.programs._described", lambda file: None)
    monkeypatch.setattr("optimux.vm.qemu.programs._PAIRS", ())
    with pytest.raises(VmError, match=r"no UEFI firmware.*--firmware seabios"):
        find_ovmf("/usr/bin/qemu-system-x86_64")


def test_no_kernel_with_the_battery_driver(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(debian_package, "available", lambda: False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    with pytest.raises(VmError, match=r"no kernel with the ACPI battery driver.*not the cloud kernel"):
        find_kernel(tmp_path)


def test_a_cache_that_cannot_be(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    with pytest.raises(VmError, match=r"no cache: .*/file/optimux/packages: Not a directory\. Name .* XDG_CACHE_HOME"):
        cache("packages")


def test_no_static_busybox(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(debian_package, "available", lambda: False)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    with pytest.raises(VmError, match=r"no static busybox.*busybox-static"):
        find_busybox()


def test_more_shared_memory_than_there_is() -> None:
    with pytest.raises(VmError, match=r"no space in /dev/shm: .* MiB are free, .*takes 1048576 MiB.*remount"):
        shared_file(1 << 40).__enter__()


def test_no_space_in_dev_shm() -> None:
    """A /dev/shm of 16 MiB, in a mount namespace of its own."""
    script = 'mount -t tmpfs -o size=16M tmpfs /dev/shm && exec "$@"'
    words = [*as_root(), "unshare", "--mount", "sh", "-c", script, "small", *_VERIFY]
    done = subprocess.run(words, capture_output=True, text=True, timeout=60)
    if "unshare:" in done.stderr or "mount:" in done.stderr:
        pytest.skip(f"no mount namespace: {done.stderr.strip()}")
    assert done.returncode == 1
    assert "no space in /dev/shm: 16 MiB are free, the shared memory takes 128 MiB" in done.stdout
    assert "mount -o remount,size=256M /dev/shm" in done.stdout


def test_no_dev_shm(tmp_path: Path) -> None:
    with pytest.raises(VmError, match=r"no shared memory in .*none: No such file.*Mount a tmpfs"):
        shared_file(1 << 20, str(tmp_path / "none")).__enter__()


def test_no_path_is_too_long(qemu: str, emulated: Accelerator, tmp_path: Path) -> None:
    """A UNIX socket's path ends at 107 bytes; ours have none, so a long folder simply works."""
    folder = tmp_path.joinpath(*["a-folder-with-a-long-name"] * 8)
    assert len(str(folder)) > 200
    with start(Machine(), emulated, qemu, folder) as run:
        assert run.qmp.execute("query-status")["running"]
        assert run.qtest.read(0xFFFFFFF0, 1) == run.read_memory(0xFFFFFFF0, 1)


def test_a_folder_with_a_comma(qemu: str, emulated: Accelerator, tmp_path: Path) -> None:
    """A comma separates options in QEMU's own syntax."""
    checks = list(firmware_level(subject(), "seabios", emulated, qemu, tmp_path / "a,b"))
    assert {check.state for check in checks} == {"passed"}


def test_qemu_that_dies_at_once(qemu: str, emulated: Accelerator, tmp_path: Path) -> None:
    machine = Machine(arguments=("-device", "no-such-device"))
    with pytest.raises(VmError) as caught, start(machine, emulated, qemu, tmp_path):
        pass
    words = str(caught.value)
    assert "QEMU ended at once" in caught.value.message
    assert "no-such-device" in caught.value.message
    assert "exited with 1" in words
    assert "-device no-such-device" in words
    assert str(tmp_path) in caught.value.remedy
    assert "no-such-device" in (tmp_path / "qemu.log").read_text()


def test_qemu_that_hangs_before_qmp(emulated: Accelerator, tmp_path: Path) -> None:
    fake = _script(tmp_path / "qemu", "exec sleep 60")
    with (
        pytest.raises(VmError, match=r"QEMU hangs: no QMP greeting within 0.3 s.*--version") as caught,
        start(Machine(), emulated, fake, tmp_path, greeting_seconds=0.3),
    ):
        pass
    assert "state:\n    running" in str(caught.value)


def test_qemu_that_talks_nonsense(emulated: Accelerator, tmp_path: Path) -> None:
    fake = _script(tmp_path / "qemu", "echo this is no emulator >&2; exit 7")
    with (
        pytest.raises(VmError, match=r"ended at once: this is no emulator"),
        start(Machine(), emulated, fake, tmp_path),
    ):
        pass


def test_a_machine_that_is_switched_off(qemu: str, emulated: Accelerator, tmp_path: Path) -> None:
    with start(Machine(), emulated, qemu, tmp_path) as run:
        run.qmp.execute("quit")
        run.process.wait(10)
        with pytest.raises(VmError, match=r"QEMU ended before the guest was done") as caught:
            run.check_alive()
    assert not isinstance(caught.value, Crashed)
    assert {title for title, _ in caught.value.evidence} >= {"command", "state", "last QMP messages"}


def test_a_guest_that_ends_early(qemu: str, emulated: Accelerator, tmp_path: Path) -> None:
    with start(Machine(), emulated, qemu, tmp_path) as run:
        run.process.stop()
        with pytest.raises(Crashed, match=r"QEMU was killed by SIGKILL") as caught:
            run.console.wait_for("never", 5)
    assert "killed by SIGKILL" in str(caught.value)


def test_a_silent_guest(qemu: str, emulated: Accelerator, tmp_path: Path) -> None:
    with (
        start(Machine(), emulated, qemu, tmp_path) as run,
        pytest.raises(Silent, match=r"did not write 'never' within 0.2 s"),
    ):
        run.console.wait_for("never", 0.2)


def test_a_refused_command(qemu: str, emulated: Accelerator, tmp_path: Path) -> None:
    with (
        start(Machine(), emulated, qemu, tmp_path) as run,
        pytest.raises(VmError, match=r"QEMU refused no-such-command") as caught,
    ):
        run.qmp.execute("no-such-command")
    assert '"greeting"' in str(caught.value)
    assert '"execute", "no-such-command"' in str(caught.value)


def test_a_backing_file_that_is_too_small(qemu: str, emulated: Accelerator, tmp_path: Path) -> None:
    with shared_file(16 << 20) as file:
        machine = Machine(shared=(Ivshmem.plain("memory", file.path, 32 << 20),))
        with (
            pytest.raises(VmError, match=r"ended at once.*does not match 'size' option"),
            start(machine, emulated, qemu, tmp_path, (file.descriptor,)),
        ):
            pass


def test_a_size_that_no_bar_can_have(qemu: str, emulated: Accelerator, tmp_path: Path) -> None:
    planned = subject()
    assert planned.memory is not None
    xml = planned.xml.replace(str(planned.memory.size.bytes), str(Size.mib_of(96).bytes))
    assert xml != planned.xml
    with pytest.raises(VmError, match=r"QEMU ended at once"):
        list(firmware_level(planned.replace(xml=xml), "seabios", emulated, qemu, tmp_path))
