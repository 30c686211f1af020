#!/bin/sh
# The init of a machine of which the boot up to udev counts and nothing behind it: then it does what tests ask for.
PATH=/usr/sbin:/usr/bin:/sbin:/bin
mountpoint -q /proc || mount -t proc proc /proc
mountpoint -q /sys || mount -t sysfs sysfs /sys
mountpoint -q /dev || mount -t devtmpfs dev /dev
mountpoint -q /run || mount -t tmpfs run /run
mount -t tmpfs tmp /tmp

/usr/lib/systemd/systemd-modules-load
/usr/lib/systemd/systemd-udevd --daemon
udevadm trigger --action=add --subsystem-match=pci --subsystem-match=virtio --subsystem-match=virtio-ports
udevadm settle --timeout=300
export PYTHONPATH=@places@ PYTHONDONTWRITEBYTECODE=1
exec @resident@
