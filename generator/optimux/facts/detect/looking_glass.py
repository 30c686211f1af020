"""The kernel module kvmfr: loaded, installed, to be had as a package, or none of it."""

from __future__ import annotations

import re

from optimux.declare.values import Distribution
from optimux.facts.detect.root import Root
from optimux.facts.software import KvmfrFacts, Os

MODULE = "/sys/module/kvmfr"
# Distributions whose archive, or that of their users, has the module: nixpkgs, openSUSE, the AUR.
PACKAGED = ("nixos", "arch", "opensuse", "opensuse-tumbleweed", "suse")


def kvmfr(root: Root, os: Os, family: Distribution | None) -> KvmfrFacts:
    """The module's state, and its devices. At a device's place QEMU makes a regular file when the module is missing."""
    nodes = [f"/dev/{name}" for name in root.names("/dev") if re.fullmatch("kvmfr[0-9]", name)]
    kinds = {node: root.kind(node) for node in nodes}
    sizes = (root.text(f"{MODULE}/parameters/static_size_mb") or "").split(",") if root.exists(MODULE) else []
    shared = {
        "sizes": tuple(int(size) for size in sizes if re.fullmatch("[1-9][0-9]{0,5}", size)),
        "devices": tuple(node for node, kind in kinds.items() if kind == "char"),
        "false_devices": tuple(node for node, kind in kinds.items() if kind == "file"),
    }
    facts = KvmfrFacts(**shared)  # type: ignore[arg-type] # each has its own type
    if root.exists(MODULE):
        return facts.replace(state="loaded", evidence=MODULE)
    if path := _installed(root):
        return facts.replace(state="installed", evidence=path)
    words = (os.id, *os.id_like, family)
    if any(word in PACKAGED for word in words):
        return facts.replace(state="packaged", evidence=f"the packages of {os.name or os.id}")
    return facts.replace(state="missing" if os.id else None)


def _installed(root: Root) -> str | None:
    release = root.text("/proc/sys/kernel/osrelease")
    for base in ("/lib/modules", "/run/booted-system/kernel-modules/lib/modules"):
        path = f"{base}/{release}/modules.dep"
        data = root.data(path) if release and root.exists(path) else None
        if data and re.search(rb"(^|/)kvmfr\.ko", data, re.MULTILINE):
            return path
    return None
