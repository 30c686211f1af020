"""Machines that are none, that are of another kind, that change while they are looked at, or are very large."""

from __future__ import annotations

import json
import shutil
import time
from typing import TYPE_CHECKING, Any

import pytest

from optimux.cli import run
from optimux.facts.detect import Root, detect
from optimux.facts.detect.store import Folder
from optimux.judge.gpus import verdicts
from tests.detect.tree import described, plant, put

if TYPE_CHECKING:
    from pathlib import Path

    from optimux.facts import Facts

    Capture = pytest.CaptureFixture[str]

MACHINE = "xps-15-9560"


def reasons(facts: Facts) -> list[str]:
    """What each card's verdict names as broken."""
    return [finding.key for verdict in verdicts(facts) for finding in verdict.findings if finding.is_broken]


class Vanishing(Folder):
    """A tree in which, once files were listed, one device's are no longer there: a card that is unplugged."""

    def __init__(self, place: str, gone: str, after: int) -> None:
        super().__init__(place)
        self.gone, self.left = gone, after

    def read(self, path: str, limit: int) -> bytes:
        if self.gone in path:
            self.left -= 1
            if self.left < 0:
                raise FileNotFoundError(2, "No such file or directory", path)
        return super().read(path, limit)


@pytest.mark.parametrize("after", range(0, 20, 2))
def test_a_device_that_vanishes_while_it_is_read(after: int, tmp_path: Path) -> None:
    tree = plant(tmp_path, described(MACHINE))
    whole = detect(Root.at(str(tree)))
    seen = detect(Root(Vanishing(str(tree), "0000:01:00.0", after)))
    rest = [device for device in whole.devices if str(device.address) != "0000:01:00.0"]
    assert [device for device in seen.devices if str(device.address) != "0000:01:00.0"] == rest
    there = seen.device(next(d.address for d in whole.devices if str(d.address) == "0000:01:00.0"))
    assert there is None or str(there.id) == "10de:1c8d"
    verdicts(seen)


def test_a_device_of_which_reading_fails(tmp_path: Path) -> None:
    """A driver that answers with an error is named; the rest goes on."""

    class Failing(Folder):
        def read(self, path: str, limit: int) -> bytes:
            if path.endswith("0000:01:00.0/power_state"):
                raise OSError(5, "Input/output error", path)
            return super().read(path, limit)

    tree = plant(tmp_path, described(MACHINE))
    facts = detect(Root(Failing(str(tree))))
    assert [(item.path, item.reason) for item in facts.unseen] == [
        ("/sys/bus/pci/devices/0000:01:00.0/power_state", "Input/output error")
    ]
    assert len(facts.devices) == 6


def test_no_sys(tmp_path: Path) -> None:
    tree = plant(tmp_path, described(MACHINE))
    shutil.rmtree(tree / "sys")
    facts = detect(Root.at(str(tree)))
    assert (facts.devices, facts.iommu.state, verdicts(facts)) == ((), None, ())
    assert facts.cpu.vendor == "intel"


@pytest.mark.parametrize(
    "folder", ["proc", "etc", "dev", "run", "usr", "var", "sys/class", "sys/firmware", "sys/kernel"]
)
def test_half_a_record_of_any_kind(folder: str, tmp_path: Path) -> None:
    tree = plant(tmp_path / "tree", described("zeroed-subsystem"))
    shutil.rmtree(tree / folder, ignore_errors=True)
    facts = detect(Root.at(str(tree)))
    assert len(facts.devices) == 8
    assert len(verdicts(facts)) == 2
    out = tmp_path / "optimux.toml"
    assert run(["init", "--root", str(tree), "--yes", "--anyway", "-o", str(out)]) == 0
    assert run(["generate", str(out), "-o", str(tmp_path / "out")]) == 0


def test_no_libvirt_and_no_qemu(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On the machine itself, where programs would be asked: none is there."""
    monkeypatch.setenv("PATH", str(tmp_path))
    tree = plant(tmp_path / "tree", described(MACHINE))
    facts = detect(Root(Folder(str(tree)), live=True))
    assert (facts.libvirt_version, facts.qemu_version) == (None, None)


def test_a_libvirt_that_does_not_answer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("optimux.facts.detect.live.SECONDS", 0.2)
    for name in ("virsh", "qemu-system-x86_64"):
        program = tmp_path / "bin" / name
        put(tmp_path, f"/bin/{name}", "#!/bin/sh\nexec sleep 30\n")
        program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}/bin:/usr/bin:/bin")
    tree = plant(tmp_path / "tree", described(MACHINE))
    start = time.monotonic()
    facts = detect(Root(Folder(str(tree)), live=True))
    assert time.monotonic() - start < 15
    assert (facts.libvirt_version, facts.qemu_version) == (None, None)


@pytest.mark.parametrize("evidence", ["/.dockerenv", "/run/.containerenv", "/run/systemd/container"])
def test_a_container(evidence: str, tmp_path: Path) -> None:
    """It sees the machine's devices, and says what it is itself."""
    tree = plant(tmp_path, described(MACHINE))
    put(tree, evidence, "podman\n")
    facts = detect(Root.at(str(tree)))
    assert facts.machine.inside == "container"
    assert len(verdicts(facts)) == 2


def test_wsl(tmp_path: Path, capsys: Capture) -> None:
    machine = described(MACHINE) | {"kernel": "6.6.87.2-microsoft-standard-WSL2"}
    tree = plant(tmp_path / "tree", machine)
    facts = detect(Root.at(str(tree)))
    assert facts.machine.inside == "wsl"
    assert "machine.inside" in reasons(facts)
    assert run(["init", "--root", str(tree), "--yes", "-o", str(tmp_path / "x.toml")]) == 1
    assert "Boot Linux on the machine itself" in capsys.readouterr().err


def _arm(folder: Path) -> Path:
    machine = described(MACHINE) | {"architecture": "aarch64", "acpi": {"IORT": 0}}
    del machine["cpu"]
    tree = plant(folder, machine)
    put(tree, "/proc/cpuinfo", "processor\t: 0\nBogoMIPS\t: 50.00\nCPU implementer\t: 0x41\nCPU part\t: 0xd0c\n\n" * 4)
    return tree


def test_arm(tmp_path: Path, capsys: Capture) -> None:
    tree = _arm(tmp_path / "tree")
    facts = detect(Root.at(str(tree)))
    assert (facts.machine.architecture, facts.cpu.vendor) == ("aarch64", None)
    assert "machine.architecture" in reasons(facts)
    assert run(["init", "--root", str(tree), "--yes", "-o", str(tmp_path / "x.toml")]) == 1
    assert "x86-64" in capsys.readouterr().err


def test_arm_by_its_processor_alone(tmp_path: Path) -> None:
    tree = _arm(tmp_path)
    (tree / "proc/sys/kernel/arch").unlink()
    assert detect(Root.at(str(tree))).machine.architecture == "aarch64"


def _crowded(count: int) -> dict[str, Any]:
    """A server with so many functions more than the laptop has."""
    machine = described(MACHINE)
    lines = [
        f"0000:{0x40 + number // 32:02x}:{number % 32:02x}.{number % 8} 0200 8086:1572 8086:0001 i40e {100 + number}"
        for number in range(count)
    ]
    machine["devices"] += "\n".join(lines) + "\n"
    return machine


def test_three_hundred_functions(tmp_path: Path) -> None:
    tree = plant(tmp_path, _crowded(300))
    start = time.monotonic()
    facts = detect(Root.at(str(tree)))
    judged = verdicts(facts)
    assert time.monotonic() - start < 10
    assert len(facts.devices) == 306
    assert [verdict.passthrough for verdict in judged] == ["no", "after-changes"]


def test_its_json_stays_whole_and_is_taken(tmp_path: Path, capsys: Capture) -> None:
    tree = plant(tmp_path / "tree", _crowded(300))
    assert run(["detect", "--root", str(tree), "--json"]) == 0
    said = capsys.readouterr().out
    assert len(json.loads(said)["facts"]["devices"]) == 306
    (tmp_path / "facts.json").write_text(said)
    out = tmp_path / "optimux.toml"
    assert run(["init", "--root", str(tree), "--yes", "-o", str(out)]) == 0
    assert run(["generate", str(out), "-o", str(tmp_path / "out"), "--facts", str(tmp_path / "facts.json")]) == 0


def test_more_than_anybody_needs_is_left_out(tmp_path: Path) -> None:
    """A group with more functions than an entry holds; 120 people; a kernel's command line of a thousand words."""
    machine = described(MACHINE)
    machine["devices"] += "".join(f"0000:05:{n:02x}.0 ff00 10ec:525a - - 1\n" for n in range(20))
    machine["cmdline"] = "quiet " * 1000
    tree = plant(tmp_path / "tree", machine)
    put(tree, "/etc/passwd", "".join(f"u{n}:x:{1000 + n}:100::/home/u{n}:/bin/sh\n" for n in range(120)))
    facts = detect(Root.at(str(tree)))
    assert len(facts.users) <= 100
    assert len(facts.kernel_params) <= 200
    assert run(["init", "--root", str(tree), "--yes", "--anyway", "-o", str(tmp_path / "x.toml")]) == 0
