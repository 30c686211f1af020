"""All that a hand-over does, step by step and to the letter: what is kept before it, what is written and run, what is
waited for, what is said. ``steps.txt`` has it for each way that it can go, beside the usual one.
"""

from __future__ import annotations

import shutil
from difflib import unified_diff
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import pytest

from tests.detect.tree import put
from tests.handover.kernel import Acting
from tests.handover.machine import BELOW_PORT, CARD, GPU, PORT, SOUND, USB, plant
from tests.handover.scene import Scene
from tests.handover.test_take import UNIT, kernel, nvidia
from tests.letters import compare, sections

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


__all__ = ["kernel", "nvidia"]
STEPS = Path(__file__).parent / "steps.txt"


def there_and_back(scene: Scene) -> None:
    scene.take("win")
    scene.take("win")
    scene.take()
    scene.take("other")
    scene.give("qemu, process 9")
    scene.give()
    scene.give()


def by_hand(scene: Scene) -> None:
    scene.take()
    scene.take("other")
    scene.store.clear("card")
    scene.take()
    scene.give()


def without_systemd(scene: Scene) -> None:
    shutil.rmtree(scene.kernel.tree / "run/systemd")
    scene.take()
    scene.give()


def nothing_that_inhibits(scene: Scene) -> None:
    scene.kernel.refuse = ("systemd-run",)
    scene.take()
    scene.give()


def an_inhibitor_that_stays(scene: Scene) -> None:
    scene.take()
    scene.kernel.refuse = ("systemctl stop",)
    scene.give()


def as_it_was(scene: Scene) -> None:
    """An override, functions that stay on or have no driver, a port without a file."""
    (scene.kernel.tree / f"{BELOW_PORT[1:]}/power/control").unlink()
    (scene.kernel.tree / f"{BELOW_PORT[1:]}/{SOUND}/power/control").unlink()
    scene.put(GPU, "driver_override", "bochs-drm")
    scene.put(GPU, "power/control", "on")
    (scene.kernel.tree / f"{BELOW_PORT[1:]}/{USB}/driver").unlink()
    (scene.kernel.tree / f"{BELOW_PORT[1:]}/{USB}/driver_override").unlink()
    scene.take()
    scene.give()


def a_port_that_stays_on(scene: Scene) -> None:
    put(scene.kernel.tree, f"{BELOW_PORT}/power/control", "on\n")
    scene.take()
    scene.give()


def a_port_that_is_gone(scene: Scene) -> None:
    scene.take()
    (scene.kernel.tree / f"{BELOW_PORT[1:]}/power/control").unlink()
    scene.give()


def one_function_is_given(scene: Scene) -> None:
    scene.take()
    scene.store.clear("card")
    scene.kernel.write(f"/sys/bus/pci/devices/{GPU}/driver_override", "\n")
    scene.kernel.write("/sys/bus/pci/drivers/vfio-pci/unbind", GPU)
    scene.kernel.write("/sys/bus/pci/drivers_probe", GPU)
    scene.take()
    scene.give()


def a_unit_is_stopped(scene: Scene) -> None:
    scene.process("game", "/dev/dri/card1")
    scene.kernel.meanwhile["systemctl stop x"] = scene.ends
    scene.take(None, "x")
    scene.give()


def a_users_unit_is_stopped(scene: Scene) -> None:
    scene.process("game", "/dev/dri/card1", unit=UNIT.replace("wireplumber", "x"), uid=1000)
    scene.kernel.meanwhile["stop x"] = scene.ends
    scene.take("win", "x.service")
    scene.give()


def a_unit_that_is_known(scene: Scene) -> None:
    scene.process("nvidia-powerd", "/dev/dri/card1", unit="/system.slice/nvidia-powerd.service")
    scene.kernel.meanwhile["stop nvidia-powerd"] = scene.ends
    scene.take()
    scene.give()


def a_unit_that_goes_on(scene: Scene) -> None:
    scene.process("game", "/dev/dri/card1")
    scene.take(None, "x.service")


def a_unit_beside_another(scene: Scene) -> None:
    scene.process("game", "/dev/dri/card1", unit="/")
    scene.take(None, "x.service")


def polite_holders(scene: Scene) -> None:
    for name in ("controlC1", "card1"):
        put(scene.kernel.tree, f"/sys/class/sound/{name}/uevent", "")
    put(scene.kernel.tree, "/sys/class/drm/card1/uevent", "")
    put(scene.kernel.tree, "/sys/class/drm/renderD129/uevent", "")
    scene.process("kwin_wayland", "/dev/snd/controlC1", "/dev/dri/card1", unit="/")
    scene.kernel.meanwhile["renderD129/uevent < remove"] = lambda: None


def asked_and_gone(scene: Scene) -> None:
    polite_holders(scene)
    scene.kernel.meanwhile["/sys/class/sound/card1/uevent < remove"] = scene.ends
    scene.take()
    scene.give()


def asked_in_vain(scene: Scene) -> None:
    polite_holders(scene)
    scene.take()


def asked_and_gone_for_good(scene: Scene) -> None:
    """Its device goes with the driver, and announces itself when that is back."""
    polite_holders(scene)

    def gone() -> None:
        scene.ends()
        shutil.rmtree(scene.kernel.tree / "sys/class/sound/controlC1")

    scene.kernel.meanwhile["/sys/class/sound/card1/uevent < remove"] = gone
    scene.take()
    scene.give()


def frozen(scene: Scene) -> None:
    scene.process("wireplumber", "/dev/snd/controlC1", unit=UNIT, uid=1000)
    put(scene.kernel.tree, f"/sys/fs/cgroup{UNIT}/cgroup.events", "frozen 1\n")
    scene.take()


def held_and_lit(scene: Scene) -> None:
    """More speaks against it than who can be asked."""
    put(scene.kernel.tree, f"{BELOW_PORT}/{GPU}/drm/card1/card1-HDMI-A-1/enabled", "enabled")
    scene.process("kwin_wayland", "/dev/dri/card1", unit="/")
    scene.take()


def lit_by_the_kernel(scene: Scene) -> None:
    put(scene.kernel.tree, f"{BELOW_PORT}/{GPU}/drm/card1/card1-HDMI-A-1/enabled", "enabled")
    scene.process("kwin_wayland", "/dev/dri/renderD129", unit="/")
    scene.kernel.meanwhile["renderD129/uevent < remove"] = scene.ends
    scene.take()


def refused(part: str) -> Callable[[Scene], None]:
    def scene_of(scene: Scene) -> None:
        scene.kernel.refuse = (part,)
        scene.take()

    return scene_of


def another_has_it(scene: Scene) -> None:
    """vfio-pci does not take it: nobody does, then another driver."""
    for other in (False, True):
        scene.kernel.refuse = ()
        scene.kernel.meanwhile = {
            f"drivers_probe < {SOUND}": lambda other=other: scene.put(  # type: ignore[misc]
                SOUND, "driver_override", "snd_hda_intel" if other else "none"
            )
        }
        scene.take()


def asleep(scene: Scene) -> None:
    for state in ("D3hot", "D3cold", "error"):
        scene.put(USB, "power_state", state)
        scene.take()


def stuck(*, again: bool, systemd: bool, repairs: bool = True) -> Callable[[Scene], None]:
    def scene_of(scene: Scene) -> None:
        if not systemd:
            shutil.rmtree(scene.kernel.tree / "run/systemd")
        scene.kernel.stuck = (f"unbind < {USB}",)
        scene.kernel.refuse = () if repairs else ("systemd-run",)
        scene.take("win", again=("optimux", "give") if again else ())
        scene.give()
        scene.kernel.stuck = ()
        scene.give()

    return scene_of


def stuck_at_a_program(scene: Scene) -> None:
    scene.kernel.stuck = ("modprobe",)
    scene.take()


def interrupted(scene: Scene) -> None:
    def interrupt() -> None:
        scene.kernel.meanwhile = {}
        raise KeyboardInterrupt

    scene.kernel.meanwhile = {f"unbind < {USB}": interrupt}
    scene.take()


def interrupted_and_not_undone(scene: Scene) -> None:
    def interrupt() -> None:
        scene.kernel.meanwhile = {}
        scene.kernel.refuse = ("driver_override",)
        raise KeyboardInterrupt

    scene.kernel.meanwhile = {f"unbind < {USB}": interrupt}
    scene.take()


def killed(scene: Scene) -> None:
    scene.kernel.kill_at = 11
    scene.take("win")
    scene.kernel.kill_at = None
    scene.take("win")


def unplugged(scene: Scene) -> None:
    scene.take()
    (scene.kernel.tree / f"sys/bus/pci/devices/{USB}").unlink()
    scene.give()


def nobody_takes_it(scene: Scene) -> None:
    scene.take()
    scene.store.clear("card")
    shutil.rmtree(scene.kernel.tree / "sys/bus/pci/drivers/snd_hda_intel")
    scene.give()


def bound_at_boot(scene: Scene) -> None:
    scene.take()
    scene.store.clear("card")
    scene.card = CARD.replace(on_demand=False)
    scene.give()


def its_driver_is_gone(scene: Scene) -> None:
    scene.take()
    shutil.rmtree(scene.kernel.tree / "sys/bus/pci/drivers/snd_hda_intel")
    scene.give()


def another_driver_meanwhile(scene: Scene) -> None:
    scene.take()
    link = scene.kernel.tree / f"{BELOW_PORT[1:]}/{SOUND}/driver"
    link.unlink()
    link.symlink_to("../../../../bus/pci/drivers/xhci_hcd")
    scene.give()


def a_card_that_does_not_come_back(scene: Scene) -> None:
    scene.take()
    scene.kernel.refuse = ("drivers_probe", f"{PORT}/power/control")
    scene.give()
    scene.kernel.refuse = ()
    scene.give()


SCENES: dict[str, Callable[[Scene], None]] = {
    function.__name__.replace("_", " "): function
    for function in (
        *(there_and_back, by_hand, without_systemd, nothing_that_inhibits, an_inhibitor_that_stays, as_it_was),
        *(a_port_that_stays_on, a_port_that_is_gone, one_function_is_given, a_unit_is_stopped, a_users_unit_is_stopped),
        *(a_unit_that_is_known, a_unit_that_goes_on, a_unit_beside_another, asked_and_gone, asked_in_vain),
        *(asked_and_gone_for_good, frozen, held_and_lit, lit_by_the_kernel, another_has_it, asleep, stuck_at_a_program),
        *(interrupted, interrupted_and_not_undone, killed, unplugged, nobody_takes_it, bound_at_boot),
        *(its_driver_is_gone, another_driver_meanwhile, a_card_that_does_not_come_back),
    )
} | {
    "refused: modprobe": refused("modprobe"),
    "refused: awake": refused(f"{SOUND}/power/control"),
    "refused: mark": refused(f"{SOUND}/driver_override < vfio"),
    "refused: unbind": refused(f"unbind < {GPU}"),
    "refused: probe": refused(f"drivers_probe < {USB}"),
    "stuck, and mended later": stuck(again=True, systemd=True),
    "stuck, without systemd": stuck(again=True, systemd=False),
    "stuck, by hand": stuck(again=False, systemd=True),
    "stuck, and no unit": stuck(again=True, systemd=True, repairs=False),
}
UNLOADED: dict[str, Callable[[Scene], None]] = {
    "NVIDIA's, there and back": there_and_back,
    "NVIDIA's, in use": refused("rmmod nvidia_drm"),
    "NVIDIA's, its module is lost": its_driver_is_gone,
    "NVIDIA's, interrupted": interrupted,
}


@pytest.mark.parametrize("name", SCENES)
def test_each_step(name: str, kernel: Acting, update_golden: bool) -> None:
    _compare(name, SCENES[name], kernel, update=update_golden)


@pytest.mark.parametrize("name", UNLOADED)
def test_each_step_with_a_driver_that_is_unloaded(name: str, nvidia: Acting, update_golden: bool) -> None:
    _compare(name, UNLOADED[name], nvidia, update=update_golden)


def _compare(name: str, function: Callable[[Scene], None], kernel: Acting, *, update: bool) -> None:
    scene = Scene(kernel)
    function(scene)
    whole = name == next(iter(SCENES))
    lines = scene.trace if whole else [line for part in _parts(scene.trace) for line in _beside(part, name)]
    compare(STEPS, name, "\n".join(lines).replace("/sys/bus/pci/", "PCI/"), update=update)


def _parts(trace: list[str]) -> Iterator[list[str]]:
    """What is done, from one ``==`` to the next."""
    starts = [number for number, line in enumerate(trace) if line.startswith("== ")]
    yield from (trace[start:end] for start, end in zip(starts, [*starts[1:], len(trace)], strict=True))


def _beside(part: list[str], name: str) -> list[str]:
    """A long part as what it has more and less than the usual one, each with its place."""
    usual = _usual().get(part[0].split()[1], [])
    if len(part) < SHORT or name.startswith("NVIDIA"):
        return part
    differences = unified_diff(usual, part[1:], lineterm="", n=0)
    return [part[0], *(line for line in differences if not line.startswith(("---", "+++")))]


@cache
def _usual() -> dict[str, list[str]]:
    """The longest of each kind on the machine at rest."""
    with TemporaryDirectory() as tree:
        put(plant(Path(tree)), "/run/systemd/system/x", "")
        scene = Scene(Acting(Path(tree)))
        there_and_back(scene)
    return {part[0].split()[1]: part[1:] for part in sorted(_parts(scene.trace), key=len)}


SHORT = 12


def test_nothing_is_kept_of_no_case() -> None:
    assert set(sections(STEPS)) == {*SCENES, *UNLOADED}
