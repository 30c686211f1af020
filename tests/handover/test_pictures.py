"""What one look sees, and what is said of it, to the letter: each change of the machine, beside the machine at rest.

``pictures.txt`` has for each case what the picture, the data for programs, and the findings have more or less than at
rest, and all that is told to a person.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from optimux.facts import PciDevice
from optimux.host.handover.cards import Card, CardFunction
from optimux.host.handover.picture import Picture, look
from optimux.host.handover.report import as_data, lines
from optimux.host.handover.verdict import verdict
from optimux.pci import Address, Id
from tests.detect.edid import edid
from tests.detect.tree import link, put
from tests.handover.machine import BELOW_PORT, CARD, GPU, PRIMARY, SOUND, USB, function, node, plant, process
from tests.letters import compare, sections

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

PICTURES = Path(__file__).parent / "pictures.txt"
MOST = 6
HERE, SOUNDS, STICKS = (f"{BELOW_PORT}/{address}" for address in (GPU, SOUND, USB))
HOST = f"/sys/devices/pci0000:00/{PRIMARY}"
USER = "/user.slice/user-1000.slice"
LETTERS = "402000000 3803078f800d001 feffffdfffefffff fffffffffffffffe"


def told(picture: Picture, rest: Picture) -> str:
    """Every difference, and every word."""
    words, usual_words = (tuple(lines(p, verdict(p))) for p in (picture, rest))
    found, usual = (tuple(_findings(p)) for p in (picture, rest))
    data, before = (dict(_data(p)) for p in (picture, rest))
    seen = (line for name in Picture._fields[2:] for line in _beside(name, getattr(picture, name), getattr(rest, name)))
    return "\n".join(
        (
            words[0],
            *(line for line in words[1:] if line not in usual_words),
            *(f"  seen: {line}" for line in seen),
            *(f"  data: {key} {text}" for key, text in data.items() if text != before.get(key)),
            *(f"  said: {line}" for line in found if line not in usual),
            *(f"  unsaid: {line}" for line in usual if line not in found),
        )
    )


def _findings(picture: Picture) -> Iterable[str]:
    for found in verdict(picture).findings:
        yield f"{found.key} {found.outcome} ({found.weight}): {found.found} | {found.wanted}"


def _data(picture: Picture) -> Iterable[tuple[str, str]]:
    """A line for each entry of a list, with what stands in it."""
    for key, value in as_data(picture, verdict(picture)).items():
        for number, entry in enumerate(value) if isinstance(value, list) else [("", value)]:
            yield f"{key}{number}", json.dumps(entry)


def _beside(name: str, now: object, before: object) -> Iterable[str]:
    if not isinstance(now, tuple) or not isinstance(before, tuple):
        return [] if now == before else [f"{name}: {_short(now)}"]
    more = [f"{name} + {_short(item)}" for item in now if item not in before]
    less = [f"{name} - {_short(item)}" for item in before if item not in now]
    cut = [f"… and {len(more) - MOST} more, the last: {more[-1]}"] if len(more) > MOST else []
    return [*more[:MOST], *cut, *less]


def _short(item: object) -> str:
    if isinstance(item, PciDevice):
        return str(item.address)
    if hasattr(item, "_fields") and not isinstance(item, Address):
        return ", ".join(f"{name} {_short(getattr(item, name))}" for name in item._fields)
    return f"({'; '.join(map(_short, item))})" if isinstance(item, tuple) else str(item)


def _drive(root: Path, place: str, driver: str, module: str, *, references: int = 0) -> None:
    """Another driver than at rest."""
    (root / f"{place[1:]}/driver").unlink()
    address = place.rpartition("/")[2]
    link(root, f"{place}/driver", f"/sys/bus/pci/drivers/{driver}")
    link(root, f"/sys/bus/pci/drivers/{driver}/{address}", place)
    put(root, f"/sys/module/{module}/refcnt", f"{references}\n")
    if not (root / f"sys/bus/pci/drivers/{driver}/module").is_symlink():
        link(root, f"/sys/bus/pci/drivers/{driver}/module", f"/sys/module/{module}")


def _set(**files: str) -> Callable[[Path], None]:
    """Files of the card's display: ``power_state`` is one, ``power__control`` in a folder."""

    def change(root: Path) -> None:
        for name, content in files.items():
            put(root, f"{HERE}/{name.replace('__', '/')}", f"{content}\n")

    return change


def _file(path: str, content: str) -> Callable[[Path], None]:
    return lambda root: put(root, path, content)


def _all(*changes: Callable[[Path], None]) -> Callable[[Path], None]:
    def change(root: Path) -> None:
        for one in changes:
            one(root)

    return change


def _opened(
    *nodes: str, pid: int = 77, name: str = "game", cgroup: str = "/", maps: str = ""
) -> Callable[[Path], None]:
    return lambda root: process(root, pid, name, cgroup=cgroup, opened=nodes, maps=maps)


def _keyboard(keys: str, name: str | None = "Das Keyboard") -> Callable[[Path], None]:
    def change(root: Path) -> None:
        (root / "sys/class/input/input3").unlink()
        place = f"{STICKS}/usb2/2-3/input/input9"
        put(root, f"{place}/capabilities/key", keys)
        if name:
            put(root, f"{place}/name", name)
        link(root, f"{place}/subsystem", "/sys/class/input")
        link(root, "/sys/class/input/input9", place)

    return change


def _net(flags: str | None) -> Callable[[Path], None]:
    def change(root: Path) -> None:
        put(root, f"{STICKS}/usb2/2-2/net/enx1/address", "")
        if flags:
            put(root, f"{STICKS}/usb2/2-2/net/enx1/flags", flags)
        link(root, f"{STICKS}/usb2/2-2/net/enx1/subsystem", "/sys/class/net")

    return change


def _connector(**files: str | bytes) -> Callable[[Path], None]:
    def change(root: Path) -> None:
        for name, content in files.items():
            put(root, f"{HERE}/drm/card1/card1-HDMI-A-1/{name}", content)

    return change


def _function(
    place: str, id_: str = "1b36:0001", *, driver: str = "", class_: str = "0x088000", group: int = 10
) -> Callable[[Path], None]:
    def change(root: Path) -> None:
        function(root, place, id_, class_, driver or "none", "", group)
        if not driver:
            (root / f"{place[1:]}/driver").unlink()

    return change


def _without(*paths: str) -> Callable[[Path], None]:
    def change(root: Path) -> None:
        for path in paths:
            (root / path[1:]).unlink()

    return change


def _mounts(pid: int, *mounted: str) -> Callable[[Path], None]:
    return lambda root: put(root, f"/proc/{pid}/mountinfo", "".join(f"{line}\n" for line in mounted))


def _on(holders: str, name: str, number: str) -> Callable[[Path], None]:
    def change(root: Path) -> None:
        node(root, f"/sys/devices/virtual/block/{name}", "block", name, number)
        link(root, f"/sys/dev/block/{holders}/holders/{name}", f"/sys/devices/virtual/block/{name}")

    return change


def _vfio(root: Path) -> None:
    for place in (HERE, SOUNDS, STICKS):
        _drive(root, place, "vfio-pci", "vfio_pci")


def _namespaces(number: int, **kinds: str) -> Callable[[Path], None]:
    def change(root: Path) -> None:
        for kind, target in kinds.items():
            place = root / f"proc/{number}/ns/{kind}"
            place.parent.mkdir(parents=True, exist_ok=True)
            place.symlink_to(f"{kind}:[{target}]")

    return change


def _two_cards(root: Path) -> None:
    """The host's display has the card's driver too."""
    _drive(root, HOST, "bochs-drm", "bochs")
    node(root, f"{HOST}/drm/card0", "drm", "dri/card0", "226:0")


def _amd(references: int) -> Callable[[Path], None]:
    return lambda root: _drive(root, HERE, "amdgpu", "amdgpu", references=references)


NVIDIA = _all(
    lambda root: _drive(root, HERE, "nvidia", "nvidia", references=3),
    _file(f"/proc/driver/nvidia/gpus/{GPU}/information", "Model: x\nDevice Minor: \t 2\n"),
    _file(
        "/proc/devices",
        "Character devices:\n195 nvidia-frontend\n507 nvidia-uvm\n 9 x\n\nBlock devices:\n506 nvidia-caps\n",
    ),
)
MAPS = "7f00-7f10 {} 00000000 00:05 4 {}\n"
_IN_USE = _all(_vfio, _file("/sys/class/vfio/10/dev", "511:0"), _opened("/dev/vfio/10", name="qemu-system-x86"))
CASES: dict[str, Callable[[Path], None]] = {
    "two things at once": _all(_set(boot_vga="1"), _opened("/dev/dri/card1"), _net("0x1003")),
    "not the boot display, as newer kernels say": _set(boot_vga="1", boot_display="0"),
    "asleep": _set(power_state="D3cold", power__runtime_status="suspended"),
    "an error in its power": _set(power_state="error"),
    "no power, no group, no driver": _all(
        _without(f"{HERE}/driver", f"{HERE}/iommu_group", f"{HERE}/power_state", f"{HERE}/reset_method")
    ),
    "gone": _without(f"/sys/bus/pci/devices/{USB}"),
    "another beside": _function(f"{BELOW_PORT}/0000:01:00.3", group=13),
    "another beside, and no reset": _all(
        _function(f"{BELOW_PORT}/0000:01:00.3", group=13),
        _without(*(f"{place}/reset_method" for place in (HERE, SOUNDS, STICKS))),
    ),
    "no reset": _without(*(f"{place}/reset_method" for place in (HERE, SOUNDS, STICKS))),
    "another bus": _function("/sys/devices/pci0000:00/0000:02:00.0", group=20),
    "a mate without a driver": _function("/sys/devices/pci0000:00/0000:02:00.0"),
    "a mate that is reserved": _function("/sys/devices/pci0000:00/0000:02:00.0", driver="pci-stub"),
    "a mate of vfio-pci": _function("/sys/devices/pci0000:00/0000:02:00.0", driver="vfio-pci"),
    "a mate that is a bridge": _function("/sys/devices/pci0000:00/0000:02:00.0", driver="pcieport", class_="0x060400"),
    "a mate of the host's": _function("/sys/devices/pci0000:00/0000:02:00.0", driver="nvme"),
    "a picture": _connector(status="connected", enabled="enabled"),
    "a picture on a monitor": _all(
        _connector(status="connected", enabled="enabled", edid=edid("1920x1080@144", "BOE")),
        _opened("/dev/dri/card1", name="sway"),
    ),
    "a picture, and who only computes": _all(_connector(enabled="enabled"), _opened("/dev/dri/renderD129")),
    "EFI's framebuffer": _file(f"{HERE}/efi-framebuffer.0/x", ""),
    "VESA's framebuffer": _file(f"{HERE}/vesa-framebuffer.1/x", ""),
    "no framebuffer": _file(f"{HERE}/simple-framebuffer.x/y", ""),
    "a framebuffer of another's": _file(
        "/proc/iomem", f"00-ff : PCI Bus\n  10-1f : {GPU}\n  10-11 : BOOTFB\n    20-2f : x\n      1-2 : simplefb\n"
    ),
    "a framebuffer far below": _file("/proc/iomem", f"  10-1f : {GPU}\n    10-1f : x\n      10-11 : simplefb\n"),
    "a framebuffer at the margin": _file("/proc/iomem", f"10-1f : {GPU}\n  10-11 : vesafb\n"),
    "the console, elsewhere": _all(_file("/proc/fb", "1 x\n"), _file("/sys/class/vtconsole/vtcon1/bind", "0")),
    "the console, of letters": _all(_file("/proc/fb", "1 x\n"), _file("/sys/class/vtconsole/vtcon1/name", "(S) dummy")),
    "the console, of no number": _file("/proc/fb", "1 x\ny z\n"),
    "the console, of a lower number": _file("/proc/fb", "1 bochs\n12 other\n"),
    "a keyboard without a name": _keyboard(LETTERS, None),
    "a keyboard without letters": _keyboard("402000000 3803078f800d001 feffffdfffefffff fffffffffdfffffe"),
    "a keyboard without one letter": _keyboard("3ff0000"),
    "a keyboard of nine letters": _keyboard("1ff0000"),
    "a keyboard of no number": _keyboard("x"),
    "a keyboard of nothing": _keyboard(""),
    "a link without flags": _net(None),
    "a link that is down": _net("0x1002"),
    "a node of no number": _file(f"{HERE}/x/dev", "226:x\n"),
    "a node of one number": _file(f"{HERE}/x/dev", "226\n"),
    "a node without a name": _file(f"{HERE}/x/dev", "226:7\n"),
    "a node where none can be": _file(f"{HERE}/power/x/dev", "226:7\n"),
    "a disk on a disk": _all(_on("8:17", "dm-3", "253:3"), _on("253:3", "md0", "9:0")),
    "a disk on another's": _on("8:99", "dm-3", "253:3"),
    "a disk on a node of another kind": _on("226:1", "dm-3", "253:3"),
    "mounts that are none": _mounts(1, "1 2 8:17 / /short", "40 1 8:17 / /nodash rw x ext4 /dev/sdb1 rw y z", ""),
    "a mount of another disk": _mounts(1, "40 1 8:x / /a rw - ext4 /dev/sdc1 rw", "41 1 7:17 / /b rw - ext4 /dev/c rw"),
    "mounts of it": _mounts(
        1,
        "40 1 8:17 / /media/a\\040b\\134c rw shared:3 - ext4 /dev/sdb1 rw",
        "41 1 8:16 / /raw rw master:1 - vfat /dev/sdb rw",
        "42 1 8:17 / /media/a\\040b\\134c rw - ext4 /dev/sdb1 rw",
    ),
    "a mount that one process sees": _all(
        _opened(),
        _mounts(77, "40 1 8:17 / /in/a/box rw - ext4 /dev/sdb1 rw"),
        _namespaces(77, mnt="4"),
        _namespaces(1, mnt="3"),
    ),
    "a pool of two": _all(
        _file("/sys/fs/btrfs/1234/devices/sdb1", ""),
        _file("/sys/fs/btrfs/1234/devices/vda9", ""),
        _mounts(1, "40 1 0:45 / /pool rw - btrfs /dev/vda9 rw"),
    ),
    "a pool of others": _all(
        _file("/sys/fs/btrfs/1234/devices/vda8", ""),
        _file("/sys/fs/btrfs/1234/devices/vda9", ""),
        _mounts(1, "40 1 0:45 / /pool rw - btrfs /dev/vda9 rw"),
    ),
    "swap on two": _file("/proc/swaps", "Filename\n/dev/sdb1 partition 1 0 -2\n\n/dev/sdb partition\n/dev/vda2 x\n"),
    "a module that others need": _all(_file("/sys/module/bochs/refcnt", "1"), _file("/sys/module/bochs/holders/x", "")),
    "a module with two references": _file("/sys/module/bochs/refcnt", "2"),
    "a module with fewer": _file("/sys/module/bochs/refcnt", "-1"),
    "a module of no number": _file("/sys/module/bochs/refcnt", "x"),
    "a driver in the kernel": _without("/sys/bus/pci/drivers/bochs-drm/module"),
    "AMD's driver, held by its sound": _amd(1),
    "AMD's driver, held once more": _amd(2),
    "another's driver beside sound": lambda root: _drive(root, HERE, "virtio-pci", "virtio_pci", references=1),
    "AMD's computing": _all(
        _amd(0),
        _file("/sys/class/kfd/kfd/dev", "234:0"),
        _opened("/dev/kfd"),
    ),
    "AMD's computing of no number": _all(_amd(0), _file("/sys/class/kfd/kfd/dev", "234")),
    "NVIDIA's": NVIDIA,
    "NVIDIA's, of no minor": _all(NVIDIA, _file(f"/proc/driver/nvidia/gpus/{GPU}/information", "Model: x\n")),
    "NVIDIA's, and two cards": _all(NVIDIA, lambda root: _drive(root, HOST, "nvidia", "nvidia")),
    "two cards of a driver": _two_cards,
    "a user of the other card": _all(
        _two_cards, _file("/sys/module/bochs/refcnt", "1"), _opened("/dev/dri/card0", "/dev/dri/card0")
    ),
    "a user of both": _all(
        _two_cards, _file("/sys/module/bochs/refcnt", "2"), _opened("/dev/dri/card0", "/dev/dri/card1")
    ),
    "given": _vfio,
    "in use": _IN_USE,
    "in use, and a function has no driver": _all(_IN_USE, _without(f"{STICKS}/driver")),
    "in use, and a function is gone": _all(_IN_USE, _without(f"/sys/bus/pci/devices/{USB}")),
    "given, and a group of no number": _all(_vfio, _file("/sys/class/vfio/10/dev", "511:x"), _opened("/dev/vfio/10")),
    "given in part": lambda root: _drive(root, HERE, "vfio-pci", "vfio_pci"),
    "several nodes": _opened("/dev/snd/controlC1", "/dev/dri/renderD129", "/dev/dri/card1", "/dev/dri/card1"),
    "a node that was deleted": _opened("/dev/dri/card1 (deleted)"),
    "mapped alone": _opened(maps=MAPS.format("rw-s", "/dev/dri/card1") * 2),
    "mapped, and deleted": _opened(maps=MAPS.format("rwxs", "/dev/dri/card1 (deleted)")),
    "mapped for itself": _opened(maps=MAPS.format("r--p", "/dev/dri/card1")),
    "mapped, of no name": _opened(maps="7f00-7f10 rw-s 00000000 00:05 4\n" + MAPS.format("rw-s", "anon_inode")),
    "open and mapped": _opened("/dev/dri/card1", maps=MAPS.format("rw-s", "/dev/dri/card1")),
    "mapped, another": _opened(maps=MAPS.format("rw-s", "/memfd") + MAPS.format("r-xp", "/lib/x")),
    "a thread of the kernel's": _all(_opened("/dev/dri/card1"), _without("/proc/77/exe")),
    "a name of fifteen letters": _all(
        _opened("/dev/dri/card1", name="gnome-remote-de"),
        _file("/proc/77/cmdline", "/usr/gnome-remote-desktop\0-x\0"),
    ),
    "a name of fifteen, and another line": _all(
        _opened("/dev/dri/card1", name="gnome-remote-de"), _file("/proc/77/cmdline", "python3\0-x\0")
    ),
    "a name of fourteen letters": _all(
        _opened("/dev/dri/card1", name="gnome-remote-d"), _file("/proc/77/cmdline", "gnome-remote-desktop\0")
    ),
    "nobody's process": _all(_opened("/dev/dri/card1"), _file("/proc/77/status", "State:\tZ (zombie)\n")),
    "a user without a name": _all(_opened("/dev/dri/card1"), _file("/proc/77/status", "Name:\tx\nUid:\t7\t8\t9\t9\n")),
    "a session": _opened("/dev/dri/card1", cgroup=f"{USER}/session-c1.scope"),
    "a session's folder": _opened("/dev/dri/card1", cgroup=f"{USER}/session-c1.scope/x"),
    "a user's unit": _opened(
        "/dev/dri/card1", cgroup=f"{USER}/user@1000.service/a.slice/app-my\\x2dgame\\x40a.service"
    ),
    "a user's manager": _opened("/dev/dri/card1", cgroup=f"{USER}/user@1000.service"),
    "a user's scope": _opened("/dev/dri/card1", cgroup=f"{USER}/user@1000.service/app.slice/app-x.scope"),
    "no unit": _opened("/dev/dri/card1", cgroup="/"),
    "an older cgroup": _all(
        _opened("/dev/dri/card1"), _file("/proc/77/cgroup", "1:name=systemd:/a.service\n0::/system.slice/b.service\n")
    ),
    "no cgroup": _all(_opened("/dev/dri/card1"), _without("/proc/77/cgroup")),
    "frozen": _all(
        _opened("/dev/dri/card1", cgroup="/system.slice/x.service"),
        _file("/sys/fs/cgroup/system.slice/x.service/cgroup.events", "populated 1\nfrozen 1\n"),
    ),
    "other mounts": _all(_opened("/dev/dri/card1"), _namespaces(77, mnt="4"), _namespaces(1, mnt="3")),
    "other numbers": _all(
        _opened("/dev/dri/card1"), _namespaces(77, pid="4", mnt="3"), _namespaces(1, pid="3", mnt="3")
    ),
    "the same of both": _all(_opened("/dev/dri/card1"), _namespaces(77, pid="3"), _namespaces(1, pid="3")),
    "namespaces of which one is shown": _all(_opened("/dev/dri/card1"), _namespaces(77, pid="3")),
    "a broker alone": _opened("/dev/dri/card1", name="systemd-logind"),
    "a broker of more": _all(
        _opened("/dev/dri/card1", "/dev/snd/controlC1", pid=9, name="seatd"), _opened("/dev/dri/card1", name="sway")
    ),
    "a broker of another": _all(_opened("/dev/snd/controlC1", pid=9, name="elogind"), _opened("/dev/dri/card1")),
    "a broker beside": _all(_opened("/dev/dri/card1", pid=9, name="systemd"), _opened("/dev/dri/card1")),
    "processes in their order": _all(_opened("/dev/dri/card1", pid=100), _opened("/dev/dri/card1", pid=20, name="b")),
    **{
        f"a program: {name}": _opened("/dev/dri/card1", name=name, cgroup="/system.slice/x.service")
        for name in ("Xorg", "pipewire", "nvidia-persiste")
    },
}
FAMILIES = {"67df": "Polaris", "687f": "Vega", "7312": "Navi 10", "7480": "Navi 33", "7550": "Navi 48", "73bf": ""}


@pytest.fixture(scope="module")
def rest(tmp_path_factory: pytest.TempPathFactory) -> Picture:
    """Nobody at the card."""
    return look(CARD, str(plant(tmp_path_factory.mktemp("rest"))))


@pytest.mark.parametrize("name", CASES)
def test_what_is_seen_and_said(name: str, machine: Path, rest: Picture, update_golden: bool) -> None:
    CASES[name](machine)
    found = told(look(CARD, str(machine)), rest)
    compare(PICTURES, name, found.replace(str(machine), "ROOT"), update=update_golden)


def test_at_rest(rest: Picture, update_golden: bool) -> None:
    nothing: dict[str, Any] = {name: () for name in Picture._fields[2:] if isinstance(getattr(rest, name), tuple)}
    empty = rest.replace(**nothing)
    compare(PICTURES, "at rest", told(rest, empty.replace(port=None, other_keyboards=False)), update=update_golden)


def test_another_card(machine: Path, rest: Picture, update_golden: bool) -> None:
    """On the root's own bus: there is no port above it. Its driver is held by sound in another slot of the bus."""
    card = Card("igpu", (CardFunction(Address.parse(PRIMARY), Id.parse("1af4:1050")),), False, ("win", "other"))
    _drive(machine, HOST, "i915", "i915", references=3)
    for number in (3, 4):
        sound = f"/sys/devices/pci0000:00/0000:00:1f.{number}"
        _function(sound, "8086:a0c8", driver="snd_hda_intel", class_="0x040300", group=5)(machine)
    compare(PICTURES, "another card", told(look(card, str(machine)), rest), update=update_golden)


REPLACED: dict[str, dict[str, Any]] = {
    "exported": {"hidden": (("bochs", 3),), "exporting": (1, 2, 3, 4, 5, 6)},
    "not exported": {"hidden": (("bochs", 1), ("nvidia_drm", 2))},
    "incomplete": {"incomplete": ("2 processes could not be looked into", "/sys/x could not be read")},
    "incomplete and held": {"incomplete": ("1 process could not be looked into",), "console": "fb0"},
    "nothing there": {"functions": ()},
}


@pytest.mark.parametrize("name", REPLACED)
def test_what_follows(name: str, rest: Picture, update_golden: bool) -> None:
    compare(PICTURES, name, told(rest.replace(**REPLACED[name]), rest), update=update_golden)


@pytest.mark.parametrize("number", FAMILIES)
def test_families(number: str, rest: Picture, update_golden: bool) -> None:
    """By the display alone: another function of the same id says nothing."""
    first, *others = rest.functions
    assert first.device
    device = first.device.replace(id=Id.parse(f"1002:{number}"))
    for made, said in ((device, FAMILIES[number]), (device.replace(pci_class="0403"), "")):
        picture = rest.replace(functions=(first.replace(device=made, expected=f"1002:{number}"), *others))
        found = [finding for finding in verdict(picture).findings if finding.key == "card.comes-back"]
        assert [said in finding.found for finding in found] == [True] * bool(said)
        if said:
            compare(PICTURES, f"family {number}", told(picture, rest), update=update_golden)


def test_nothing_is_kept_of_no_case() -> None:
    others = {"at rest", "another card", *REPLACED, *(f"family {number}" for number, said in FAMILIES.items() if said)}
    assert set(sections(PICTURES)) == {*CASES, *others}
