"""Where devices sit in the guest: shared slots before a real QEMU, and bus numbers as its firmware gives them."""

from __future__ import annotations

import subprocess
import xml.etree.ElementTree as ET
from itertools import permutations
from typing import Any

import pytest

from optimux.emit.domain_xml import domain_xml
from optimux.errors import InvalidInput
from optimux.plan.model import DomainPlan
from optimux.plan.resolve import plan_from
from optimux.vm.errors import VmError
from optimux.vm.qemu.programs import find_qemu

HOST = {"distribution": "debian", "cpuVendor": "intel"}
FUNCTION = {"address": "0000:01:00.0", "id": "10de:249d"}

# Each kind of device: the options that put one at an address, where its element is, and what QEMU calls it.
KINDS: dict[str, tuple[str, str, str]] = {
    "network": ("networks", "interface", "virtio-net-pci"),
    "disk": ("disks", "disk", "virtio-blk-pci,drive=disk"),
    "input": ("inputs", "input[@bus='virtio']", "virtio-keyboard-pci"),
    "usb": ("usb", "controller[@type='usb']", "qemu-xhci"),
    "sound": ("sound", "sound", "ich9-intel-hda"),
    "video": ("video", "video", "VGA"),
    "serial": ("virtioSerialAddress", "controller[@type='virtio-serial']", "virtio-serial-pci"),
    "shmem": ("ivshmem", "shmem", "ivshmem-plain,memdev=memory"),
    "gpu": ("gpu", "hostdev", "pci-testdev"),
}
PAIRS = [*permutations(KINDS, 2)]


def _stated(key: str, address: str) -> dict[str, Any]:
    lists: dict[str, dict[str, Any]] = {
        "networks": {"networks": [{"address": address}]},
        "disks": {"disks": [{"source": "/a.raw", "address": address}]},
        "inputs": {"inputs": [{"type": "keyboard", "bus": "virtio", "address": address}]},
        "virtioSerialAddress": {"virtioSerialAddress": address},
        "ivshmem": {"pci": {"ivshmem": address}},
        "gpu": {},
    }
    return lists.get(key, {key: {"address": address}})


def _domain(first: str, second: str, memory: str = "shm") -> DomainPlan:
    vm: dict[str, Any] = {"memory": "1GiB", "gpu": "card"}
    function = dict(FUNCTION)
    for kind, address in ((first, "0000:00:10.0"), (second, "0000:00:10.1")):
        key = KINDS[kind][0]
        vm |= _stated(key, address)
        if key == "gpu":
            function["guestAddress"] = address
    if "ivshmem" not in (KINDS[first][0], KINDS[second][0]):
        vm["pci"] = {"ivshmem": "0000:00:11.0"}
    config = {"host": HOST, "lookingGlass": {"memory": memory}, "gpus": {"card": {"functions": [function]}}}
    (domain,) = plan_from({**config, "vms": {"win": vm}}).domains
    return domain


def _arguments(xml: str, kinds: tuple[str, str]) -> list[str]:
    """The two devices at the addresses of their elements; what they need of the host is made up."""
    root = ET.fromstring(xml)
    arguments = []
    for kind in kinds:
        _, where, driver = KINDS[kind]
        (address,) = root.iterfind(f"devices/{where}/address[@type='pci'][@slot='0x10']")
        shared = f",multifunction={address.get('multifunction')}" if address.get("multifunction") else ""
        place = "10." + address.get("function", "").removeprefix("0x")
        arguments += ["-device", f"{driver},bus=pcie.0,addr={place}{shared}"]
    return arguments


def _qemu(*arguments: str) -> str:
    """What QEMU has against a machine; empty where it starts."""
    try:
        program = find_qemu()
    except VmError as error:
        pytest.skip(f"Debian package qemu-system-x86: {error}")
    command = [program, "-machine", "q35,accel=tcg", "-nodefaults", "-display", "none", "-S"]
    command += ["-monitor", "stdio", "-blockdev", "null-co,node-name=disk,read-zeroes=on"]
    command += ["-object", "memory-backend-ram,id=memory,size=1M,share=on", *arguments]
    done = subprocess.run(command, input="quit\n", capture_output=True, text=True, timeout=60, check=False)
    return done.stderr if done.returncode else ""


@pytest.mark.parametrize("kinds", PAIRS, ids="-".join)
def test_two_devices_share_a_slot(kinds: tuple[str, str]) -> None:
    assert _qemu(*_arguments(domain_xml(_domain(*kinds)), kinds)) == ""


def test_without_the_word_qemu_refuses_the_second() -> None:
    arguments = _arguments(domain_xml(_domain("network", "shmem")), ("network", "shmem"))
    said = _qemu(*(argument.replace(",multifunction=on", "") for argument in arguments))
    assert "single function" in said


def test_kvmfr_at_function_0_of_a_shared_slot() -> None:
    domain = _domain("shmem", "network", "kvmfr")
    root = ET.fromstring(domain_xml(domain))
    (device,) = [v for node in root.iter() if "ivshmem-plain" in (v := node.get("value", ""))]
    assert '"multifunction":true' in device
    network = _arguments(domain_xml(domain), ("network", "network"))[:2]
    assert _qemu("-device", device.replace("looking-glass", "memory"), *network) == ""


def test_alone_in_a_slot_nothing_is_said() -> None:
    (domain,) = plan_from(
        {"host": HOST, "vms": {"win": {"memory": "1GiB", "networks": [{"address": "0000:00:10.0"}]}}}
    ).domains
    assert domain.networks[0].placement is not None
    assert not domain.networks[0].placement.multifunction


def _refused(vm: dict[str, Any]) -> list[str]:
    with pytest.raises(InvalidInput) as refused:
        plan_from({"host": HOST, "vms": {"win": {"memory": "1GiB", **vm}}})
    return [str(problem) for problem in refused.value.problems]


@pytest.mark.parametrize("place", ["0000:00:01.3", "0000:01:01.0", "0001:00:01.0"])
def test_the_first_port_is_function_0_of_a_slot_of_bus_0(place: str) -> None:
    (said,) = _refused({"pci": {"firstRootPort": place}})
    assert said.startswith("vms.win.pci.firstRootPort: found ")
    assert "Write 0000:00:01.0." in said


@pytest.mark.parametrize(
    ("numbers", "guests"), [([1], [0]), ([1, 2], [0, 2]), ([0, 1], [0, 1]), ([3, 2], [3, 0])], ids=str
)
def test_some_function_is_function_0(numbers: list[int], guests: list[int]) -> None:
    functions = [{"address": f"0000:03:00.{number}", "id": "10de:249d"} for number in numbers]
    config = {"host": HOST, "lookingGlass": {"enable": False}, "gpus": {"card": {"functions": functions}}}
    (domain,) = plan_from({**config, "vms": {"win": {"memory": "1GiB", "gpu": "card"}}}).domains
    assert [device.guest.function for device in domain.host_devices] == guests


def test_no_bridge_of_libvirts_takes_a_bus_before_the_cards() -> None:
    """What is no PCI Express device gets a slot of bus 0; without a card libvirt may put it where it likes."""
    vm: dict[str, Any] = {
        "memory": "1GiB",
        "networks": [{"model": "rtl8139"}, {"model": "virtio"}, {"model": "rtl8139", "address": "0000:00:0a.0"}],
        "sound": {"model": "ac97"},
        "watchdog": {"model": "i6300esb"},
        "pci": {"gpu": "0000:09:00.0", "firstRootPort": "0000:00:01.0"},
    }
    card = {"card": {"functions": [FUNCTION]}}
    domain = plan_from({"host": HOST, "gpus": card, "vms": {"a": vm | {"gpu": "card"}}}).domains[0]
    assert domain.watchdog is not None
    placed = [domain.sound.address, domain.watchdog.address, *(network.address for network in domain.networks)]
    assert [str(address or "")[5:] for address in placed] == ["00:04.0", "00:05.0", "00:06.0", "", "00:0a.0"]
    vm.pop("pci")
    alone = plan_from({"host": HOST, "vms": {"a": vm}}).domains[0]
    assert alone.watchdog is not None
    assert [alone.sound.address, alone.watchdog.address, alone.networks[0].address] == [None, None, None]
