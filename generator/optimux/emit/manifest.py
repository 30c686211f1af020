"""``host/`` in the bundle: our files as a tree, and ``manifest.json`` with every step in order."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from optimux.emit.artifact import Artifact, HostEntry, HostFile, HostLines
from optimux.emit.install_md import install_md
from optimux.plan.model import Plan

MANIFEST = "host/manifest.json"


def host_artifacts(plan: Plan, entries: Sequence[HostEntry]) -> list[Artifact]:
    """The tree, the manifest and ``INSTALL.md``. Raises ``ValueError`` for a path that would leave the tree."""
    files = [entry for entry in entries if isinstance(entry, HostFile)]
    return [
        *(Artifact(source(entry), entry.data, entry.mode) for entry in files),
        Artifact(MANIFEST, manifest_json(plan, entries).encode()),
        Artifact("INSTALL.md", install_md(plan, entries).encode()),
    ]


def source(entry: HostFile) -> str:
    """Where a file of the host lies in the bundle."""
    parts = entry.path.split("/")
    if parts[0] or not all(parts[1:]) or {".", ".."} & set(parts):
        raise ValueError(f"no plain absolute path: {entry.path!r}")
    return f"host{entry.path}"


def manifest_json(plan: Plan, entries: Sequence[HostEntry]) -> str:
    """What it was planned for, and every entry by kind: ``file``, ``lines`` (see ``HostLines``) or ``command``."""
    import json

    described = [_described(entry) for entry in entries]
    return json.dumps({"version": 1, "plannedFor": _planned_for(plan), "entries": described}, indent=2) + "\n"


def _planned_for(plan: Plan) -> dict[str, str]:
    platform = plan.host.platform
    versions = {"libvirt": str(platform.libvirt), "qemu": str(platform.qemu), "kernel": str(platform.kernel)}
    return {"distribution": platform.distribution, **versions}


def _described(entry: HostEntry) -> dict[str, Any]:
    if isinstance(entry, HostFile):
        return {"kind": "file", "path": entry.path, "source": source(entry), **_ownership(entry, entry.data)}
    if isinstance(entry, HostLines):
        text = "".join(f"{line}\n" for line in entry.lines)
        merge = {"lines": list(entry.lines), "anchor": entry.anchor, "separator": entry.separator}
        return {"kind": "lines", "path": entry.path, **merge, **_ownership(entry, text.encode())}
    conditions = {key: getattr(entry, key) for key in ("unless", "undo") if getattr(entry, key)}
    after = {"after": list(entry.after)} if entry.after else {}
    return {"kind": "command", "command": entry.command, **after, **conditions, **_meant(entry)}


def _meant(entry: HostEntry) -> dict[str, str]:
    return {"step": entry.step, "purpose": entry.purpose}


def _ownership(entry: HostFile | HostLines, data: bytes) -> dict[str, str]:
    from hashlib import sha256

    digest = sha256(data).hexdigest()
    return {"mode": f"{entry.mode:04o}", "owner": entry.owner, "sha256": digest, **_meant(entry)}
