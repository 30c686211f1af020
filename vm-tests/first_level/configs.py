"""The configurations whose files the first-level machines have."""

from __future__ import annotations

from typing import Any

from first_level.machine import AUDIO, GPU

IDS = {GPU: "1234:1111", AUDIO: "8086:293e"}


def by_id_config() -> dict[str, Any]:
    """The emulated card, bound by the ids of its functions."""
    return _config({})


def by_address_config() -> dict[str, Any]:
    """The emulated card, bound by its address: the machine has another card with the same id."""
    return _config({"bind": "address"})


def _config(gpu: dict[str, Any]) -> dict[str, Any]:
    functions = [{"address": address, "id": id_} for address, id_ in IDS.items()]
    return {
        "host": {"distribution": "debian", "cpuVendor": "intel"},
        "gpus": {"card": {"functions": functions, **gpu}},
        "vms": {"win": {"gpu": "card", "memory": "8GiB"}},
    }
