"""What one look at a recorded machine says: each thing that keeps a card, by name, with how to make it let go."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from optimux.cli import run
from optimux.host.handover.cards import INSTALLED
from optimux.host.handover.picture import look
from optimux.host.handover.report import lines
from optimux.host.handover.verdict import CAN, CANNOT, CLOSE_FIRST, GIVEN, INCOMPLETE, verdict
from tests.detect.tree import link, put
from tests.handover.machine import BELOW_PORT, CARD, GPU, PORT, PRIMARY, SOUND, USB, descriptors, node, process
from tests.letters import compare, sections

if TYPE_CHECKING:
    from collections.abc import Callable

STATUS = Path(__file__).parent / "status.txt"
Change = "Callable[[Path], None]"


def judged(root: Path) -> tuple[str, dict[str, list[str]]]:
    """The verdict's word, and what was found by key."""
    reached = verdict(look(CARD, str(root)))
    found: dict[str, list[str]] = {}
    for reason in reached.reasons:
        found.setdefault(reason.key, []).append(reason.found)
    return reached.word, found


def test_a_card_at_rest_can_be_given(machine: Path) -> None:
    assert judged(machine) == (CAN, {})


def test_everything_of_the_card_is_seen(machine: Path) -> None:
    picture = look(CARD, str(machine))
    assert {node.name for node in picture.nodes} == {
        *("/dev/dri/card1", "/dev/dri/renderD129", "/dev/fb1", "/dev/i2c-5", "/dev/snd/controlC1"),
        *("/dev/sdb", "/dev/sdb1"),
    }
    assert [(str(f.address), f.device and f.device.driver) for f in picture.functions] == [
        (GPU, "bochs-drm"),
        (SOUND, "snd_hda_intel"),
        (USB, "xhci_hcd"),
    ]
    assert str(picture.port and picture.port.address) == PORT


USER = "/user.slice/user-1000.slice/session-2.scope"
UNIT = "/user.slice/user-1000.slice/user@1000.service/session.slice/wireplumber.service"


@pytest.mark.parametrize(
    ("node", "function"),
    [
        ("/dev/dri/card1", GPU),
        ("/dev/dri/renderD129", GPU),
        ("/dev/i2c-5", GPU),
        ("/dev/snd/controlC1", SOUND),
        ("/dev/sdb", USB),
    ],
)
def test_each_node_has_its_holder(node: str, function: str, machine: Path) -> None:
    process(machine, 77, "game", uid=1000, cgroup=USER, opened=(node,))
    assert judged(machine) == (
        CLOSE_FIRST,
        {"card.holder": [f"game, process 77 of anna (session-2.scope): {node}"]},
    )
    (holder,) = look(CARD, str(machine)).holders
    assert (holder.session, [use.function for use in holder.uses]) == ("2", [function])


def test_a_users_unit_is_named_with_its_manager(machine: Path) -> None:
    process(machine, 77, "music", uid=1000, cgroup=UNIT.replace("wireplumber", "music"), opened=("/dev/snd/controlC1",))
    (reason,) = verdict(look(CARD, str(machine))).reasons
    assert reason.remedy == "music: systemctl --user stop music.service"


def test_a_mapping_without_a_descriptor(machine: Path) -> None:
    maps = "7f00-7f10 rw-s 00000000 00:05 4 /dev/dri/card1\n7f20-7f30 r-xp 00000000 fe:01 9 /lib/libc.so\n"
    process(machine, 77, "mapper", maps=maps)
    assert judged(machine)[1] == {"card.holder": ["mapper, process 77 of root (x.service): /dev/dri/card1 (mapped)"]}


def test_a_threads_own_table(machine: Path) -> None:
    process(machine, 77, "threads")
    descriptors(machine, "/proc/77/task/78", ("/dev/dri/card1",))
    assert judged(machine)[1]["card.holder"][0].endswith("/dev/dri/card1 (open in a thread's own table)")


def test_a_frozen_holder_is_said_to_be_frozen(machine: Path) -> None:
    process(machine, 77, "wireplumber", uid=1000, cgroup=UNIT, opened=("/dev/snd/controlC1",))
    put(machine, f"/sys/fs/cgroup{UNIT}/cgroup.events", "populated 1\nfrozen 1\n")
    assert ", frozen: " in judged(machine)[1]["card.holder"][0]


def test_computing_on_the_card(machine: Path) -> None:
    """One node for all of AMD's cards, and no place of its own below any."""
    put(machine, "/sys/class/kfd/kfd/dev", "234:0")
    process(machine, 77, "rocm", opened=("/dev/kfd",))
    assert judged(machine) == (CAN, {})
    (machine / f"{BELOW_PORT[1:]}/{GPU}/driver").unlink()
    link(machine, f"{BELOW_PORT}/{GPU}/driver", "/sys/bus/pci/drivers/amdgpu")
    assert judged(machine)[1] == {"card.holder": ["rocm, process 77 of root (x.service): /dev/kfd"]}


def test_nvidias_nodes_have_no_place_in_sysfs(machine: Path) -> None:
    put(machine, f"/proc/driver/nvidia/gpus/{GPU}/information", "Model: x\nDevice Minor: \t 0\n")
    put(machine, "/proc/devices", "Character devices:\n195 nvidia-frontend\n507 nvidia-uvm\n\nBlock devices:\n8 sd\n")
    process(machine, 77, "game", opened=("/dev/nvidia0", "/dev/nvidiactl"))
    process(machine, 78, "cuda", opened=("/dev/nvidia-uvm",))
    process(machine, 79, "other", opened=("/dev/nvidia1",))
    assert judged(machine)[1] == {
        "card.holder": [
            "game, process 77 of root (x.service): /dev/nvidia0, /dev/nvidiactl",
            "cuda, process 78 of root (x.service): /dev/nvidia-uvm",
        ]
    }


def test_a_broker_is_named_only_where_it_is_alone(machine: Path) -> None:
    process(machine, 9, "systemd-logind", opened=("/dev/dri/card1",))
    assert "systemd-logind" in judged(machine)[1]["card.holder"][0]
    process(machine, 77, "sway", uid=1000, cgroup=USER, opened=("/dev/dri/card1",))
    (found,) = judged(machine)[1]["card.holder"]
    assert found.startswith("sway")


def _mount(root: Path, number: str, source: str) -> None:
    (root / "proc/1/mountinfo").write_text(f"40 1 {number} / /media/my\\040stick rw - ext4 {source} rw\n")


def _stacked(root: Path) -> None:
    place = "/sys/devices/virtual/block/dm-3"
    node(root, place, "block", "dm-3", "253:3")
    link(root, "/sys/dev/block/8:17/holders/dm-3", place)


def _btrfs(root: Path) -> None:
    put(root, "/sys/fs/btrfs/1234/devices/sdb1", "")
    put(root, "/sys/fs/btrfs/1234/devices/vda9", "")
    _mount(root, "0:45", "/dev/vda9")


def _up(root: Path) -> None:
    put(root, f"{BELOW_PORT}/{USB}/usb2/2-2/net/enx1/flags", "0x1003")
    link(root, f"{BELOW_PORT}/{USB}/usb2/2-2/net/enx1/subsystem", "/sys/class/net")


def _only_keyboard(root: Path) -> None:
    (root / "sys/class/input/input3").unlink()
    place = f"{BELOW_PORT}/{USB}/usb2/2-3/input/input9"
    put(root, f"{place}/capabilities/key", "1000000000007 ff9f207ac14057ff febeffdfffefffff fffffffffffffffe")
    put(root, f"{place}/name", "Das Keyboard")
    link(root, f"{place}/subsystem", "/sys/class/input")
    link(root, "/sys/class/input/input9", place)


def _mate(root: Path) -> None:
    (root / f"sys/devices/pci0000:00/{PRIMARY}/iommu_group").unlink()
    link(root, f"/sys/devices/pci0000:00/{PRIMARY}/iommu_group", "/sys/kernel/iommu_groups/10")


def _set(path: str, content: str) -> Callable[[Path], None]:
    return lambda root: put(root, path, content)


CASES: dict[str, tuple[Callable[[Path], None], str, str, str]] = {
    "mount": (
        lambda root: _mount(root, "8:17", "/dev/sdb1"),
        CLOSE_FIRST,
        "storage.mount",
        "/dev/sdb1 mounted at /media/my stick",
    ),
    "btrfs": (_btrfs, CLOSE_FIRST, "storage.mount", "/dev/vda9 mounted at /media/my stick"),
    "swap": (
        _set("/proc/swaps", "Filename Type\n/dev/sdb1 partition 1 0 -2\n"),
        CLOSE_FIRST,
        "storage.swap",
        "swap on /dev/sdb1",
    ),
    "dm": (_stacked, CLOSE_FIRST, "storage.stacked", "/dev/dm-3 on one of its disks"),
    "net": (_up, CLOSE_FIRST, "network.link", "enx1 is up"),
    "keyboard": (_only_keyboard, CANNOT, "input.keyboard", "the only keyboard, Das Keyboard, hangs on it"),
    "boot": (_set(f"{BELOW_PORT}/{GPU}/boot_vga", "1"), CANNOT, "display.boot", f"{GPU} is the boot display"),
    "boot, as the kernel takes it": (
        _set(f"{BELOW_PORT}/{GPU}/boot_display", "1"),
        CANNOT,
        "display.boot",
        f"{GPU} is the boot display",
    ),
    "firmware": (
        _set(f"{BELOW_PORT}/{GPU}/simple-framebuffer.0/uevent", ""),
        CANNOT,
        "display.firmware",
        "firmware's framebuffer (simple-framebuffer.0)",
    ),
    "firmware in iomem": (
        _set("/proc/iomem", f"00-ff : PCI Bus\n  10-1f : {GPU}\n    10-11 : BOOTFB\n  20-2f : x\n"),
        CANNOT,
        "display.firmware",
        "firmware's framebuffer (BOOTFB)",
    ),
    "console": (_set("/proc/fb", "1 bochs-drmdrmfb\n"), CLOSE_FIRST, "display.console", "the text console on fb1"),
    "group": (
        _mate,
        CANNOT,
        "group.viable",
        f"{PRIMARY}, which virtio-pci drives, in group 10",
    ),
    "queued": (
        _set("/sys/module/bochs/refcnt", "1"),
        CLOSE_FIRST,
        "module.references",
        "bochs is held 1 times by what no descriptor shows",
    ),
    "not awake": (
        _set(f"{BELOW_PORT}/{GPU}/power/runtime_status", "error"),
        CANNOT,
        "power.awake",
        f"{GPU} failed to wake",
    ),
    "another card": (
        _set(f"{BELOW_PORT}/{GPU}/device", "0x2222"),
        CANNOT,
        "function.present",
        f"1234:2222 at {GPU}",
    ),
}


@pytest.mark.parametrize(("change", "word", "key", "found"), CASES.values(), ids=CASES)
def test_what_keeps_a_card(
    change: Callable[[Path], None],
    word: str,
    key: str,
    found: str,
    machine: Path,
    request: pytest.FixtureRequest,
    update_golden: bool,
) -> None:
    """And all that is said of it, to the letter: the remedy is what somebody does next."""
    change(machine)
    assert judged(machine) == (word, {key: [found]})
    picture = look(CARD, str(machine))
    compare(STATUS, request.node.callspec.id, "\n".join(lines(picture, verdict(picture))), update=update_golden)


def test_nothing_is_kept_of_no_case() -> None:
    assert set(sections(STATUS)) == set(CASES)


def test_references_of_seen_users_are_explained(machine: Path) -> None:
    """The twin of "queued": a user that is seen accounts for its reference, also one of another card's."""
    put(machine, "/sys/module/bochs/refcnt", "1")
    process(machine, 77, "game", opened=("/dev/dri/card1",))
    assert set(judged(machine)[1]) == {"card.holder"}


def test_a_picture_of_the_kernels_own_goes_dark(machine: Path) -> None:
    """Nobody draws there: the framebuffer's driver lights whatever is plugged in."""
    put(machine, f"{BELOW_PORT}/{GPU}/drm/card1/card1-HDMI-A-1/enabled", "enabled")
    assert judged(machine) == (CAN, {"display.connector": ["HDMI-A-1 lit by the kernel alone"]})


def test_a_picture_of_a_desktops_must_be_turned_off(machine: Path) -> None:
    put(machine, f"{BELOW_PORT}/{GPU}/drm/card1/card1-HDMI-A-1/enabled", "enabled")
    process(machine, 77, "sway", uid=1000, opened=("/dev/dri/card1",))
    word, found = judged(machine)
    assert (word, found["display.connector"]) == (CLOSE_FIRST, ["a picture on HDMI-A-1"])


def test_a_network_link_that_is_down_is_none_in_use(machine: Path) -> None:
    _up(machine)
    put(machine, f"{BELOW_PORT}/{USB}/usb2/2-2/net/enx1/flags", "0x1002")
    assert judged(machine) == (CAN, {})


def test_an_unplugged_card(machine: Path) -> None:
    for address in (GPU, SOUND, USB):
        (machine / f"sys/bus/pci/devices/{address}").unlink()
    assert judged(machine) == (
        CANNOT,
        {"function.present": [f"nothing at {address}" for address in (GPU, SOUND, USB)]},
    )


def test_a_given_card(machine: Path) -> None:
    for address in (GPU, SOUND, USB):
        driver = machine / f"{BELOW_PORT[1:]}/{address}/driver"
        driver.unlink()
        link(machine, f"{BELOW_PORT}/{address}/driver", "/sys/bus/pci/drivers/vfio-pci")
    assert judged(machine) == (GIVEN, {})


def test_what_was_not_seen_is_never_can(machine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = os.open

    def guarded(path: str, flags: int, *arguments: Any, **keywords: Any) -> int:
        if str(path).endswith("/proc/77/fd"):
            raise PermissionError(13, "Permission denied")
        return real(path, flags, *arguments, **keywords)

    process(machine, 77, "someone")
    monkeypatch.setattr(os, "open", guarded)
    assert judged(machine) == (
        INCOMPLETE,
        {"scan.complete": ["1 process could not be looked into"]},
    )


CONFIG = f"""
[host]
distribution = "debian"
cpuVendor = "intel"
[gpus.card]
bind = "on-demand"
functions = [
  {{ address = "{GPU}", id = "1234:1111" }},
  {{ address = "{SOUND}", id = "8086:2668" }},
  {{ address = "{USB}", id = "1b36:000d" }},
]
[vms.win]
gpu = "card"
memory = "4GiB"
"""


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "optimux.toml"
    path.write_text(CONFIG)
    return path


def test_the_verb_says_the_verdict_first(config: Path, machine: Path, capsys: pytest.CaptureFixture[str]) -> None:
    process(machine, 77, "game", uid=1000, cgroup=USER, opened=("/dev/dri/card1",))
    assert run(["gpu", "status", str(config), "--root", str(machine)]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "card: can be given once this is done:",
        "  - game, process 77 of anna (session-2.scope): /dev/dri/card1",
        "    game: close it",
        f"  {GPU}  1234:1111  bochs-drm, D0, IOMMU group 10",
        f"  {SOUND}  8086:2668  snd_hda_intel, D0, IOMMU group 11",
        f"  {USB}  1b36:000d  xhci_hcd, D0, IOMMU group 12",
    ]


def test_the_verb_for_programs(config: Path, machine: Path, capsys: pytest.CaptureFixture[str]) -> None:
    process(machine, 77, "game", uid=1000, cgroup=USER, opened=("/dev/dri/card1",))
    assert run(["gpu", "status", str(config), "--json", "--root", str(machine)]) == 0
    (gpu,) = json.loads(capsys.readouterr().out)["gpus"]
    assert (gpu["gpu"], gpu["onDemand"], gpu["verdict"]) == ("card", True, "close-first")
    assert gpu["holders"] == [
        {
            "process": 77,
            "program": "game",
            "user": "anna",
            "unit": "session-2.scope",
            "session": "2",
            "frozen": False,
            "broker": False,
            "uses": [{"node": "/dev/dri/card1", "function": GPU, "how": "open", "thread": None}],
        }
    ]


def test_without_a_configuration(
    machine: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run(["gpu", "status", "--root", str(machine)]) == 2
    said = " ".join(capsys.readouterr().err.split())
    assert "no ./optimux.toml" in said
    assert "Name it: optimux gpu status FILE. `optimux init` writes one." in said


def test_the_folders_own_configuration(
    config: Path, machine: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(config.parent)
    assert run(["gpu", "status", "--root", str(machine)]) == 0
    assert capsys.readouterr().out.startswith("card: can be given now")


def test_what_is_installed_comes_before_it(
    config: Path, machine: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """It is what the hook goes by; the file may have been edited since."""
    other = tmp_path / "other.toml"
    other.write_text(CONFIG.replace("gpus.card", "gpus.other").replace('"card"', '"other"'))
    assert run(["generate", str(other), "-o", str(tmp_path / "out")]) == 0
    put(machine, INSTALLED, Path(f"{tmp_path}/out/host{INSTALLED}").read_text())
    capsys.readouterr()
    monkeypatch.chdir(config.parent)
    assert run(["gpu", "status", "--root", str(machine)]) == 0
    assert capsys.readouterr().out.startswith("other: can be given now")
