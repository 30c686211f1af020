"""Which problems of meaning only follow from another problem: what is unusable or missing was read as its default."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from optimux.errors import Problem

_HOST_KEYS = ("distribution", "cpuVendor", "libvirtVersion", "qemuVersion", "securityModule")
_JUDGED_BY_HOST = ("cpu", "hyperv", "machine", "iommufd", "watchdog", "sound", "battery")

# What is complained about, and what it is reckoned from. A star is a name, the same one on both sides of a line.
_RECKONED = (
    ("host.initramfs", "host.distribution"),
    *((f"vms.*.{judged}", f"host.{key}") for judged in _JUDGED_BY_HOST for key in _HOST_KEYS),
    ("vms.*.gpu", "gpus"),
    ("vms.*.pci", "gpus"),
    ("vms.*.iommufd", "lookingGlass"),
    ("vms.*.iommufd", "vms.*.lookingGlass"),
    ("vms.*.lookingGlass", "lookingGlass"),
    ("lookingGlass", "vms.*.lookingGlass"),
    ("vms.*.vcpus", "vms.*.cpu"),
    ("vms.*.cpuTune", "vms.*.cpu"),
    ("vms.*.cpuTune", "vms.*.vcpus"),
    ("vms.*.disks", "vms.*.cpuTune"),
    ("vms.*.hyperv", "vms.*.clock"),
    ("vms.*.channels", "vms.*.spice"),
    ("vms.*.usb", "vms.*.spice"),
    ("vms.*.sound", "vms.*.spice"),
    ("vms.*.smbios", "vms.*.uuid"),
)


def without_follow_ups(shape: Sequence[Problem], meaning: Sequence[Problem]) -> list[Problem]:
    """Every problem of shape, and those of meaning that stand on their own."""
    unusable = {problem.path for problem in shape}
    unknown = unusable | {p.path for p in meaning if p.path in ("host.distribution", "host.cpuVendor")}
    alone = (p for p in meaning if not _around_any(p.path, unusable) and not _reckoned_from(p.path, unknown))
    return [*shape, *alone]


def _around_any(path: str, unusable: Iterable[str]) -> bool:
    return any(_inside(path, _list_of(other)) or _inside(_list_of(other), path) for other in unusable)


def _inside(inner: str, outer: str) -> bool:
    return inner == outer or inner.startswith((f"{outer}.", f"{outer}["))


def _list_of(path: str) -> str:
    """The outermost list that holds ``path``: its unusable entries are left out, and the others move up."""
    return path.partition("[")[0]


def _reckoned_from(path: str, causes: Iterable[str]) -> bool:
    found = path.split(".")
    about = [line for line in _RECKONED if _starts(found, line[0].split("."))]
    return any(_is_cause(found, cause.split("."), *line) for line in about for cause in causes)


def _is_cause(found: list[str], cause: list[str], about: str, source: str) -> bool:
    """A cause may also be around what the line names: then that was lost with it."""
    same = "*" not in about or "*" not in source or len(cause) < 2 or found[1] == cause[1]
    return same and _starts(cause, source.split("."))


def _starts(keys: list[str], pattern: list[str]) -> bool:
    return all(key.partition("[")[0] == word or word == "*" for key, word in zip(keys, pattern, strict=False))
