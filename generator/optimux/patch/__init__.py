"""Edits of an existing domain XML that keep every other byte. Pure: bytes and a plan in, bytes out."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection

from optimux.errors import InvalidInput, Problem
from optimux.patch.concerns import CONCERNS
from optimux.patch.concerns.left import say_what_is_left
from optimux.patch.doubts import refuse_what_is_unclear
from optimux.patch.draft import Change, Draft, TableReader
from optimux.patch.edit import apply, edits
from optimux.patch.machine.difference import MachineDifference, difference, seen
from optimux.patch.node import Node
from optimux.patch.overrides import distinct_ids, follow_aliases
from optimux.patch.room import keep_the_cards_bus
from optimux.patch.source import Source, refused
from optimux.patch.style import Style
from optimux.plan.model import DomainPlan
from optimux.record import Record

__all__ = ["CONCERNS", "Change", "Patched", "TableReader", "check_domain", "domain_name", "patch_domain"]

_Q35 = re.compile(r"(pc-)?q35\b.*")
_I440FX = re.compile(r"pc|pc-i440fx.*|pc-[01]\..*|")


class Patched(Record):
    """The document after the patch, what was changed, and what of the user's was left.

    ``unpatched`` are keys that the configuration states and that the domain does not follow, each with the reason;
    ``machine`` is what becomes of the devices.
    """

    document: bytes
    changes: tuple[Change, ...]
    left: tuple[Change, ...]
    unpatched: tuple[Change, ...]
    machine: MachineDifference


def patch_domain(
    document: bytes,
    domain: DomainPlan,
    only: Collection[str] = (),
    except_: Collection[str] = (),
    read_table: TableReader = lambda _path: None,
) -> Patched:
    """Bring a libvirt domain to what the plan needs, concern by concern; patching the result changes nothing.

    ``only`` and ``except_`` name keys of ``CONCERNS``; ``read_table`` gives the bytes of an ACPI table's file, or
    ``None`` where it cannot be read. Raises ``InvalidInput`` for an unknown concern, and for a
    document that is no well-formed domain of QEMU's q35 machine.
    """
    concerns = _chosen(only, except_)
    source = Source(document)
    _check(source.root)
    draft = Draft(source.root, domain, concerns, read_table)
    refuse_what_is_unclear(draft)
    before = seen(draft.machine)
    style = Style(source.text, source.root)
    for name in concerns:
        draft.concern = name
        CONCERNS[name](draft)
    if "pci" in concerns:
        draft.concern = "pci"
        keep_the_cards_bus(draft)
    draft.concern = "gpu"
    distinct_ids(draft)
    follow_aliases(draft)
    if not only:
        draft.concern = "keys"
        say_what_is_left(draft)
    _prune(source.root)
    changes = edits(source.text, source.root, style)
    result = source.encode(apply(source.text, changes)) if changes else document
    machine = difference(before, seen(draft.machine))
    return Patched(result, tuple(draft.changes), draft.left, draft.not_applied, machine)


def _prune(root: Node) -> None:
    """Parents that were made for nothing."""
    for child in tuple(root.children):
        if child.span is None and not (child.children or child.attributes or child.text):
            child.remove()


def check_domain(document: bytes) -> None:
    """Raises ``InvalidInput`` for a document that is no well-formed domain of QEMU's q35 machine."""
    _check(Source(document).root)


def domain_name(document: bytes) -> str:
    """The name of a domain; empty where it has none. Raises ``InvalidInput``."""
    root = Source(document).root
    name = root.child("name")
    return name.words if name is not None else ""


def _chosen(only: Collection[str], except_: Collection[str]) -> list[str]:
    problems = [
        Problem(option, f'"{name}"', ", ".join(CONCERNS), "Name one of them.")
        for option, names in (("--only", only), ("--except", except_))
        for name in names
        if name not in CONCERNS
    ]
    if problems:
        raise InvalidInput(problems)
    return [name for name in CONCERNS if (not only or name in only) and name not in except_]


def _check(root: Node) -> None:
    """A QEMU domain on x86 with the machine that passthrough needs."""
    if root.local != "domain" or root.uri:
        raise refused(f"<{root.name}>", "<domain>, as virsh dumpxml prints it", "Give the XML of a domain.")
    if root.get("type") not in ("kvm", "qemu"):
        raise refused(f"type='{root.get('type')}'", "kvm or qemu", "Only QEMU's domains have what the plan needs.")
    os = root.child("os")
    kind = os.child("type") if os is not None else None
    if kind is None or kind.words != "hvm":
        found = f"<os><type>{kind.words}" if kind is not None else "no <os><type>"
        raise refused(found, "hvm", "Only fully virtualised domains take a passed device.")
    if kind.get("arch", "x86_64") not in ("x86_64", "i686"):
        raise refused(f"arch='{kind.get('arch')}'", "x86_64", "The plan is one for x86 machines.")
    _check_machine(kind.get("machine"))
    _check_controllers(root)


def _check_controllers(root: Node) -> None:
    """What no libvirt would take, and what no place in it could be trusted."""
    devices = root.child("devices")
    indices = Counter(c.get("index") for c in devices.all("controller", type_="pci")) if devices else Counter()
    if doubled := sorted(index for index, count in indices.items() if index and count > 1):
        found = f"two PCI controllers with the index {doubled[0]}"
        raise refused(found, "each index once", "libvirt refuses it too: correct the domain.")
    if devices and devices.child("controller", type_="pci", model="pci-root"):
        found = "PCI controller 0 of the model pci-root"
        raise refused(found, "pcie-root, as q35 has it", "libvirt refuses it too: correct the domain.")


def _check_machine(machine: str) -> None:
    if _Q35.fullmatch(machine):
        return
    found = f"machine='{machine}'" if machine else "no machine, which means pc (i440fx)"
    if _I440FX.fullmatch(machine):
        remedy = (
            "i440fx has no PCI Express ports, so the card's driver finds no place that it knows. Create a q35 domain "
            "with the same disks: Windows does not start when the machine is only renamed."
        )
        raise refused(found, "a q35 machine", remedy)
    raise refused(found, "a q35 machine", "Only q35 has the PCI Express ports that the card needs.")
