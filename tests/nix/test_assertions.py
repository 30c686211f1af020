"""Bad input: the evaluation stops with what only it knows, all of it at once; the build refuses the rest."""

from __future__ import annotations

import json
from copy import deepcopy
from typing import TYPE_CHECKING, Any

import pytest

from lab.errors import Refused
from optimux.errors import InvalidInput
from optimux.plan.resolve import plan_from
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


def _no_functions(data: Any) -> None:
    del data["gpus"]["dgpu"]["functions"]


def _no_address(data: Any) -> None:
    del data["gpus"]["dgpu"]["functions"][0]["address"]


def _refused_path(data: Any) -> None:
    data["host"]["securityModule"] = "apparmor"
    data["vms"]["win"]["battery"] = {"path": "/etc/ssdt1.dat"}


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


def _two_kinds_of_memory(data: Any) -> None:
    data["vms"]["zwei"] = {**SECOND, "gpu": "dgpu", "lookingGlass": {"memory": "shm"}}


# By the evaluation.
BAD: dict[str, tuple[Any, str]] = {
    "wrong id": (_wrong_id, 'gpus.dgpu.functions[0].id: found "10de249d"; allowed: a vendor and device id'),
    "wrong address": (_wrong_address, 'gpus.dgpu.functions[1].address: found "01:00.1"; allowed: a PCI address'),
    "no functions": (_no_functions, "gpus.dgpu.functions: found 0 entries; allowed: 1 to 4 entries"),
    "no address": (_no_address, "gpus.dgpu.functions[0].address: found nothing"),
    "no memory": (_no_memory, "vms.win.memory: found nothing"),
    "unknown user": (_unknown_user, 'lookingGlass.user: found "bob", who is no user of this system'),
    "unknown group": (_unknown_group, 'lookingGlass.group: found "libvirt", which is no group'),
    "unknown GPU": (_unknown_gpu, 'vms.win.gpu: found "dpgu"; allowed: a name of gpus: dgpu'),
    "no vendor": (_no_vendor, "host.cpuVendor: found nothing"),
    "odd size": (_odd_size, "lookingGlass.size: found "),
    "bad name": (_bad_name, "vms.a b: found this name"),
    "two kinds of memory": (_two_kinds_of_memory, 'vms.zwei.lookingGlass.memory: found "shm"; allowed: "kvmfr"'),
}
# By the generator, from the options that the build hands to it.
REFUSED_LATER: dict[str, tuple[Any, str]] = {
    "refused path": (_refused_path, "vms.win.battery.path"),
    "no firmware": (_no_firmware, "vms.win.firmware.loader"),
    "template alone": (_template_alone, "vms.win.firmware.nvramTemplate"),
    "one UUID": (_one_uuid, "vms.zwei.uuid"),
    "one name": (_one_name, "vms.zwei.name"),
    "same address": (_same_address, "gpus.other.functions[0].address"),
    "sleepless": (_sleepless, "gpus.dgpu.disableIdleD3"),
    "two kinds of memory": (_two_kinds_of_memory, "vms.zwei.lookingGlass.memory"),
}
# The list of which a user is told at once.
TOGETHER = ("wrong id", "odd size", "no memory")
TOGETHER_OF_MEANING = ("unknown user", "unknown group", "no vendor")


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
    assert len(told[name]) == 1, told[name]


@pytest.mark.xdist_group("nix")
@pytest.mark.parametrize("names", [TOGETHER, TOGETHER_OF_MEANING], ids=["forms", "meaning"])
def test_all_are_told_at_once(names: tuple[str, ...], tmp_path: Path) -> None:
    case = bad_case(changed(*(BAD[name][0] for name in names)), has_kvmfr=False)
    (found,) = messages([case], tmp_path)
    for name in names:
        assert any(BAD[name][1] in text for text in found), (name, found)


@pytest.fixture(scope="module")
def handed_over(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The options of each case as the build hands them to the generator."""
    data = [changed(change) for change, _ in REFUSED_LATER.values()]
    cases = [Case({}, users=("alice",), settings=item, wanted=("options",)) for item in data]
    results = evaluated(cases, tmp_path_factory.mktemp("later"))
    return {name: json.loads(result["native"]["options"]) for name, result in zip(REFUSED_LATER, results, strict=True)}


@pytest.mark.xdist_group("nix")
@pytest.mark.parametrize("name", REFUSED_LATER)
def test_the_generator_refuses_the_rest(name: str, handed_over: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput) as refused:
        plan_from(handed_over[name])
    assert REFUSED_LATER[name][1] in [problem.path for problem in refused.value.problems]


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
        evaluated([Case({}, users=("alice",), settings=data, wanted=("options",))], tmp_path)


@pytest.mark.xdist_group("nix")
def test_surprises_are_warnings(tmp_path: Path) -> None:
    data = changed()
    data["host"]["securityModule"] = "apparmor"
    data["lookingGlass"]["release"] = "idd"
    case = Case({}, users=("alice",), settings=data, wanted=("failed", "warnings"))
    (result,) = evaluated([case], tmp_path)
    assert result["native"]["failed"] == []
    paths = [
        text.partition(": found")[0].removeprefix("virtualisation.optimux.") for text in result["native"]["warnings"]
    ]
    assert paths == ["host.securityModule", "lookingGlass.release"]
