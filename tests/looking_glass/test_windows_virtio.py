"""virtio's drivers in the steps for Windows: those that the VM's devices need, by virtio-win's own folders."""

from __future__ import annotations

import re
from typing import Any

import pytest

from optimux.emit.windows import windows_artifacts
from tests.looking_glass.plans import plan

DISK = {"source": "/var/lib/libvirt/images/win11.qcow2"}
SATA = {"disks": [DISK | {"bus": "sata"}], "networks": [{"model": "e1000e"}]}
BARE: dict[str, Any] = {**SATA, "inputs": [], "channels": []}


def readme(**vm: Any) -> str:
    (found,) = (a for a in windows_artifacts(plan(None, win11=vm)) if a.path.endswith("/README.txt"))
    return found.content.decode().replace("\r\n", "\n")


@pytest.mark.parametrize(
    ("vm", "folders"),
    [
        ({"disks": [DISK]}, [r"viostor\w11\amd64", r"NetKVM\w11\amd64", r"vioserial\w11\amd64"]),
        (
            {"disks": [DISK], "osId": "http://microsoft.com/win/10"},
            [r"viostor\w10\amd64", r"NetKVM\w10\amd64", r"vioserial\w10\amd64"],
        ),
        (
            {"disks": [DISK], "osId": "http://microsoft.com/win/2k25"},
            [r"viostor\2k25\amd64", r"NetKVM\2k25\amd64", r"vioserial\2k25\amd64"],
        ),
        ({"disks": [DISK | {"bus": "scsi"}]}, [r"vioscsi\w11\amd64", r"NetKVM\w11\amd64", r"vioserial\w11\amd64"]),
        ({"disks": [DISK], "networks": []}, [r"viostor\w11\amd64", r"vioserial\w11\amd64"]),
        ({"disks": [DISK], "networks": [], "channels": []}, [r"viostor\w11\amd64"]),
        ({"disks": [{"source": "/a.iso", "device": "cdrom"}], "networks": []}, []),
        (SATA, []),
    ],
)
def test_setup_loads_what_it_needs(vm: dict[str, Any], folders: list[str]) -> None:
    text = readme(**vm)
    assert re.findall(r"^ +(\w+\\\w+\\amd64)$", text, re.MULTILINE) == folders
    assert ("Load driver" in text) == bool(folders)


def test_drivers_come_first() -> None:
    text = readme(disks=[DISK])
    order = [text.index(word) for word in ("Load driver", "virtio-win-gt-x64.msi", "driver of the GPU's vendor")]
    assert order == sorted(order)


def test_inputs_need_them_too() -> None:
    assert "virtio-win-gt-x64.msi" in readme(**SATA)
    assert "virtio-win" not in readme(**BARE)
