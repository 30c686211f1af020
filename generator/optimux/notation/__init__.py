"""How libvirt, QEMU and the kernel spell things, read and written: the one home of each notation."""
