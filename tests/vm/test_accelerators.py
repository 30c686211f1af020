"""The probe's firmware on the real QEMU, and the way back to TCG."""

from __future__ import annotations

from pathlib import Path

import pytest

from optimux.vm.errors import AcceleratorFailed
from optimux.vm.qemu import accel, kvm_probe
from optimux.vm.qemu.accel import Accelerator, accelerated, choose
from optimux.vm.qemu.kvm_probe import probe, probe_image


def _is_alive(qemu: str, image: bytes, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setattr(kvm_probe, "probe_image", lambda: image)
    return probe(qemu, "tcg")


def test_a_working_accelerator_runs_the_probe(qemu: str) -> None:
    assert probe(qemu, "tcg") == ""


def test_a_guest_that_crawls_is_noticed(qemu: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The loop's end becomes an endless one."""
    monkeypatch.setattr(kvm_probe, "_SECONDS", 0.5)
    slow = probe_image().replace(b"\xe2\xfe", b"\xeb\xfe")
    assert _is_alive(qemu, slow, monkeypatch) == "guests crawl, as if emulated,"


def test_a_guest_that_ends_otherwise_is_noticed(qemu: str, monkeypatch: pytest.MonkeyPatch) -> None:
    other = probe_image().replace(b"\xb0\x15\xe6", b"\xb0\x16\xe6")
    assert _is_alive(qemu, other, monkeypatch) == "QEMU ended with 45"


def test_a_guest_that_dies_is_noticed(tmp_path: Path) -> None:
    """What a QEMU does whose guest has died in KVM: it writes the registers, stops the guest and stays."""
    fake = tmp_path / "qemu"
    fake.write_text("#!/bin/sh\necho 'KVM internal error. Suberror: 1' >&2\nexec sleep 60\n")
    fake.chmod(0o755)
    assert probe(str(fake)) == "guests die of an internal error"


def test_kvm_is_chosen_only_after_the_probe(qemu: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(accel, "_verdicts", {})
    monkeypatch.setattr(accel, "unusable", lambda device: "")
    monkeypatch.setattr(accel, "probe", lambda qemu: "guests die of an internal error")
    assert choose(qemu) == accel.tcg("guests die of an internal error under /dev/kvm")
    monkeypatch.setattr(accel, "_verdicts", {})
    monkeypatch.setattr(accel, "probe", lambda qemu: "")
    assert choose(qemu).name == "kvm"


def test_a_guest_that_dies_later_runs_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(accel, "_verdicts", {("qemu", accel.DEVICE): ""})
    tried = []

    def run(accelerator: Accelerator) -> str:
        tried.append(accelerator.name)
        if accelerator.name == "kvm":
            raise AcceleratorFailed("guests die in KVM with an internal error", "")
        return accelerator.reason

    assert accelerated("qemu", run) == "guests die in KVM with an internal error"
    assert tried == ["kvm", "tcg"]
    assert choose("qemu").name == "tcg", "the verdict holds for the rest of the run"


def test_a_guest_that_dies_in_tcg_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(accel, "_verdicts", {("qemu", accel.DEVICE): "no KVM here"})

    def run(accelerator: Accelerator) -> None:
        raise AcceleratorFailed("it died", "")

    with pytest.raises(AcceleratorFailed, match="it died"):
        accelerated("qemu", run)
