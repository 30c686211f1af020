"""The udev rules, as udev takes them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from lab.consumers.host_files import udevadm_verify
from lab.errors import Refused
from optimux.emit import udev
from tests.host.plans import GPU, commands, files, plan

if TYPE_CHECKING:
    from lab.consumers.roots import Root

ALICE = {"lookingGlass": {"user": "alice"}}
USER = {"lookingGlass": {"user": "libvirt-qemu", "group": "kvm"}}


def _rules(**changes: object) -> dict[str, str]:
    written = files(plan(**changes))
    return {Path(path).name: text for path, text in written.items() if path.startswith("/etc/udev/")}


def test_udev_takes_the_rules(trixie: Root) -> None:
    rules = _rules(**USER)
    assert set(rules) == {"70-kvmfr.rules", "72-optimux-idle-power.rules"}
    udevadm_verify(trixie, rules)


def test_udev_refuses_a_broken_rule(trixie: Root) -> None:
    rules = {name: text.replace('MODE="0660"', 'MODE="0660') for name, text in _rules(**USER).items()}
    with pytest.raises(Refused):
        udevadm_verify(trixie, rules)


@pytest.mark.parametrize("group", ["kvm", "kvm$"])
def test_a_group_and_the_seat_may_open_the_device(group: str) -> None:
    """No OWNER: systemd 258 and 259 drop a line that names a user of the desktop, with all that stands on it."""
    rule = _rules(lookingGlass={"user": "alice", "group": group})["70-kvmfr.rules"].splitlines()[1]
    name = group.replace("$", "$$")  # a single one would begin a substitution
    assert rule == f'SUBSYSTEM=="kvmfr", KERNEL=="kvmfr0", GROUP="{name}", MODE="0660", TAG+="uaccess"'


def test_selinux_lets_a_vm_map_the_device(trixie: Root) -> None:
    """By the label of the node: a policy for all of device_t would open every unlabelled one."""
    assert "SECLABEL" not in _rules()["70-kvmfr.rules"]
    rules = _rules(host={"distribution": "fedora"})
    assert rules["70-kvmfr.rules"].endswith(', SECLABEL{selinux}="system_u:object_r:svirt_image_t:s0"\n')
    udevadm_verify(trixie, rules)


def test_the_user_becomes_a_member() -> None:
    assert any("usermod" in command and "kvm alice" in command for command in commands(plan(**ALICE)))
    assert not any("usermod" in command for command in commands(plan()))


def test_a_card_on_demand_has_a_seat_of_its_own(trixie: Root) -> None:
    """Without the tag's removal a greeter may start there; render nodes and other cards stay where they are."""
    demand = {"bind": "on-demand", "keepFree": True}
    rules = _rules(gpu=demand)
    (rule,) = rules["72-optimux-seat.rules"].splitlines()[1:]
    assert rule == (
        f'SUBSYSTEM=="drm", KERNEL=="card[0-9]*", KERNELS=="{GPU}", ENV{{ID_SEAT}}="seat-optimux", '
        'TAG-="master-of-seat", TAG+="mutter-device-ignore"'
    )
    udevadm_verify(trixie, rules)
    assert "72-optimux-seat.rules" not in _rules(gpu={"bind": "on-demand"})
    with pytest.raises(Refused):
        udevadm_verify(trixie, {name: text.replace("TAG-=", "TAG-") for name, text in rules.items()})


def test_a_card_bound_at_boot_needs_no_seat() -> None:
    planned = plan(gpu={"keepFree": True})
    assert "72-optimux-seat.rules" not in files(planned)
    assert [warning.path for warning in planned.warnings if "keepFree" in warning.path] == ["gpus.card.keepFree"]


def test_no_rules_no_reload() -> None:
    assert "udevadm control --reload" in commands(plan())
    nothing = plan(gpus={}, vms={})
    assert not any(path.startswith("/etc/udev") for path in files(nothing))
    assert "udevadm control --reload" not in commands(nothing)


def _power(**gpu: object) -> str:
    return _rules(gpu=gpu)["72-optimux-idle-power.rules"]


def test_idle_cards_may_sleep_with_their_port() -> None:
    assert _power().count('ATTR{d3cold_allowed}="1", ATTR{power/control}="auto"') == 2
    assert _power().count('ATTR{../d3cold_allowed}="1", ATTR{../power/control}="auto"') == 2


def test_no_d3cold_leaves_the_port_alone() -> None:
    text = _power(d3coldAllowed=False)
    assert 'ATTR{d3cold_allowed}="0", ATTR{power/control}="auto"' in text
    assert "../" not in text


def test_cards_that_do_not_come_back_stay_awake() -> None:
    text = _power(d3coldAllowed=False, disableIdleD3=True)
    assert 'ATTR{d3cold_allowed}="0", ATTR{power/control}="on"' in text


def _bound_device() -> tuple[Path, str]:
    for device in sorted(Path("/sys/bus/pci/devices").glob("*")):
        if (device / "driver").exists():
            return device.resolve(), (device / "driver").resolve().name
    pytest.skip("no PCI device with a driver in /sys/bus/pci")


@pytest.mark.parametrize("action", ["add", "bind"])
def test_udev_would_write_to_the_card_and_its_parent(trixie: Root, action: str) -> None:
    """On a device of this machine, in udev's test mode, which writes nothing."""
    device, driver = _bound_device()
    for named, expected in ((driver, True), ("another-driver", False)):
        text = _power().replace(GPU, device.name).replace("vfio-pci", named)
        with trixie.session() as session:
            session.put(udev.IDLE_POWER, text)
            words = session.run(["udevadm", "test", f"--action={action}", str(device)])
        said = words.stdout + words.stderr
        for attribute in ("d3cold_allowed", "power/control", "../d3cold_allowed", "../power/control"):
            assert (f"skipping writing ATTR{{{device}/{attribute}}}" in said) == expected


def test_a_function_on_bus_0_has_no_port() -> None:
    functions = [{"address": "0000:00:02.1", "id": "8086:b080"}]
    rule = _rules(gpu={"functions": functions})["72-optimux-idle-power.rules"].splitlines()[-1]
    assert 'ATTR{d3cold_allowed}="1", ATTR{power/control}="auto"' in rule
    assert "../" not in rule
    assert "../" in _rules()["72-optimux-idle-power.rules"].splitlines()[-1]
