"""AppArmor and SELinux: what they must let a guest open, and what they have refused in this boot."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from optimux.host.doctor.check import Result, broken, check, for_root, holds, unseen
from optimux.host.doctor.log import Line

if TYPE_CHECKING:
    from optimux.host.doctor.look import Look

AUDIT = "/var/log/audit/audit.log"
MOST_AUDIT = 8 << 20
# What a guest is given: everything else that it is refused it can do without.
OURS = ("/dev/kvmfr", "/dev/shm/", "/dev/vfio", "/dev/iommu", "/dev/kvm")


@check(
    "apparmor.rules",
    "rules for what virt-aa-helper cannot see",
    "AppArmor refuses QEMU a file of its command line: \"Could not open '/dev/kvmfr0': Permission denied\".",
)
def rules(look: Look) -> Iterator[Result]:
    """Each line of the plan, in the file that libvirt's abstraction reads."""
    from optimux.emit.apparmor import DROP_IN, LOCAL, apparmor_rules

    if look.plan is None or look.plan.host.platform.distribution == "nixos":
        return
    lines = apparmor_rules(look.plan.host)
    path = DROP_IN if look.plan.host.apparmor_drop_in else LOCAL
    if not lines:
        return
    if not look.root.exists("/etc/apparmor.d"):
        yield unseen("no /etc/apparmor.d: is AppArmor there at all?", "/etc/apparmor.d")
        return
    there = {line.strip() for line in look.root.lines(path)}
    absent = [line for line in lines if line not in there]
    if not look.may_read(path):
        yield for_root("it cannot be read", path)
    elif absent:
        yield broken(f"without {absent[0]}", path, "Add it; it is read at each start of a VM.", "optimux apply")
    else:
        yield holds(", ".join(lines), path)


@check(
    "apparmor.denials",
    "nothing refused to a guest that it needs",
    "What AppArmor refuses QEMU looks like a missing file or a wrong permission.",
    of_log=True,
)
def apparmor(look: Look) -> Iterator[Result]:
    """Refusals of libvirt's profiles, by the file; the last one of each."""
    if "apparmor" not in (look.facts.security_module, *look.facts.security.modules):
        return
    lines, where, missing = _audited(look)
    refused = {}
    for line in lines:
        match = re.search(r'apparmor="DENIED".* profile="(libvirt-[^"]*|virt-aa-helper)".* name="([^"]*)"', line.text)
        if match and _needed(look, match[2]):
            refused[match[2]] = line.text
    for path, text in refused.items():
        wanted = re.search('requested_mask="([a-z]*)"', text)
        remedy = f"Let guests open it: a line `{path} {wanted[1] if wanted else 'rw'},` in the abstraction."
        yield broken(f"{path} ({wanted[1] if wanted else '?'})", where, remedy, "optimux apply", path)
    if missing and not refused:
        yield for_root(missing, where)
    elif not refused:
        yield holds("none", where)


def _needed(look: Look, path: str) -> bool:
    """Whether the plan gives a guest that file."""
    files = [file for file, _ in look.plan.host.guest_files] if look.plan else []
    files += [str(disk.source) for domain in look.domains for disk in domain.disks]
    return path.startswith(OURS) or path in files


@check(
    "selinux.denials",
    "nothing refused to a guest that it needs",
    "What SELinux refuses QEMU looks like a missing file or a wrong permission.",
    of_log=True,
)
def selinux(look: Look) -> Iterator[Result]:
    """Refusals of svirt_t for nodes and files of the plan."""
    if look.facts.security.selinux != "enforcing":
        return
    lines, where, missing = _audited(look)
    refused = {}
    for line in lines:
        match = re.search(r'avc:\s+denied\s+\{ ([^}]*) \} .* (?:path|name)="([^"]*)".*scontext=\S*svirt', line.text)
        path = match[2] if match else ""
        path = path if path.startswith("/") or not path else f"/dev/{path}"
        if match and _needed(look, path):
            refused[path] = match[1]
    for path, words in refused.items():
        remedy = "Give the node the type that guests may open: the plan's rule, or its own policy."
        yield broken(f"{path} ({words})", where, remedy, f"optimux apply; restorecon -v {path}", path)
    if missing and not refused:
        yield for_root(missing, where)
    elif not refused:
        yield holds("none", where)


@check(
    "selinux.label",
    "a type on the shared memory that guests may open",
    "QEMU runs as svirt_t, which may open nothing that is labelled as any other device.",
)
def label(look: Look) -> Iterator[Result]:
    """The label of each kvmfr device, where SELinux enforces."""
    if look.facts.security.selinux != "enforcing" or look.plan is None:
        return
    for memory in look.plan.kvmfr:
        status = look.root.status(memory.path)
        if status is None:
            continue
        type_ = (status.label or "").split(":")[2:3]
        if not type_:
            yield unseen("its label cannot be read", memory.path, command=f"ls -Z {memory.path}", subject=memory.path)
        elif type_[0] in ("device_t", "unlabeled_t", "tmpfs_t"):
            command = f"semanage fcontext -a -t svirt_image_t -f c '{memory.path}' && restorecon -v {memory.path}"
            yield broken(type_[0], memory.path, "Label it as an image of a guest.", command, memory.path)
        else:
            yield holds(type_[0], memory.path, memory.path)


def _audited(look: Look) -> tuple[tuple[Line, ...], str, str | None]:
    """The kernel's log, and what auditd took away from it: its file is of all boots since it was begun."""
    log = look.log
    if look.previous or not look.root.exists(AUDIT):
        return log.lines, log.where, log.missing
    data = look.root.data(AUDIT, MOST_AUDIT)
    if data is None:
        return log.lines, f"{log.where}, {AUDIT}", "auditd's log is root's alone"
    lines = tuple(Line(0.0, text) for text in data.decode("utf-8", "replace").splitlines())
    return (*log.lines, *lines), f"{log.where}, {AUDIT}", None


CHECKS = (rules, apparmor, selinux, label)
