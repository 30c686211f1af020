"""SELinux: the type that udev gives a kvmfr device, kept when labels are restored, and mapped by guests everywhere.

udev's rule labels the device svirt_image_t, which confined guests may use. ``restorecon`` would make it device_t again,
with which they may do nothing, and Debian's policy lets them read and write but not map it. A rule for device_t, as is
often published, would open every unlabelled node to every guest.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from optimux.emit.artifact import HostCommand, HostFile

if TYPE_CHECKING:
    from optimux.emit.artifact import HostEntry
    from optimux.plan.model import Plan

MODULE = "optimux_kvmfr"
PATH = f"/etc/optimux/selinux/{MODULE}.cil"
# CIL, https://github.com/SELinuxProject/selinux/blob/main/secilc/docs/README.md.
CIL = """\
; Written by Optimux: what SELinux lets guests do with the shared memory of Looking Glass.
(allow svirt_t svirt_image_t (chr_file (getattr open read write ioctl map)))
(filecon "/dev/kvmfr[0-9]+" char (system_u object_r svirt_image_t ((s0) (s0))))
"""
_PRIORITY = 400  # an administrator's own modules (semodule(8))


def selinux_entries(plan: Plan) -> list[HostEntry]:
    """The module, where SELinux confines guests and one of them has a kvmfr device."""
    if plan.host.platform.security_module != "selinux" or not plan.kvmfr:
        return []
    return [
        HostFile(PATH, CIL, "SELinux: guests may map the kvmfr devices"),
        HostCommand(
            f"semodule -X {_PRIORITY} -i {PATH}",
            "adds the module to SELinux' policy",
            after=(PATH,),
            undo=f"semodule -X {_PRIORITY} -r {MODULE}",
            offline=True,
        ),
        HostCommand(
            'for device in /dev/kvmfr*; do [ ! -c "$device" ] || restorecon "$device"; done',
            "labels the devices that are there already",
            after=(PATH,),
        ),
    ]
