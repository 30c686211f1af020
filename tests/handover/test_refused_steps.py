"""Each step of a hand-over that can be refused or never ends, made so; beside the same step as it is taken."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from optimux.errors import InvalidInput, OptimuxError
from optimux.files.root import Root
from optimux.host import lock
from optimux.host.handover import kernel as kernels
from optimux.host.handover import session
from optimux.host.handover.cards import Card, cards_from, chosen
from optimux.host.handover.give import Incomplete, give
from optimux.host.handover.kernel import Kernel, Refused, Stuck
from optimux.host.handover.state import Store
from tests.detect.tree import link, put
from tests.handover.kernel import NATIVE, Acting
from tests.handover.machine import CARD, GPU, SOUND, USB, process
from tests.handover.test_take import back, drivers, kernel, nvidia, take

__all__ = ["kernel", "nvidia"]
ENTRY = {"name": "card", "bind": "on-demand", "domains": ["win"], "functions": [{"address": GPU, "id": "1234:1111"}]}


def test_which_card_is_meant() -> None:
    one, other = (Card(name, (), True, ()) for name in ("one", "other"))
    assert chosen((one,), None) is one
    assert chosen((one, other), "other") is other
    for cards, name, said in (
        ((one, other), None, 'found no card named; allowed: "one", "other"'),
        ((one, other), "third", 'found "third"; allowed: "one", "other"'),
        ((), None, "allowed: none: the configuration has no card"),
    ):
        with pytest.raises(InvalidInput, match=said):
            chosen(cards, name)


@pytest.mark.parametrize(
    "data", [[], {"cards": 1}, {"cards": [{}]}, {"cards": [ENTRY | {"functions": [{"address": "x", "id": "y"}]}]}]
)
def test_cards_that_apply_did_not_write(data: Any, tmp_path: Path) -> None:
    (tmp_path / "cards.json").write_text(json.dumps(data))
    with pytest.raises(InvalidInput, match=r"found something else; allowed: the cards that apply wrote"):
        cards_from("/cards.json", str(tmp_path))
    (tmp_path / "cards.json").write_text(json.dumps({"cards": [ENTRY]}))
    (card,) = cards_from("/cards.json", str(tmp_path))
    assert (card.name, card.on_demand, card.domains) == ("card", True, ("win",))


@pytest.mark.parametrize("has_driver", [True, False])
def test_a_card_of_which_nothing_is_known(has_driver: bool, kernel: Acting) -> None:
    """Taken by hand: it goes to whichever driver matches."""
    take(kernel)
    Store(str(kernel.tree)).clear("card")
    if has_driver:
        assert back(kernel) == "card is the host's again"
    else:
        shutil.rmtree(kernel.tree / "sys/bus/pci/drivers/snd_hda_intel")
        with pytest.raises(Incomplete, match=rf"no driver took {SOUND}: load it \(modprobe\)"):
            back(kernel)


def test_a_driver_that_does_not_take_its_function(kernel: Acting, monkeypatch: pytest.MonkeyPatch) -> None:
    """A probe may be refused, too: what counts is who has the function afterwards."""
    take(kernel)
    kernel.refuse = ("drivers_probe",)
    with pytest.raises(Incomplete, match=rf"{GPU} has no driver instead of bochs-drm"):
        back(kernel)
    kernel.refuse = ()
    monkeypatch.setitem(NATIVE, GPU, "bochs-drm")
    assert back(kernel) == "card is the host's again"


@pytest.mark.parametrize("ends", [True, False])
def test_a_probe_that_never_ends(ends: bool, kernel: Acting) -> None:
    take(kernel)
    if ends:
        assert back(kernel) == "card is the host's again"
        return
    kernel.stuck = (f"drivers_probe < {USB}",)
    with pytest.raises((Stuck, Incomplete), match="drivers_probe"):
        back(kernel)
    assert Store(str(kernel.tree)).read("card") is not None


def test_what_is_refused_and_cannot_be_undone(kernel: Acting) -> None:
    """Both are told: why it was not taken, and what did not come back."""
    kernel.refuse = (f"vfio-pci/bind < {GPU}", f"drivers_probe < {GPU}", f"{GPU}/driver_override < vfio-pci")
    with pytest.raises(OptimuxError, match="Device or resource busy"):
        take(kernel)
    again = Acting(kernel.tree)
    assert set(drivers(again.tree).values()) <= {*NATIVE.values(), None}


def test_an_undoing_that_fails_is_told_with_its_reason(kernel: Acting) -> None:
    def gone() -> None:
        kernel.refuse = ("driver_override",)

    kernel.meanwhile = {f"{USB}/driver_override < vfio-pci": gone}
    kernel.refuse = (f"{USB}/driver_override < vfio-pci",)
    with pytest.raises(Incomplete, match=r"busy.* did not come back whole"):
        take(kernel)
    assert Store(str(kernel.tree)).read("card") is not None
    assert back(Acting(kernel.tree)) == "card is the host's again"


def test_a_vm_has_a_card_that_nobody_took(kernel: Acting) -> None:
    """By hand, or by libvirt itself."""
    take(kernel)
    Store(str(kernel.tree)).clear("card")
    assert take(kernel) == "vfio-pci has card already"
    put(kernel.tree, "/sys/class/vfio/10/dev", "511:0")
    process(kernel.tree, 99, "qemu-system-x86", opened=("/dev/vfio/10",))
    with pytest.raises(Refused, match="a VM has card: qemu-system-x86, process 99"):
        take(kernel)


def test_a_module_that_never_goes(nvidia: Acting) -> None:
    nvidia.stuck = ("rmmod nvidia_drm",)
    with pytest.raises(Stuck, match="rmmod nvidia_drm"):
        take(nvidia)
    assert give(CARD, Acting(nvidia.tree), Store(str(nvidia.tree)), print) == "card is the host's again"


def test_a_write_that_cannot_be_killed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A process that waits inside the kernel: it is left, and named."""
    os.mkfifo(tmp_path / "attribute")
    within = kernels._within
    monkeypatch.setattr(kernels, "_within", lambda child, seconds: None)
    with pytest.raises(Stuck, match=r"writing /attribute") as caught:
        Kernel(str(tmp_path)).write("/attribute", "x", 0.1)
    assert within(caught.value.pid, 5) is not None


def test_a_program_that_cannot_be_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    def never(self: subprocess.Popen[bytes], timeout: float | None = None) -> int:
        raise subprocess.TimeoutExpired("sleep", timeout or 0)

    with monkeypatch.context() as patch:
        patch.setattr(subprocess.Popen, "wait", never)
        with pytest.raises(Stuck, match="sleep 9") as caught:
            Kernel().run("sleep", "9", seconds=0.1)
    os.waitpid(caught.value.pid, 0)


@pytest.mark.parametrize("kind", ["file", "device"])
def test_what_lies_at_kvmfrs_place(kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = tmp_path / "kvmfr0"
    place.touch()
    real = os.stat
    seen = "/dev/null" if kind == "device" else place
    monkeypatch.setattr(os, "stat", lambda path: real(seen if path == "/dev/kvmfr0" else path))
    if kind == "file":
        with pytest.raises(Refused, match="is a plain file, no device: remove it, then modprobe kvmfr"):
            session._check_memory("/dev/kvmfr0")
    else:
        session._check_memory("/dev/kvmfr0")


@pytest.mark.parametrize(("number", "told"), [(5, "Input/output error"), (37, ""), (11, "another run of Optimux")])
def test_the_hosts_lock(number: int, told: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file system without locks goes without; whatever else fails is told."""

    def fails(descriptor: int, flags: int) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(fcntl, "flock", fails)
    with Root(tmp_path) as root:
        if told:
            with pytest.raises((OptimuxError, OSError), match=told), lock.locked(root):
                pytest.fail("it was had")
        else:
            with lock.locked(root):
                assert (tmp_path / lock.FOLDER[1:]).is_dir()


def test_a_link_as_a_driver(kernel: Acting) -> None:
    """The twin of all of these: nothing is refused, and everything is back."""
    link(kernel.tree, "/sys/bus/pci/drivers/other/x", "/nowhere")
    take(kernel)
    back(kernel)
    assert drivers(kernel.tree) == NATIVE
