"""dracut.conf(5) and, for binding by address, a dracut module of our own."""

from __future__ import annotations

from optimux.emit.artifact import HostFile
from optimux.emit.initramfs.override import PURPOSE, override_lines
from optimux.emit.modprobe import PATH as MODPROBE
from optimux.emit.text import commented
from optimux.plan.model import Plan

CONF = "/etc/dracut.conf.d/optimux.conf"
# dracut reads modules from this folder alone.
MODULE = "/usr/lib/dracut/modules.d/90optimux"
_SETUP = """
check() {
    # Only where the configuration names it.
    return 255
}

install() {
    inst_hook pre-udev 00 "$moddir/driver-override.sh"
}
""".strip("\n")


def entries(plan: Plan) -> list[HostFile]:
    """The configuration; the modprobe.d file by name, as only host-only images copy that folder."""
    lines = [
        f'force_drivers+=" {" ".join(plan.host.early_modules)} "',
        f'install_items+=" {MODPROBE} "',
        *(['add_dracutmodules+=" optimux "'] if plan.host.override_addresses else []),
    ]
    text = commented("vfio-pci and its options in the initramfs, loaded before udev starts.", lines)
    conf = HostFile(CONF, text, "puts vfio-pci and its options into the initramfs")
    return [conf, *_module(plan)] if plan.host.override_addresses else [conf]


def _module(plan: Plan) -> list[HostFile]:
    setup = commented("the hook that runs before udev.", _SETUP.split("\n"), "#!/bin/bash")
    # dracut sources its hooks: the subshell keeps our variables to ourselves.
    hook = commented(PURPOSE, ["(", *override_lines(plan), ")"], "#!/bin/sh")
    return [
        HostFile(f"{MODULE}/module-setup.sh", setup, "takes the hook into the image", mode=0o755),
        HostFile(
            f"{MODULE}/driver-override.sh", hook, "reserves the functions for vfio-pci before udev starts", mode=0o755
        ),
    ]
