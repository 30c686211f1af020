"""The cases' domains as one release of libvirt is to have them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from optimux.emit.domain_xml import domain_xml
from optimux.errors import InvalidInput
from optimux.facts import Facts, load_facts
from optimux.plan.resolve import plan_from
from optimux.record import Record
from tests.golden_cases import CASES, Case

FACTS = Path(__file__).parent.parent / "facts"
RELEASES = ("bookworm", "trixie")
VERSIONS = ("libvirtVersion", "qemuVersion", "kernelVersion")

# What a release cannot do, by case: the paths of the plan's problems, all of them.
REFUSED = {
    ("evdev-pinned", "bookworm"): ["vms.windows.cpu.maxPhysAddr.limit"],
    ("future-libvirt", "bookworm"): ["vms.future.iommufd"],
    ("future-libvirt", "trixie"): ["vms.future.iommufd"],
    ("newest-libvirt", "bookworm"): [
        "vms.newest.battery.attach",
        "vms.newest.cpu.maxPhysAddr.limit",
        "vms.newest.hyperv.emsrBitmap",
        "vms.newest.hyperv.tlbflushDirect",
        "vms.newest.hyperv.tlbflushExtended",
        "vms.newest.hyperv.xmmInput",
        "vms.newest.machine",
        "vms.newest.sound.backend",
        "vms.newest.sound.model",
        "vms.newest.watchdog.model",
    ],
    ("omen-17-2023", "bookworm"): ["vms.Windows11.machine", "vms.Windows11.watchdog.model"],
}
# Paths of NixOS that Debian has elsewhere.
DEBIANS_OWN = {
    "/run/libvirt/nix-emulators/": "/usr/bin/",
    "/run/libvirt/nix-ovmf/OVMF_CODE.fd": "/usr/share/OVMF/OVMF_CODE_4M.fd",
    "/run/libvirt/nix-ovmf/OVMF_VARS.fd": "/usr/share/OVMF/OVMF_VARS_4M.fd",
}


class Domain(Record):
    """A domain's name and its XML."""

    name: str
    xml: str


def facts_of(release: str, data: Any = None) -> Facts:
    """The facts of ``bookworm`` or ``trixie``, on a CPU of the vendor that a configuration states."""
    facts = load_facts(str(FACTS / f"{release}.json"))
    vendor = data["host"].get("cpuVendor") if data is not None else None
    return facts.replace(cpu=facts.cpu.replace(vendor=vendor)) if vendor else facts


def data_for(case: Case) -> Any:
    """The case's configuration without the versions that it states: the release's facts are to say them."""
    data = case.data()
    for key in VERSIONS:
        data["host"].pop(key, None)
    data["host"]["securityModule"] = case.plan().host.platform.security_module
    return data


def domains(case: Case, release: str, data: Any = None) -> list[Domain]:
    """The case's domains for a release. Raises ``InvalidInput``."""
    stated = data_for(case) if data is None else data
    plan = plan_from(stated, facts_of(release, stated))
    return [Domain(domain.name, _with_debians_paths(domain_xml(domain))) for domain in plan.domains]


def _with_debians_paths(xml: str) -> str:
    for theirs, ours in DEBIANS_OWN.items():
        xml = xml.replace(theirs, ours)
    return xml


def refused_paths(case: Case, release: str) -> list[str]:
    """Where the plan finds that a release cannot do what the case asks for."""
    try:
        domains(case, release)
    except InvalidInput as refusal:
        return sorted(problem.path for problem in refusal.problems)
    return []


def possible(release: str) -> list[Case]:
    """The cases that a release can do."""
    return [case for case in CASES if (case.name, release) not in REFUSED]
