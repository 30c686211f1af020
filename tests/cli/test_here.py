"""What a configuration is checked against when no facts are given: this machine, where it has the card."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

from optimux.cli import run
from optimux.facts.detect import Root
from tests.detect.tree import described, plant, put

if TYPE_CHECKING:
    from pathlib import Path

    Capture = pytest.CaptureFixture[str]

CONFIG = """
[host]
distribution = "debian"
cpuVendor = "intel"
[gpus.dgpu]
functions = [{ address = "0000:01:00.0", id = "10de:1eb6" }, { address = "0000:01:00.1", id = "10de:10f8" }]
[lookingGlass]
user = "ada"
[vms.windows]
gpu = "dgpu"
memory = "8GiB"
disks = [{ source = "/var/lib/libvirt/images/windows.qcow2" }]
"""
PASSWD = "root:x:0:0::/root:/bin/bash\nada:x:1000:1000::/home/ada:/bin/bash\n"
DOMAIN = """<domain type='kvm'><name>windows</name><memory>8388608</memory>
<os><type arch='x86_64' machine='q35'>hvm</type></os></domain>"""
UNCHECKED = "not checked against a machine: "


@pytest.fixture(autouse=True)
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A ThinkPad P53 in place of whatever runs this."""
    tree = plant(tmp_path / "tree", described("thinkpad-p53"))
    put(tree, "/etc/passwd", PASSWD)
    put(tree, "/etc/os-release", "ID=debian\n")
    at = Root.at
    monkeypatch.setattr(Root, "at", lambda path=None: at(path or str(tree)))
    return tree


def generated(folder: Path, config: str, *arguments: str) -> int:
    file = folder / "optimux.toml"
    file.write_text(config)
    return run(["generate", str(file), "-o", str(folder / "out"), *arguments])


def patched(folder: Path, config: str, *arguments: str) -> int:
    file = folder / "optimux.toml"
    file.write_text(config)
    (folder / "domain.xml").write_text(DOMAIN)
    return run(["patch", str(file), str(folder / "domain.xml"), "--diff", *arguments])


def test_a_machine_that_agrees(tmp_path: Path, capsys: Capture) -> None:
    assert generated(tmp_path, _whole(), "--here") == 0
    assert UNCHECKED not in capsys.readouterr().err


def _whole() -> str:
    """The card with every function that the ThinkPad's has."""
    from optimux.facts.detect import detect

    card = [device for device in detect(Root.at()).devices if device.address.bus == 1]
    functions = ", ".join(f'{{ address = "{device.address}", id = "{device.id}" }}' for device in card)
    start, end = CONFIG.index("functions"), CONFIG.index("[lookingGlass]")
    return f"{CONFIG[:start]}functions = [{functions}]\n{CONFIG[end:]}"


def test_every_mistake_at_once(tmp_path: Path, capsys: Capture) -> None:
    text = _whole().replace('"intel"', '"amd"').replace('"ada"', '"bob"')
    first, last = text.index(", {"), text.index("}]")
    forgotten = text[:first] + text[last + 1 :]
    assert generated(tmp_path, forgotten, "--here") == 2
    said = capsys.readouterr().err
    assert "host.cpuVendor: found amd, where the facts show intel" in said
    assert 'lookingGlass.user: found "bob"' in said
    assert "allowed: every member of the group" in said
    assert not (tmp_path / "out").exists()


def test_without_a_machine_it_says_what_it_did_not_check(tmp_path: Path, capsys: Capture) -> None:
    assert generated(tmp_path, CONFIG.replace('"ada"', '"bob"')) == 0
    assert f"{UNCHECKED}ids, IOMMU groups, users" in capsys.readouterr().err


def test_facts_and_here_exclude_each_other(tmp_path: Path, capsys: Capture) -> None:
    assert generated(tmp_path, CONFIG, "--here", "--facts", "facts.json") == 2
    assert "together with --facts" in capsys.readouterr().err


def test_patch_knows_the_machine_by_its_card(tmp_path: Path, capsys: Capture) -> None:
    assert patched(tmp_path, _whole().replace('"ada"', '"bob"')) == 2
    assert 'lookingGlass.user: found "bob"' in capsys.readouterr().err
    assert patched(tmp_path, _whole()) == 0
    assert UNCHECKED not in capsys.readouterr().err


@pytest.mark.parametrize(
    ("config", "why"),
    [
        (CONFIG.replace("10de:1eb6", "1002:73df").replace("10de:10f8", "1002:ab28"), "no 1002:73df is at 0000:01:00.0"),
        (CONFIG.replace("0000:01:", "0000:0b:"), "no 10de:1eb6 is at 0000:0b:00.0 here"),
        (CONFIG[: CONFIG.index("[gpus")] + "[vms.windows]\nmemory = '8GiB'\n", "it names no GPU to know this one by"),
    ],
)
def test_patch_for_another_machine(config: str, why: str, tmp_path: Path, capsys: Capture) -> None:
    assert patched(tmp_path, config.replace('"ada"', '"bob"')) == 0
    said = capsys.readouterr().err
    assert UNCHECKED in said
    assert why in said


def test_the_evidence_can_be_overruled(tmp_path: Path, capsys: Capture) -> None:
    assert patched(tmp_path, _whole().replace('"ada"', '"bob"'), "--elsewhere") == 0
    assert UNCHECKED in capsys.readouterr().err
    assert patched(tmp_path, CONFIG.replace("0000:01:", "0000:0b:"), "--here") == 2
    assert "a device that the facts show" in capsys.readouterr().err


def test_users_whom_only_the_name_service_knows(tmp_path: Path, capsys: Capture) -> None:
    """root is no person who logs in, and is there."""
    assert generated(tmp_path, _whole().replace('"ada"', '"root"'), "--here") == 0
    assert generated(tmp_path, _whole().replace('"ada"', '"nobody-of-this-name"'), "--here") == 2


def test_a_container_that_shows_no_devices(tmp_path: Path, machine: Path, capsys: Capture) -> None:
    (machine / "sys/bus/pci").rename(machine / "sys/bus/gone")
    assert generated(tmp_path, CONFIG, "--here") == 0
    assert f"{UNCHECKED}ids and IOMMU groups" in capsys.readouterr().err


def test_a_configuration_of_any_shape(tmp_path: Path) -> None:
    """The evidence is looked for before anything is known to be right."""
    for config in ("gpus = 1", "gpus.x = 1", "gpus.x.functions = [1, {}, { address = 1, id = 2 }]", "vms = []"):
        assert patched(tmp_path, config) == 2


def test_no_linux(tmp_path: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    assert generated(tmp_path, CONFIG, "--here") == 0
    assert "this is no Linux" in capsys.readouterr().err
