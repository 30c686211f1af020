"""What init writes: by evidence, with every guess marked, and taken by generate without a warning."""

from __future__ import annotations

import tomllib
from typing import TYPE_CHECKING, Any

import pytest

from optimux.cli import run
from optimux.facts.detect.names import Names
from optimux.plan.resolve import plan_from
from tests.detect.test_machines import GPUS
from tests.detect.tree import MACHINES, described, names, plant, put

if TYPE_CHECKING:
    from pathlib import Path

    from optimux.plan.model import Plan

    Capture = pytest.CaptureFixture[str]

DOMAIN = """<domain type='kvm'><name>Win "11"</name><devices>
<disk type='block' device='disk'><driver name='qemu' type='raw'/><source dev='/dev/vg/win'/>
<target dev='vda' bus='virtio'/><boot order='1'/></disk>
<disk type='network' device='disk'><source protocol='rbd' name='x'/><target dev='vdb' bus='virtio'/></disk>
<interface type='network'><mac address='52:54:00:aa:bb:cc'/></interface></devices></domain>"""


def written(tree: Path, *arguments: str) -> tuple[int, str]:
    """The exit code, and what was written."""
    file = tree.with_suffix(".toml")
    code = run(["init", "--root", str(tree), "--yes", "-o", str(file), *arguments])
    return code, file.read_text(encoding="utf-8") if file.exists() else ""


def planned(text: str) -> tuple[dict[str, Any], Plan]:
    """The configuration, and the plan that generate makes of it alone."""
    data = tomllib.loads(text)
    return data, plan_from(data)


@pytest.mark.parametrize("name", names())
def test_generate_takes_it_without_a_warning(
    name: str, tmp_path: Path, update_golden: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Names, "of", lambda self, id_: None)  # each machine's list has other words
    code, text = written(plant(tmp_path / "tree", described(name)), "--anyway")
    assert code == 0
    _, plan = planned(text)
    assert [str(warning) for warning in plan.warnings] == []
    expected = MACHINES / name / "optimux.toml"
    if update_golden:
        expected.write_text(text, encoding="utf-8")
    assert text == expected.read_text(encoding="utf-8")


@pytest.mark.parametrize("name", names())
def test_it_refuses_only_what_cannot_work(name: str, tmp_path: Path, capsys: Capture) -> None:
    tree = plant(tmp_path / "tree", described(name))
    possible = any(gpu[3] != "no" for gpu in GPUS[name].values())
    code, text = written(tree)
    assert (code, bool(text)) == ((0, True) if possible else (1, False))
    said = capsys.readouterr().err
    assert ("cannot be passed" in said) is not possible
    assert ("wanted:" in said) is not possible


def test_it_takes_over_a_domain(tmp_path: Path) -> None:
    (tmp_path / "domain.xml").write_text(DOMAIN)
    tree = plant(tmp_path / "tree", described("xps-15-9560"))
    _, text = written(tree, "--vm-from", str(tmp_path / "domain.xml"))
    vm = tomllib.loads(text)["vms"]["guest"]
    assert vm["name"] == 'Win "11"'
    assert vm["networks"] == [{"mac": "52:54:00:aa:bb:cc"}]
    assert [disk["source"] for disk in vm["disks"]] == ["/dev/vg/win"]


@pytest.mark.parametrize(
    ("content", "said"), [("<domain/>", "no <domain> with a <name>"), ("<", "malformed XML"), ("", "malformed XML")]
)
def test_what_is_no_domain(content: str, said: str, tmp_path: Path, capsys: Capture) -> None:
    (tmp_path / "domain.xml").write_text(content)
    tree = plant(tmp_path / "tree", described("xps-15-9560"))
    assert written(tree, "--vm-from", str(tmp_path / "domain.xml")) == (2, "")
    assert said in capsys.readouterr().err


def test_a_file_that_is_there_stays(tmp_path: Path) -> None:
    tree = plant(tmp_path / "tree", described("xps-15-9560"))
    tree.with_suffix(".toml").write_text("mine")
    assert written(tree) == (1, "mine")
    assert written(tree, "--force")[0] == 0


@pytest.mark.parametrize("address", ["0000:09:00.0", "nonsense"])
def test_a_gpu_that_is_not_there(address: str, tmp_path: Path, capsys: Capture) -> None:
    tree = plant(tmp_path / "tree", described("xps-15-9560"))
    assert written(tree, "--gpu", address) == (2, "")
    assert "0000:01:00.0" in capsys.readouterr().err


def test_a_chosen_gpu(tmp_path: Path) -> None:
    tree = plant(tmp_path / "tree", described("desktop-2x-rx580"))
    _, text = written(tree, "--gpu", "0000:26:00.0")
    gpu = tomllib.loads(text)["gpus"]["dgpu"]
    assert gpu["functions"][0]["address"] == "0000:26:00.0"
    assert (gpu["bind"], gpu["releaseFramebuffer"]) == ("address", True)


def test_a_narrow_iommu(tmp_path: Path) -> None:
    machine = described("thinkpad-p53")
    machine["cpu"]["bits"] = 46
    _, text = written(plant(tmp_path / "tree", machine))
    assert tomllib.loads(text)["vms"]["Windows11"]["cpu"]["maxPhysAddr"] == {"limit": 39}


@pytest.mark.parametrize(("secure", "key", "memory"), [(1, False, "shm"), (1, True, None), (0, False, None)])
def test_secure_boot_and_the_module(secure: int, key: bool, memory: str | None, tmp_path: Path) -> None:
    tree = plant(tmp_path / "tree", described("xps-15-9560"))
    put(tree, "/etc/os-release", 'ID=arch\nPRETTY_NAME="Arch Linux"\n')
    variables = "/sys/firmware/efi/efivars"
    put(tree, f"{variables}/SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c", bytes([6, 0, 0, 0, secure]))
    put(tree, "/var/lib/dkms/mok.pub", b"certificate")
    if key:
        put(tree, f"{variables}/MokListRT-605dab50-e046-4300-abb6-3dd810dd8b23", b"....certificate....")
    _, text = written(tree)
    assert tomllib.loads(text)["lookingGlass"].get("memory") == memory


def test_efficient_cores_stay_with_the_host(tmp_path: Path) -> None:
    machine = described("xps-15-9560")
    machine["cpu"] |= {"cores": "0+1 2+3 4+5 6+7 8 9 10 11", "efficient": "8-11"}
    _, text = written(plant(tmp_path / "tree", machine))
    vm = tomllib.loads(text)["vms"]["Windows11"]
    assert vm["cpu"]["topology"] == {"cores": 4, "threads": 2}
    assert list(vm["cpuTune"]["vcpuPin"].values()) == [str(cpu) for cpu in range(8)]
    assert vm["cpuTune"]["emulatorPin"] == "8-11"


def test_nix(tmp_path: Path) -> None:
    tree = plant(tmp_path / "tree", described("xps-15-9560"))
    _, text = written(tree, "--nix")
    assert "virtualisation.optimux.gpus.dgpu.functions = [" in text


def test_a_virtual_function_is_bound_on_demand(tmp_path: Path) -> None:
    _, text = written(plant(tmp_path / "tree", described("virtual-functions")))
    gpu = tomllib.loads(text)["gpus"]["dgpu"]
    assert gpu == {"functions": [{"address": "0000:00:02.1", "id": "8086:b080"}], "bind": "on-demand"}
    assert "NVIDIA" not in text


@pytest.mark.parametrize(
    ("ids", "written_ids"), [("0000:0000", {"vendor": 0x1458, "device": 0xD024}), ("1458:75a1", None)]
)
def test_subsystem_ids_of_zeroes(ids: str, written_ids: object, tmp_path: Path) -> None:
    machine = described("zeroed-subsystem")
    machine["devices"] = machine["devices"].replace("10de:2460 0000:0000", f"10de:2460 {ids}")
    _, text = written(plant(tmp_path / "tree", machine))
    assert tomllib.loads(text)["gpus"]["dgpu"].get("subsystemIds") == written_ids


def test_a_qemu_without_spice(tmp_path: Path) -> None:
    """Red Hat's: Looking Glass is left out, with the reason, and nothing needs SPICE."""
    _, text = written(plant(tmp_path / "tree", described("two-of-a-kind-vmd")))
    data, plan = planned(text)
    assert data["lookingGlass"] == {"enable": False}
    assert plan.shared_memories == ()
    assert plan.domains[0].spice.enable is False
    assert "Rocky Linux 9.6's QEMU has no ivshmem-plain" in text
