"""Each loader's own file, with the words in it and everything of the user's kept."""

from __future__ import annotations

import shlex
import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest

from optimux.emit.artifact import HostCommand, HostFile, HostLines
from optimux.emit.boot_loader import CMDLINE, cmdline, tools
from optimux.emit.host import host_entries
from optimux.emit.merge import merged
from tests.host.plans import commands, files, merged_into, plan

if TYPE_CHECKING:
    from pathlib import Path

    from optimux.plan.model import Plan

PARAMS = "intel_iommu=on iommu=pt"


def _arch(loader: str, **host: str) -> Plan:
    return plan(host={"distribution": "arch", "bootLoader": loader, **host})


@pytest.mark.parametrize(
    ("user", "expected"),
    [
        (
            '"Boot with standard options"  "root=UUID=1 rw quiet"\n"Boot to single-user mode" "root=UUID=1 single"\n',
            f'"Boot with standard options"  "root=UUID=1 rw quiet {PARAMS}"\n'
            '"Boot to single-user mode" "root=UUID=1 single"\n',
        ),
        ('# mine\n\n"A" "ro iommu=pt"\n"B" "ro"\n', '# mine\n\n"A" "ro iommu=pt intel_iommu=on"\n"B" "ro"\n'),
        ("nothing that rEFInd knows\n", "nothing that rEFInd knows\n"),
        ("", ""),
    ],
)
def test_refind(user: str, expected: str) -> None:
    """The first entry alone: the third boots with a minimum."""
    assert merged_into(_arch("refind"), tools.REFIND, user) == expected


@pytest.mark.parametrize(
    ("user", "expected"),
    [
        ('LINUX_OPTIONS="quiet"\nLINUX_FALLBACK_OPTIONS="quiet"\n', f'LINUX_OPTIONS="quiet {PARAMS}"'),
        ('#LINUX_OPTIONS=""\n', f'LINUX_OPTIONS="{PARAMS}"'),
        ("LINUX_OPTIONS='a b'\n", f"LINUX_OPTIONS='a b {PARAMS}'"),
    ],
)
def test_sdboot_manage(user: str, expected: str) -> None:
    text = merged_into(_arch("sdboot-manage"), tools.SDBOOT_MANAGE, user)
    seen = subprocess.run(
        ["sh", "-c", f'{text}\nprintf %s "$LINUX_OPTIONS"'], capture_output=True, text=True, check=True
    )
    assert seen.stdout.split()[-2:] == PARAMS.split()
    assert expected in text
    assert ("LINUX_FALLBACK_OPTIONS" not in user) or 'LINUX_FALLBACK_OPTIONS="quiet"\n' in text


LIMINE = 'declare -A KERNEL_CMDLINE\n{user}{drop_in}{after}printf %s "${{KERNEL_CMDLINE[default]}}"'


@pytest.mark.parametrize("own", [True, False])
def test_limine(own: bool) -> None:
    """Its tool reads the drop-in first, so a plain setting in /etc/default/limine would discard ours."""
    planned = _arch("limine")
    user = 'KERNEL_CMDLINE[default]="root=UUID=1 quiet"\n' if own else "ESP_PATH=/boot\n"
    default = merged_into(planned, tools.LIMINE_DEFAULT, user)
    assert default.startswith(user)
    assert (default != user) == own
    script = LIMINE.format(user="", drop_in=files(planned)[tools.LIMINE], after=default)
    seen = subprocess.run(["bash", "-c", script], capture_output=True, text=True, check=True)
    assert seen.stdout.split() == (["root=UUID=1", "quiet"] if own else []) + PARAMS.split()


def test_limines_tool_is_the_initramfs_own() -> None:
    assert commands(_arch("limine"))[-1] == "limine-mkinitcpio"
    assert commands(_arch("limine", initramfs="dracut"))[-1] == "limine-dracut"


def test_a_file_without_its_mark_is_not_made() -> None:
    entries = [e for e in host_entries(_arch("limine")) if isinstance(e, HostLines) and e.path == tools.LIMINE_DEFAULT]
    assert [merged("", entry) for entry in entries] == [""]


def _command(planned: Plan, program: str) -> HostCommand:
    found = (entry for entry in host_entries(planned) if isinstance(entry, HostCommand))
    return next(entry for entry in found if entry.command.startswith(program))


def test_rpm_ostree_gets_what_binds() -> None:
    """The initramfs is part of the image: the words alone have vfio-pci take the card before its driver."""
    planned = plan(host={"distribution": "bazzite"})
    command = _command(planned, "rpm-ostree kargs")
    words = [word.removeprefix("--append-if-missing=") for word in shlex.split(command.command)[2:]]
    assert words == [*PARAMS.split(), "rd.driver.pre=vfio-pci", "vfio_pci.ids=1234:1111,8086:2668"]
    assert command.undo == "; ".join(f"rpm-ostree kargs --delete-if-present={word}" for word in words)
    assert not any(path.startswith(("/usr/", "/etc/dracut", "/etc/initramfs")) for path in files(planned))
    assert not any("dracut" in text for text in commands(planned))


@pytest.mark.parametrize("holds", [True, False])
@pytest.mark.parametrize(("loader", "shows"), [("kernelstub", "kernelstub -p"), ("rpm-ostree", "rpm-ostree kargs")])
def test_tools_are_asked_for_whole_words(loader: str, shows: str, holds: bool) -> None:
    command = _command(_arch(loader), loader)
    program = shows.split()[0]
    said = PARAMS if holds else PARAMS.replace("iommu=pt", "iommu=pt2")
    script = f"{program}() {{ echo 'quiet {said} splash'; }}\n{command.unless}"
    assert (subprocess.run(["bash", "-c", script], check=False, capture_output=True).returncode == 0) == holds


def test_opensuse_reads_a_folder() -> None:
    planned = plan(host={"distribution": "opensuse", "bootLoader": "sdbootutil"})
    assert files(planned)[cmdline.SUSE_DROP_IN] == f"{PARAMS}\n"
    assert "sdbootutil update-all-entries" in commands(planned)


def test_a_unified_image_keeps_the_one_that_boots_now_first() -> None:
    planned = _arch("uki")
    text = commands(planned)
    kept = next(number for number, command in enumerate(text) if "optimux-off.efi" in command)
    assert kept < text.index("mkinitcpio -P")
    assert merged_into(planned, CMDLINE, "root=UUID=1 rw\n") == f"root=UUID=1 rw {PARAMS}\n"


def test_debians_dracut_is_rebuilt_by_debians_command(tmp_path: Path) -> None:
    """Where it ships that command; trixie's does not, and each image is made, then what Debian runs after it."""
    command = commands(plan(host={"initramfs": "dracut"}))[-1]
    log = tmp_path / "log"
    for name in ("update-initramfs", "dracut", "run-parts"):
        program = tmp_path / "bin" / name
        program.parent.mkdir(exist_ok=True)
        program.write_text(f'#!/bin/sh\necho "{name} $*" >>{log}\n')
        program.chmod(0o755)
    boot = tmp_path / "boot"
    boot.mkdir()
    for release in ("6.12.1", "6.12.2"):
        (boot / f"vmlinuz-{release}").touch()
    here = command.replace("/boot/", f"{boot}/").replace("/etc/initramfs", str(tmp_path))
    (tmp_path / "post-update.d").mkdir()

    def said() -> list[str]:
        log.unlink(missing_ok=True)
        env = {"PATH": f"{tmp_path / 'bin'}:/bin"}
        subprocess.run(["/bin/sh", "-c", here], check=True, env=env)
        return log.read_text().splitlines()

    assert said() == ["update-initramfs -u -k all"]
    (tmp_path / "bin/update-initramfs").unlink()
    if shutil.which("update-initramfs", path="/bin") is None:
        first, second = (f"{boot}/initrd.img-{release}" for release in ("6.12.1", "6.12.2"))
        after = f"--arg={{}} --arg={{}} {tmp_path}/post-update.d"
        assert said() == [
            f"dracut --force {first} 6.12.1",
            f"run-parts {after.format('6.12.1', first)}",
            f"dracut --force {second} 6.12.2",
            f"run-parts {after.format('6.12.2', second)}",
        ]
    assert commands(plan(host={"distribution": "fedora"}))[-1] == "dracut --force --regenerate-all"


def test_every_file_is_in_a_step() -> None:
    for loader in ("grub", "limine", "sdbootutil"):
        for entry in host_entries(_arch(loader)):
            if isinstance(entry, HostFile) and any(word in entry.path for word in ("grub", "limine", "cmdline")):
                assert entry.step == "boot-loader", entry.path
