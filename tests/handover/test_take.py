"""The card to vfio-pci and back on a machine that answers: each refusal, each undoing, a kill at each step."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest

from optimux.errors import OptimuxError
from optimux.host.handover.give import Incomplete, give
from optimux.host.handover.kernel import Refused, Stuck
from optimux.host.handover.picture import look
from optimux.host.handover.state import Store
from optimux.host.handover.take import Taking
from tests.detect.tree import link, put
from tests.handover.kernel import NATIVE, Acting, Killed, snapshot
from tests.handover.machine import BELOW_PORT, CARD, DRIVERS, GPU, PORT, PRIMARY, SOUND, USB, process

if TYPE_CHECKING:
    from pathlib import Path

UNIT = "/user.slice/user-1000.slice/user@1000.service/session.slice/wireplumber.service"


@pytest.fixture
def kernel(machine: Path) -> Acting:
    put(machine, "/sys/bus/pci/drivers_probe", "")
    put(machine, "/run/systemd/system/x", "")
    return Acting(machine)


def take(
    kernel: Acting, *, stop: tuple[str, ...] = (), domain: str | None = None, said: list[str] | None = None
) -> str:
    """As the verb does it."""
    root = str(kernel.tree)
    tell = (said if said is not None else []).append
    command = ("optimux", "gpu", "give")
    return Taking(CARD, kernel, Store(root), lambda: look(CARD, root), tell, domain, stop, command).run()


def back(kernel: Acting) -> str:
    """As the verb does it."""
    return give(CARD, kernel, Store(str(kernel.tree)), lambda _: None, look(CARD, str(kernel.tree)).machine)


def drivers(root: Path) -> dict[str, str | None]:
    """Who drives each function."""
    picture = look(CARD, str(root))
    return {str(f.address): f.device.driver if f.device else None for f in picture.functions}


def test_there_and_back(kernel: Acting) -> None:
    before = snapshot(kernel.tree)
    assert take(kernel) == "vfio-pci has card"
    assert set(drivers(kernel.tree).values()) == {"vfio-pci"}
    assert Store(str(kernel.tree)).read("card") is not None
    assert back(kernel) == "card is the host's again"
    assert drivers(kernel.tree) == DRIVERS
    assert snapshot(kernel.tree) == before
    assert Store(str(kernel.tree)).read("card") is None


def test_the_order_of_what_is_done(kernel: Acting) -> None:
    """Awake, marked, then what may get stuck first and the display last; never removed from the bus."""
    take(kernel)
    short = [a.replace("/sys/bus/pci/", "").replace("devices/", "") for a in kernel.actions]
    assert short == [
        "modprobe vfio-pci",
        *(f"{address}/power/control < on" for address in (PORT, GPU, SOUND, USB)),
        *(f"{address}/driver_override < vfio-pci" for address in (GPU, SOUND, USB)),
        f"drivers/snd_hda_intel/unbind < {SOUND}",
        f"drivers/xhci_hcd/unbind < {USB}",
        f"drivers/bochs-drm/unbind < {GPU}",
        *(f"drivers_probe < {address}" for address in (GPU, SOUND, USB)),
        "systemd-run --no-block --collect --quiet --unit=optimux-awake-card.service systemd-inhibit --what=sleep "
        "--who=Optimux --why=card is with a VM sleep infinity",
    ]


def test_taking_twice_is_once(kernel: Acting) -> None:
    take(kernel)
    count = len(kernel.actions)
    assert take(kernel) == "vfio-pci has card already"
    assert len(kernel.actions) == count


def test_giving_what_the_host_has(kernel: Acting) -> None:
    assert back(kernel) == "card is the host's: nothing to do"
    assert kernel.actions == []


def test_giving_what_is_not_there(kernel: Acting) -> None:
    shutil.rmtree(kernel.tree / "sys/bus/pci/devices")
    with pytest.raises(Refused, match=r"card is not there \(0000:01:00.0, .*\): compare with optimux detect"):
        back(kernel)
    assert kernel.actions == []


def test_a_holder_refuses_before_anything_is_done(kernel: Acting) -> None:
    process(kernel.tree, 77, "game", uid=1000, opened=("/dev/dri/card1",))
    before = snapshot(kernel.tree)
    with pytest.raises(Refused) as caught:
        take(kernel)
    assert str(caught.value).splitlines() == [
        "card can be given once this is done:",
        "  - game, process 77 of anna (x.service): /dev/dri/card1. game: systemctl stop x.service",
        "Nothing was changed.",
    ]
    assert kernel.actions == []
    assert snapshot(kernel.tree) == before
    assert not (kernel.tree / "run/optimux").exists()


def test_a_named_unit_is_stopped_and_started_again(kernel: Acting) -> None:
    process(kernel.tree, 77, "game", opened=("/dev/dri/card1",))
    kernel.meanwhile["systemctl stop x"] = lambda: shutil.rmtree(kernel.tree / "proc/77")
    take(kernel, stop=("x.service",))
    assert kernel.actions[0] == "systemctl stop x.service"
    kernel.actions.clear()
    back(kernel)
    assert "systemctl start x.service" in kernel.actions


def test_a_unit_that_goes_on_is_started_again(kernel: Acting) -> None:
    """The twin: what holds the card is there after the stop."""
    process(kernel.tree, 77, "game", opened=("/dev/dri/card1",))
    before = snapshot(kernel.tree)
    with pytest.raises(Refused, match="process 77 of root"):
        take(kernel, stop=("x.service",))
    assert kernel.actions == ["systemctl stop x.service", "systemctl start x.service"]
    assert snapshot(kernel.tree) == before


def _sound(kernel: Acting, *, frozen: bool = False) -> None:
    process(kernel.tree, 77, "wireplumber", uid=1000, cgroup=UNIT, opened=("/dev/snd/controlC1",))
    put(kernel.tree, f"/sys/fs/cgroup{UNIT}/cgroup.events", f"frozen {int(frozen)}\n")
    for name in ("controlC1", "card1"):
        put(kernel.tree, f"/sys/class/sound/{name}/uevent", "")


def test_a_polite_holder_is_asked(kernel: Acting) -> None:
    _sound(kernel)
    kernel.meanwhile["card1/uevent < remove"] = lambda: shutil.rmtree(kernel.tree / "proc/77")
    said: list[str] = []
    take(kernel, said=said)
    assert said == ["asking wireplumber to let go"]
    assert kernel.actions[:2] == [
        "/sys/class/sound/controlC1/uevent < remove",
        "/sys/class/sound/card1/uevent < remove",
    ]


def test_a_polite_holder_that_stays_gets_its_device_again(kernel: Acting) -> None:
    _sound(kernel)
    with pytest.raises(Refused, match="wireplumber: choose another output"):
        take(kernel)
    assert [action.rpartition(" ")[2] for action in kernel.actions] == ["remove", "remove", "add", "add"]
    assert Store(str(kernel.tree)).read("card") is None


def test_a_frozen_holder_is_not_waited_for(kernel: Acting) -> None:
    _sound(kernel, frozen=True)
    with pytest.raises(Refused, match="frozen"):
        take(kernel)
    assert kernel.actions == []


@pytest.mark.parametrize(
    "refused", ["driver_override < vfio-pci", "snd_hda_intel/unbind", "bochs-drm/unbind", "modprobe", f"{USB}/power"]
)
def test_a_refusing_kernel_leaves_everything_as_it_was(refused: str, kernel: Acting) -> None:
    kernel.refuse = (refused,)
    before = snapshot(kernel.tree)
    with pytest.raises(Refused, match="Device or resource busy"):
        take(kernel)
    assert snapshot(kernel.tree) == before
    assert Store(str(kernel.tree)).read("card") is None


def test_a_card_that_vfio_does_not_take_comes_back(kernel: Acting) -> None:
    before = snapshot(kernel.tree)
    kernel.meanwhile["modprobe"] = lambda: shutil.rmtree(kernel.tree / "sys/bus/pci/drivers/vfio-pci", True)
    kernel.meanwhile["drivers_probe"] = lambda: shutil.rmtree(kernel.tree / "sys/bus/pci/drivers/vfio-pci", True)
    with pytest.raises(Refused, match="has no driver instead of vfio-pci"):
        take(kernel)
    assert snapshot(kernel.tree) == before


def test_a_card_that_does_not_wake(kernel: Acting) -> None:
    put(kernel.tree, f"{BELOW_PORT}/{GPU}/power_state", "D3cold")
    before = snapshot(kernel.tree)
    with pytest.raises(Refused, match="stays in D3cold"):
        take(kernel)
    assert snapshot(kernel.tree) == before


def test_a_step_that_never_ends(kernel: Acting) -> None:
    """It is left behind, the other functions come back, a unit waits for the holder's end."""
    kernel.stuck = ("snd_hda_intel/unbind",)
    with pytest.raises(Stuck, match="process 4242 still waits"):
        take(kernel)
    assert drivers(kernel.tree) == DRIVERS
    assert [a for a in kernel.actions if "optimux-repair-card" in a] == [
        "systemd-run --collect --quiet --unit=optimux-repair-card sh -c "
        'while [ -e /proc/4242 ]; do sleep 1; done; exec "$@" sh optimux gpu give'
    ]
    with pytest.raises(Refused, match="process 4242 still waits for the kernel to let"):
        back(kernel)
    # The holder has ended: the kernel has let the function go.
    kernel.stuck = ()
    kernel.write("/sys/bus/pci/drivers/snd_hda_intel/unbind", SOUND)
    back(kernel)
    assert drivers(kernel.tree) == DRIVERS


@pytest.mark.parametrize("step", range(15))
def test_killed_at_each_step(step: int, kernel: Acting) -> None:
    """Whatever was done by then, ``give`` makes the machine what it was."""
    before = snapshot(kernel.tree)
    kernel.kill_at = step
    with pytest.raises(Killed):
        take(kernel)
    after = Acting(kernel.tree)
    back(after)
    assert snapshot(kernel.tree) == before
    assert Store(str(kernel.tree)).read("card") is None


def test_every_step_has_its_kill(kernel: Acting) -> None:
    take(kernel)
    assert len(kernel.actions) == 15


@pytest.mark.parametrize("step", range(10))
def test_giving_that_is_killed_is_given_again(step: int, kernel: Acting) -> None:
    before = snapshot(kernel.tree)
    take(kernel)
    dying = Acting(kernel.tree, kill_at=step)
    with pytest.raises(Killed):
        back(dying)
    back(Acting(kernel.tree))
    assert snapshot(kernel.tree) == before


def test_a_kill_is_undone_by_the_next_take(kernel: Acting) -> None:
    kernel.kill_at = 9
    with pytest.raises(Killed):
        take(kernel)
    said: list[str] = []
    assert take(Acting(kernel.tree), said=said) == "vfio-pci has card"
    assert said == ["an earlier hand-over ended in between: what it changed is undone first"]


def test_a_function_that_does_not_come_back_is_told(kernel: Acting) -> None:
    take(kernel)
    shutil.rmtree(kernel.tree / "sys/bus/pci/drivers/snd_hda_intel")
    kernel.refuse = ("modprobe snd_hda_intel",)
    with pytest.raises(Incomplete, match="modprobe snd_hda_intel"):
        back(kernel)
    assert {a: d for a, d in drivers(kernel.tree).items() if a != SOUND} == {GPU: DRIVERS[GPU], USB: DRIVERS[USB]}
    assert Store(str(kernel.tree)).read("card") is not None


def test_another_driver_of_the_hosts_keeps_the_card(nvidia: Acting) -> None:
    """Whoever brought it there: that driver may be one whose removal never ends."""
    nvidia.kill_at = 9
    with pytest.raises(Killed):
        take(nvidia)
    root, after = nvidia.tree, Acting(nvidia.tree)
    for module in ("nvidia", "nvidia_modeset", "nvidia_drm"):
        if not after.exists(f"/sys/module/{module}"):
            after._load(module)
    for address, driver in ((GPU, "nvidia"), (SOUND, "nvidia")):
        place = root / f"{BELOW_PORT[1:]}/{address}/driver"
        place.unlink(missing_ok=True)
        link(root, f"{BELOW_PORT}/{address}/driver", f"/sys/bus/pci/drivers/{driver}")
    said: list[str] = []
    give(CARD, after, Store(str(root)), said.append)
    assert [action for action in after.actions if "unbind" in action] == []
    assert said == [f"{SOUND} is with nvidia now, no more with snd_hda_intel"]
    assert drivers(root)[USB] == DRIVERS[USB]


def test_a_member_of_its_group_that_something_new_has_bound(kernel: Acting) -> None:
    (kernel.tree / f"sys/devices/pci0000:00/{PRIMARY}/iommu_group").unlink()
    link(kernel.tree, f"/sys/devices/pci0000:00/{PRIMARY}/iommu_group", "/sys/kernel/iommu_groups/10")
    with pytest.raises(Refused, match=f"{PRIMARY}, which virtio-pci drives, in group 10"):
        take(kernel)
    assert kernel.actions == []
    (kernel.tree / f"sys/devices/pci0000:00/{PRIMARY}/driver").unlink()
    assert take(kernel) == "vfio-pci has card"


def test_an_unplugged_card_is_told(kernel: Acting) -> None:
    take(kernel)
    for address in (GPU, SOUND, USB):
        (kernel.tree / f"sys/bus/pci/devices/{address}").unlink()
    said: list[str] = []
    give(CARD, kernel, Store(str(kernel.tree)), said.append)
    assert said == [f"{address} is gone: unplugged while it was given" for address in (GPU, SOUND, USB)]


def test_a_function_that_goes_while_it_is_given_is_told(kernel: Acting) -> None:
    """The kernel takes it away as soon as the VM has ended; its twin is there, and refuses."""
    take(kernel)
    unbound = f"drivers/vfio-pci/unbind < {USB}"
    kernel.refuse = (unbound,)
    with pytest.raises(Incomplete, match=f"{unbound}: Device or resource busy"):
        back(kernel)
    kernel.meanwhile = {unbound: (kernel.tree / f"sys/bus/pci/devices/{USB}").unlink}
    said: list[str] = []
    give(CARD, kernel, Store(str(kernel.tree)), said.append)
    assert said == [f"{USB} is gone: unplugged while it was given"]
    assert not Store(str(kernel.tree)).exists("card")
    assert {a: d for a, d in drivers(kernel.tree).items() if d} == {GPU: DRIVERS[GPU], SOUND: DRIVERS[SOUND]}


@pytest.mark.parametrize("part", ["driver", "whole"])
def test_a_card_that_is_pulled_out_of_a_running_vm_is_let_alone(part: str, kernel: Acting) -> None:
    """Each write to it would wait inside the kernel for the VM's end."""
    take(kernel, domain="win")
    put(kernel.tree, "/sys/class/vfio/10/dev", "511:0")
    process(kernel.tree, 99, "qemu-system-x86", opened=("/dev/vfio/10",))
    assert take(kernel, domain="win") == "vfio-pci has card already"
    count = len(kernel.actions)
    leaving = {"driver": f"{BELOW_PORT[1:]}/{USB}/driver", "whole": f"sys/bus/pci/devices/{USB}"}[part]
    (kernel.tree / leaving).unlink()
    for domain in (None, "win", "other"):
        with pytest.raises(Refused, match=rf"process 99.*{USB} .* though a VM has the card: .* Shut the VM down"):
            take(kernel, domain=domain)
    with pytest.raises(Refused, match="a VM has card: qemu-system-x86, process 99"):
        back(kernel)
    assert len(kernel.actions) == count


def test_a_running_vm_keeps_its_card(kernel: Acting) -> None:
    take(kernel, domain="win")
    put(kernel.tree, "/sys/class/vfio/10/dev", "511:0")
    process(kernel.tree, 99, "qemu-system-x86", opened=("/dev/vfio/10",))
    count = len(kernel.actions)
    with pytest.raises(Refused, match="a VM has card: qemu-system-x86, process 99"):
        back(kernel)
    with pytest.raises(Refused, match="card is with win"):
        take(kernel, domain="other")
    assert len(kernel.actions) == count


def test_two_vms_that_ask_at_once(kernel: Acting) -> None:
    """The first one's QEMU has not opened the card yet: it is the first one's all the same."""
    take(kernel, domain="win")
    count = len(kernel.actions)
    with pytest.raises(Refused, match=r"card is with win\. If that VM has ended: optimux gpu give"):
        take(kernel, domain="other")
    assert take(kernel, domain="win") == "vfio-pci has card already"
    assert len(kernel.actions) == count


def test_a_card_taken_by_hand_may_be_any_vms(kernel: Acting) -> None:
    take(kernel)
    assert take(kernel, domain="win") == "vfio-pci has card already"
    state = Store(str(kernel.tree)).read("card")
    assert state is not None
    assert state.domain is None  # so that the VM's end leaves it taken


@pytest.fixture
def nvidia(kernel: Acting, monkeypatch: pytest.MonkeyPatch) -> Acting:
    """The display under NVIDIA's driver: three modules, the first two on the third."""
    root = kernel.tree
    (root / f"{BELOW_PORT[1:]}/{GPU}/driver").unlink()
    (root / f"sys/bus/pci/drivers/bochs-drm/{GPU}").unlink()
    for module in ("nvidia", "nvidia_modeset", "nvidia_drm"):
        kernel._load(module)
    link(root, f"{BELOW_PORT}/{GPU}/driver", "/sys/bus/pci/drivers/nvidia")
    link(root, f"/sys/bus/pci/drivers/nvidia/{GPU}", f"{BELOW_PORT}/{GPU}")
    monkeypatch.setitem(NATIVE, GPU, "nvidia")
    return kernel


def test_nvidia_is_unloaded_and_never_unbound(nvidia: Acting) -> None:
    before = snapshot(nvidia.tree)
    take(nvidia)
    assert [a for a in nvidia.actions if "rmmod" in a or "unbind" in a] == [
        "rmmod nvidia_drm",
        "rmmod nvidia_modeset",
        "rmmod nvidia",
        f"/sys/bus/pci/drivers/snd_hda_intel/unbind < {SOUND}",
        f"/sys/bus/pci/drivers/xhci_hcd/unbind < {USB}",
    ]
    nvidia.actions.clear()
    back(nvidia)
    assert [a for a in nvidia.actions if "modprobe" in a] == [
        "modprobe nvidia",
        "modprobe nvidia_modeset",
        "modprobe nvidia_drm",
    ]
    assert snapshot(nvidia.tree) == before


def test_nvidia_in_use_is_a_refusal_without_harm(nvidia: Acting) -> None:
    nvidia.refuse = ("rmmod nvidia_modeset",)
    before = snapshot(nvidia.tree)
    with pytest.raises(Refused, match="It is in use"):
        take(nvidia)
    assert [a for a in nvidia.actions if "unbind" in a] == []
    assert "modprobe nvidia_drm" in nvidia.actions
    assert snapshot(nvidia.tree) == before


def test_nvidia_with_two_cards_cannot(nvidia: Acting) -> None:
    link(nvidia.tree, "/sys/bus/pci/drivers/nvidia/0000:05:00.0", f"{BELOW_PORT}/{GPU}")
    with pytest.raises(Refused, match=r"nvidia also drives 0000:05:00\.0"):
        take(nvidia)
    assert nvidia.actions == []


def test_a_card_bound_at_boot_is_not_given(kernel: Acting) -> None:
    (kernel.tree / "sys/bus/pci/drivers/vfio-pci").mkdir(parents=True)
    for address in (GPU, SOUND, USB):
        kernel.write(f"/sys/bus/pci/drivers/{DRIVERS[address]}/unbind", address)
        link(kernel.tree, f"{BELOW_PORT}/{address}/driver", "/sys/bus/pci/drivers/vfio-pci")
    with pytest.raises(Refused, match="is bound at boot"):
        give(CARD.replace(on_demand=False), kernel, Store(str(kernel.tree)), lambda _: None)


def test_a_state_that_is_none(kernel: Acting) -> None:
    put(kernel.tree, "/run/optimux/card-card.json", '{"card": 1}')
    with pytest.raises(OptimuxError, match="something else than a card's state"):
        back(kernel)
