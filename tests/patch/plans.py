"""Small configurations and domains, each written down where a test needs it."""

from __future__ import annotations

import difflib
import tomllib
from typing import Any

from optimux.patch import Patched, patch_domain
from optimux.plan.model import DomainPlan
from optimux.plan.resolve import plan_from
from tests.patch.accounted import unaccounted

_CONFIG = """
[host]
distribution = "arch"
cpuVendor = "intel"
libvirtVersion = "11.3"
qemuVersion = "10.0"

[gpus.dgpu]
functions = [{ address = "0000:01:00.0", id = "10de:1c8d" }]

[lookingGlass]
user = "alice"

[vms.win]
gpu = "dgpu"
memory = "8GiB"
disks = [{ source = "/var/lib/libvirt/images/win.qcow2" }]
"""
GPU = """
    <hostdev mode='subsystem' type='pci' managed='yes'>
      <source>
        <address domain='0x0000' bus='0x01' slot='0x00' function='0x0'/>
      </source>
    </hostdev>"""


# What the patches of one test came to, for ``conftest.py``, which keeps it to the letter.
HEARD: list[str] = []


def letters(text: str, found: Patched) -> str:
    """The lines that were changed, and all that was said."""
    lines = difflib.unified_diff(text.splitlines(), found.document.decode().splitlines(), n=0, lineterm="")
    return "\n".join([*(line for line in lines if not line.startswith(("---", "+++", "@@"))), words(found)])


def words(found: Patched) -> str:
    """All that was said, and what became of the devices."""
    moves = [("added", found.machine.added), ("gone", found.machine.removed), ("moved", found.machine.moved)]
    told = [
        *(f"did {change}" for change in found.changes),
        *(f"left {left}" for left in found.left),
        *(f"not {left}" for left in found.unpatched),
        *(f"{word} {device}" for word, devices in moves for device in devices),
    ]
    return "\n".join([*told, ""])


def plan(**tables: dict[str, Any]) -> DomainPlan:
    """The plan of one VM; ``vms``, ``gpus``, ``lookingGlass`` add keys to that VM, that card, that table."""
    data = tomllib.loads(_CONFIG)
    data["vms"]["win"] |= tables.get("vms", {})
    data["gpus"]["dgpu"] |= tables.get("gpus", {})
    data["lookingGlass"] |= tables.get("lookingGlass", {})
    return plan_from(data).domains[0]


def domain(devices: str = GPU, arguments: tuple[str, ...] = (), rest: str = "") -> str:
    """A q35 domain with these devices and arguments; ``rest`` stands before ``<devices>`` or behind it."""
    line = "".join(f"\n    <qemu:arg value={_quoted(word)}/>" for word in arguments)
    block = f"  <qemu:commandline>{line}\n  </qemu:commandline>\n" if arguments else ""
    return f"""<domain type='kvm' xmlns:qemu='http://libvirt.org/schemas/domain/qemu/1.0'>
  <name>win</name>
  <memory unit='GiB'>8</memory>
  <vcpu>4</vcpu>
  <os>
    <type arch='x86_64' machine='pc-q35-8.2'>hvm</type>
  </os>
  <devices>{devices}
  </devices>
{rest}{block}</domain>
"""


def _quoted(word: str) -> str:
    return f'"{word}"' if "'" in word else f"'{word}'"


def patch(text: str, planned: DomainPlan, *only: str, **more: Any) -> tuple[str, Patched]:
    """The document after the patch, which a second one leaves as it is; and what was said."""
    found = patch_domain(text.encode(), planned, only=only, **more)
    assert unaccounted(text.encode(), found.document, [str(change) for change in found.changes]) == []
    again = patch_domain(found.document, planned, only=only, **more)
    assert [str(change) for change in again.changes] == []
    assert again.document == found.document
    assert bool(found.changes) == (found.document != text.encode())
    HEARD.append(words(found))
    return found.document.decode(), found


def said(found: Patched) -> str:
    """All of the summary."""
    return "\n".join(map(str, (*found.changes, *found.left)))
