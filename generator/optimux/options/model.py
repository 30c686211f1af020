"""The option set: one declaration of every key, from which everything else derives."""

from __future__ import annotations

from optimux.declare import Declared, MapOf, Table, option
from optimux.options.gpus import Gpu
from optimux.options.host import Host
from optimux.options.looking_glass import LookingGlass
from optimux.options.vm import VMS


class Options(Declared):
    host = option("host", Table(Host), Host(), doc="The machine that runs the VMs.")
    gpus = option("gpus", MapOf(Table(Gpu)), {}, doc="The cards that VMs may be given, by a name of your choice.")
    looking_glass = option("lookingGlass", Table(LookingGlass), LookingGlass(), doc="How the picture comes back.")
    vms = option("vms", VMS, {}, doc="The virtual machines, by name.")
