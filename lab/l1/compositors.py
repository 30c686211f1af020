"""The machine on which Debian's compositors run: a display of its own, and cards on demand, two of them kept free."""

from __future__ import annotations

import json
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from lab.consumers import roots
from lab.l1.configs import OTHER_GPU, by_id_config
from lab.l1.debian import debian_machine
from lab.l1.fixtures import OPTIONS
from lab.l1.saved import l1_of
from lab.scenarios.compositors import PAM, RENDERS
from optimux.emit.host import host_entries
from optimux.plan.resolve import plan_from

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from lab.l1.machine import L1

# The host's own display, and a card that unlike the others has a render node; pictures as small as they can be.
_MORE = (
    {"driver": "virtio-vga", "id": "primary", "bus": "pcie.0", "addr": "0x2", "xres": 320, "yres": 240},
    {"driver": "pcie-root-port", "id": "port4", "bus": "pcie.0", "addr": "0x1b", "chassis": 4, "slot": 4},
    {"driver": "virtio-gpu-pci", "id": "renders", "bus": "port4", "xres": 320, "yres": 240},
)
_SMALL = ("-global", "secondary-vga.xres=320", "-global", "secondary-vga.yres=240")
# What packages do when they are set up, as far as a compositor misses it.
_SET_UP = ("ldconfig", "/usr/lib/x86_64-linux-gnu/glib-2.0/glib-compile-schemas /usr/share/glib-2.0/schemas")
# What no desktop here needs of the root's daemons, nor a service manager for its user.
_MASKED = (
    *("libvirtd.service", "libvirtd.socket", "virtlogd.socket", "virtlockd.socket", "apparmor.service"),
    *("user@1000.service", "systemd-machined.service", "systemd-localed.service"),
)


def _config() -> dict[str, Any]:
    """Three cards on demand, of which desktops are to leave two alone, and no VM."""
    options = by_id_config("shm")
    card, free = options["gpus"]["card"], {"bind": "on-demand", "keepFree": True}
    del card["otherDevices"], options["vms"]
    options["gpus"] = {
        "card": card | free,
        "renders": {"functions": [{"address": RENDERS, "id": "1af4:1050"}], **free},
        "other": {"functions": [{"address": OTHER_GPU, "id": "1234:1111"}], "bind": "on-demand"},
    }
    return options


@contextmanager
def compositors_machine(folder: Path) -> Iterator[L1]:
    """Booted with what ``apply`` writes. Raises ``Unavailable`` where no root can be had."""
    options = _config()
    more = tuple(word for device in _MORE for word in ("-device", json.dumps(device)))
    machine = debian_machine(
        "compositors",
        roots.trixie_root(),
        host_entries(plan_from(options)),
        {OPTIONS: json.dumps(options), "/etc/pam.d/desktop": PAM},
        below=roots.compositors_root(),
        commands=_SET_UP,
        parameters=tuple(f"systemd.mask={unit}" for unit in _MASKED),
        more=(*_SMALL, *more),
    )
    with l1_of(machine, folder) as l1:
        yield l1
