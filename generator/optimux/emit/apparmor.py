"""AppArmor: what virt-aa-helper does not allow a guest by itself."""

from __future__ import annotations

from optimux.emit.artifact import HostEntry, HostFile, HostLines
from optimux.emit.text import commented
from optimux.plan.model import Plan

DROP_IN = "/etc/apparmor.d/abstractions/libvirt-qemu.d/optimux"
LOCAL = "/etc/apparmor.d/local/abstractions/libvirt-qemu"
_PURPOSE = "what the guests may open beyond libvirt's own rules; read at each start of a VM"


def apparmor_entries(plan: Plan) -> list[HostEntry]:
    """A file of our own where libvirt reads the folder, lines of the administrator's file elsewhere."""
    host = plan.host
    if host.security_module != "apparmor" or not host.apparmor_rules:
        return []
    if host.apparmor_drop_in:
        rules = (f"  {rule}" for rule in host.apparmor_rules)
        text = commented("what guests may open beyond libvirt's own rules.", rules)
        return [HostFile(DROP_IN, text, _PURPOSE)]
    return [HostLines(LOCAL, host.apparmor_rules, None, _PURPOSE)]
