"""Bad input: the evaluation stops with the module's own assertions, all of them at once."""

from __future__ import annotations

from copy import deepcopy
from typing import TYPE_CHECKING, Any

import pytest

from lab.errors import Refused
from tests.nix.nixos import Case, evaluated

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

GOOD: dict[str, Any] = {
    "host": {"cpuVendor": "intel"},
    "gpus": {
        "dgpu": {
            "functions": [
                {"address": "0000:01:00.0", "id": "10de:249d"},
                {"address": "0000:01:00.1", "id": "10de:228b"},
            ]
        }
    },
    "lookingGlass": {"user": "alice"},
    "vms": {"win": {"gpu": "dgpu", "memory": "16GiB", "disks": [{"source": "/var/lib/libvirt/images/win.qcow2"}]}},
}
SECOND = {"memory": "8GiB", "disks": [{"source": "/dev/nvme1n1", "type": "block"}]}
SAME_UUID = "5d5b00d8-475a-4b6c-8053-9dda30cd2f95"


def _wrong_id(data: Any) -> None:
    data["gpus"]["dgpu"]["functions"][0]["id"] = "10de249d"


def _wrong_address(data: Any) -> None:
    data["gpus"]["dgpu"]["functions"][1]["address"] = "01:00.1"


def _no_display_function(data: Any) -> None:
    del data["gpus"]["dgpu"]["functions"][0]


def _no_functions(data: Any) -> None:
    del data["gpus"]["dgpu"]["functions"]


def _no_address(data: Any) -> None:
    del data["gpus"]["dgpu"]["functions"][0]["address"]


def _refused_path(data: Any) -> None:
    data["host"]["securityModule"] = "apparmor"
    data["vms"]["win"]["battery"] = {"path": "/etc/ssdt1.dat"}


def _no_disks(data: Any) -> None:
    data["vms"]["win"]["disks"] = []


def _no_memory(data: Any) -> None:
    del data["vms"]["win"]["memory"]


def _no_firmware(data: Any) -> None:
    data["vms"]["win"]["firmware"] = {"loader": "/usr/share/OVMF/OVMF_CODE_4M.fd"}


def _template_alone(data: Any) -> None:
    data["vms"]["win"]["firmware"] = {"nvramTemplate": "/run/libvirt/nix-ovmf/OVMF_VARS.fd"}


def _unknown_user(data: Any) -> None:
    data["lookingGlass"]["user"] = "bob"


def _unknown_group(data: Any) -> None:
    data["lookingGlass"]["group"] = "libvirt"


def _one_uuid(data: Any) -> None:
    data["vms"]["win"]["uuid"] = SAME_UUID
    data["vms"]["zwei"] = {**SECOND, "uuid": SAME_UUID.upper()}


def _one_name(data: Any) -> None:
    data["vms"]["zwei"] = {**SECOND, "name": "win"}


def _unknown_gpu(data: Any) -> None:
    data["vms"]["win"]["gpu"] = "dpgu"


def _no_vendor(data: Any) -> None:
    del data["host"]["cpuVendor"]


def _odd_size(data: Any) -> None:
    data["lookingGlass"]["size"] = "100MiB"


def _same_address(data: Any) -> None:
    data["gpus"]["other"] = deepcopy(data["gpus"]["dgpu"])


def _sleepless(data: Any) -> None:
    data["gpus"]["dgpu"]["disableIdleD3"] = True


def _bad_name(data: Any) -> None:
    data["vms"]["a b"] = SECOND


BAD: dict[str, tuple[Any, str]] = {
    "wrong id": (_wrong_id, 'gpus.dgpu.functions[0].id: found "10de249d"; allowed: a vendor and device id'),
    "wrong address": (_wrong_address, 'gpus.dgpu.functions[1].address: found "01:00.1"; allowed: a PCI address'),
    "no function 0": (_no_display_function, "gpus.dgpu.functions: found no function 0 among 0000:01:00.1"),
    "no functions": (_no_functions, "gpus.dgpu.functions: found 0 entries; allowed: 1 to 4 entries"),
    "no address": (_no_address, "gpus.dgpu.functions[0].address: found nothing"),
    "refused path": (_refused_path, "vms.win.battery.path: found /etc/ssdt1.dat; allowed: nothing below /etc/"),
    "no disks": (_no_disks, "vms.win.disks: found no disk"),
    "no memory": (_no_memory, "vms.win.memory: found nothing"),
    "no firmware": (_no_firmware, "vms.win.firmware.loader: found /usr/share/OVMF/OVMF_CODE_4M.fd, which no NixOS"),
    "template alone": (_template_alone, "vms.win.firmware.nvramTemplate: found /run/libvirt"),
    "unknown user": (_unknown_user, 'lookingGlass.user: found "bob", who is no user of this system'),
    "unknown group": (_unknown_group, 'lookingGlass.group: found "libvirt", which is no group'),
    "one UUID": (
        _one_uuid,
        f"vms.zwei.uuid: found {SAME_UUID}; allowed: each UUID once. vms.win.uuid has it",
    ),
    "one name": (_one_name, "vms.zwei.name: found win; allowed: each name once"),
    "unknown GPU": (_unknown_gpu, 'vms.win.gpu: found "dpgu"; allowed: a name of gpus: dgpu'),
    "no vendor": (_no_vendor, "host.cpuVendor: found nothing"),
    "odd size": (_odd_size, "lookingGlass.size: found "),
    "same address": (_same_address, "gpus.other.functions[0].address: found 0000:01:00.0; allowed: each host address"),
    "sleepless": (_sleepless, "gpus.dgpu.disableIdleD3: found true"),
    "bad name": (_bad_name, "vms.a b: found this name"),
}
# The list of which a user is told at once.
TOGETHER = ("wrong id", "refused path", "no firmware", "unknown user", "one UUID")


def changed(*changes: Callable[[Any], None]) -> Any:
    data = deepcopy(GOOD)
    for change in changes:
        change(data)
    return data


def messages(cases: list[Case], folder: Path) -> list[Any]:
    """The failed assertions of each case."""
    return [result["native"]["failed"] for result in evaluated(cases, folder)]


def bad_case(data: Any, **around: Any) -> Case:
    return Case({}, users=("alice",), settings=data, wanted=("failed",), **around)


def test_what_is_good_fails_nothing(tmp_path: Path) -> None:
    assert messages([bad_case(GOOD)], tmp_path) == [[]]


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[str]]:
    cases = [bad_case(changed(change)) for change, _ in BAD.values()]
    return dict(zip(BAD, messages(cases, tmp_path_factory.mktemp("bad")), strict=True))


@pytest.mark.xdist_group("nix")
@pytest.mark.parametrize("name", BAD)
def test_each_is_told(name: str, told: dict[str, list[str]]) -> None:
    """By the option's path, and nothing that only follows from it."""
    (message,) = [text for text in told[name] if text.startswith("virtualisation.optimux.")][:1]
    assert message.startswith(f"virtualisation.optimux.{BAD[name][1]}"), told[name]
    assert message.count("; allowed: ") == 1
    assert message.endswith(".")
    assert len(told[name]) == (2 if name == "same address" else 1), told[name]


@pytest.mark.xdist_group("nix")
def test_all_are_told_at_once(tmp_path: Path) -> None:
    case = bad_case(changed(*(BAD[name][0] for name in TOGETHER)), has_kvmfr=False)
    (found,) = messages([case], tmp_path)
    for name in TOGETHER:
        assert any(BAD[name][1] in text for text in found), (name, found)
    assert any("without a package kvmfr" in text for text in found)


@pytest.mark.xdist_group("nix")
def test_kvmfr_without_a_package(tmp_path: Path) -> None:
    (found,) = messages([bad_case(GOOD, has_kvmfr=False)], tmp_path)
    assert [text.partition(":")[0] for text in found] == ["virtualisation.optimux.lookingGlass.memory"]


@pytest.mark.xdist_group("nix")
def test_the_rest_evaluates_beside_a_missing_package(tmp_path: Path) -> None:
    """Whoever looks at the configuration meets the assertion, not an error of ours."""
    (result,) = evaluated([Case({}, users=("alice",), settings=GOOD, has_kvmfr=False)], tmp_path)
    assert result["native"]["config"]["boot"]["extraModulePackages"] == []


@pytest.mark.xdist_group("nix")
def test_a_wrong_type_is_nixpkgs_own_error(tmp_path: Path) -> None:
    """What is no string at all, or no known word, is refused with the option's path and the allowed words."""
    data = changed(lambda data: data["lookingGlass"].update(release="b8"))
    with pytest.raises(Refused, match=r"optimux\.lookingGlass\.release.*one of \"b7\", \"idd\""):
        messages([bad_case(data)], tmp_path)


@pytest.mark.xdist_group("nix")
def test_surprises_are_warnings(tmp_path: Path) -> None:
    data = changed()
    data["host"]["securityModule"] = "apparmor"
    data["gpus"]["dgpu"]["functions"][1]["passThrough"] = False
    case = Case({}, users=("alice",), settings=data, wanted=("failed", "warnings"))
    (result,) = evaluated([case], tmp_path)
    assert result["native"]["failed"] == []
    paths = [
        text.partition(": found")[0].removeprefix("virtualisation.optimux.") for text in result["native"]["warnings"]
    ]
    assert paths == ["gpus.dgpu", "host.securityModule"]
