"""Refusals around the VM: the host, where devices stand, and the client's settings."""

from __future__ import annotations

from typing import Any

from tests.bad_input.case import case
from tests.bad_input.edits import GPU, VM, Edits, of_vm

IDD: Edits = {"lookingGlass.release": "idd", "lookingGlass.memory": "shm"}
DISKS = [{"source": f"/{number}.qcow2"} for number in range(12)]


def _network(**keys: Any) -> Edits:
    return {"host.networks": {"quiet": {"address": "10.9.8.1/24", **keys}}}


def _client(section: str, **keys: Any) -> Edits:
    return {"lookingGlass.client": {section: keys}}


HOST = (
    case(
        "network of one address",
        _network(address="10.9.8.1/31"),
        ("host.networks.quiet.address", "10.9.8.1/31", "at most 30", "smaller network"),
        twin=_network(address="10.9.8.1/30"),
    ),
    case(
        "address of the network itself",
        _network(address="10.9.8.0/24"),
        ("host.networks.quiet.address", "10.9.8.0/24", "an address of a host", "own address"),
        twin=_network(address="10.9.8.254/24"),
    ),
    case(
        "address out of range",
        _network(address="10.9.8.256/24"),
        ("host.networks.quiet.address", "10.9.8.256/24", "four numbers up to 255", "own address"),
        twin=_network(address="10.9.8.25/24"),
    ),
    case(
        "one bridge for two networks",
        {
            "host.networks": {
                "a": {"address": "10.0.0.1/24", "bridge": "b"},
                "c": {"address": "10.0.1.1/24", "bridge": "b"},
            }
        },
        ("host.networks.c.bridge", "b", "each bridge once", "host.networks.a's"),
        twin={"host.networks": {"a": {"address": "10.0.0.1/24", "bridge": "b"}, "c": {"address": "10.0.1.1/24"}}},
    ),
    case(
        "booster, which has no hooks",
        {"host.distribution": "arch", "host.initramfs": "booster", f"{GPU}.bind": "address"},
        ("host.initramfs", "booster", "with hooks", "bind by id"),
        twin={"host.distribution": "arch", "host.initramfs": "booster", f"{GPU}.bind": "id"},
    ),
    case(
        "image whose initramfs nobody changes",
        {"host.distribution": "fedora-atomic", f"{GPU}.bind": "address"},
        ("host.distribution", "part of an image", "an initramfs of this host's own", "Bind by id"),
        twin={"host.distribution": "fedora-atomic", f"{GPU}.bind": "id"},
    ),
    case(
        "more kvmfr devices than the module makes",
        {
            "gpus": {
                f"g{n}": {"functions": [{"address": f"0000:{n:02x}:00.0", "id": "10de:249d"}]} for n in range(1, 12)
            },
            "vms": {f"v{n}": {"memory": "1GiB", "gpu": f"g{n}"} for n in range(1, 12)},
        },
        ("lookingGlass.memory", "11 kvmfr devices", "at most 10", "shm"),
        twin={
            "gpus": {
                f"g{n}": {"functions": [{"address": f"0000:{n:02x}:00.0", "id": "10de:249d"}]} for n in range(1, 11)
            },
            "vms": {f"v{n}": {"memory": "1GiB", "gpu": f"g{n}"} for n in range(1, 11)},
        },
    ),
)

TOPOLOGY = (
    case(
        "function of an empty slot",
        of_vm(video={"address": "0000:00:11.1"}),
        (f"{VM}.video.address", "0000:00:11.1", "function 0 is there too", "Put a device at 0000:00:11.0"),
        twin=of_vm(video={"address": "0000:00:11.0"}),
    ),
    case(
        "root ports at a function",
        of_vm(pci={"firstRootPort": "0000:00:02.1"}),
        (f"{VM}.pci.firstRootPort", "0000:00:02.1", "function 0", "Write 0000:00:02.0"),
        twin=of_vm(pci={"firstRootPort": "0000:00:02.0"}),
    ),
    case(
        "fewer root ports than libvirt would add before them",
        of_vm(pci={"firstRootPort": "0000:00:10.0", "rootPorts": 1, "ivshmem": "0000:00:11.0"}),
        (f"{VM}.pci.rootPorts", "1", "as libvirt would put its own before these", "Raise it to"),
        twin=of_vm(pci={"firstRootPort": "0000:00:01.0", "rootPorts": 1, "ivshmem": "0000:00:11.0"}),
    ),
    case(
        "fewer root ports than libvirt would add up to an argument's device",
        of_vm(pci={"rootPorts": 1, "ivshmem": "0000:00:03.0"}, disks=DISKS),
        (f"{VM}.pci.rootPorts", "1", "as libvirt would put its own at pci.ivshmem", "Raise it to"),
        twin=of_vm(pci={"rootPorts": 1, "ivshmem": "0000:00:10.0"}, disks=DISKS),
    ),
    case(
        "an argument's device behind a root port",
        of_vm(pci={"ivshmem": "0000:02:00.0"}),
        (f"{VM}.pci.ivshmem", "0000:02:00.0", "an address of bus 00, with kvmfr memory", "such as 0000:00:10.0"),
        twin={**of_vm(pci={"ivshmem": "0000:02:00.0"}), "lookingGlass.memory": "shm"},
    ),
    case(
        "no room for the root ports",
        of_vm(pci={"firstRootPort": "0000:00:1e.0", "rootPorts": 9}),
        (f"{VM}.pci.firstRootPort", "room for 8 ports", "room for 9", "a lower slot"),
        twin=of_vm(pci={"firstRootPort": "0000:00:1e.0", "rootPorts": 8}),
    ),
)

CLIENT = (
    case(
        "value that the client cannot read",
        _client("win", borderless="yes"),
        ("lookingGlass.client.win.borderless", '"yes"', "true or false", "without quotes"),
        twin=_client("win", borderless=True),
    ),
    case(
        "key of the other release",
        _client("app", shmFile="/dev/shm/a") | IDD,
        ("lookingGlass.client.app.shmFile", "a key of release b7", "the keys of release idd", "lgmp.shmDevice"),
        twin=_client("app", shmFile="/dev/shm/a"),
    ),
    case(
        "screen saver both ways",
        _client("win", noScreensaver=True, autoScreensaver=True),
        ("lookingGlass.client.win.noScreensaver", "true", "false beside win.autoScreensaver", "Keep one"),
        twin=_client("win", noScreensaver=True, autoScreensaver=False),
    ),
    case(
        "sizes that follow each other",
        _client("win", autoResize=True) | IDD,
        ("lookingGlass.client.win.autoResize", "true", "false while win.setGuestRes", "setGuestRes = false"),
        twin=_client("win", autoResize=True, setGuestRes=False) | IDD,
    ),
    case(
        "value of no kind",
        _client("win", title=[1]),
        ("lookingGlass.client.win.title", "", "one line of text", ""),
        twin=_client("win", title="1"),
    ),
    case(
        "settings of a VM that are no table",
        of_vm(lookingGlass=1),
        (f"{VM}.lookingGlass", "1", "a table", "Make it a table"),
        twin=of_vm(lookingGlass={}),
    ),
)

HOST_RULES = (*HOST, *TOPOLOGY, *CLIENT)
