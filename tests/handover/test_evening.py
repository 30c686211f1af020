"""An evening with a VM to the letter: what is read of it, the client's line, what refuses it, what is waited for."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from optimux.errors import OptimuxError
from optimux.host.handover import session
from optimux.host.handover.cards import Card
from optimux.host.handover.kernel import Refused
from optimux.host.handover.picture import look
from optimux.host.handover.session import Client, await_picture, begin, prepare, read_needs, wait
from tests.detect.tree import put
from tests.handover.machine import BELOW_PORT, CARD, GPU, process
from tests.handover.test_start import XML, Vm

if TYPE_CHECKING:
    pass


@pytest.mark.parametrize(
    ("xml", "networks", "client"),
    [
        (XML, ("default", "games"), Client("/dev/shm/looking-glass", "127.0.0.1", 5901)),
        ("<domain/>", (), Client(None)),
        ("<domain><devices><graphics type='spice'/></devices></domain>", (), Client(None)),
        ("<domain><devices><graphics type='spice' port='0'/></devices></domain>", (), Client(None)),
        ("<domain><devices><graphics type='spice' port='1'/></devices></domain>", (), Client(None, None, 1)),
        ("<domain><devices><graphics type='vnc' port='5900'/></devices></domain>", (), Client(None)),
        (
            "<domain><devices><graphics type='spice' port='-1'><listen type='socket' socket='/s'/></graphics></devices>"
            "</domain>",
            (),
            Client(None, None, None, "/s"),
        ),
        (
            "<domain><devices><interface type='network'><source network='a'/></interface><interface type='network'>"
            "<source network='a'/></interface><interface type='network'><source/></interface></devices></domain>",
            ("a",),
            Client(None),
        ),
        ("<domain><x>memory-backend-file,mem-path=/dev/kvmfr3,size=1</x></domain>", (), Client("/dev/kvmfr3")),
    ],
)
def test_what_is_read_of_a_domain(xml: str, networks: tuple[str, ...], client: Client) -> None:
    assert read_needs(xml) == session.Needs(networks, client)


@pytest.mark.parametrize(
    ("client", "words"),
    [
        (Client(None), ()),
        (Client("/m"), ("app:shmFile=/m",)),
        (Client(None, None, 5), ("spice:host=127.0.0.1", "spice:port=5")),
        (Client(None, "::1", 5), ("spice:host=::1", "spice:port=5")),
        (Client(None, "::1", None), ()),
        (Client(None, "::1", 5, "/s"), ("spice:host=/s", "spice:port=0")),
    ],
)
def test_the_clients_line(client: Client, words: tuple[str, ...]) -> None:
    assert client.command(None) == ("looking-glass-client", *words)
    assert client.command("/c")[1] == "app:configFile=/c"


def test_what_refuses_an_evening(machine: Path) -> None:
    """A card that cannot be given, one that must be closed beside who lets go; and one that is bound at boot is no
    matter.
    """

    def prepared(card: Card = CARD) -> list[str]:
        vm = Vm()
        prepare(vm, (card,), lambda card: look(card, str(machine)), lambda _: None)
        return vm.asked

    put(machine, f"{BELOW_PORT}/{GPU}/boot_vga", "1")
    with pytest.raises(Refused) as caught:
        prepared()
    assert str(caught.value).splitlines() == [
        "card cannot be given:",
        f"  - {GPU} is the boot display. Let firmware use the other GPU, or bind this one at boot (gpus.<name>.bind).",
        "Nothing was changed.",
    ]
    assert prepared(CARD.replace(on_demand=False)) == ["network default", "network games"]
    assert prepared(CARD.replace(domains=())) == ["network default", "network games"]
    put(machine, f"{BELOW_PORT}/{GPU}/boot_vga", "0")
    process(machine, 77, "wireplumber", opened=("/dev/snd/controlC1",))
    assert prepared() == ["network default", "network games"]
    put(machine, "/proc/swaps", "Filename\n/dev/sdb1 x\n")
    with pytest.raises(Refused, match="swap on /dev/sdb1"):
        prepared()
    put(machine, "/proc/swaps", "")
    process(machine, 78, "game", opened=("/dev/dri/card1",))
    with pytest.raises(Refused, match="game, process 78"):
        prepared()


@pytest.mark.parametrize(
    ("path", "said"),
    [
        (None, ""),
        ("/dev/shm/none", ""),
        ("/dev/kvmfr-none", "there is no /dev/kvmfr-none: load the module (modprobe kvmfr). Nothing was changed."),
    ],
)
def test_the_memory_of_an_evening(path: str | None, said: str) -> None:
    if said:
        with pytest.raises(Refused) as caught:
            session._check_memory(path)
        assert str(caught.value) == said
    else:
        session._check_memory(path)


def test_a_plain_file_in_the_memorys_place(monkeypatch: pytest.MonkeyPatch) -> None:
    real = os.stat
    monkeypatch.setattr(os, "stat", lambda path: real(__file__))
    with pytest.raises(Refused) as caught:
        session._check_memory("/dev/kvmfr0")
    assert str(caught.value) == (
        "/dev/kvmfr0 is a plain file, no device: remove it, then modprobe kvmfr. Nothing was changed."
    )


def test_the_words_of_an_evening() -> None:
    said: list[str] = []
    begin(Vm(), said.append)
    assert said == ["win runs"]
    pauses: list[float] = []
    said.clear()
    assert not await_picture(Vm(runs=True, looks=1 << 20), lambda: False, pauses.append, said.append)
    assert said == [
        "waiting for Looking Glass in the guest",
        "no sign of Looking Glass in the guest within 120 s; its client goes on waiting",
    ]
    assert (len(pauses), set(pauses)) == (240, {0.5})
    pauses.clear()
    assert wait(Vm(runs=True), pauses.append, lambda: True, said.append)
    assert set(pauses) == {0.5}


def test_the_words_of_an_end() -> None:
    pauses, said = list[float](), list[str]()

    def pause(seconds: float) -> None:
        pauses.append(seconds)
        if len(pauses) == 1:
            raise KeyboardInterrupt

    vm = Vm(runs=True)
    vm.stops = False
    with pytest.raises(OptimuxError) as caught:
        wait(vm, pause, lambda: True, said.append)
    assert str(caught.value) == (
        "win has not shut down within 120 s: look at its screen, or end it with virsh destroy win"
    )
    assert said == ["asking win to shut down"]
    assert (len(pauses), set(pauses)) == (241, {0.5})
