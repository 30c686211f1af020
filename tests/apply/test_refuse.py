"""Why apply does not act on a host, by what the host shows; each beside a host on which it does."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from optimux.errors import InvalidInput, OptimuxError
from optimux.facts import load_facts
from optimux.facts.detect import Root
from optimux.facts.model import facts_from
from optimux.findings import Findings
from optimux.host.apply.refuse import _cards, _command_lines, _entries, _where
from optimux.host.doctor.findings import _kept
from optimux.host.shell import Shell
from optimux.plan.resolve import plan_from
from tests.bad_input.edits import FACTS, edited

GPU = {"address": "0000:01:00.0", "id": "10de:249d", "class": "0300", "iommuGroup": 2}
OTHER = GPU | {"address": "0000:05:00.0"}
IGPU = {"address": "0000:00:02.0", "id": "8086:9a60", "class": "0300", "bootDisplay": True, "iommuGroup": 1}


@pytest.mark.parametrize(
    ("inside", "said"),
    [("container", "a container"), ("wsl", "a Windows subsystem"), ("vm", ""), (None, "")],
)
def test_what_is_no_host(inside: str | None, said: str) -> None:
    facts = facts_from({"machine": {"inside": inside}} if inside else {}, Findings())
    assert [problem.found for problem in _where(facts)] == ([said] if said else [])


@pytest.mark.parametrize(
    ("devices", "said"),
    [
        (None, []),
        ([], []),
        ([IGPU, OTHER], ["0000:01:00.0"]),
        ([GPU | {"bootDisplay": True}], ["0000:01:00.0"]),
    ],
)
def test_cards_that_are_not_to_be_had(devices: list[dict[str, Any]] | None, said: list[str]) -> None:
    """Not there, or on a host that cannot give it away; the card of the recorded machine can be had."""
    known, iommu = load_facts(str(FACTS)), {"iommu": {"state": "on", "groups": 15}}
    facts = facts_from(iommu | {"devices": devices or []}, Findings())
    facts = facts if devices is not None else known.replace(iommu=facts.iommu)
    assert devices is None or len(facts.devices) == len(devices)
    problems = list(_cards(plan_from(edited({})), facts))
    assert [problem.path for problem in problems][: len(said)] == ["gpus.rtx3070" for _ in said]
    assert bool(problems) == bool(said)


@pytest.mark.parametrize(
    ("line", "changes", "said"),
    [
        ('default_cmdline="/etc/mine"', {}, ['default_cmdline="/etc/mine"']),
        ("ALL_cmdline=/etc/cmdline.d", {}, ["ALL_cmdline=/etc/cmdline.d"]),
        ("ALL_cmdline='/etc/kernel/cmdline'", {}, []),
        ("#ALL_cmdline=/etc/mine", {}, []),
        ("ALL_cmdline=/etc/mine", {"host.bootLoader": "grub"}, []),
        ("ALL_cmdline=/etc/mine", {"host.initramfs": "dracut"}, []),
    ],
)
def test_a_preset_with_a_command_line_of_its_own(
    line: str, changes: dict[str | tuple[str, ...], Any], said: list[str], tmp_path: Path
) -> None:
    """What mkinitcpio reads in its place would have our words, and the image would not."""
    stated: dict[str | tuple[str, ...], Any] = {"host.distribution": "arch", "host.bootLoader": "uki"}
    plan = plan_from(edited(stated | {"host.initramfs": "mkinitcpio"} | changes))
    folder = tmp_path / "etc/mkinitcpio.d"
    folder.mkdir(parents=True)
    (folder / "linux.preset").write_text(f"default_uki=/efi/EFI/Linux/arch.efi\n{line}\n")
    assert [problem.found for problem in _command_lines(plan, Root.at(str(tmp_path)))] == said


def test_a_boot_loader_without_an_entry(tmp_path: Path) -> None:
    plan = plan_from(edited({"host.distribution": "arch", "host.bootLoader": "systemd-boot"}))
    (problem,) = _entries(plan, Root.at(str(tmp_path)))
    assert problem.path == "host.bootLoader"
    folder = tmp_path / problem.found.split()[3].lstrip("/")
    folder.mkdir(parents=True)
    assert len(list(_entries(plan, Root.at(str(tmp_path))))) == 1
    (folder / "arch.conf").touch()
    assert list(_entries(plan, Root.at(str(tmp_path)))) == []


def test_a_configuration_that_is_kept_and_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "sys").mkdir()
    (tmp_path / "kept.toml").write_text("a = 1\n")
    root = Root.at(str(tmp_path))
    assert _kept(root, "/kept.toml") == {"a": 1}
    with pytest.raises(InvalidInput, match="found a file that cannot be read; allowed: the configuration of apply"):
        _kept(root, "/none.toml")


def test_a_shell_that_cannot_be_started(monkeypatch: pytest.MonkeyPatch) -> None:
    assert Shell().run("exit 3") == 3
    monkeypatch.setattr("optimux.host.shell.subprocess.run", _missing)
    with pytest.raises(OptimuxError, match="`exit 3` cannot be started: No such file"):
        Shell().run("exit 3")


def _missing(*arguments: object, **named: object) -> None:
    raise FileNotFoundError(2, "No such file or directory", "sh")
