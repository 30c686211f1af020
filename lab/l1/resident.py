"""What an L1 machine runs from its start on: a JSON line in, a JSON line out, for ``lab.l1.machine``.

It lies in the image, so it knows nothing of the checkout, whose code comes on a disk of its own that ``begin`` mounts
on FOLDER: a machine that one checkout has kept serves another one. ``python3 resident.py DEVICE FOLDER``.
"""

from __future__ import annotations

import fcntl
import importlib
import json
import os
import subprocess
import sys
import time
import traceback
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from io import RawIOBase

_DISK = "/dev/vdb"
_SECONDS = 900
# <linux/fs.h>, <linux/random.h>: forget the blocks of a disk; use what was written to the pool.
_BLKFLSBUF, _RNDRESEEDCRNG = 0x1261, 0x5207
# What the checkout's code uses of others. An emulated machine takes seconds to import that, so it is kept with it.
_AHEAD = """
array base64 bisect click collections.abc concurrent.futures.thread copy ctypes difflib datetime enum fnmatch functools
glob graphlib grp hashlib hmac importlib.metadata importlib.resources inspect ipaddress lxml.etree mmap pkgutil platform
pwd random re secrets select shlex shutil signal socket stat string struct tempfile textwrap threading tomllib types
typing urllib.parse uuid warnings xml.etree.ElementTree zlib
"""


def rest() -> None:
    """Until the machine has booted, and nothing of it is under way or in memory alone."""
    for name in _AHEAD.split():
        importlib.import_module(name)
    subprocess.run(["udevadm", "settle", f"--timeout={_SECONDS}"], check=True, timeout=_SECONDS)
    if Path("/run/systemd/system").exists():
        # It says "degraded", too, of a machine that has come to rest.
        subprocess.run(["systemctl", "is-system-running", "--wait"], stdout=subprocess.DEVNULL, timeout=_SECONDS)
    if Path("/run/libvirt/libvirt-sock").exists():
        # libvirt asks QEMU what it can, of which a start would have to wait for the answer, and keeps it: for the
        # processor as the daemon has seen it, which it has not where it came up before KVM.
        subprocess.run(["systemctl", "restart", "libvirtd"], check=True, timeout=_SECONDS)
        ask = ["virsh", "-q", "-c", "qemu:///system", "domcapabilities"]
        subprocess.run(ask, stdout=subprocess.DEVNULL, check=True, timeout=_SECONDS)
    os.sync()


def begin(folder: str, now: float, seed: str) -> None:
    """The time, which stood still where the machine was kept, random numbers of its own, and the checkout's code."""
    time.clock_settime(time.CLOCK_REALTIME, now)
    with open("/dev/urandom", "wb", buffering=0) as pool:  # noqa: PTH123
        pool.write(bytes.fromhex(seed))
        fcntl.ioctl(pool, _RNDRESEEDCRNG)
    with open(_DISK, "rb") as disk:  # noqa: PTH123
        fcntl.ioctl(disk, _BLKFLSBUF)
    subprocess.run(["mount", "-o", "ro", _DISK, folder], check=True, timeout=_SECONDS)
    importlib.invalidate_caches()


def serve(device: str, folder: str) -> None:
    """Answer line after line, whatever goes wrong."""
    with open(device, "r+b", buffering=0) as channel:  # noqa: PTH123 - a port has no end to read to
        pending = b""
        while True:
            pending += channel.read(1 << 16) or b""
            while b"\n" in pending:
                line, _, pending = pending.partition(b"\n")
                _write(channel, json.dumps(_answer(folder, *json.loads(line))).encode() + b"\n")


def _write(channel: RawIOBase, answer: bytes) -> None:
    """All of it: a virtio port takes 32 KiB at once."""
    left = memoryview(answer)
    while left:
        left = left[channel.write(left) or 0 :]


def _answer(folder: str, token: str, function: str, arguments: dict[str, Any]) -> dict[str, Any]:
    try:
        return {"token": token, "result": _result(folder, function, arguments)}
    except Exception:
        return {"token": token, "error": traceback.format_exc()}


def _result(folder: str, function: str, arguments: dict[str, Any]) -> Any:
    if function == "resident.up":
        return None
    if function == "resident.rest":
        return rest()
    if function == "resident.begin":
        return begin(folder, **arguments)
    return importlib.import_module("lab.scenarios.agent").call(function, arguments)


if __name__ == "__main__":
    serve(*sys.argv[1:])
