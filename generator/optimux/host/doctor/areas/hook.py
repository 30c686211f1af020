"""libvirt's hook, without which a VM with a card on demand does not start: there, allowed, and alone."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from optimux.host.doctor.check import Result, broken, check, for_root, holds

if TYPE_CHECKING:
    from optimux.facts.detect.store import Status
    from optimux.host.doctor.look import Look

OURS = "/etc/libvirt/hooks/qemu.d/optimux"
# NixOS keeps hooks where its libvirtd looks for them.
PLACES = (OURS, "/var/lib/libvirt/hooks/qemu.d/optimux")
FOLDERS = ("/etc/libvirt/hooks", "/var/lib/libvirt/hooks")
CARDS = "/etc/optimux/cards.json"
BOOLEAN = "/sys/fs/selinux/booleans/virt_hooks_unconfined"
DAEMONS = ("libvirtd", "virtqemud")
_EXECUTABLE = 0o111
USER_HZ = 100  # of /proc on every architecture with VFIO
# How hooks of guides and of other tools take a card.
_TAKES = re.compile(
    r"nodedev-(detach|reattach|dettach)|drivers?/[\w$/{}.-]*(un)?bind|driver_override|modprobe -r|rmmod"
)


def _needed(look: Look) -> bool:
    return any(card.bind == "on-demand" for card in look.cards)


@check(
    "hook.there",
    "Optimux' hook in libvirt, and the list of its cards",
    "A card on demand is managed by the hook alone: without it libvirt refuses to start the VM.",
)
def there(look: Look) -> Iterator[Result]:
    """The script, and what it reads."""
    if not _needed(look):
        return
    found = next((path for path in PLACES if look.root.exists(path)), None)
    missing = OURS if found is None else CARDS if not look.root.exists(CARDS) else None
    if missing:
        yield broken(
            "missing", missing, "Bring the host to the plan; libvirtd looks for hooks as it starts.", "optimux apply"
        )
    else:
        yield holds("there", found or OURS)


@check(
    "hook.seen",
    "a libvirtd that has looked for hooks since this one is there",
    "libvirtd looks whether there are hooks as it starts or is reloaded; where it found none it calls none later.",
)
def seen(look: Look) -> Iterator[Result]:
    """The daemon's start, or its reload where systemd tells, beside the hooks' times.

    It keeps only whether there was one: where another one was, ours is called whenever it came (src/util/virhook.c).
    """
    path = next((path for path in PLACES if look.root.exists(path)), None)
    status = look.root.status(path) if path else None
    if not _needed(look) or path is None or status is None:
        return
    if not status.mode & _EXECUTABLE:
        yield broken("not executable, so never called", path, "Let libvirt call it.", f"chmod +x {path}", path)
        return
    daemon = next(((name, since) for name in DAEMONS if (since := _since(look, name)) is not None), None)
    if daemon is None:
        yield holds("no daemon runs: the next one finds it", path)
        return
    name, since = daemon
    came, first = min((_came(look, found), hook) for hook, found in _of_vms(look, path))
    if since >= came or (look.root.live and reloaded(name, came)):
        yield holds(f"{name} has looked since{'' if first == path else f', for {first}'}", path)
    else:
        late = f"{name} is {_came(look, status) - since:.0f} s older than the hook"
        yield broken(late, path, "Have it look for hooks; VMs run on.", f"systemctl reload {name}")


def _of_vms(look: Look, ours: str) -> Iterator[tuple[str, Status]]:
    """The hooks that libvirt calls around VMs: the one of all, and those beside ours."""
    folder = ours.rpartition("/")[0]
    for path in (folder.removesuffix(".d"), *(f"{folder}/{name}" for name in look.root.names(folder))):
        status = look.root.status(path) if look.root.kind(path) == "file" else None
        if status and status.mode & _EXECUTABLE:
            yield path, status


def _came(look: Look, status: Status) -> float:
    """When a file was there as it is: one that was moved or made executable has its content for longer. A record has
    only the latter's time.
    """
    return max(status.modified, status.changed) if look.root.live else status.modified


def _since(look: Look, name: str) -> float | None:
    """When a daemon started, in seconds since 1970 (proc_pid_stat(5), proc_stat(5)); ``None`` where none runs."""
    pid = look.root.number(f"/run/{name}.pid")
    words = (look.root.text(f"/proc/{pid}/stat") or "").rpartition(")")[2].split() if pid else []
    boot = re.search(r"^btime ([0-9]+)", look.root.text("/proc/stat") or "", re.MULTILINE)
    if len(words) < 20 or not words[19].isdecimal() or boot is None:
        return None
    return int(boot[1]) + int(words[19]) / USER_HZ


def reloaded(name: str, since: float) -> bool:
    """Whether systemd has seen the daemon change its state, as a reload does, after a time."""
    import subprocess
    import time

    line = ["systemctl", "show", "--value", "--property=StateChangeTimestampMonotonic", f"{name}.service"]
    try:
        said = subprocess.run(line, capture_output=True, text=True, timeout=5, check=False).stdout.strip()
    except (OSError, subprocess.TimeoutExpired):
        return False
    ago = time.clock_gettime(time.CLOCK_MONOTONIC) - int(said) / 1e6 if said.isdecimal() and int(said) else None
    return ago is not None and time.time() - ago >= since


@check(
    "hook.selinux",
    "virt_hooks_unconfined on, where SELinux enforces",
    "Fedora's policy lets a hook read and write nothing of the kernel's devices unless this is on.",
)
def selinux(look: Look) -> Iterator[Result]:
    """The boolean, in effect now."""
    if not _needed(look) or look.facts.security.selinux != "enforcing" or not look.root.exists(BOOLEAN):
        return
    said = (look.root.text(BOOLEAN) or "").split()
    if not said:
        yield for_root("only root may read it", BOOLEAN)
    elif said[0] == "1":
        yield holds("on", BOOLEAN)
    else:
        yield broken("off", BOOLEAN, "Turn it on, to stay.", "setsebool -P virt_hooks_unconfined on")


@check(
    "hook.alone",
    "no other hook that takes or gives cards",
    "libvirt calls every hook, also after one has refused: a second one unbinds what somebody holds, and hangs.",
)
def alone(look: Look) -> Iterator[Result]:
    """Each hook of others that speaks of drivers."""
    if not _needed(look):
        return
    others = [path for folder in FOLDERS for path in _hooks(look, folder) if not path.endswith("/qemu.d/optimux")]
    found = [(path, match) for path in others if (match := _TAKES.search(look.root.text(path) or ""))]
    for path, match in found:
        remedy = "Take it out, or leave the card to it with another gpus.<name>.bind."
        yield broken(f"another hook with {match[0]}", path, remedy, f"chmod -x {path}", path)
    if not found and any(look.root.exists(folder) for folder in FOLDERS):
        yield holds("none", FOLDERS[0])


def _hooks(look: Look, folder: str) -> Iterator[str]:
    """The hook of all, those beside it, and scripts that a dispatcher calls, two folders deep."""
    waiting = [f"{folder}/{name}" for name in look.root.names(folder) if name.startswith("qemu")]
    for _ in range(200):
        if not waiting:
            return
        path = waiting.pop()
        if look.root.kind(path) == "folder":
            waiting += [f"{path}/{name}" for name in look.root.names(path)]
        else:
            yield path


CHECKS = (there, seen, selinux, alone)
