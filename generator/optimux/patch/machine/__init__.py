"""The domain as the machine that QEMU would build of it, wherever a device is written: concerns ask this."""
