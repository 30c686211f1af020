"""The consumers of small host files: udev, systemd-tmpfiles, modprobe, Nix's parser."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lab.errors import Refused

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Mapping

    from lab.consumers.roots import Root


def _words(done: subprocess.CompletedProcess[str]) -> str:
    return f"{done.stderr}\n{done.stdout}".strip()


def udevadm_verify(root: Root, files: Mapping[str, str]) -> None:
    """``udevadm verify`` over rules files (name to text); it also minds unknown groups, users and style.

    Needs systemd 254 (trixie). Raises ``Refused``.
    """
    with root.session() as session:
        for name, text in files.items():
            session.put(f"/etc/udev/rules.d/{name}", text)
        done = session.run(["udevadm", "verify", *(f"/etc/udev/rules.d/{name}" for name in files)], check=False)
    if done.returncode or done.stderr.strip():
        raise Refused(_words(done))


def systemd_tmpfiles(root: Root, text: str) -> list[str]:
    """What ``systemd-tmpfiles --create`` would do with a configuration, one line an action.

    Needs systemd 256 (trixie). Raises ``Refused``.
    """
    with root.session() as session:
        session.put("/etc/tmpfiles.d/optimux.conf", text)
        command = ["systemd-tmpfiles", "--dry-run", "--create", "/etc/tmpfiles.d/optimux.conf"]
        done = session.run(command, check=False)
    if done.returncode:
        raise Refused(_words(done))
    return done.stderr.splitlines()


def modprobe_showconfig(root: Root, files: Mapping[str, str]) -> list[str]:
    """modprobe's reading of modprobe.d files (name to text), one directive a line, module names normalised.

    Module options on this machine's kernel command line are part of it. modprobe itself only warns of a line that
    it cannot read; here that raises ``Refused``.
    """
    with root.session() as session:
        for name, text in files.items():
            session.put(f"/tmp/modprobe.d/{name}", text)
        done = session.run(["modprobe", "-C", "/tmp/modprobe.d", "--showconfig"], check=False)
    if done.returncode or done.stderr.strip():
        raise Refused(_words(done))
    return [line for line in done.stdout.splitlines() if line and not line.startswith("#")]


def nix_instantiate_parse(root: Root, text: str) -> str:
    """Nix's reading of an expression, in Nix's own normal form. Raises ``Refused`` with place and reason."""
    with root.session() as session:
        env = {"NIX_CONFIG": "build-users-group ="}
        done = session.run(["nix-instantiate", "--parse", "-"], input=text, env=env, check=False)
    if done.returncode:
        raise Refused(_words(done))
    return done.stdout
