"""The processor: /proc/cpuinfo, and sysfs' topology."""

from __future__ import annotations

import re

from optimux.declare.values import CpuVendor
from optimux.facts.detect.root import Root, clean, number
from optimux.facts.devices import Core
from optimux.facts.host import CpuFacts

SYSTEM = "/sys/devices/system/cpu"
VENDORS: dict[str, CpuVendor] = {"GenuineIntel": "intel", "AuthenticAMD": "amd"}
MOST_CPUS = 1 << 12


def cpu(root: Root, iommu_bits: int | None) -> CpuFacts:
    """The processor of the first entry; all are alike but for their kind."""
    first = (root.text("/proc/cpuinfo") or "").partition("\n\n")[0]
    words = dict(_pair(line) for line in first.splitlines())
    flags = words.get("flags", "").split()
    bits = re.match(r"([0-9]{1,2}) bits physical", words.get("address sizes", ""))
    online = members(root.text(f"{SYSTEM}/online"))
    return CpuFacts(
        vendor=VENDORS.get(words.get("vendor_id", "")),
        model=clean(words.get("model name")),
        threads=max(online) + 1 if online else None,
        physical_bits=int(bits[1]) if bits and 32 <= int(bits[1]) <= 64 else None,
        iommu_bits=iommu_bits,
        virtualisation=("vmx" in flags or "svm" in flags) if flags else None,
        gib_pages="pdpe1gb" in flags if flags else None,
        cores=_cores(root, online),
    )


def _pair(line: str) -> tuple[str, str]:
    key, _, value = line.partition(":")
    return key.strip(), value.strip()


def members(text: str | None) -> list[int]:
    """The CPUs of a list such as ``0-3,8``; none for anything else."""
    found: set[int] = set()
    for part in (text or "").split(","):
        low, _, high = part.partition("-")
        first, last = number(low.strip()), number((high or low).strip())
        if first is None or last is None or not 0 <= first <= last < MOST_CPUS:
            return []
        found.update(range(first, last + 1))
    return sorted(found)


def ranges(cpus: list[int]) -> str:
    """A list of CPUs as the kernel writes it."""
    parts: list[tuple[int, int]] = []
    for number_ in cpus:
        if parts and parts[-1][1] == number_ - 1:
            parts[-1] = (parts[-1][0], number_)
        else:
            parts.append((number_, number_))
    return ",".join(f"{low}-{high}" if high > low else str(low) for low, high in parts)


def _cores(root: Root, online: list[int]) -> tuple[Core, ...]:
    """Each core once, by the first of its threads."""
    efficient = set(members(root.text("/sys/devices/cpu_atom/cpus")))
    nodes = _nodes(root)
    cores: list[Core] = []
    seen: set[int] = set()
    for first in online:
        if first in seen:
            continue
        folder = f"{SYSTEM}/cpu{first}"
        siblings = members(root.text(f"{folder}/topology/thread_siblings_list"))
        if first not in siblings:
            continue
        seen.update(siblings)
        cores.append(
            Core(
                cpus=ranges(siblings),
                kind="E" if first in efficient else "P",
                package=max(root.number(f"{folder}/topology/physical_package_id") or 0, 0),
                numa_node=nodes.get(first, 0),
                shared_cache=_last_cache(root, folder),
            )
        )
    return tuple(cores)


def _nodes(root: Root) -> dict[int, int]:
    folder = "/sys/devices/system/node"
    names = [name for name in root.names(folder) if re.fullmatch("node[0-9]{1,4}", name)]
    return {cpu_: int(name[4:]) for name in names for cpu_ in members(root.text(f"{folder}/{name}/cpulist"))}


def _last_cache(root: Root, folder: str) -> str | None:
    """The CPUs of the last level that is there: the third, else the second."""
    for index in ("index3", "index2"):
        if found := members(root.text(f"{folder}/cache/{index}/shared_cpu_list")):
            return ranges(found)
    return None
