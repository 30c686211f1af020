"""mkinitcpio's drop-in and hook, as bash reads them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from optimux.emit.initramfs import mkinitcpio
from tests.host import sysfs
from tests.host.plans import AUDIO, GPU, files, plan

if TYPE_CHECKING:
    from lab.consumers.roots import Root

ARCH = {"distribution": "arch"}
USER = "MODULES=(amdgpu btrfs)\nFILES=('/a b')\nHOOKS=(base udev modconf)\n"
PRINT = '\nprintf "%s|" "${MODULES[@]}"; echo; printf "%s|" "${FILES[@]}"; echo; printf "%s|" "${HOOKS[@]}"'


def _read(root: Root, configuration: str) -> list[list[str]]:
    """The arrays MODULES, FILES and HOOKS; mkinitcpio joins the drop-ins to the user's file and sources both."""
    shown = root.run(["bash", "-eu"], input=configuration + PRINT).stdout
    return [line.split("|")[:-1] for line in shown.splitlines()]


def test_ours_come_before_the_users(trixie: Root) -> None:
    modules, included, hooks = _read(trixie, USER + files(plan(host=ARCH))[mkinitcpio.CONF])
    assert modules == ["vfio_pci", "vfio", "vfio_iommu_type1", "amdgpu", "btrfs"]
    assert included == ["/etc/modprobe.d/optimux.conf", "/a b"]
    assert hooks == ["base", "udev", "modconf"]


def test_by_address_the_hook_comes_first(trixie: Root) -> None:
    written = files(plan(host=ARCH, gpu={"bind": "address"}))
    assert _read(trixie, USER + written[mkinitcpio.CONF])[2] == ["optimux", "base", "udev", "modconf"]


def test_by_id_there_is_no_hook() -> None:
    written = files(plan(host=ARCH))
    assert mkinitcpio.INSTALL not in written
    assert mkinitcpio.HOOK not in written


BUILD = """
add_runscript() { echo runscript; }
add_binary() { echo "binary $*"; }
add_symlink() { echo "symlink $*"; }
BUILDROOT=/image
. /install
build
"""


def test_the_image_gets_a_script_and_a_unit(trixie: Root) -> None:
    written = files(plan(host=ARCH, gpu={"bind": "address"}))
    unit = "/usr/lib/systemd/system/optimux-driver-override.service"
    with trixie.session() as session:
        session.put("/install", written[mkinitcpio.INSTALL])
        called = session.run(["bash", "-eu"], input=BUILD).stdout.splitlines()
        session.run(["cp", f"/image{unit}", unit])
        session.put("/usr/bin/busybox", "#!/bin/sh\n", 0o755)
        assert session.run(["systemd-analyze", "verify", "--man=no", unit]).stderr == ""
        session.put(unit, session.read(unit).replace(b"Type=oneshot", b"Type=once"))
        broken = session.run(["systemd-analyze", "verify", "--man=no", unit], check=False)
        assert "Type" in broken.stderr
    assert called == [
        "binary /usr/lib/initcpio/busybox /usr/bin/busybox",
        "runscript",
        f"symlink {unit.replace('system/', 'system/sysinit.target.wants/')} ../{unit.rsplit('/', 1)[-1]}",
    ]


def test_the_hook_reserves_the_addresses(trixie: Root) -> None:
    with trixie.session() as session:
        sysfs.make(session, (GPU, AUDIO, "0000:02:00.0"))
        session.put("/hooks/optimux", files(plan(host=ARCH, gpu={"bind": "address"}))[mkinitcpio.HOOK])
        session.run(["sh", "-c", ". /hooks/optimux"])
        assert sysfs.override(session, GPU) == "(null)"  # sourced, not yet run
        session.run(["sh", "-c", ". /hooks/optimux; run_earlyhook"])
        assert [sysfs.override(session, device) for device in (GPU, AUDIO)] == ["vfio-pci", "vfio-pci"]
        assert sysfs.override(session, "0000:02:00.0") == "(null)"
