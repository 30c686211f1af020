"""The verbs ``apply`` and ``rollback`` on another root, as a user calls them."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.apply.hosts import tree
from tests.cli.command import EXAMPLE, optimux_process

QEMU_CONF = 'user = "mine"\ncgroup_device_acl = [\n    "/dev/null", "/dev/mine"\n]\n'
GRUB = "/etc/default/grub.d/optimux.cfg"


@pytest.fixture
def host(tmp_path: Path) -> Path:
    """A Debian, as much of it as matters here."""
    root = tmp_path / "host"
    (root / "etc/libvirt").mkdir(parents=True)
    (root / "etc/os-release").write_text("ID=debian\n")
    (root / "etc/libvirt/qemu.conf").write_text(QEMU_CONF)
    (root / "etc/libvirt/qemu.conf").chmod(0o600)
    return root


def run(host: Path, *arguments: str, config: str | None = EXAMPLE, code: int = 0) -> tuple[str, str]:
    """Standard output and error of ``apply``, which must end with ``code``."""
    return _run("apply", *([config] if config else []), "--root", str(host), *arguments, code=code)


def back(host: Path, *arguments: str, code: int = 0) -> tuple[str, str]:
    """The same for ``rollback``."""
    return _run("rollback", "--root", str(host), *arguments, code=code)


def _run(*arguments: str, code: int) -> tuple[str, str]:
    done = optimux_process(*arguments)
    out, said = done.stdout.decode(), done.stderr.decode()
    assert done.returncode == code, said
    assert "Traceback" not in said
    return out, said


def test_a_dry_run_shows_everything_and_changes_nothing(host: Path) -> None:
    before = tree(host)
    out, said = run(host, "--dry-run")
    assert '+    "/dev/null", "/dev/mine",' in out
    assert '+    "/dev/kvmfr0"' in out
    assert f"+++ {GRUB}" in out
    assert "$ update-initramfs -u -k all" in out
    assert "nothing was changed" in said
    assert "to run in that system" in said
    assert "  apt-get install" in said
    assert tree(host) == before
    assert not (host / "var/lib/optimux").exists()


def test_what_undoes_it_is_said_as_it_has_to_be_called(host: Path) -> None:
    before = tree(host)
    _, said = run(host, "--yes")
    command = said.partition("`")[2].partition("`")[0]
    assert command == f"optimux rollback --root {host}"
    _run(*command.split()[1:], "--yes", code=0)
    assert tree(host) == before


def test_without_a_terminal_it_takes_yes(host: Path) -> None:
    before = tree(host)
    _, said = run(host, code=1)
    assert "no terminal to ask on; add --yes" in said
    assert tree(host) == before


def test_apply_again_and_back(host: Path) -> None:
    before = tree(host)
    run(host, "--yes")
    assert (host / "etc/libvirt/qemu.conf").read_text() == QEMU_CONF.replace(
        '"/dev/mine"', '"/dev/mine",\n    "/dev/kvmfr0"'
    )
    assert "iommu=pt" in (host / GRUB[1:]).read_text()
    assert (host / "etc/optimux/optimux.toml").read_bytes() == Path(EXAMPLE).read_bytes()
    applied = tree(host)
    out, said = run(host, "--yes")
    assert "nothing to do" in said
    assert out == ""
    assert tree(host) == applied
    _, said = back(host, "--yes")
    assert "apply 1 of " in said
    assert tree(host) == before
    _, said = back(host, "--yes")
    assert "nothing to undo" in said


def test_the_kept_copy_is_the_default(host: Path, tmp_path: Path) -> None:
    run(host, "--yes")
    done = optimux_process("apply", "--root", str(host), "--yes", cwd=tmp_path)
    assert (done.returncode, b"nothing to do" in done.stderr) == (0, True)
    back(host, "--yes")
    done = optimux_process("apply", "--root", str(host), "--yes", cwd=tmp_path)
    assert done.returncode == 2
    assert b"./optimux.toml" in done.stderr


def test_a_later_plan_takes_back_what_it_does_without(host: Path, tmp_path: Path) -> None:
    before = tree(host)
    run(host, "--yes")
    text = Path(EXAMPLE).read_text().replace("[lookingGlass]", '[lookingGlass]\nmemory = "shm"')
    other = tmp_path / "other.toml"
    other.write_text(text)
    run(host, "--yes", config=str(other))
    assert (host / "etc/libvirt/qemu.conf").read_text() == QEMU_CONF
    assert not (host / "etc/udev/rules.d/70-kvmfr.rules").exists()
    assert (host / "etc/tmpfiles.d/optimux.conf").exists()
    back(host, "--last", "--yes")
    assert (host / "etc/udev/rules.d/70-kvmfr.rules").exists()
    assert not (host / "etc/tmpfiles.d/optimux.conf").exists()
    back(host, "--yes")
    assert tree(host) == before


def test_only_some_steps(host: Path) -> None:
    run(host, "--yes", "--only", "lines")
    assert "kvmfr0" in (host / "etc/libvirt/qemu.conf").read_text()
    assert not (host / GRUB[1:]).exists()
    _, said = run(host, "--only", "lines, boot", code=2)
    assert 'found "boot"' in said


def test_what_the_user_changed_since_is_kept(host: Path) -> None:
    run(host, "--yes")
    conf = host / "etc/libvirt/qemu.conf"
    conf.write_text(conf.read_text() + "group = 1\n")
    applied = tree(host)
    out, said = back(host, "--yes", code=1)
    assert tree(host) == applied
    assert "changed since" in said
    assert "--- before apply: /etc/libvirt/qemu.conf" in out
    assert "+++ as apply left it: /etc/libvirt/qemu.conf" in out
    assert "+++ as it is now: /etc/libvirt/qemu.conf" in out
    assert "+group = 1" in out
    back(host, "--yes", "--force")
    assert conf.read_text() == QEMU_CONF


def test_the_users_later_words_stay_when_applied_again(host: Path) -> None:
    run(host, "--yes")
    conf = host / "etc/libvirt/qemu.conf"
    conf.write_text(conf.read_text().replace('"/dev/mine",', '"/dev/mine", "/dev/later",'))
    _, said = run(host, "--yes")
    assert "nothing to do" in said
    assert '"/dev/later"' in conf.read_text()


def test_json(host: Path) -> None:
    out, _ = run(host, "--dry-run", "--json")
    shown = json.loads(out)
    assert shown["outcome"] == "would change"
    assert {"path", "step", "purpose", "action", "difference"} == set(shown["files"][0])
    assert {file["path"] for file in shown["files"]} >= {GRUB, "/etc/libvirt/qemu.conf"}
    out, _ = run(host, "--yes", "--json", "--plan", shown["plan"])
    assert json.loads(out)["outcome"] == "changed"
    out, _ = run(host, "--yes", "--json")
    assert json.loads(out)["outcome"] == "unchanged"
    out, _ = back(host, "--list", "--json")
    (entry,) = json.loads(out)
    assert (entry["number"], entry["stage"]) == (1, "applied")
    out, _ = back(host, "--yes", "--json")
    assert json.loads(out)["undone"] == [1]


def test_another_plan_than_was_shown_is_refused(host: Path, tmp_path: Path) -> None:
    config = tmp_path / "optimux.toml"
    shutil.copy(EXAMPLE, config)
    shown = json.loads(run(host, "--dry-run", "--json", config=str(config))[0])["plan"]
    config.write_text(config.read_text() + "\n# later\n")
    before = tree(host)
    _, said = run(host, "--yes", "--plan", shown, config=str(config), code=2)
    assert "--plan" in said
    assert tree(host) == before


def test_the_script_does_the_same(host: Path, tmp_path: Path) -> None:
    """Run on a copy of the host, with its commands left out."""
    out, _ = run(host, "--script")
    copy = tmp_path / "copy"
    shutil.copytree(host, copy)
    lines = [line for line in out.splitlines() if not line.startswith(("apt-get", "udevadm", "systemctl", "virsh"))]
    lines = [line for line in lines if not line.startswith(("usermod", "update-"))]
    script = "\n".join(lines).replace(" /etc/", f" {copy}/etc/").replace(" /var/", f" {copy}/var/")
    script = script.replace(">/etc/", f">{copy}/etc/").replace(">/var/", f">{copy}/var/")
    done = subprocess.run(["sh"], input=script, text=True, capture_output=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    run(host, "--yes")
    shutil.rmtree(host / "var/lib/optimux")
    made, applied = ({name: held[4] for name, held in tree(root).items()} for root in (copy, host))
    assert made == applied
    conf = copy / "etc/libvirt/qemu.conf"
    conf.write_text("changed meanwhile\n")
    done = subprocess.run(["sh"], input=script, text=True, capture_output=True, timeout=60, check=False)
    assert done.returncode != 0
    assert conf.read_text() == "changed meanwhile\n"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("-",), "standard input"),
        ((str(Path(EXAMPLE).parent),), "a folder"),
        ((EXAMPLE, "--root", "/nowhere"), "--root"),
        ((EXAMPLE, "--chroot"), "--chroot"),
        ((EXAMPLE, "--root", "/", "--only", ""), "empty"),
        (("nowhere.toml",), "nowhere.toml"),
    ],
)
def test_what_cannot_be_meant(arguments: tuple[str, ...], said: str) -> None:
    done = optimux_process("apply", *arguments)
    assert done.returncode == 2
    assert said in done.stderr.decode()
