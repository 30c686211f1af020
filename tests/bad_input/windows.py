"""Refusals of Windows' installation: each rule once, with its nearest good twin."""

from __future__ import annotations

from typing import Any

from tests.bad_input.case import case
from tests.bad_input.edits import VM, Edits

KEY = f"{VM}.windows.unattended"
IMAGE = {"source": "/a.qcow2"}
DEVICE = {"source": "/dev/disk/by-id/spare", "type": "block"}


def _asks(answers: dict[str, Any] | None = None, **changes: Any) -> Edits:
    """An installation that is fine, with other answers, and other keys of the VM."""
    vm: dict[str, Any] = {
        "disks": [IMAGE],
        "guestMedia": {"enable": True, "attach": True},
        "windows": {"iso": "/w.iso", "virtioWin": "/v.iso", "unattended": {"user": "alice"} | (answers or {})},
    }
    return {f"{VM}.{key}": value for key, value in (vm | changes).items()}


def _media(**media: str) -> dict[str, Any]:
    return {"windows": {**media, "unattended": {"user": "alice"}}}


WINDOWS = (
    case(
        "answers without a medium of Windows",
        _asks(**_media(virtioWin="/v.iso")),
        (f"{VM}.windows.iso", "nothing", "the medium of Windows", "Name the ISO image"),
        twin=_asks(),
    ),
    case(
        "answers without virtio's drivers",
        _asks(**_media(iso="/w.iso")),
        (f"{VM}.windows.virtioWin", "nothing", "virtio's drivers", "no virtio disk"),
        twin=_asks(),
    ),
    case(
        "answers without the guest's medium",
        _asks(guestMedia={"enable": True}),
        (f"{VM}.guestMedia.attach", "false", "true, with windows.unattended", "the agent that is waited for"),
        twin=_asks(),
    ),
    case(
        "answers without the agent's channel",
        _asks(channels=[]),
        (f"{VM}.channels", "no guest agent's", "a channel of the agent", "org.qemu.guest_agent.0"),
        twin=_asks(channels=[{"type": "unix", "name": "org.qemu.guest_agent.0"}]),
    ),
    case(
        "an account of Windows' own",
        _asks({"user": "Administrator"}),
        (f"{KEY}.user", '"Administrator"', "a name that is free", "choose another"),
        twin=_asks({"user": "Administrators-friend"[:20]}),
    ),
    case(
        "a computer of digits",
        _asks({"computer": "12345"}),
        (f"{KEY}.computer", '"12345"', "not digits alone", "Add a letter"),
        twin=_asks({"computer": "12345a"}),
    ),
    case(
        "an account of too many units",
        _asks({"user": "😀" * 11}),
        (f"{KEY}.user", "22 units of UTF-16", "at most 20", "count twice"),
        twin=_asks({"user": "😀" * 10}),
    ),
    case(
        "a computer called as a device",
        _asks({"computer": "Com1"}),
        (f"{KEY}.computer", '"Com1"', "a name that is free", "keeps it for a device"),
        twin=_asks({"computer": "Com10"}),
    ),
    case(
        "a computer called as its user",
        _asks({"computer": "ALICE"}),
        (f"{KEY}.computer", '"ALICE"', "another name than the user's", "makes no account"),
        twin=_asks({"computer": "ALICE-PC"}),
    ),
    case(
        "two disks and none named",
        _asks(disks=[IMAGE, {"source": "/b.qcow2"}]),
        (f"{KEY}.disk", "2 disks and none named", '"vda", "vdb"', "Name the one"),
        twin=_asks({"disk": "vdb"}, disks=[IMAGE, {"source": "/b.qcow2"}]),
    ),
    case(
        "a disk that the VM has not",
        _asks({"disk": "vdb"}),
        (f"{KEY}.disk", '"vdb"', '"vda"', "Compare with disks"),
        twin=_asks({"disk": "vda"}),
    ),
    case(
        "a device of the host without a word",
        _asks(disks=[DEVICE]),
        (f"{KEY}.disk", "a device of the host", "an image", "wipePhysicalDisk"),
        twin=_asks({"wipePhysicalDisk": True}, disks=[DEVICE]),
    ),
    case(
        "Windows on USB",
        _asks(disks=[IMAGE | {"bus": "usb"}]),
        (f"{KEY}.disk", "on USB", "another bus", "refuses USB disks"),
        twin=_asks(disks=[IMAGE | {"bus": "sata"}]),
    ),
    case(
        "partitions of UEFI under BIOS",
        _asks(firmware={"type": "bios"}),
        (f"{VM}.firmware.type", "bios", '"efi"', "the partitions are UEFI's"),
        twin=_asks(firmware={"type": "efi"}),
    ),
    case(
        "less than Windows 11 asks for",
        _asks(tpm={"backend": "none"}),
        (f"{VM}.tpm.backend", "none", '"emulator"', "bypassRequirements"),
        twin=_asks({"bypassRequirements": True}, tpm={"backend": "none"}),
    ),
)
