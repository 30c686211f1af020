#!/bin/sh
# Become process 1 of a throwaway copy of a Debian root.
# Usage: session.sh LOWER[:BELOW]... MOUNT_POINT [HOST_PATH GUEST_PATH]...
# Runs in new mount, PID, IPC, UTS, network and cgroup namespaces. Prints its process id as the
# caller sees it once the root is ready, then lives until its standard input is closed.
set -eu
PATH=$PATH:/usr/sbin:/sbin # a user may lack the folders of chroot, pivot_root and mknod

read -r pid _ </proc/self/stat
lower=$1 work=$2
shift 2

# Upper layer, work folder and the mount point all live in a tmpfs that only this namespace sees.
mount -t tmpfs -o mode=755 optimux "$work"
mkdir "$work/upper" "$work/work" "$work/root"
mount -t overlay overlay -o "lowerdir=$lower,upperdir=$work/upper,workdir=$work/work" "$work/root"
cd "$work/root"

# A node of one's own where the kernel allows it, else (user namespace) the machine's node.
node() {
    if ! mknod -m 666 "dev/$1" c "$2" "$3" 2>/dev/null; then
        : >"dev/$1"
        mount --bind "/dev/$1" "dev/$1"
    fi
}

mkdir -p proc sys dev run tmp
mount -t proc proc proc
mount -t sysfs -o ro sysfs sys
mount -t cgroup2 cgroup2 sys/fs/cgroup 2>/dev/null || true
mount -t tmpfs -o mode=755 dev dev
node null 1 3
node zero 1 5
node full 1 7
node random 1 8
node urandom 1 9
node tty 5 0
# libvirtd runs QEMU as another user. With a node that this user may not open it can probe for minutes,
# so KVM is there with mode 0666 or not at all.
if [ -e /dev/kvm ]; then mknod -m 666 dev/kvm c 10 232 2>/dev/null || true; fi
mkdir dev/pts dev/shm
mount -t devpts -o newinstance,ptmxmode=666,mode=620 devpts dev/pts
mount -t tmpfs -o mode=1777 shm dev/shm
ln -s pts/ptmx dev/ptmx
ln -s /proc/self/fd dev/fd
mount -t tmpfs -o mode=755 run run
mount -t tmpfs -o mode=1777 tmp tmp

while [ $# -gt 0 ]; do
    target=./$2
    if [ -d "$1" ]; then mkdir -p "$target"; else
        mkdir -p "$(dirname "$target")"
        [ -e "$target" ] || : >"$target"
    fi
    mount --bind "$1" "$target"
    mount -o remount,bind,ro "$target"
    shift 2
done

# A changed root alone would not do: libvirt enters the mount namespace of its QEMU, which leads to the root of that, and
# makes nodes in /dev there: in the machine's own.
mkdir -p mnt
pivot_root . mnt
# The process id is said only after the change of root: whoever enters earlier enters the machine itself.
# The shell waits for any child, as process 1 must: libvirtd waits for its QEMU probes to be gone.
# shellcheck disable=SC2016 # expanded by the inner shell
exec chroot . /bin/sh -c '! command -v umount >/dev/null || umount -l /mnt; exec 3<&0; cat <&3 >/dev/null & exec 3<&-; echo "$1"; exec >&-; wait "$!"' sh "$pid"
