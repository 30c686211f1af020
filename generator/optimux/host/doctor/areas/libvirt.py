"""libvirt: its daemon, the networks of the VMs, each VM against the plan as a machine, and QEMU's log of it."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from typing import TYPE_CHECKING

from optimux.facts.detect.root import number
from optimux.host.doctor.check import Result, broken, check, for_root, holds, unseen
from optimux.host.doctor.definition import RUN, SOCKETS, definition, home
from optimux.host.doctor.known import known

if TYPE_CHECKING:
    from optimux.host.doctor.look import Look
    from optimux.plan.model import DomainPlan

MOST_LOG = 4 << 20


@check("libvirt.daemon", "libvirt's daemon, or its socket", "Nothing defines or starts a VM without it.")
def daemon(look: Look) -> Iterator[Result]:
    """The sockets of the modular and the monolithic daemon."""
    if not look.domains:
        return
    there = [path for path in SOCKETS if look.root.exists(path)]
    heard = listening(look.root.lines("/proc/net/unix"))
    found = next((path for path in there if heard is None or path in heard), None)
    if found:
        yield holds("there" if heard is None else "somebody listens", found)
    elif there:
        seen = "a socket at which nobody listens: the daemon ended otherwise than it should"
        command = "systemctl restart libvirtd.socket libvirtd || systemctl restart virtqemud.socket virtqemud"
        yield broken(seen, there[0], "Start it anew, and read its log where it ends again.", command)
    elif not look.root.live and not look.root.names("/run"):
        yield unseen("this tree has no /run", RUN)
    elif look.facts.libvirt_version is None:
        yield broken("no libvirt is installed", SOCKETS[1], "Install it.", "optimux apply")
    else:
        command = (
            "systemctl enable --now libvirtd.socket || systemctl enable --now virtqemud.socket virtnetworkd.socket"
        )
        yield broken("no socket", SOCKETS[1], "Start it, now and at each boot.", command)


def listening(lines: list[str]) -> set[str] | None:
    """The paths of sockets that take connections, of /proc/net/unix (proc(5)); ``None`` where it is not shown."""
    fields = [line.split() for line in lines[1:]]
    found = {field[7] for field in fields if len(field) > 7 and (number(field[3], 16) or 0) & ACCEPTS}
    return {path.replace("/var/run/", "/run/", 1) for path in found} if lines else None


ACCEPTS = 1 << 16  # include/uapi/linux/net.h: __SO_ACCEPTCON


@check(
    "libvirt.networks",
    "the VMs' networks, active, and started at boot",
    "A VM whose network is down does not start: \"network 'default' is not active\".",
)
def networks(look: Look) -> Iterator[Result]:
    """Definition, state and autostart of each."""
    names = {n.source for d in look.domains for n in d.networks if n.type == "network" and n.source}
    folder = f"{home(look)}/networks"
    for name in sorted(names):
        called = shlex.quote(name)
        there = look.root.exists(f"{folder}/{name}.xml")
        hidden = any(path in look.root.unseen for path in (home(look), folder, f"{folder}/{name}.xml"))
        if hidden or not look.root.exists(folder):
            reason = "only root may look there" if hidden else "libvirt keeps nothing there"
            yield for_root(reason, folder, name)
        elif not there:
            remedy = "Define it; the plan's own networks are in the bundle."
            command = f"virsh net-define {called}.xml && virsh net-start {called}"
            yield broken("not defined", f"{folder}/{name}.xml", remedy, command, name)
        elif look.root.names("/run") and not look.root.exists(f"{RUN}/network/{name}.xml"):
            command = f"virsh net-start {called} && virsh net-autostart {called}"
            yield broken("not active", f"{RUN}/network/{name}.xml", "Start it.", command, name)
        elif look.root.target(f"{folder}/autostart/{name}.xml") is None:
            where = f"{folder}/autostart/{name}.xml"
            yield broken("not started at boot", where, "Have it start.", f"virsh net-autostart {called}", name)
        else:
            yield holds("active, and started at boot", folder, name)


@check(
    "domain.plan",
    "the VM in libvirt, as the plan has it",
    "What libvirt starts is its own definition: a configuration that was changed since changes nothing.",
)
def domain(look: Look) -> Iterator[Result]:
    """Each VM's definition, compared as the machine that it makes; nothing is said of what the plan leaves open."""
    for planned in look.domains:
        document, path = definition(look, planned.name)
        if document is None and look.root.exists(path.partition(",")[0]):
            yield for_root("root's alone", path.partition(",")[0], planned.name)
        elif document is None and not look.root.names(home(look)):
            hidden = any(missed.startswith(home(look)) for missed in look.root.unseen)
            reason = "only root may look there" if hidden else "libvirt keeps nothing there"
            yield for_root(reason, home(look), planned.name)
        elif document is None:
            remedy = "Define it."
            yield broken("libvirt does not know it", path, remedy, "optimux define CONFIG", planned.name)
        else:
            yield _compared(look, planned, document, path)


def _compared(look: Look, planned: DomainPlan, document: bytes, path: str) -> Result:
    from optimux.errors import InvalidInput
    from optimux.patch import patch_domain

    try:
        patched = patch_domain(document, planned, read_table=lambda table: look.root.data(table))
    except InvalidInput as error:
        problem = error.problems[0]
        return broken(f"{problem.path}: {problem.found}", path, problem.remedy, "", planned.name)
    left = [str(change) for change in (*patched.changes, *patched.unpatched)]
    if not left:
        return holds("nothing to change", path, planned.name)
    seen = f"{len(left)} differences: {'; '.join(left[:3])}" + ("; …" if len(left) > 3 else "")
    return broken(seen, path, "Bring it to the plan; the rest stays.", "optimux define CONFIG", planned.name)


@check(
    "domain.log",
    "no failure in QEMU's log of the last start",
    "libvirt repeats only the last line; what went wrong stands above it.",
)
def log(look: Look) -> Iterator[Result]:
    """What QEMU wrote since the VM was last started, by what is known of its complaints."""
    for planned in look.domains:
        path = f"/var/log/libvirt/qemu/{planned.name}.log"
        if not look.root.exists(path):
            continue
        data = look.root.data(path, MOST_LOG)
        if data is None:
            yield for_root("root's alone", path, planned.name)
            continue
        said = without_peers(complaints(last_start(data.decode("utf-8", "replace"))))
        wrong = [(line, cause) for line in said for cause in known()["causes"] if re.search(cause["pattern"], line)]
        for line, cause in {cause["pattern"]: (line, cause) for line, cause in wrong}.values():
            command = cause["command"].replace("VM", shlex.quote(planned.name))
            yield broken(_short(line), path, cause["remedy"], command, planned.name)
        if not wrong:
            yield holds("no complaint that is known", path, planned.name)


def last_start(text: str) -> list[str]:
    """The lines since libvirt last wrote ``starting up``, which begins each start's command line."""
    lines = text.splitlines()
    starts = [number for number, line in enumerate(lines) if ": starting up" in line]
    return lines[starts[-1] :] if starts else lines


def complaints(lines: list[str]) -> list[str]:
    """The lines without QEMU's own command line, which libvirt writes first, an argument a line."""
    return [line for line in lines if not line.startswith("-") and not line.endswith("\\")]


def without_peers(lines: list[str]) -> list[str]:
    """The lines without failed mappings between two devices, which QEMU itself explains in the next line."""
    return [
        line for line, then in zip(lines, [*lines[1:], ""], strict=False) if PEERS not in line and PEERS not in then
    ]


PEERS = "PCI peer-to-peer transactions on BARs are not supported"


def _short(line: str) -> str:
    line = re.sub(r"^[0-9T:.+Z-]+ ?(qemu-system-x86_64: )?", "", line)
    return line if len(line) <= 300 else f"{line[:300]}…"


CHECKS = (daemon, networks, domain, log)
