"""initramfs-tools and dracut, with a competing GPU driver in the image."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from lab.consumers.initramfs import dracut, update_initramfs
from optimux.emit import modprobe
from optimux.emit.initramfs import booster, initramfs_tools
from optimux.emit.initramfs import dracut as dracut_files
from tests.host import sysfs
from tests.host.plans import AUDIO, GPU, IDS, commands, files, merged_into, plan

if TYPE_CHECKING:
    from lab.consumers.initramfs import Image
    from lab.consumers.roots import Root

VFIO = ("vfio_pci", "vfio", "vfio_iommu_type1")
OTHER = "0000:02:00.0"
BY_ADDRESS = {"bind": "address"}
DRACUT = {"initramfs": "dracut"}


def _takes_first(image: Image) -> None:
    """The competitor is there, and the image's modprobe loads vfio-pci with our ids before it."""
    assert {"bochs", *VFIO} <= image.modules()
    assert image.loads["bochs"][-2:] == (f"vfio_pci ids={IDS}", "bochs")


def _order(image: Image) -> list[str]:
    """The scripts of init-top in the order in which the image runs them."""
    lines = image.texts["scripts/init-top/ORDER"].splitlines()
    return [line.split()[0].rsplit("/", 1)[-1] for line in lines if line.startswith("/scripts")]


def test_initramfs_tools_by_id(trixie: Root) -> None:
    written = files(plan())
    image = update_initramfs(trixie, written)
    _takes_first(image)
    assert image.texts[modprobe.PATH[1:]] == written[modprobe.PATH]
    assert image.texts["conf/modules"].split() == list(VFIO)
    assert "00-optimux" not in _order(image)


def test_initramfs_tools_by_address(trixie: Root) -> None:
    image = update_initramfs(trixie, files(plan(gpu=BY_ADDRESS)))
    assert {"bochs", *VFIO} <= image.modules()
    assert "vfio_pci" in image.loads["bochs"]  # without ids: only the addresses are taken
    assert _order(image).index("00-optimux") < _order(image).index("udev")
    assert GPU in image.texts["scripts/init-top/00-optimux"]


@pytest.mark.xdist_group("initramfs")
def test_initramfs_tools_alone_gives_the_card_away(plain_initramfs: Image) -> None:
    assert "bochs" in plain_initramfs.modules()
    assert not {"vfio_pci", "vfio"} & plain_initramfs.modules()
    assert not [load for load in plain_initramfs.loads["bochs"] if load.startswith("vfio")]
    assert "udev" in _order(plain_initramfs)
    assert "00-optimux" not in _order(plain_initramfs)


def test_dracut_by_id(trixie: Root) -> None:
    """In a generic image, which does not copy modprobe.d by itself."""
    image = dracut(trixie, files(plan(host=DRACUT)))
    _takes_first(image)
    assert "rd.driver.pre=vfio_pci" in image.texts["etc/cmdline.d/20-force_drivers.conf"].split()
    assert not [name for name in image.names if "driver-override" in name]


def test_dracut_by_address(trixie: Root) -> None:
    image = dracut(trixie, files(plan(host=DRACUT, gpu=BY_ADDRESS)))
    assert {"bochs", *VFIO} <= image.modules()
    hooks = [name for name in image.names if name.endswith("hooks/pre-udev/00-driver-override.sh")]
    assert hooks, "the hook is not in the image"


def test_dracut_leaves_out_the_hook_that_nobody_asked_for(trixie: Root) -> None:
    written = files(plan(host=DRACUT, gpu=BY_ADDRESS))
    del written[dracut_files.CONF]
    image = dracut(trixie, written, asked=True)
    assert not [name for name in image.names if "driver-override" in name]
    assert "etc/cmdline.d/20-force_drivers.conf" not in image.texts
    assert modprobe.PATH[1:] not in image.texts
    assert not [load for load in image.loads["bochs"] if load.startswith("vfio")]


@pytest.mark.parametrize(
    ("host", "path"),
    [
        ({}, initramfs_tools.SCRIPT),
        (DRACUT, f"{dracut_files.MODULE}/driver-override.sh"),
    ],
)
def test_the_script_reserves_the_addresses_alone(trixie: Root, host: dict[str, str], path: str) -> None:
    with trixie.session() as session:
        sysfs.make(session, (GPU, AUDIO, OTHER), bound=AUDIO)
        session.put("/script", files(plan(host=host, gpu=BY_ADDRESS))[path], 0o755)
        session.run(["sh", "-c", ". /script"])
        assert [sysfs.override(session, device) for device in (GPU, AUDIO, OTHER)] == ["vfio-pci", "vfio-pci", "(null)"]
        assert session.read("/sys/bus/pci/drivers/xhci/unbind").decode() == f"{AUDIO}\n"
        assert session.read("/sys/bus/pci/drivers_probe").decode() == f"{AUDIO}\n"


def test_the_script_minds_no_missing_device(trixie: Root) -> None:
    with trixie.session() as session:
        sysfs.make(session, (AUDIO,))
        session.put("/script", files(plan(gpu=BY_ADDRESS))[initramfs_tools.SCRIPT], 0o755)
        assert session.run(["/script"]).stderr == ""
        assert sysfs.override(session, AUDIO) == "vfio-pci"


@pytest.mark.parametrize(
    ("user", "expected"),
    [
        ("", "modules_force_load: vfio_pci,vfio,vfio_iommu_type1\n"),
        ("network:\n  dhcp: on\n", "network:\n  dhcp: on\nmodules_force_load: vfio_pci,vfio,vfio_iommu_type1\n"),
        ("modules_force_load: i915, vfio\nvconsole: true\n",
         "modules_force_load: i915,vfio,vfio_pci,vfio_iommu_type1\nvconsole: true\n"),
    ],
)  # fmt: skip
def test_booster_keeps_the_users_modules(user: str, expected: str) -> None:
    planned = plan(host={"distribution": "arch", "initramfs": "booster"})
    assert merged_into(planned, booster.CONF, user) == expected


@pytest.mark.parametrize(
    ("tool", "command"),
    [
        ("booster", "/usr/lib/booster/regenerate_images"),
        ("dracut", "dracut --force --regenerate-all"),
        ("initramfs-tools", "update-initramfs -u -k all"),
        ("mkinitcpio", "mkinitcpio -P"),
    ],
)
def test_the_images_are_rebuilt_last(tool: str, command: str) -> None:
    distribution = "debian" if tool == "initramfs-tools" else "arch"
    host = {"distribution": distribution, "initramfs": tool}
    assert commands(plan(host=host))[-1] == command
    assert command not in commands(plan(host=host, gpu={"bind": "on-demand"}))
