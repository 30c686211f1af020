"""A machine, or libvirt, that stops in the middle: what it was asked is named, and nobody waits without an end."""

from __future__ import annotations

import os
import signal
import socket
import sys
import time
from contextlib import ExitStack
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from optimux.files.acpi_tables import MOST_TABLE
from optimux.files.trust import Untrusted
from optimux.vm.domain import libvirt, started, whole_domain
from optimux.vm.domain.libvirt import Libvirt
from optimux.vm.errors import AcceleratorFailed, Silent, VmError
from optimux.vm.evidence.checks import FAILED
from optimux.vm.linux import cache, guest
from optimux.vm.qemu import process, qtest
from optimux.vm.qemu.accel import Accelerator
from optimux.vm.qemu.machine import Machine
from optimux.vm.qemu.process import Process
from optimux.vm.qemu.run import launch, start

if TYPE_CHECKING:
    from collections.abc import Iterator

    from optimux.vm.qemu.run import Run


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that is searched first."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
    return folder


def _program(file: Path, script: str) -> str:
    file.write_text(f"#!/bin/sh\n{script}\n")
    file.chmod(0o755)
    return str(file)


@pytest.fixture
def running(qemu: str, emulated: Accelerator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Run]:
    """A machine that is not let run, over which nobody is patient."""
    monkeypatch.setattr(qtest, "_ANSWER_SECONDS", 0.5)
    with start(Machine(arguments=("-S",)), emulated, qemu, tmp_path / "run") as run:
        yield run


def _signal(run: Run, number: int) -> None:
    os.kill(run.process._child.pid, number)
    if number == signal.SIGKILL:
        run.process.wait(20)


def test_qmp(running: Run) -> None:
    assert running.qmp.execute("query-status")["running"] is False
    _signal(running, signal.SIGSTOP)
    with pytest.raises(Silent, match=r"QEMU did not answer query-status within 0\.3 s"):
        running.qmp.execute("query-status", timeout=0.3)
    _signal(running, signal.SIGKILL)
    with pytest.raises(VmError, match="QMP broke off at query-version"):
        running.qmp.execute("query-version")


def test_qtest(running: Run) -> None:
    running.qtest.write(0x1000, b"abc")
    assert running.qtest.read(0x1000, 3) == b"abc"
    with pytest.raises(VmError, match="qtest refused nonsense: FAIL"):
        running.qtest._ask("nonsense")
    _signal(running, signal.SIGSTOP)
    with pytest.raises(Silent, match=r"QEMU did not answer over qtest within 0\.5 s"):
        running.qtest.read(0x1000, 3)
    _signal(running, signal.SIGKILL)
    with pytest.raises(VmError, match="the qtest connection broke off"):
        running.qtest.read(0x1000, 3)


def test_a_qtest_that_ends_at_a_line() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        theirs.shutdown(socket.SHUT_WR)
        with pytest.raises(VmError, match=r"the qtest connection broke off \(QEMU hung up\)"):
            qtest.Qtest(ours).read(0x1000, 3)


def test_what_fails_beside_a_machine_has_its_logs(qemu: str, emulated: Accelerator, tmp_path: Path) -> None:
    """What was said with its own stays as it was."""
    with pytest.raises(VmError, match="no such thing") as raised, start(Machine(), emulated, qemu, tmp_path / "a"):
        raise VmError("no such thing", "Look again.")
    assert raised.value.folder == tmp_path / "a"
    with pytest.raises(VmError, match="said with its own") as raised, start(Machine(), emulated, qemu, tmp_path / "b"):
        raise VmError("said with its own", "See.", folder=tmp_path / "c")
    assert raised.value.folder == tmp_path / "c"


def test_no_monitor(emulated: Accelerator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A program that takes the words and says something else over the monitor's socket."""
    monkeypatch.setattr(process, "_BRIEF_SECONDS", 0.2)
    script = tmp_path / "talks.py"
    script.write_text(
        "import re, socket, sys, time\n"
        "monitor = socket.socket(fileno=int(re.search('fd=([0-9]+)', ' '.join(sys.argv))[1]))\n"
        "monitor.sendall(b'hello\\n')\n"
        "time.sleep(20)\n"
    )
    talks = _program(tmp_path / "talks", f'exec {sys.executable} {script} "$@"')
    (tmp_path / "run").mkdir()
    with pytest.raises(VmError, match="QEMU speaks no QMP"), launch([talks], emulated, tmp_path / "run"):
        pass


@pytest.mark.parametrize(
    ("words", "kind"), [("Could not access KVM kernel module", AcceleratorFailed), ("no", VmError)]
)
def test_an_accelerator_that_fails_at_once(words: str, kind: type[VmError], tmp_path: Path) -> None:
    program = _program(tmp_path / "qemu", f"echo '{words}' >&2; exit 1")
    (tmp_path / "run").mkdir()
    with pytest.raises(VmError) as raised, launch([program], Accelerator("kvm", "host", "given"), tmp_path / "run"):
        pass
    assert type(raised.value) is kind
    assert words in raised.value.message


def test_a_process_that_goes_on(tmp_path: Path) -> None:
    with (
        Process(["/bin/sleep", "20"], tmp_path, ()) as running,
        pytest.raises(VmError, match=r"still runs after 0\.1 s"),
    ):
        running.wait(0.1)
    with Process(["/bin/true"], tmp_path, ()) as running:
        assert running.wait(20) == 0


@pytest.mark.parametrize(
    ("script", "said"),
    [
        ("echo 'no connection driver available' >&2; exit 1", "libvirt's private driver does not come up"),
        ("exec sleep 20", "libvirt's private driver does not answer"),
    ],
)
def test_a_libvirt_that_is_none(
    script: str, said: str, programs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(libvirt, "_SECONDS", 0.5 if "sleep" in script else 60.0)
    monkeypatch.setattr(libvirt, "_EACH_SECONDS", 0.0)
    _program(programs / "virsh", script)
    with pytest.raises(VmError, match=said):
        Libvirt(str(tmp_path)).normal(["<domain/>"])


def test_what_starts_virsh_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(VmError, match="/nowhere/enter: No such file or directory"):
        Libvirt(str(tmp_path), ["/nowhere/enter"]).normal(["<domain/>"])


def test_no_virsh(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(VmError, match="no libvirt: virsh is not in PATH"):
        whole_domain.find_virsh()
    _program(tmp_path / "virsh", "exit 0")
    whole_domain.find_virsh()


def test_tables_that_never_come(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(started, "_LIMIT_SECONDS", {"seabios": 0.05})
    monkeypatch.setattr(started, "_tables", lambda run, firmware: None)
    run: Any = SimpleNamespace(qmp=SimpleNamespace(execute=lambda word: None), check_alive=lambda: None)
    adapted: Any = SimpleNamespace(replaced=(), passed={})
    begun = time.monotonic()
    with pytest.raises(VmError, match=r"no ACPI tables after 0\.05 s"):
        started.Started(run, (), adapted, {}).boot()
    assert time.monotonic() - begun < 20


@pytest.mark.parametrize(("size", "lent"), [(3 << 20, True), (MOST_TABLE, True), (MOST_TABLE + 1, False)])
def test_a_table_is_lent_whole_or_not_at_all(size: int, lent: bool, tmp_path: Path) -> None:
    """One that was cut off would be another table, which QEMU refuses or the guest reads."""
    (tmp_path / "table").write_bytes(b"\1" * size)
    with ExitStack() as stack:
        found = started._lend([str(tmp_path / "table"), "/no/such"], {}, stack)
        assert [os.fstat(file).st_size for file in found.values()] == ([size] if lent else [])


def test_a_machine_that_is_none_of_qemus(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """What has no logs is not the machine's: it goes on to who asked. The machine's own failure is a check's."""

    plan: Any = SimpleNamespace(shared_memory=None)
    monkeypatch.setattr(whole_domain, "subject_of", lambda plan: SimpleNamespace(table=None))
    monkeypatch.setattr(whole_domain, "started", _fails(VmError("not to be had", "Get it.")))
    words: Any = (plan, None, "seabios", None, tmp_path, "")
    with pytest.raises(VmError, match="not to be had"):
        list(whole_domain._started(*words))
    monkeypatch.setattr(whole_domain, "started", _fails(VmError("it ended", "See.", folder=tmp_path)))
    assert [check.state for check in whole_domain._started(*words)] == [FAILED]


def _fails(error: Exception) -> Any:
    def fail(*words: Any, **more: Any) -> None:
        raise error

    return fail


def test_a_report_without_its_beginning() -> None:
    run: Any = SimpleNamespace(report=SimpleNamespace(wait_for=lambda pattern, seconds: None, text="end abc\n"))
    with pytest.raises(AssertionError, match="does not begin with it"):
        guest.await_report(run, "abc")


def test_a_cache_that_may_not_be_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cache.cache("a") == tmp_path / "optimux" / "a"
    with monkeypatch.context() as patch:
        patch.setattr("os.access", lambda path, mode: False)
        with pytest.raises(VmError, match=r"no cache: .*Permission denied"):
            cache.cache("a")
    with monkeypatch.context() as patch:
        patch.setattr(cache, "own_folder", _fails(Untrusted("another user may change it")))
        with pytest.raises(VmError, match="no cache: another user may change it"):
            cache.cache("a")

    with pytest.raises(VmError, match=r"no cache: .*No space left on device"):
        cache.cached(tmp_path / "optimux" / "a" / "c", _fails(OSError(28, "No space left on device")))
