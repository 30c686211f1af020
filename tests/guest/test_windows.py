"""Windows' installation as it is planned: what is refused, the media among the disks, and drivers by the disk's bus."""

from __future__ import annotations

import re
from copy import deepcopy
from typing import Any

import pytest

from optimux.emit.bundle import bundle
from optimux.emit.windows_virtio import virtio_steps
from optimux.errors import InvalidInput
from optimux.guest.unattended import NAME, answer_medium
from optimux.patch import patch_domain
from optimux.plan.model import DomainPlan, Plan
from optimux.plan.resolve import plan_from
from tests.guest.joliet import read_joliet
from tests.guest.test_answer_file import complaints

IMAGE = {"source": "/var/lib/libvirt/images/w.qcow2", "create": "128GiB"}
MEDIA = {"iso": "/srv/win.iso", "virtioWin": "/srv/virtio.iso"}
GOOD: dict[str, Any] = {
    "memory": "8GiB",
    "disks": [IMAGE],
    "guestMedia": {"enable": True, "attach": True},
    "windows": {**MEDIA, "unattended": {"user": "alice"}},
}
DEVICE = {"source": "/dev/disk/by-id/spare", "type": "block"}
LAB = "windows.unattended.bypassRequirements"


def planned(vm: dict[str, Any], **answers: Any) -> Plan:
    data = deepcopy(vm)
    if answers:
        data["windows"]["unattended"] |= answers
    return plan_from({"host": {"distribution": "arch", "cpuVendor": "intel"}, "vms": {"w": data}})


def domain(vm: dict[str, Any], **answers: Any) -> DomainPlan:
    return planned(vm, **answers).domains[0]


def test_the_defaults_are_no_problem() -> None:
    plan = planned(GOOD)
    assert plan.warnings == ()
    stated = plan.domains[0].windows.unattended
    assert stated is not None
    assert (stated.locale, stated.keyboard, stated.disk) == ("en-US", "en-US", "vda")


REFUSED: dict[str, tuple[dict[str, Any], dict[str, Any], str]] = {
    "two disks and none named": ({"disks": [IMAGE, {"source": "/b.qcow2"}]}, {}, "windows.unattended.disk"),
    "no disk": ({"disks": []}, {}, "windows.unattended.disk"),
    "a disk that is not there": ({}, {"disk": "vdc"}, "windows.unattended.disk"),
    "a device of the host": ({"disks": [DEVICE]}, {}, "windows.unattended.disk"),
    "a disk on USB": ({"disks": [{**IMAGE, "bus": "usb"}]}, {}, "windows.unattended.disk"),
    "a user of Windows' own": ({}, {"user": "Administrator"}, "windows.unattended.user"),
    "the computer's name as the user's": ({}, {"user": "Win", "computer": "WIN"}, "windows.unattended.computer"),
    "a computer of digits": ({}, {"computer": "12345"}, "windows.unattended.computer"),
    "a name that Windows refuses": ({}, {"user": "a/b"}, "windows.unattended.user"),
    "an account's group": ({}, {"user": "Users"}, "windows.unattended.user"),
    "a device": ({}, {"user": "LPT2"}, "windows.unattended.user"),
    "a device's old name": ({}, {"user": "conin$"}, "windows.unattended.user"),
    "a device by a raised digit": ({}, {"user": "COM²"}, "windows.unattended.user"),
    "a device with an extension": ({}, {"user": "aux.smith"}, "windows.unattended.user"),
    "a device with a space": ({}, {"user": "nul .x"}, "windows.unattended.user"),
    "a name of eleven pairs": ({}, {"user": "😀" * 11}, "windows.unattended.user"),
    "a computer like a device": ({}, {"computer": "COM9"}, "windows.unattended.computer"),
    "a space at its end": ({}, {"user": "alice "}, "windows.unattended.user"),
    "a name with a dot at its end": ({}, {"user": "alice."}, "windows.unattended.user"),
    "a name too long": ({}, {"user": "a" * 21}, "windows.unattended.user"),
    "a computer too long": ({}, {"computer": "A" * 16}, "windows.unattended.computer"),
    "no medium of Windows": ({"windows": {"virtioWin": "/v.iso", "unattended": {"user": "a"}}}, {}, "windows.iso"),
    "no drivers": ({"windows": {"iso": "/w.iso", "unattended": {"user": "a"}}}, {}, "windows.virtioWin"),
    "no medium of the setup": ({"guestMedia": {}}, {}, "guestMedia.attach"),
    "no agent": ({"channels": []}, {}, "channels"),
    "BIOS": ({"firmware": {"type": "bios"}}, {}, "firmware.type"),
    "no Secure Boot": ({"firmware": {"secureBoot": "off"}}, {}, "firmware.secureBoot"),
    "no TPM": ({"tpm": {"backend": "none"}}, {}, "tpm.backend"),
    "too little memory": ({"memory": "3GiB"}, {}, "memory"),
}


@pytest.mark.parametrize(("changes", "answers", "path"), REFUSED.values(), ids=REFUSED)
def test_what_is_refused(changes: dict[str, Any], answers: dict[str, Any], path: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        planned(GOOD | changes, **answers)
    assert [problem.path for problem in refused.value.problems] == [f"vms.w.{path}"]


ALLOWED: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "one of two, named": ({"disks": [IMAGE, {"source": "/b.qcow2"}]}, {"disk": "vdb"}),
    "a device of the host, on purpose": ({"disks": [DEVICE]}, {"wipePhysicalDisk": True}),
    "another computer": ({}, {"user": "Win", "computer": "WIN-1"}),
    "a Chinese name": ({}, {"user": "小明"}),
    "nearly a device": ({}, {"user": "com10", "computer": "AUX-1"}),
    "a device behind a dot": ({}, {"user": "smith.aux"}),
    "a name of ten pairs": ({}, {"user": "😀" * 10}),
    "twenty characters": ({}, {"user": "a" * 20, "computer": "A" * 15}),
    "little memory, on purpose": ({"memory": "3GiB"}, {"bypassRequirements": True}),
    "no Secure Boot, on purpose": ({"firmware": {"secureBoot": "off"}}, {"bypassRequirements": True}),
    "Windows 10 asks for less": ({"osId": "http://microsoft.com/win/10", "tpm": {"backend": "none"}}, {}),
}


@pytest.mark.parametrize(("changes", "answers"), ALLOWED.values(), ids=ALLOWED)
def test_the_nearest_that_is_allowed(changes: dict[str, Any], answers: dict[str, Any]) -> None:
    assert planned(GOOD | changes, **answers).warnings == ()


def test_what_is_warned_of() -> None:
    assert [w.path for w in planned(GOOD, bypassRequirements=True).warnings] == [f"vms.w.{LAB}"]
    small = GOOD | {"disks": [{**IMAGE, "create": "20GiB"}]}
    assert [w.path for w in planned(small).warnings] == ["vms.w.windows.unattended.disk"]


@pytest.mark.parametrize(
    ("changes", "folders"),
    [
        ({}, ["viostor", "NetKVM", "vioserial"]),
        ({"disks": [{**IMAGE, "bus": "scsi"}]}, ["vioscsi", "NetKVM", "vioserial"]),
        ({"disks": [{**IMAGE, "bus": "sata"}], "networks": []}, ["vioserial"]),
        ({"networks": [{"model": "e1000e"}]}, ["viostor", "vioserial"]),
    ],
)
def test_drivers_by_what_the_machine_has(changes: dict[str, Any], folders: list[str]) -> None:
    stated = domain(GOOD | changes).windows.unattended
    assert stated is not None
    assert list(stated.drivers) == folders


@pytest.mark.parametrize(("version", "folder"), [("10", "w10"), ("2k25", "2k25"), ("8.1", "w8.1")])
def test_drivers_of_another_windows(version: str, folder: str) -> None:
    """The answers and the steps for a person load the same."""
    vm = domain(GOOD | {"osId": f"http://microsoft.com/win/{version}"})
    wanted = rf"viostor\{folder}\amd64"
    assert wanted.encode() in answer_medium(vm, "a secret")
    assert wanted in "\n".join(virtio_steps(vm))


@pytest.mark.parametrize(
    ("disks", "orders"),
    [
        ([IMAGE], {IMAGE["source"]: 1, "/srv/win.iso": 2, "/srv/virtio.iso": None}),
        ([{**IMAGE, "bootOrder": 3}], {IMAGE["source"]: 3, "/srv/win.iso": 4}),
        ([{"source": "/x.iso", "device": "cdrom"}, IMAGE], {"/x.iso": None, IMAGE["source"]: 1, "/srv/win.iso": 2}),
    ],
)
def test_the_media_come_after_the_disk(disks: list[Any], orders: dict[str, int | None]) -> None:
    data = GOOD | {"disks": disks, "windows": MEDIA}
    found = {disk.source: disk.boot_order for disk in domain(data).disks}
    assert {source: found[source] for source in orders} == orders


def test_no_media_change_nothing() -> None:
    assert [disk.boot_order for disk in domain({"memory": "8GiB", "disks": [IMAGE]}).disks] == [None]


@pytest.mark.parametrize("password", ["secret", "&<>\"'", "密码"])
def test_the_medium_of_the_answers(password: str) -> None:
    image = answer_medium(domain(GOOD, user="小明", timeZone="China Standard Time", language="zh-CN"), password)
    files = read_joliet(image)
    assert list(files) == [NAME]
    assert complaints(files[NAME]) == ""
    assert "小明".encode() in files[NAME]
    assert answer_medium(domain(GOOD, user="小明", timeZone="China Standard Time", language="zh-CN"), password) == image


PRESENT = b"""<domain type='kvm'><name>w</name><memory unit='GiB'>8</memory>
<os><type arch='x86_64' machine='pc-q35-10.0'>hvm</type></os><devices>
<disk type='file' device='disk'><source file='/mine.qcow2'/><target dev='sda' bus='sata'/></disk>
<interface type='network'><source network='default'/><boot order='2'/></interface></devices></domain>"""


@pytest.mark.parametrize("disks", [{}, {"disks": [{"source": "/mine.qcow2", "bus": "sata", "bootOrder": 1}]}])
def test_a_domain_that_is_there_gets_the_media_and_keeps_its_order(disks: dict[str, Any]) -> None:
    """Nothing was said of its disks: a medium in front of them would start in their place."""
    patched = patch_domain(PRESENT, domain({"memory": "8GiB", "windows": MEDIA, **disks})).document.decode()
    media = re.findall(r"<source file='(/srv/[a-z.]+)'/>", patched)
    assert media == ["/srv/win.iso", "/srv/virtio.iso"]
    orders = re.findall(r"<boot order='(.)'/>", patched)
    assert orders == (["2"] if not disks else ["1", "2"]), patched


def test_the_hosts_steps_copy_only_a_medium_that_the_bundle_has() -> None:
    """A VM without Looking Glass has no folder there; `define` writes its medium all the same."""
    files = {artifact.path: artifact.content.decode("utf-8", "replace") for artifact in bundle(planned(GOOD))}
    assert not any(path.startswith("windows/") for path in files)
    assert "optimux-guest.iso" not in files["INSTALL.md"]
