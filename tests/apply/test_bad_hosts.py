"""Hosts on which apply must not act, or cannot: each is told, and left as it was."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from optimux.emit.artifact import HostCommand, HostFile
from optimux.errors import InvalidInput, OptimuxError
from tests import needs
from tests.apply.hosts import CONF, OURS, apply, entries, host, look, tree, undo
from tests.apply.test_command import GRUB, back, run
from tests.apply.test_command import host as debian
from tests.cli.command import EXAMPLE, optimux_process

__all__ = ["debian"]


def test_a_command_that_fails_takes_everything_back(tmp_path: Path) -> None:
    folder = host(tmp_path / "host")
    before = tree(folder)
    wanted = [*entries(folder), HostCommand("echo no >&2; exit 7", "fails", step="initramfs", unless="false")]
    with pytest.raises(OptimuxError, match=r"ended with 7\. Everything was taken back"):
        apply(folder, wanted)
    after = tree(folder)
    after.pop("state/image")
    assert after == before


def test_what_fails_to_be_taken_back_is_told(tmp_path: Path) -> None:
    """The twin: the rebuild after the files were put back fails as well."""
    folder = host(tmp_path / "host")
    wanted = [*entries(folder)[:3], HostCommand("false", "rebuilds", step="initramfs", after=(OURS,))]
    with pytest.raises(OptimuxError, match=r"did not end well:\n  false"):
        apply(folder, wanted)


def test_two_at_once(debian: Path) -> None:
    (debian / "var/lib/optimux").mkdir(parents=True)
    descriptor = os.open(debian / "var/lib/optimux", os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        before = tree(debian)
        _, said = run(debian, "--yes", code=1)
        assert "another run of Optimux" in said
        _, said = back(debian, "--yes", code=1)
        assert "another run of Optimux" in said
        assert tree(debian) == before
    finally:
        os.close(descriptor)
    run(debian, "--yes")


@pytest.mark.parametrize("path", ["etc/libvirt/qemu.conf", "etc/modprobe.d/optimux.conf"])
def test_a_link_that_was_planted(debian: Path, tmp_path: Path, path: str) -> None:
    """Neither followed nor replaced."""
    victim = tmp_path / "victim"
    victim.write_text("precious\n")
    (debian / path).parent.mkdir(exist_ok=True)
    (debian / path).unlink(missing_ok=True)
    (debian / path).symlink_to(victim)
    before = tree(debian)
    _, said = run(debian, "--yes", code=2)
    assert f"/{path}: found a symbolic link to {victim}" in said
    assert (tree(debian), victim.read_text()) == (before, "precious\n")


def test_links_of_another_root_stay_in_it(debian: Path, tmp_path: Path) -> None:
    """An absolute link of a folder means that root's own."""
    outside = tmp_path / "outside"
    outside.mkdir()
    (debian / "real").mkdir()
    (debian / "real-grub").mkdir()
    (debian / "etc/modprobe.d").symlink_to("/real")
    (debian / "etc/default").symlink_to("../../../../../../real-grub")
    run(debian, "--yes")
    assert (debian / "real/optimux.conf").exists()
    assert (debian / "real-grub/grub.d/optimux.cfg").exists()
    assert not any(outside.iterdir())
    back(debian, "--yes")
    assert not any((debian / "real").iterdir())
    assert not any((debian / "real-grub").iterdir())


def test_a_folder_where_a_file_goes(debian: Path) -> None:
    (debian / "etc/modprobe.d/optimux.conf").mkdir(parents=True)
    before = tree(debian)
    _, said = run(debian, "--yes", code=2 if os.geteuid() == 0 else 1)
    assert "/etc/modprobe.d/optimux.conf" in said
    assert tree(debian) == before


def test_a_journal_that_was_changed(debian: Path) -> None:
    run(debian, "--yes")
    journal = debian / "var/lib/optimux/journal/1.json"
    assert journal.stat().st_mode & 0o777 == 0o600
    applied = tree(debian)
    good = journal.read_bytes()
    journal.write_bytes(good.replace(b"update-grub", b"rm -rf /ome"))
    for verb in (run, back):
        _, said = verb(debian, "--yes", code=1)
        assert "/var/lib/optimux/journal/1.json is damaged, or was changed by hand" in said
    journal.write_bytes(good)
    journal.chmod(0o666)
    _, said = back(debian, "--yes", code=1)
    assert "may have been written by others" in said
    assert tree(debian) == applied
    journal.chmod(0o600)
    back(debian, "--yes")


def test_a_generated_folder_is_not_trusted(debian: Path, tmp_path: Path) -> None:
    """Its manifest can be anybody's: apply makes the plan itself, and refuses a folder."""
    assert optimux_process("generate", EXAMPLE, "-o", str(tmp_path / "out")).returncode == 0
    manifest = tmp_path / "out/host/manifest.json"
    manifest.write_text(manifest.read_text().replace("update-grub", "rm -rf /"))
    _, said = run(debian, "--yes", config=str(tmp_path / "out"), code=2)
    assert "trusts no generated folder" in said


def test_an_immutable_file(tmp_path: Path) -> None:
    needs.root("chattr +i")
    folder = host(tmp_path / "host")
    file = folder / CONF[1:]
    if shutil.which("chattr") is None or subprocess.run(["chattr", "+i", file], check=False).returncode:
        pytest.skip("this file system has no immutable files (chattr of Debian's e2fsprogs)")
    try:
        before = tree(folder)
        with pytest.raises(OptimuxError, match=r"Operation not permitted.*taken back"):
            apply(folder, entries(folder))
        assert {k: v for k, v in tree(folder).items() if k != "state/image"} == before
    finally:
        subprocess.run(["chattr", "-i", file], check=True)
    apply(folder, entries(folder))
    assert look(folder, entries(folder)).is_empty


@pytest.mark.parametrize("options", ["ro", "size=64k"])
def test_etc_that_cannot_be_written(tmp_path: Path, options: str) -> None:
    """Read-only, and full: a file system of its own."""
    needs.root("mount")
    folder = host(tmp_path / "host")
    etc = folder / "etc"
    shutil.copytree(etc, folder / "copy")
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "optimux", etc], check=False).returncode:
        pytest.skip("no mounts here (CAP_SYS_ADMIN)")
    try:
        shutil.copytree(folder / "copy", etc, dirs_exist_ok=True)
        large = entries(folder, text="#" * (80 << 10)) if options != "ro" else entries(folder)
        if options == "ro":
            subprocess.run(["mount", "-o", "remount,ro", etc], check=True)
        before = tree(folder)
        reason = "Read-only file system" if options == "ro" else "No space left on device"
        with pytest.raises(OptimuxError, match=f"{reason}.*taken back"):
            apply(folder, large)
        assert {k: v for k, v in tree(folder).items() if k != "state/image"} == before
        assert undo(folder) == ()
    finally:
        subprocess.run(["umount", etc], check=True)


def test_a_file_that_changes_while_it_is_applied(tmp_path: Path) -> None:
    folder = host(tmp_path / "host")
    wanted = [*entries(folder)[:1], HostFile("/etc/late", "late\n", "late")]
    prepared = look(folder, wanted)
    (folder / "etc/late").write_text("mine\n")
    from optimux.files.root import Root
    from optimux.host.apply.carry_out import carry_out
    from optimux.host.journal import Transaction
    from optimux.host.shell import Shell

    with Root(folder) as root, pytest.raises(OptimuxError, match="/etc/late was changed while this ran"):
        carry_out(prepared, Transaction(1, "", "", ""), root, Shell(), lambda text: None)
    assert (folder / "etc/late").read_text() == "mine\n"
    assert not (folder / OURS[1:]).exists()


def test_nixos_has_its_module(debian: Path) -> None:
    (debian / "etc/os-release").write_text("ID=nixos\n")
    config = debian.parent / "nixos.toml"
    config.write_text(Path(EXAMPLE).read_text().replace('"debian"', '"nixos"'))
    _, said = run(debian, "--yes", config=str(config), code=1)
    assert "nixos-rebuild" in said


@pytest.mark.parametrize(
    ("path", "text", "said"),
    [
        ("etc/supergfxd.conf", "{}", "supergfxctl --mode Hybrid"),
        ("etc/prime-discrete", "nvidia", "prime-select on-demand"),
        ("etc/os-release", "ID=fedora\n", "host.distribution"),
        ("var/lib/dpkg/status", "Package: libvirt0\nStatus: install ok installed\nVersion: 9.0.0-4\n", None),
    ],
)
def test_what_speaks_against_it(debian: Path, path: str, text: str, said: str | None) -> None:
    (debian / path).parent.mkdir(parents=True, exist_ok=True)
    (debian / path).write_text(text)
    before = tree(debian)
    if said is None:
        run(debian, "--dry-run")
        return
    _, words = run(debian, "--yes", code=2)
    assert said in words
    assert tree(debian) == before
    run(debian, "--yes", "--anyway")


@pytest.mark.parametrize(("line", "code"), [("ALL_config=/etc/mkinitcpio.conf", 2), ("#ALL_config=/etc/x", 0)])
def test_a_preset_that_ignores_drop_ins(debian: Path, tmp_path: Path, line: str, code: int) -> None:
    (debian / "etc/os-release").write_text("ID=cachyos\nID_LIKE=arch\n")
    (debian / "etc/mkinitcpio.d").mkdir()
    (debian / "etc/mkinitcpio.d/linux.preset").write_text(f"ALL_kver=/boot/vmlinuz\n{line}\n")
    config = tmp_path / "arch.toml"
    config.write_text(Path(EXAMPLE).read_text().replace('"debian"', '"cachyos"'))
    _, said = run(debian, "--dry-run", config=str(config), code=code)
    assert ("/etc/mkinitcpio.d/linux.preset: found ALL_config" in said) == (code == 2)


def test_two_tools_for_the_initramfs(debian: Path) -> None:
    """Files for the one that is not in use would do nothing, in silence."""
    for program in ("usr/bin/dracut", "usr/sbin/mkinitramfs"):
        (debian / program).parent.mkdir(parents=True, exist_ok=True)
        (debian / program).write_text("")
    _, said = run(debian, "--dry-run", code=2)
    assert "host.initramfs: found dracut (/usr/bin/dracut), initramfs-tools (/usr/sbin/mkinitramfs)" in said
    (debian / "usr/sbin/mkinitramfs").unlink()
    out, _ = run(debian, "--dry-run")
    assert "/etc/dracut.conf.d/optimux.conf" in out


@pytest.mark.parametrize("distribution", ["almalinux", "rocky"])
def test_a_qemu_without_spice(debian: Path, tmp_path: Path, distribution: str) -> None:
    (debian / "etc/os-release").write_text(f"ID={distribution}\nID_LIKE='rhel centos fedora'\n")
    config = tmp_path / "other.toml"
    config.write_text(Path(EXAMPLE).read_text().replace('"debian"', f'"{distribution}"'))
    _, said = run(debian, "--dry-run", config=str(config), code=2)
    assert "lookingGlass: found" in said
    assert "ivshmem-plain" in said


def test_a_loader_that_nobody_knows(debian: Path, tmp_path: Path) -> None:
    config = tmp_path / "manual.toml"
    config.write_text(Path(EXAMPLE).read_text().replace("[host]", '[host]\nbootLoader = "manual"'))
    out, said = run(debian, "--dry-run", config=str(config))
    assert "keep an entry without them: intel_iommu=on iommu=pt" in said
    assert "# intel_iommu" not in out


def test_a_refusal_as_json(debian: Path) -> None:
    (debian / "etc/prime-discrete").write_text("nvidia")
    out, _ = run(debian, "--yes", "--json", code=2)
    told = json.loads(out)
    assert told["outcome"] == "refused"
    assert [problem["path"] for problem in told["problems"]] == ["/etc/prime-discrete"]


def test_a_plan_for_other_versions(debian: Path, tmp_path: Path) -> None:
    (debian / "var/lib/dpkg").mkdir(parents=True)
    status = "Package: libvirt0\nStatus: install ok installed\nVersion: 11.3.0-3\n"
    (debian / "var/lib/dpkg/status").write_text(status)
    config = tmp_path / "old.toml"
    config.write_text(Path(EXAMPLE).read_text().replace("[host]", '[host]\nlibvirtVersion = "9.0"'))
    _, said = run(debian, "--yes", config=str(config), code=2)
    assert "host.libvirtVersion: found 9.0" in said
    assert "allowed: 11.3" in said


def test_nothing_is_done_half_when_several_are_in_the_way(tmp_path: Path) -> None:
    """All at once, not one a run."""
    folder = host(tmp_path / "host")
    for path in (OURS, CONF):
        (folder / path[1:]).unlink(missing_ok=True)
        (folder / path[1:]).symlink_to("/elsewhere")
    with pytest.raises(InvalidInput) as raised:
        apply(folder, entries(folder))
    assert {problem.path for problem in raised.value.problems} == {OURS, CONF}


def test_grub_is_named_in_the_list(debian: Path) -> None:
    run(debian, "--yes")
    out, _ = back(debian, "--list")
    assert f"created {GRUB}" in out
    assert "to run update-grub" in out
