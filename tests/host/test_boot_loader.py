"""Kernel parameters, through the shells and tools that read them."""

from __future__ import annotations

import shlex
import subprocess
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from optimux.emit import boot_loader
from optimux.emit.boot_loader.cmdline import LATER
from optimux.emit.boot_loader.grub import PLAIN
from tests.host.plans import commands, files, lines_of, merged_into, plan

if TYPE_CHECKING:
    from lab.consumers.roots import Root
    from lab.consumers.session import Session
    from optimux.plan.model import Plan

PARAMS = ["intel_iommu=on", "iommu=pt"]
ARCH = {"distribution": "arch"}
# What kernel parameters may hold: anything but quotes and white space, or that in double quotes.
WORDS = st.from_regex(r"([!-~]|\"[!-~]*\")+", fullmatch=True).filter(lambda w: "'" not in w and w.count('"') % 2 == 0)


def _grub_default(text: str) -> str:
    """GRUB_CMDLINE_LINUX_DEFAULT, as the shell that sources the file has it."""
    script = f'GRUB_CMDLINE_LINUX_DEFAULT="quiet"\n{text}\nprintf %s "$GRUB_CMDLINE_LINUX_DEFAULT"'
    return subprocess.run(["sh", "-eu"], input=script, capture_output=True, text=True, check=True, timeout=30).stdout


def _debian(*params: str) -> Plan:
    return plan(host={"extraKernelParams": list(params)})


def test_grub_on_debian_has_a_file_of_our_own() -> None:
    text = files(plan())[boot_loader.GRUB_DROP_IN]
    assert _grub_default(text).split() == ["quiet", *PARAMS]
    assert "update-grub" in commands(plan())


def test_nothing_without_parameters() -> None:
    planned = plan(host={"cpuVendor": "amd", "iommuPassthrough": False})
    assert boot_loader.GRUB_DROP_IN not in files(planned)
    assert "update-grub" not in commands(planned)


@settings(max_examples=60, deadline=None)
@given(st.lists(WORDS, max_size=3))
def test_no_parameter_breaks_out_of_either_shell(params: list[str]) -> None:
    line = _grub_default(files(_debian(*params))[boot_loader.GRUB_DROP_IN])
    # GRUB's own shell keeps what stands in single quotes; everything else there must be plain.
    assert shlex.split(line) == ["quiet", *PARAMS, *params]
    assert all(word[0] == "'" or PLAIN.fullmatch(word) for word in line.split())


def test_grub_elsewhere_gets_a_line_after_the_users() -> None:
    planned = plan(host=ARCH)
    user = 'GRUB_TIMEOUT=1\nGRUB_CMDLINE_LINUX_DEFAULT="loglevel=3"\n'
    text = merged_into(planned, boot_loader.GRUB, user)
    assert text.startswith(user)
    assert _grub_default(text).split() == ["loglevel=3", *PARAMS]
    assert "grub-mkconfig -o /boot/grub/grub.cfg" in commands(planned)


def test_a_later_run_replaces_our_own_line() -> None:
    text = merged_into(plan(host=ARCH), boot_loader.GRUB, 'GRUB_CMDLINE_LINUX_DEFAULT="loglevel=3"\n')
    later = merged_into(plan(host={**ARCH, "iommuPassthrough": False}), boot_loader.GRUB, text)
    assert _grub_default(later).split() == ["loglevel=3", "intel_iommu=on"]


def test_grubby_gets_one_argument() -> None:
    planned = plan(host={"distribution": "fedora", "extraKernelParams": ["a=$(reboot);b", "c=d"]})
    (command,) = (command for command in commands(planned) if command.startswith("grubby"))
    assert shlex.split(command)[:4] == [
        "grubby", "--update-kernel=ALL", f"--args={' '.join([*PARAMS, 'a=$(reboot);b', 'c=d'])}", "&&",
    ]  # fmt: skip


SYSTEMD_BOOT = {"distribution": "debian", "bootLoader": "systemd-boot", "initramfs": "dracut"}


@pytest.mark.parametrize(
    ("user", "expected"),
    [
        ("root=UUID=1 ro\n", "root=UUID=1 ro intel_iommu=on iommu=pt\n"),
        ("# mine\nroot=UUID=1  iommu=pt ro", "# mine\nroot=UUID=1 iommu=pt ro intel_iommu=on"),
    ],
)
def test_the_kernels_command_line_is_completed(user: str, expected: str) -> None:
    assert merged_into(plan(host=SYSTEMD_BOOT), boot_loader.CMDLINE, user) == expected


def _by_entries(session: Session) -> str:
    """kernel-install writes an entry below /boot for each kernel; the release of the root's.

    Its depmod is masked: four fifths of the time, and of no interest here.
    """
    session.run(["mkdir", "-p", "/etc/kernel/install.d"])
    session.run(["ln", "-s", "/dev/null", "/etc/kernel/install.d/50-depmod.install"])
    session.put("/etc/machine-id", f"{'1' * 32}\n")
    session.put("/etc/kernel/install.conf", "layout=bls\nBOOT_ROOT=/boot\ninitrd_generator=none\n")
    session.run(["mkdir", "-p", f"/boot/{'1' * 32}", "/boot/loader/entries"])
    return session.run(["ls", "/lib/modules"]).stdout.split()[0]


def test_kernel_install_takes_it(trixie: Root) -> None:
    planned = plan(host=SYSTEMD_BOOT)
    with trixie.session() as session:
        version = _by_entries(session)
        for with_ours in (False, True):
            text = "root=UUID=1 ro\n"
            session.put(boot_loader.CMDLINE, merged_into(planned, boot_loader.CMDLINE, text) if with_ours else text)
            session.run(["kernel-install", "add", version, f"/boot/vmlinuz-{version}"], timeout=120)
            entry = session.run(["sh", "-c", "cat /boot/loader/entries/*.conf"]).stdout
            (options,) = (line.split()[1:] for line in entry.splitlines() if line.startswith("options"))
            assert options[:2] == ["root=UUID=1", "ro"]
            assert (set(PARAMS) <= set(options)) == with_ours


def test_a_later_kernel_has_a_way_back_too(trixie: Root) -> None:
    """By kernel-install itself, which removes it with its kernel; the twin has no such file."""
    planned = plan(host=SYSTEMD_BOOT)
    with trixie.session() as session:
        version = _by_entries(session)
        session.put(boot_loader.CMDLINE, f"root=UUID=1 ro {' '.join(PARAMS)}\n")
        for ours in (False, True):
            if ours:
                session.put(LATER, files(planned)[LATER], 0o755)
            session.run(["kernel-install", "add", version, f"/boot/vmlinuz-{version}"], timeout=120)
            names = session.run(["ls", "/boot/loader/entries"]).stdout.split()
            off = [name for name in names if name.endswith("-optimux-off.conf")]
            assert (len(names), len(off)) == ((2, 1) if ours else (1, 0))
        text = session.read(f"/boot/loader/entries/{off[0]}").decode()
        (options,) = (line.split()[1:] for line in text.splitlines() if line.startswith("options"))
        assert options[:2] == ["root=UUID=1", "ro"]
        assert set(PARAMS).isdisjoint(options)
        assert "module_blacklist=vfio_pci" in options
        session.run(["kernel-install", "remove", version], timeout=120)
        assert session.run(["ls", "/boot/loader/entries"]).stdout == ""


def test_a_missing_command_line_starts_with_the_running_one(trixie: Root) -> None:
    """A file with our words alone would lose root=."""
    planned = plan(host=SYSTEMD_BOOT)
    first = commands(planned)[:2]
    (seed,) = (command for command in first if boot_loader.CMDLINE in command)
    with trixie.session() as session:
        session.put("/cmdline", "BOOT_IMAGE=/vmlinuz  root=/dev/sda1 ro initrd=\\x quiet\n")
        session.run(["sh", "-c", f"mkdir -p /etc/kernel; {seed.replace('/proc/cmdline', '/cmdline')}"])
        assert session.read(boot_loader.CMDLINE).decode().split() == ["root=/dev/sda1", "ro", "quiet"]
        session.put(boot_loader.CMDLINE, "root=mine\n")
        session.run(["sh", "-c", seed.replace("/proc/cmdline", "/cmdline")])
        assert session.read(boot_loader.CMDLINE) == b"root=mine\n"


def test_unified_images_are_rebuilt_with_the_command_line() -> None:
    host = {**ARCH, "bootLoader": "uki"}
    assert commands(plan(host=host)).count("mkinitcpio -P") == 1
    assert commands(plan(host=host, gpu={"bind": "on-demand"}))[-1] == "mkinitcpio -P"
    assert "kernel-install add-all" in commands(plan(host={**SYSTEMD_BOOT, "distribution": "fedora"}))
    # It finds no kernel where Debian has them.
    assert "kernel-install add-all" not in commands(plan(host=SYSTEMD_BOOT))
    assert lines_of(plan(host=host), boot_loader.CMDLINE).lines == (" ".join(PARAMS),)


def test_grub_parses_the_menu(trixie: Root) -> None:
    """The line as grub-mkconfig writes it, words as they stand."""
    odd = ["a=$(reboot);b", 'x="y;{z"', "d=`q`\\n|&{}#*"]
    line = _grub_default(files(_debian(*odd))[boot_loader.GRUB_DROP_IN])
    with trixie.session() as session:
        if session.run(["sh", "-c", "command -v grub-script-check"], check=False).returncode:
            pytest.skip("grub-script-check is not in the root (Debian package grub-common)")
        for words, status in ((line, 0), (line.replace("'", ""), 1)):
            menu = f"menuentry optimux {{\n  linux /vmlinuz root=UUID=1 {words}\n}}\n"
            assert session.run(["grub-script-check"], input=menu, check=False).returncode == status
