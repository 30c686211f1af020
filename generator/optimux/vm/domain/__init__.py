"""A whole domain as QEMU builds it: libvirt's own translation, what a host would have to lend replaced."""
