"""Looking Glass' shared memory: the kernel module with its devices, or files in /dev/shm, and who may open them."""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Iterator
from typing import TYPE_CHECKING

from optimux.host.doctor.check import Result, broken, check, for_root, holds, unseen

if TYPE_CHECKING:
    from optimux.facts.detect.store import Status
    from optimux.host.doctor.look import Look
    from optimux.plan.model import SharedMemory

MODULE = "/sys/module/kvmfr"
READ_WRITE = 6


@check("kvmfr.module", "the module kvmfr, loaded", "Without it QEMU makes a plain file at the device's place.")
def module(look: Look) -> Iterator[Result]:
    """How near the module is."""
    facts = look.facts.kvmfr
    if look.plan is None or not look.plan.kvmfr:
        return
    if facts.state == "loaded":
        yield holds("loaded", MODULE)
    elif not look.root.exists("/sys/module"):
        yield unseen("this tree has no /sys", MODULE)
    elif facts.state == "installed":
        remedy = "It is installed: load it, and have it loaded at boot."
        yield broken("installed, not loaded", facts.evidence or MODULE, remedy, "modprobe kvmfr")
    else:
        remedy = "Install it for the kernel that runs; after a kernel's update DKMS must have built it anew."
        yield broken("not installed for this kernel", MODULE, remedy, "dkms status; optimux apply")


@check(
    "kvmfr.device",
    "a character device at each place",
    "A plain file there takes the place of the device for good: QEMU and client each see their own memory.",
)
def device(look: Look) -> Iterator[Result]:
    """What lies at each device's path."""
    for memory in look.plan.kvmfr if look.plan else ():
        kind = look.root.kind(memory.path)
        if kind == "char":
            yield holds("a character device", memory.path, memory.path)
        elif kind == "file":
            remedy = "QEMU made it while the module was missing: remove it with the VM off, then load the module."
            command = f"rm {memory.path} && modprobe -r kvmfr; modprobe kvmfr"
            yield broken("a plain file", memory.path, remedy, command, memory.path)
        elif not look.has("/dev"):
            yield unseen("this tree has no /dev", memory.path, subject=memory.path)
        else:
            yield broken(f"{kind or 'nothing'}", memory.path, "Load the module.", "modprobe kvmfr", memory.path)


@check(
    "kvmfr.size",
    "devices as large as the plan's",
    "QEMU refuses a device of another size than the VM says, and a small one cannot hold a frame.",
)
def size(look: Look) -> Iterator[Result]:
    """The sizes that the loaded module was given, by number."""
    if look.plan is None or look.facts.kvmfr.state != "loaded":
        return
    where = f"{MODULE}/parameters/static_size_mb"
    sizes = look.facts.kvmfr.sizes
    for number, memory in enumerate(look.plan.kvmfr):
        if look.root.kind(memory.path) != "char":
            continue
        shown = sizes[number] if number < len(sizes) else None
        has = shown or (asked(memory.path) if look.root.live else None)
        place = where if shown else memory.path
        if has == memory.size.mib:
            yield holds(f"{has} MiB", place, memory.path)
        elif has is None:
            reason = "the module shows it to nobody but those who may open the device"
            yield for_root(reason, memory.path, memory.path)
        else:
            remedy = "The option stands in /etc/modprobe.d/optimux.conf: load the module anew, with every VM off."
            seen = f"{has} MiB, where {memory.size.mib} are planned"
            yield broken(seen, place, remedy, "modprobe -r kvmfr && modprobe kvmfr", memory.path)


# _IO('u', 0x44) of kvmfr's module/kvmfr.h: the device's size in bytes, as the call's result.
GET_SIZE = 0x7544


def asked(path: str) -> int | None:
    """A device's size in MiB, by its own answer; ``None`` where it may not be opened or does not say."""
    from fcntl import ioctl

    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC | os.O_NONBLOCK)
    except OSError:
        return None
    try:
        return ioctl(descriptor, GET_SIZE) >> 20 or None
    except OSError:
        return None
    finally:
        os.close(descriptor)


@check(
    "memory.access",
    "the user may read and write the shared memory, and QEMU too",
    "The client stops with a permission error, or the VM does not start.",
)
def access(look: Look) -> Iterator[Result]:
    """Mode, owner, group and access control list, beside the user's own groups."""
    for memory in look.plan.shared_memories if look.plan else ():
        if look.root.kind(memory.path) != ("char" if memory.kind == "kvmfr" else "file"):
            continue
        status = look.root.status(memory.path)
        if status is None:
            yield unseen("its mode cannot be read", memory.path, subject=memory.path)
        else:
            yield from _access(look, memory, status)


def _access(look: Look, memory: SharedMemory, status: Status) -> Iterator[Result]:
    group = _named(look, "/etc/group", status.gid) or str(status.gid)
    seen = f"{status.mode:04o} {_named(look, '/etc/passwd', status.uid) or status.uid}:{group}"
    if status.users:
        seen += f", and by list {', '.join(_named(look, '/etc/passwd', uid) or str(uid) for uid, _ in status.users)}"
    user = memory.user or look.facts.user
    if user is None:
        yield unseen(
            f"{seen}; nobody says who runs the client", memory.path, "State lookingGlass.user.", "", memory.path
        )
        return
    way = _way(look, user, status, group)
    remedy = f"The rule of the plan gives it to {memory.group}: have udev apply it, and log in anew after a new group."
    command = f"udevadm control --reload && udevadm trigger {memory.path}"
    if memory.kind == "shm":
        remedy, command = "The plan's tmpfiles.d line makes it right at boot.", "systemd-tmpfiles --create"
    if way is None:
        yield broken(f"{seen}: not for {user}", memory.path, remedy, command, memory.path)
    else:
        yield holds(f"{seen}: {user} {way}", memory.path, memory.path)


def _way(look: Look, user: str, status: Status, group: str) -> str | None:
    """By what the user may open it."""
    uid = next((fields[2] for fields in _table(look, "/etc/passwd") if fields[0] == user), None)
    mine = next((known.groups for known in look.facts.users if known.name == user), ())
    if uid == str(status.uid) and status.mode >> 6 & READ_WRITE == READ_WRITE:
        return "owns it"
    if any(str(number) == uid and bits & READ_WRITE == READ_WRITE for number, bits in status.users):
        return "is in its access control list"
    if group in mine and status.mode >> 3 & READ_WRITE == READ_WRITE:
        return f"is in {group}"
    return "may, as everybody may" if status.mode & READ_WRITE == READ_WRITE else None


def _table(look: Look, path: str) -> list[list[str]]:
    return [fields for line in look.root.lines(path) if len(fields := line.split(":")) > 2]


def _named(look: Look, path: str, number: int) -> str | None:
    return next((fields[0] for fields in _table(look, path) if fields[2] == str(number)), None)


@check(
    "shm.file",
    "the file of the shared memory, made at boot",
    "Where QEMU makes it, it is QEMU's alone, and the client may not open it.",
)
def file(look: Look) -> Iterator[Result]:
    """What lies at each file's path: empty, or as large as the last VM made it."""
    for memory in look.plan.shm if look.plan else ():
        kind, status = look.root.kind(memory.path), look.root.status(memory.path)
        if kind == "file" and status and status.size not in (0, memory.size.bytes):
            seen = f"{status.size} bytes, where {memory.size.mib} MiB are planned"
            remedy = "QEMU refuses it: remove it with the VM off; it is made again in its size."
            yield broken(seen, memory.path, remedy, f"rm {shlex.quote(memory.path)}", memory.path)
        elif kind == "file":
            yield holds("a file", memory.path, memory.path)
        elif kind is None and not look.root.exists("/dev/shm"):
            yield unseen("this tree has no /dev/shm", memory.path, subject=memory.path)
        else:
            remedy = "tmpfiles.d makes it at boot; make it now."
            command = "systemd-tmpfiles --create /etc/tmpfiles.d/optimux.conf"
            yield broken(kind or "missing", memory.path, remedy, command, memory.path)


@check(
    "user.groups",
    "the user in the group of the shared memory",
    "The group is how the client may open the memory where nobody sits at a seat.",
)
def groups(look: Look) -> Iterator[Result]:
    """The memberships that the plan makes."""
    for user, group in look.plan.host.user_groups if look.plan else ():
        known = next((known for known in look.facts.users if known.name == user), None)
        if known is None:
            seen = "no such user in /etc/passwd; a directory service may have one"
            yield unseen(seen, "/etc/passwd", command=f"id {shlex.quote(user)}", subject=user)
        elif group in known.groups:
            yield holds(f"in {group}", "/etc/group", user)
        else:
            remedy = "Add the user, who logs in anew then."
            yield broken(
                f"not in {group}", "/etc/group", remedy, f"usermod -aG {shlex.quote(group)} {shlex.quote(user)}", user
            )


_SETTING = re.compile(r"^[ \t]*cgroup_device_acl[ \t]*=[ \t]*\[([^\]]*)\]", re.MULTILINE)
QEMU_CONF = "/etc/libvirt/qemu.conf"


@check(
    "qemuConf.devices",
    "every device of the plan in cgroup_device_acl",
    'libvirt lets QEMU open no other device: "Operation not permitted" on /dev/kvmfr0.',
)
def qemu_conf(look: Look) -> Iterator[Result]:
    """The list in force: the last setting, else libvirt's own."""
    if look.plan is None or not look.plan.host.device_acl:
        return
    path = "/var/lib/libvirt/qemu.conf" if look.plan.host.platform.distribution == "nixos" else QEMU_CONF
    text = look.root.text(path)
    if not look.has("/etc"):
        yield unseen("this tree has no /etc", path)
        return
    if text is None and look.root.exists(path):
        yield for_root("only root may read it", path)
        return
    found = _SETTING.findall(text or "")
    listed = re.findall(r'"([^"]*)"', re.sub("#.*", "", found[-1])) if found else []
    absent = [device for device in look.plan.host.device_acl if device not in listed]
    if not found:
        seen = "the list is libvirt's own" if text is not None else "no such file: the list is libvirt's own"
        yield broken(seen, path, "Set it; libvirt reads it at its next start.", "optimux apply")
    elif absent:
        yield broken(
            f"without {', '.join(absent)}", path, "Complete the list; setting it replaces all.", "optimux apply"
        )
    else:
        yield holds(f"{len(listed)} devices", path)


CHECKS = (module, device, size, access, file, groups, qemu_conf)
