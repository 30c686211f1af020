"""The two answers: what each piece of evidence is worth, and what is worth nothing."""

from __future__ import annotations

import pytest

from optimux.facts import Facts, PciDevice
from optimux.facts.devices import Connector, Mux
from optimux.judge.outputs import outputs_of
from optimux.pci import Address, Id

CARD = Address.parse("0000:01:00.0")


def card(**changes: object) -> PciDevice:
    device = PciDevice(address=CARD, id=Id.parse("10de:249d"), pci_class="0380", driver="nouveau", drm_card="card1")
    return device.replace(**changes)  # type: ignore[arg-type]


def listed(*words: str) -> tuple[Connector, ...]:
    """``eDP-1+`` is connected, ``HDMI-A-1`` is not."""
    kinds = {"HDMI": "HDMI", "DP": "DP", "eDP": "eDP", "Virtual": "virtual"}
    return tuple(
        Connector(
            address=CARD,
            name=word.rstrip("+"),
            kind=kinds[word.partition("-")[0]],  # type: ignore[arg-type]
            status="connected" if word.endswith("+") else "disconnected",
        )
        for word in words
    )


DRIVEN = [
    ((), "no", "none"),
    (("HDMI-A-1",), "yes", "none"),
    (("eDP-1", "DP-1"), "yes", "switchable"),
    (("eDP-1+", "DP-1"), "yes", "attached"),
    (("eDP-1",), "no", "switchable"),
    (("eDP-1+",), "no", "attached"),
    (("Virtual-1+",), "unknown", "unknown"),
]


@pytest.mark.parametrize(("names", "own", "panel"), DRIVEN)
def test_connectors_with_the_driver_bound(names: tuple[str, ...], own: str, panel: str) -> None:
    found = outputs_of(Facts(devices=(card(),), connectors=listed(*names)), card())
    assert (found.own.value, found.panel.value) == (own, panel)


@pytest.mark.parametrize("class_", ["0300", "0302", "0380"])
@pytest.mark.parametrize(
    "changes",
    [{"driver": "vfio-pci", "drm_card": None}, {"power_state": "D3cold"}, {"power_state": "D3cold", "driver": None}],
)
def test_a_card_in_the_dark_never_says_no(class_: str, changes: dict[str, object]) -> None:
    device = card(pci_class=class_, **changes)
    found = outputs_of(Facts(devices=(device,)), device)
    assert (found.own.value, found.panel.value) == ("unknown", "unknown")
    assert all(item.says for item in found.evidence)


def test_a_sleeping_card_that_lists_outputs_has_them() -> None:
    device = card(power_state="D3cold")
    found = outputs_of(Facts(devices=(device,), connectors=listed("HDMI-A-1", "eDP-1")), device)
    assert (found.own.value, found.panel.value) == ("yes", "switchable")


@pytest.mark.parametrize(
    ("position", "names", "panel"),
    [
        ("discrete", ("eDP-1", "DP-1"), "attached"),  # in this position a driver says disconnected
        ("hybrid", ("eDP-1", "DP-1"), "switchable"),
        ("hybrid", ("DP-1",), "switchable"),
        (None, ("DP-1",), "switchable"),
        ("hybrid", ("eDP-1+",), "attached"),
    ],
)
def test_the_switch(position: str | None, names: tuple[str, ...], panel: str) -> None:
    mux = Mux(source="/sys/x/gpu_mux_mode", position=position)  # type: ignore[arg-type]
    found = outputs_of(Facts(devices=(card(),), connectors=listed(*names), mux=mux), card())
    assert found.panel.value == panel


@pytest.mark.parametrize(
    ("class_", "own", "panel", "confidence"),
    [("0302", "no", "none", "strong"), ("0300", "yes", "unknown", "strong"), ("0380", "unknown", "unknown", None)],
)
def test_the_class_without_connectors(class_: str, own: str, panel: str, confidence: str | None) -> None:
    device = card(pci_class=class_, driver=None, drm_card=None)
    found = outputs_of(Facts(devices=(device,)), device)
    assert (found.own.value, found.own.confidence, found.panel.value) == (own, confidence, panel)


def test_sound_is_a_hint() -> None:
    device = card(driver=None, drm_card=None)
    sound = PciDevice(address=CARD.at_function(1), id=Id.parse("10de:228b"), pci_class="0403")
    found = outputs_of(Facts(devices=(device, sound)), device)
    assert (found.own.value, found.own.confidence) == ("yes", "weak")


@pytest.mark.parametrize(("params", "own"), [((), "yes"), (("nvidia-drm.modeset=1",), "no")])
def test_nvidia_lists_nothing_while_its_modesetting_is_off(params: tuple[str, ...], own: str) -> None:
    device = card(driver="nvidia", pci_class="0300")
    assert outputs_of(Facts(devices=(device,), kernel_params=params), device).own.value == own
