"""An installation as it goes, by a machine that is made up: keys at the first boot alone, and nothing left behind."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest
from lxml import etree

from optimux.emit.domain_xml import domain_xml
from optimux.errors import OptimuxError
from optimux.guest.agent import AgentError, AgentSilent
from optimux.guest.installation import KEY_SECONDS, Installation
from optimux.libvirt.install import disk_targets, install_variant
from tests.guest.clock import Clock
from tests.guest.test_windows import DEVICE, GOOD, IMAGE, domain

if TYPE_CHECKING:
    from collections.abc import Callable


class MadeUp:
    """A machine whose agent answers, or which stops, after some seconds; ``told`` is what happened to it."""

    def __init__(
        self, clock: Clock, answers: float = 1e9, stops: float = 1e9, error: type[AgentError] = AgentSilent
    ) -> None:
        self.clock, self.answers, self.stops, self.error = clock, answers, stops, error
        self.told: list[str] = []
        self.failing: str | None = None

    def _do(self, what: str) -> None:
        self.told.append(what)
        if self.failing == what:
            raise OptimuxError(f"{what} failed")

    def start(self) -> None:
        self._do("start")

    def press(self) -> None:
        self._do("press")

    def is_running(self) -> bool:
        return self.clock.now() < self.stops

    def ping(self) -> None:
        if self.clock.now() < self.answers:
            raise self.error("nobody")

    def eject(self) -> None:
        self._do("eject")


def run(machine: MadeUp, minutes: float = 120) -> list[str]:
    """What was said; the medium's deletion is told as the machine's."""
    said: list[str] = []
    discard: Callable[[], None] = lambda: machine.told.append("delete")  # noqa: E731 - a name for what is handed over
    Installation(machine, discard, said.append, machine.clock.now, machine.clock.sleep).run(minutes * 60)
    return said


ALL = ["start", *["press"] * KEY_SECONDS, "eject", "delete"]


def test_keys_first_then_none() -> None:
    machine = MadeUp(Clock(), answers=1800)
    said = run(machine)
    assert machine.told == ALL
    assert 1800 <= machine.clock.now() < 1810
    assert next(line for line in said if "still waiting" in line) == "still waiting after 5 minutes"


@pytest.mark.parametrize("error", [AgentSilent, AgentError])
def test_a_guest_that_never_answers(error: type[AgentError]) -> None:
    machine = MadeUp(Clock(), error=error)
    with pytest.raises(OptimuxError, match="did not answer within 10 minutes; the machine still runs"):
        run(machine, 10)
    assert machine.told == ALL
    assert machine.clock.now() < 700


def test_a_guard_that_stops_setup() -> None:
    machine = MadeUp(Clock(), stops=300)
    with pytest.raises(OptimuxError, match="not empty: nothing was changed"):
        run(machine)
    assert machine.told == ALL


@pytest.mark.parametrize("failing", ["start", "press", "eject"])
def test_the_medium_goes_whatever_fails(failing: str) -> None:
    machine = MadeUp(Clock(), answers=0)
    machine.failing = failing
    with pytest.raises(OptimuxError, match=f"{failing} failed"):
        run(machine)
    assert machine.told[-2:] == ["eject", "delete"]


def test_an_interruption_too() -> None:
    machine = MadeUp(Clock())

    def interrupted(seconds: float) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        Installation(machine, lambda: machine.told.append("delete"), print, machine.clock.now, interrupted).run(60)
    assert machine.told == ["start", "eject", "delete"]


ANSWERS = "/var/lib/libvirt/images/optimux-w-unattend.iso"


def variant(disks: list[Any], **answers: object) -> Any:
    plan = domain(GOOD | {"disks": disks}, **answers)
    xml = domain_xml(plan)
    assert ANSWERS not in xml
    return etree.fromstring(install_variant(xml, plan, ANSWERS).encode())


def media(root: Any) -> dict[str, str | None]:
    """Source to place in the boot order."""
    found: dict[str, str | None] = {}
    for disk in root.iterfind("devices/disk"):
        (source,) = disk.iterfind("source")
        (order,) = disk.xpath("string(boot/@order)") or (None,)
        found[str(source.get("file") or source.get("dev"))] = order
    return found


def test_the_variant_has_one_disk_and_the_answers() -> None:
    root = variant([IMAGE, {"source": "/b.qcow2", "bootOrder": 1}, DEVICE], disk="vda")
    assert media(root) == {
        str(IMAGE["source"]): "1",
        "/srv/win.iso": "2",
        "/srv/virtio.iso": None,
        "/var/lib/libvirt/images/optimux-w.iso": None,
        ANSWERS: None,
    }
    targets = [element.get("dev") for element in root.iterfind("devices/disk/target")]
    assert len(set(targets)) == len(targets)
    assert root.findtext("on_reboot") == "restart"


def test_the_variant_of_a_domain_that_lacks_the_media() -> None:
    plan = domain(GOOD)
    bare = re.sub(r"<disk type='file' device='cdrom'>.*?</disk>", "", domain_xml(plan), flags=re.DOTALL)
    root = etree.fromstring(install_variant(bare, plan, ANSWERS).encode())
    assert [path for path, order in media(root).items() if order] == [IMAGE["source"], "/srv/win.iso"]
    assert disk_targets(bare) == ("vda",)
