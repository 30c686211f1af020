"""How libvirt and QEMU spell things, read and written: the one home of each notation."""
