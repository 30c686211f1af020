"""The real calls: what the system says is told, and nothing hangs the caller."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

import pytest

from optimux.errors import OptimuxError
from optimux.host.handover.kernel import Kernel, Refused, Stuck
from optimux.host.handover.state import State, Store, Was
from optimux.pci import Address

if TYPE_CHECKING:
    from pathlib import Path


def test_a_write(tmp_path: Path) -> None:
    (tmp_path / "attribute").write_text("")
    Kernel().write(str(tmp_path / "attribute"), "vfio-pci")
    assert Kernel().text(str(tmp_path / "attribute")) == "vfio-pci"


def test_the_reason_of_a_refusal(tmp_path: Path) -> None:
    with pytest.raises(Refused, match="attribute refused 'x': No such file or directory"):
        Kernel().write(str(tmp_path / "attribute"), "x")
    with pytest.raises(Refused, match="refused 'x': No space left on device"):
        Kernel().write("/dev/full", "x")


def test_a_write_that_takes_too_long_is_ended(tmp_path: Path) -> None:
    """A pipe without a reader stands in for an attribute that waits, and can be killed."""
    os.mkfifo(tmp_path / "waits")
    start = time.monotonic()
    with pytest.raises(Refused, match=r"for more than 0\.2 s") as caught:
        Kernel().write(str(tmp_path / "waits"), "x", 0.2)
    assert not isinstance(caught.value, Stuck)
    assert time.monotonic() - start < 1


def test_a_writer_has_none_of_our_descriptors(tmp_path: Path) -> None:
    """Whoever waits for our output must not wait for a writer that is left behind."""
    os.mkfifo(tmp_path / "waits")
    out, into = os.pipe()
    child = os.fork()
    if child == 0:
        os.dup2(into, 2)
        try:
            Kernel().write(str(tmp_path / "waits"), "x", 30)
        finally:
            os._exit(0)
    os.close(into)
    time.sleep(0.3)
    os.kill(child, 9)
    os.waitpid(child, 0)
    os.set_blocking(out, False)
    assert os.read(out, 1) == b""  # every writer's end is closed, though one still waits
    os.close(os.open(tmp_path / "waits", os.O_RDONLY | os.O_NONBLOCK))
    os.close(out)


def test_programs() -> None:
    assert Kernel().run("echo", "done") == "done"
    with pytest.raises(Refused, match="sh -c echo no; exit 3: no"):
        Kernel().run("sh", "-c", "echo no; exit 3")
    with pytest.raises(Refused, match="no-such-program cannot be run: No such file"):
        Kernel().run("no-such-program")
    with pytest.raises(Refused, match=r"did not end within 0\.1 s"):
        Kernel().run("sleep", "9", seconds=0.1)


def test_who_is_alive() -> None:
    """A process that has ended, and whose parent has not asked, is none; nor is a number that nobody has."""
    child = os.fork()
    if child == 0:
        os._exit(0)
    os.waitid(os.P_PID, child, os.WEXITED | os.WNOWAIT)
    assert not Kernel().alive(child)
    os.waitpid(child, 0)
    assert not Kernel().alive(child)
    assert Kernel().alive(os.getpid())


def _state() -> State:
    was = Was(Address.parse("0000:01:00.0"), "bochs-drm", "bochs", None, "auto")
    return State("card", "win", (was,), ("0000:00:01.0", "auto"), ("nvidia",), (("systemctl", "start", "x"),))


def test_a_state_is_read_as_it_was_written(tmp_path: Path) -> None:
    store = Store(str(tmp_path))
    for state in (_state(), _state().replace(port=None, stuck=(7, "0000:01:00.0"), complete=True, announced=("/x",))):
        store.write(state)
        assert store.read("card") == state
    store.clear("card")
    assert store.read("card") is None


def test_one_hand_over_at_a_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from optimux.host.handover import state

    monkeypatch.setattr(state, "LOCK_SECONDS", 0.2)
    store, kernel = Store(str(tmp_path)), Kernel()
    with store.lock(kernel), pytest.raises(OptimuxError, match="another hand-over is at work"), store.lock(kernel):
        pass
    with store.lock(kernel):
        pass


def test_only_root_changes_drivers(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    from optimux.cli import run

    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    for verb in ("take", "give"):
        assert run(["gpu", verb, "x.toml"]) == 1
        assert f"gpu {verb} changes the host's drivers: run it as root" in capsys.readouterr().err


def test_a_card_without_a_state_goes_to_whichever_driver_matches(tmp_path: Path) -> None:
    from optimux.host.handover.give import give
    from tests.detect.tree import link
    from tests.handover.kernel import Acting
    from tests.handover.machine import BELOW_PORT, CARD, DRIVERS, plant

    kernel = Acting(plant(tmp_path))
    for address, driver in DRIVERS.items():
        kernel.write(f"/sys/bus/pci/drivers/{driver}/unbind", address)
        link(tmp_path, f"{BELOW_PORT}/{address}/driver", "/sys/bus/pci/drivers/vfio-pci")
    (tmp_path / "sys/bus/pci/drivers/vfio-pci").mkdir(parents=True, exist_ok=True)
    give(CARD, kernel, Store(str(tmp_path)), lambda _: None)
    assert {a: kernel.target(f"{BELOW_PORT}/{a}/driver") for a in DRIVERS} == DRIVERS
