"""``vms.<name>``: a virtual machine, in libvirt's own words."""

from optimux.options.vm.machine import VMS, Vm

__all__ = ["VMS", "Vm"]
