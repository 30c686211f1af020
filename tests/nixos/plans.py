"""Plans for NixOS, and their modules on disk."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from optimux.emit.nixos import nixos_artifacts
from optimux.errors import InvalidInput
from optimux.plan.resolve import plan_from

if TYPE_CHECKING:
    from pathlib import Path

    from optimux.plan.model import Plan
    from tests.golden_cases import Case

CARD = [{"address": "0000:01:00.0", "id": "10de:249d"}, {"address": "0000:01:00.1", "id": "10de:228b"}]
NASTY = "'${secret}' ''${x} \\ \" $"
NASTY_PATH = "/var/lib/a ${secret}\\n%d/battery.aml"


def plan(host: dict[str, Any] | None = None, **tables: Any) -> Plan:
    """A plan for NixOS on Intel."""
    return plan_from({"host": {"distribution": "nixos", "cpuVendor": "intel", **(host or {})}, **tables})


def usual() -> Plan:
    """One card bound by id, kvmfr, one VM."""
    vms = {"win11": {"gpu": "dgpu", "memory": "16GiB"}}
    return plan(gpus={"dgpu": {"functions": CARD}}, lookingGlass={"user": "alice"}, vms=vms)


def by_address() -> Plan:
    """One card bound by its address."""
    vms = {"win11": {"gpu": "dgpu", "memory": "16GiB"}}
    return plan(gpus={"dgpu": {"functions": CARD, "bind": "address"}}, vms=vms)


def everything() -> Plan:
    """Two VMs on two cards: kvmfr and a file, Scream, AppArmor, huge pages, text that Nix would read as its own."""
    scream = {"enable": True, "interface": "virbr1", "output": "alsa"}
    first = {"gpu": "dgpu", "memory": "16GiB", "battery": {"path": NASTY_PATH}}
    second = {"gpu": "other", "memory": "8GiB", "battery": {"variant": "battery-only"}, "tpm": {"backend": "none"}}
    return plan(
        {"securityModule": "apparmor", "hugepages": [{"size": "1GiB", "count": 16}]},
        gpus={"dgpu": {"functions": CARD}, "other": {"functions": [{"address": "0000:03:00.0", "id": "10de:1c8d"}]}},
        lookingGlass={"user": "alice", "client": {"win": {"title": NASTY}}},
        vms={"win11": first, "win-10.b": second | {"lookingGlass": {"memory": "shm", "scream": scream}}},
    )


def written(plan: Plan, folder: Path) -> Path:
    """The module on disk beside its files."""
    for artifact in nixos_artifacts(plan):
        path = folder / artifact.path
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(artifact.content)
        path.chmod(artifact.mode)
    return folder / "nixos/optimux.nix"


def module_of(folder: Path, text: str) -> Path:
    """A module of the user's own."""
    path = folder / "own.nix"
    path.write_text(text, encoding="utf-8")
    return path


def on_nixos(case: Case) -> Plan:
    """A golden case's plan, on NixOS instead."""
    data = case.data()
    data.setdefault("host", {})["distribution"] = "nixos"
    return case.plan(data)


def usable(case: Case) -> bool:
    """Whether NixOS could have the case: some name files that it has not."""
    try:
        on_nixos(case)
    except InvalidInput:
        return False
    return True
