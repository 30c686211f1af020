#!/bin/sh
# The throwaway guest's only program: reports on the second serial port what this system sees, then waits to be ended.
# Parameters come from the kernel command line as environment variables: token, supplies (with commas), frame (MiB).
# shellcheck shell=dash disable=SC2154
export PATH=/bin
mount -t devtmpfs dev /dev
mount -t proc proc /proc
mount -t sysfs sys /sys
exec >/dev/ttyS1 2>/dev/console </dev/null
stty raw </dev/ttyS1

echo "begin $token"
for module in /modules/*; do
    case $module in */[34]-*) ;; *) insmod "$module" ;; esac
done

for table in /sys/firmware/acpi/tables/SSDT*; do
    [ -e "$table" ] && echo "table ${table##*/} $(base64 -w 0 "$table")"
done

# A battery appears a moment after its driver; without the ACPI device there is none to wait for.
if [ -e /sys/bus/acpi/devices/PNP0C0A:00 ]; then
    IFS=,
    for supply in $supplies; do
        tries=0
        while [ ! -e "/sys/class/power_supply/$supply/uevent" ] && [ $tries -lt 50 ]; do
            usleep 100000
            tries=$((tries + 1))
        done
    done
    unset IFS
fi
for supply in /sys/class/power_supply/*; do
    [ -e "$supply/uevent" ] || continue
    while IFS= read -r line; do echo "supply ${supply##*/} $line"; done <"$supply/uevent"
done

for device in /sys/bus/pci/devices/*; do
    id=$(cat "$device/vendor"):$(cat "$device/device")
    echo "pci ${device##*/} $id $(cat "$device/class")"
    [ "$id" = 0x1af4:0x1110 ] || continue
    { read -r _ && read -r _ && read -r start end _; } <"$device/resource"
    echo "bar ${device##*/} $start $end"
    echo 1 >"$device/enable"
    shared=$start,$((end - start + 1))
done

# What the host wrote at both ends of the shared memory is read, and this guest's words are put beside it.
if [ -n "$shared" ] && ls /modules/4-* >/dev/null 2>&1; then
    insmod /modules/3-*
    insmod /modules/4-* "phram=shared,$shared"
    pages=$((${shared#*,} / 4096))
    for page in 0 $((pages - 1)); do
        echo "read $page $(dd if=/dev/mtd0 bs=4096 skip=$page count=1 2>/dev/null | head -c 64 | base64 -w 0)"
    done
    for page in 1 $((pages - 2)); do
        echo "guest $token $page" | dd of=/dev/mtd0 bs=4096 seek=$page conv=sync 2>/dev/null
        echo "wrote $page"
    done
fi

# A frame: MiB after MiB, each with its number in front, so that a lost or doubled one shows.
if [ -n "$frame" ]; then
    yes 'optimux frame ..' | head -c 1048576 >/block
    mib=0
    while [ $mib -lt "$frame" ]; do
        printf '%08d' $mib | dd of=/block conv=notrunc 2>/dev/null
        cat /block
        mib=$((mib + 1))
    done >/frame
    read -r before _ </proc/uptime
    dd if=/frame of=/dev/mtd0 bs=1M 2>/dev/null
    read -r after _ </proc/uptime
    echo "frame $mib $before $after"
fi

echo "end $token"
while :; do sleep 60; done
