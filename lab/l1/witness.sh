#!/bin/sh
# The system of a machine whose boot is looked at: says who has which device, and switches off.
# It starts as few programs as it can, and has udev look at the card alone: each costs an emulated processor much.
PATH=/usr/sbin:/usr/bin:/sbin:/bin
mountpoint -q /proc || mount -t proc proc /proc
mountpoint -q /sys || mount -t sysfs sysfs /sys
mountpoint -q /dev || mount -t devtmpfs dev /dev
mountpoint -q /run || mount -t tmpfs run /run

drivers() {
    for device in /sys/bus/pci/devices/*; do
        driver=none
        [ -e "$device/driver" ] && driver=$(cd -P "$device/driver" && echo "${PWD##*/}")
        echo "$1 ${device##*/} $driver"
    done
}

{
    echo "words $(cat /proc/cmdline)"
    drivers early
    /usr/lib/systemd/systemd-udevd --daemon
    udevadm trigger --action=add --subsystem-match=pci --sysname-match='0000:01:00.*'
    udevadm settle --timeout=120
    drivers late
    echo "end"
} >/dev/ttyS1
sleep 60
echo o >/proc/sysrq-trigger
