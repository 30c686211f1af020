"""Configurations of the native module, evaluated by Nix in batches, and the same options through the generator."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from lab.nix.evaluator import HERE, evaluate, need_lib
from optimux.options.nix import READ_ONLY
from optimux.plan.resolve import plan_from
from optimux.record import Record
from tests.nixos.plans import written

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from optimux.plan.model import Plan

FILE = HERE / "cases.nix"
GROUPS = ("kvm", "libvirtd", "users")
# What nixpkgs brings, in place of what the distributions' table says.
VERSIONS = {"libvirt": "11.3.0", "qemu": "10.0.2", "kernel": "6.12.41"}


class Case(Record):
    """One configuration: options as in TOML, and the system around them."""

    data: Any
    users: tuple[str, ...] = ()
    groups: tuple[str, ...] = GROUPS
    has_kvmfr: bool = True
    extra: str | None = None
    settings: Any = None  # further settings of virtualisation.optimux, which TOML has not
    special: Any = None  # further arguments of every module
    wanted: tuple[str, ...] = ()  # of the native module's results; all where it is empty


def in_order(data: Any) -> Any:
    """The same data with its keys in the order of the alphabet, which is the only one that Nix has."""
    if isinstance(data, dict):
        return {key: in_order(data[key]) for key in sorted(data)}
    return [in_order(item) for item in data] if isinstance(data, list | tuple) else data


def on_nixos(data: Any) -> Any:
    """The data as it stands for NixOS: distribution and versions are the system's."""
    host = data.get("host", {})
    kept = {key: value for key, value in host.items() if key not in ("initramfs", "bootLoader")}
    versions = {f"{key}Version": kept.get(f"{key}Version", version) for key, version in VERSIONS.items()}
    return in_order({**data, "host": {**kept, "distribution": "nixos", **versions}})


def settings(data: Any) -> Any:
    """``virtualisation.optimux`` for data on NixOS."""
    read_only = {path.partition(".")[2] for path in READ_ONLY}
    return {**data, "host": {key: value for key, value in data["host"].items() if key not in read_only}}


def plan(data: Any) -> Plan:
    """What the generator plans for the same."""
    return plan_from(on_nixos(data))


def evaluated(cases: Sequence[Case], folder: Path, *, emitted: bool = False) -> list[Any]:
    """What each case adds up to. Raises ``Refused`` with Nix's own words."""
    need_lib()
    described = [_described(case, folder / str(index), emitted) for index, case in enumerate(cases)]
    path = folder / "cases.json"
    path.write_text(json.dumps(described), encoding="utf-8")
    found: list[Any] = evaluate(str(FILE), "--arg", "cases", str(path))
    return found


def _described(case: Case, folder: Path, emitted: bool) -> dict[str, Any]:
    data = on_nixos(case.data)
    module = None
    if emitted:
        folder.mkdir(parents=True, exist_ok=True)
        module = str(written(plan_from(data), folder))
    return {
        "settings": {**settings(data), **(case.settings or {})},
        "versions": {key: data["host"][f"{key}Version"] for key in VERSIONS},
        "users": list(case.users),
        "groups": list(case.groups),
        "hasKvmfr": case.has_kvmfr,
        "extra": case.extra,
        "special": case.special or {},
        "emitted": module,
        "wanted": list(case.wanted),
    }
