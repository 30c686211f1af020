"""modprobe.d, as modprobe reads it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from lab.consumers.host_files import modprobe_showconfig
from lab.errors import Refused
from optimux.emit import modprobe, modules_load
from tests.host.plans import IDS, files, plan

if TYPE_CHECKING:
    from lab.consumers.roots import Root


def test_modprobe_takes_every_line(trixie: Root) -> None:
    planned = plan(gpu={"softdeps": ["bochs", "snd-hda-intel"], "blacklist": ["nouveau"], "d3coldAllowed": False,
                        "disableIdleD3": True, "disableVga": True})  # fmt: skip
    shown = modprobe_showconfig(trixie, {"optimux.conf": files(planned)[modprobe.PATH]})
    assert f"options vfio_pci ids={IDS} disable_idle_d3=1 disable_vga=1" in shown
    assert "softdep bochs pre: vfio-pci" in shown
    assert "softdep snd_hda_intel pre: vfio-pci" in shown
    assert "blacklist nouveau" in shown
    assert "options kvmfr static_size_mb=32" in shown


def test_modprobe_refuses_what_it_cannot_read(trixie: Root) -> None:
    text = files(plan())[modprobe.PATH].replace("softdep", "softdeps")
    with pytest.raises(Refused):
        modprobe_showconfig(trixie, {"optimux.conf": text})


def test_two_kvmfr_devices_have_their_own_sizes() -> None:
    functions = {"functions": [{"address": "0000:02:00.0", "id": "1002:73df"}]}
    first = {"functions": [{"address": "0000:01:00.0", "id": "10de:249d"}]}
    wide = {"lookingGlass": {"displays": [{"width": 3840, "height": 2160}]}}
    planned = plan(
        gpus={"one": first, "two": functions},
        vms={"a": {"gpu": "one", "memory": "8GiB"}, "b": {"gpu": "two", "memory": "8GiB", **wide}},
    )
    assert "options kvmfr static_size_mb=32,128\n" in files(planned)[modprobe.PATH]


def test_no_file_where_there_is_nothing_to_say() -> None:
    planned = plan(gpu={"bind": "on-demand", "blacklist": []}, lookingGlass={"enable": False})
    assert modprobe.PATH not in files(planned)


def test_kvmfr_is_loaded_at_boot_where_it_is_used() -> None:
    assert files(plan())[modules_load.PATH].splitlines()[1:] == ["kvmfr"]
    assert modules_load.PATH not in files(plan(lookingGlass={"memory": "shm"}))
