"""The option set: one declaration of every key, from which everything else derives."""

from __future__ import annotations

from typing import TYPE_CHECKING

from optimux.declare import Declared, MapOf, Table, option
from optimux.options.gpus import Gpu
from optimux.options.host import Host
from optimux.options.looking_glass import LookingGlass
from optimux.options.vm import VMS, Vm

if TYPE_CHECKING:
    from collections.abc import Mapping


class Options(Declared):
    host: Host = option("host", Table(Host), default=Host(), doc="The machine that runs the VMs.")
    gpus: Mapping[str, Gpu] = option(
        "gpus",
        MapOf(Table(Gpu), most=1000),
        default={},
        doc="The cards that VMs may be given, by a name of your choice.",
    )
    looking_glass: LookingGlass = option(
        "lookingGlass", Table(LookingGlass), default=LookingGlass(), doc="How the picture comes back."
    )
    vms: Mapping[str, Vm] = option("vms", VMS, default={}, doc="The virtual machines, by name.")
