"""/etc/libvirt/qemu.conf: the devices that a guest may open. libvirt reads no drop-in for it."""

from __future__ import annotations

from optimux.emit.artifact import HostCommand, HostEntry, HostLines
from optimux.plan.model import Plan
from optimux.rules import families, rules

PATH = "/etc/libvirt/qemu.conf"
# The setting in force; where none is, the one that libvirt ships as a comment. Both run over several lines.
ANCHOR = (
    r"^[ \t]*cgroup_device_acl[ \t]*=[ \t]*\[[^\]]*\]"
    r"|^#[ \t]*cgroup_device_acl[ \t]*=[ \t]*\[[^\]]*\](?![\s\S]*^[ \t]*cgroup_device_acl)"
)
_HOW = (
    "add what is missing to your own setting `cgroup_device_acl`; without one, replace libvirt's example of it in a "
    "comment; where there is neither, append at the end of the file"
)


def qemu_conf_entries(plan: Plan) -> list[HostEntry]:
    """The whole list, as setting it replaces libvirt's own; a list of the user's gets only our devices."""
    if not plan.host.device_acl:
        return []
    devices = ",\n".join(f'    "{device}"' for device in plan.host.device_acl).split("\n")
    lines = ("cgroup_device_acl = [", *devices, "]")
    own = tuple(f'"{device}"' for device in plan.host.device_acl if device not in rules()["libvirt"]["deviceAcl"])
    services = " ".join(families()["hostCommands"]["libvirtServices"][plan.host.platform.distribution])
    return [
        HostLines(PATH, lines, ANCHOR, "lets guests open the kvmfr devices", mode=0o600, how=_HOW, items=own),
        HostCommand(f"systemctl try-restart {services}", "has libvirt read qemu.conf", after=(PATH,)),
    ]
