"""udev's database on the recorded machine: the seat of the card's node."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.doctor.machine import Members

KEPT_FREE = (("d3coldAllowed", 'keepFree = true\nbind = "on-demand"\nd3coldAllowed'),)
_DATABASE, _OWN = "/run/udev/data/c226:0", "E:ID_SEAT=seat-optimux\nG:master-of-seat\nQ:mutter-device-ignore\n"
NO_SEAT: Members = {"/sys/devices/pci0000:00/0000:00:01.0/0000:01:00.0/drm/card0/dev": "226:0\n"}
OWN_SEAT: Members = {**NO_SEAT, _DATABASE: _OWN}
WITH_MASTER: Members = {**NO_SEAT, _DATABASE: f"{_OWN}Q:master-of-seat\n"}
