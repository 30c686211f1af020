"""The documented playbook, run by ansible-core on two hosts: roots of their own, reached without a network."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.command import CHECKOUT, EXAMPLE, environment

HOSTS = ("one", "two")
SECONDS = 300


@pytest.fixture
def playbook(tmp_path: Path) -> Path:
    """As documented, with the example's configuration beside it, and what stands for ``optimux`` on each host."""
    if shutil.which("ansible-playbook") is None:
        pytest.skip("no ansible-playbook here (Debian package ansible-core)")
    (text,) = re.findall(r"```yaml\n(.*?)```", (CHECKOUT / "docs/apply.md").read_text(), re.DOTALL)
    path = tmp_path / "playbook.yml"
    path.write_text(text)
    (tmp_path / "optimux.toml").write_text(Path(EXAMPLE).read_text())
    lines = ["[passthrough]"]
    for host in HOSTS:
        root = tmp_path / host
        (root / "etc").mkdir(parents=True)
        (root / "etc/os-release").write_text("ID=debian\n")
        program = tmp_path / f"optimux-{host}"
        program.write_text(
            f"#!{sys.executable}\nimport sys\nfrom optimux.cli import main\n"
            f"main([*sys.argv[1:], '--root', {str(root)!r}])\n"
        )
        program.chmod(0o755)
        lines.append(f"{host} optimux={program} config={tmp_path / f'{host}.toml'}")
    (tmp_path / "hosts").write_text("\n".join(lines) + "\n")
    return path


def run(playbook: Path) -> dict[str, dict[str, int]]:
    """The play's statistics, by host."""
    more = {"ansible_connection": "local", "ansible_become": False, "ansible_python_interpreter": sys.executable}
    # Nothing in it asks what the hosts are.
    env = environment(
        ANSIBLE_GATHERING="explicit",
        ANSIBLE_NOCOLOR="1",
        ANSIBLE_HOME=str(playbook.parent / "ansible"),
        LC_ALL="C.UTF-8",
    )
    command = ["ansible-playbook", "-i", "hosts", "-e", json.dumps(more), playbook.name]
    done = subprocess.run(
        command, cwd=playbook.parent, env=env, capture_output=True, text=True, timeout=SECONDS, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    recap = re.findall(r"^(\w+) +: (.*)$", done.stdout.split("PLAY RECAP")[1], re.MULTILINE)
    return {host: {key: int(count) for key, count in re.findall(r"(\w+)=(\d+)", line)} for host, line in recap}


def test_two_hosts_are_brought_there_once(playbook: Path) -> None:
    """The second run changes nothing but what somebody took away; neither reboots a root that is no machine's own."""
    first = run(playbook)
    assert {host: (first[host]["changed"], first[host]["skipped"]) for host in HOSTS} == dict.fromkeys(HOSTS, (2, 1))
    for host in HOSTS:
        assert (playbook.parent / host / "etc/modprobe.d/optimux.conf").exists()
    (playbook.parent / "two/etc/modprobe.d/optimux.conf").unlink()
    again = run(playbook)
    assert {host: again[host]["changed"] for host in HOSTS} == {"one": 0, "two": 1}
