"""The ways to hold a card that hand-over must see, each for a process of its own that holds the node until it ends."""

from __future__ import annotations

import ctypes
import fcntl
import glob
import mmap
import os
import socket
import struct
import threading

from lab.scenarios.drawing import CREATE_DUMB, MAP_DUMB

_CLONE_FILES, _CLONE_NEWNS = 0x400, 0x20000  # sched.h
_KEPT: list[object] = []
CARD = "/sys/bus/pci/devices/0000:01:00"


def node(function: int, pattern: str, folder: str) -> str:
    """The node of a function whose folder in sysfs matches."""
    found = sorted(glob.glob(f"{CARD}.{function}/{pattern}"))  # noqa: PTH207 - names are wanted
    if not found:
        raise RuntimeError(f"function {function} has no {pattern}")
    return f"{folder}/{found[0].rpartition('/')[2]}"


def drm() -> str:
    """The display's own node, open."""
    path = node(0, "drm/card*", "/dev/dri")
    os.open(path, os.O_RDWR)
    return path


def mixer() -> str:
    """The sound's controls, as every sound server has them."""
    path = node(1, "sound/card*/controlC*", "/dev/snd")
    os.open(path, os.O_RDWR)
    return path


def usb() -> str:
    """The stick's block device."""
    path = node(2, "usb*/*/*/host*/target*/*/block/*", "/dev")
    os.open(path, os.O_RDONLY)
    return path


def mapped() -> str:
    """A buffer of the display, mapped; the descriptor is closed."""
    path = node(0, "drm/card*", "/dev/dri")
    descriptor = os.open(path, os.O_RDWR)
    made = fcntl.ioctl(descriptor, CREATE_DUMB, struct.pack("=IIIIIIQ", 64, 64, 32, 0, 0, 0, 0))
    handle, _, size = struct.unpack("=16xIIQ", made)
    placed = fcntl.ioctl(descriptor, MAP_DUMB, struct.pack("=IIQ", handle, 0, 0))
    libc = ctypes.CDLL(None, use_errno=True)
    libc.mmap.restype, libc.mmap.argtypes = ctypes.c_void_p, [ctypes.c_void_p, *[ctypes.c_size_t] * 5]
    (offset,) = struct.unpack("=8xQ", placed)
    where = libc.mmap(None, size, mmap.PROT_READ | mmap.PROT_WRITE, mmap.MAP_SHARED, descriptor, offset)
    if where == ctypes.c_void_p(-1).value:
        raise OSError(ctypes.get_errno(), "mmap")
    os.close(descriptor)
    return path


def thread() -> str:
    """Open in the table of one thread alone."""
    path = node(0, "drm/card*", "/dev/dri")
    done, ended = threading.Event(), threading.Event()

    def own() -> None:
        if ctypes.CDLL(None).unshare(_CLONE_FILES) == 0:
            os.open(path, os.O_RDWR)
            done.set()
        ended.wait()

    threading.Thread(target=own, daemon=True).start()
    if not done.wait(20):
        raise RuntimeError("the thread has no table of its own")
    return path


def queued() -> str:
    """Sent through a socket and not received: no process has a descriptor."""
    path = node(0, "drm/card*", "/dev/dri")
    descriptor = os.open(path, os.O_RDWR)
    pair = socket.socketpair()
    socket.send_fds(pair[0], [b"x"], [descriptor])
    os.close(descriptor)
    _KEPT.append(pair)
    return path


def namespace() -> str:
    """Open in a mount namespace where the node has another name."""
    path = node(0, "drm/card*", "/dev/dri")
    if ctypes.CDLL(None).unshare(_CLONE_NEWNS):
        raise RuntimeError("no namespace")
    status = os.stat(path)  # noqa: PTH116
    os.mknod("/root/harmless", 0o600 | 0o020000, status.st_rdev)
    os.open("/root/harmless", os.O_RDWR)
    os.unlink("/root/harmless")  # noqa: PTH108
    return path


def stubborn() -> str:
    """The mixer, under the name of a sound server that lets go when it is asked; this one does not."""
    ctypes.CDLL(None).prctl(15, b"wireplumber", 0, 0, 0)  # PR_SET_NAME
    return mixer()


def polite() -> str:
    """The mixer, until its removal is announced."""
    events = socket.socket(socket.AF_NETLINK, socket.SOCK_DGRAM, 15)  # NETLINK_KOBJECT_UEVENT
    events.bind((0, 1))
    ctypes.CDLL(None).prctl(15, b"wireplumber", 0, 0, 0)
    path = node(1, "sound/card*/controlC*", "/dev/snd")
    descriptor = os.open(path, os.O_RDWR)

    def listen() -> None:
        while not events.recv(1 << 16).startswith(b"remove@"):
            continue
        os.close(descriptor)

    threading.Thread(target=listen, daemon=True).start()
    return path


def waits() -> str:
    """The node of the driver whose removal waits."""
    os.open("/dev/waits", os.O_RDONLY)
    return "/dev/waits"


KINDS = {f.__name__: f for f in (drm, mixer, usb, mapped, thread, queued, namespace, waits, polite, stubborn)}
