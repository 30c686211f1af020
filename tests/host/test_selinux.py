"""The SELinux module, compiled by SELinux' own compiler beside as much of a policy as it names."""

from __future__ import annotations

import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest

from optimux.emit import selinux
from tests.host.plans import commands, files, plan

if TYPE_CHECKING:
    from pathlib import Path

SELINUX = {"distribution": "fedora"}
# What Fedora's policy has of what the module names; the classes and levels are its own too, less their other members.
BASE = """\
(handleunknown allow)
(mls true)
(class chr_file (getattr open read write ioctl map append create setattr relabelto))
(class process (transition))
(classorder (chr_file process))
(sid kernel)
(sidorder (kernel))
(user system_u)
(role system_r)
(role object_r)
(type kernel_t)
(type device_t)
(type svirt_t)
(type svirt_image_t)
(roletype system_r kernel_t)
(roletype system_r svirt_t)
(roletype object_r device_t)
(roletype object_r svirt_image_t)
(userrole system_u system_r)
(userrole system_u object_r)
(sensitivity s0)
(sensitivityorder (s0))
(category c0)
(categoryorder (c0))
(sensitivitycategory s0 (c0))
(level low (s0))
(levelrange lowlow (low low))
(userlevel system_u low)
(userrange system_u lowlow)
(sidcontext kernel (system_u system_r kernel_t lowlow))
(allow kernel_t device_t (chr_file (read)))
"""


def compiled(module: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """secilc's own words; the policy lies in ``folder``."""
    if not (shutil.which("secilc") and shutil.which("sesearch")):
        pytest.skip("no SELinux compiler and search here (Debian packages secilc and setools)")
    (folder / "base.cil").write_text(BASE)
    (folder / "module.cil").write_text(module)
    command = ["secilc", "-o", "policy", "-f", "contexts", "base.cil", "module.cil"]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=60, check=False)


def allowed(folder: Path, *terms: str) -> list[str]:
    """The rules that sesearch finds in the compiled policy."""
    command = ["sesearch", "-A", *terms, str(folder / "policy")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    return sorted(line for line in done.stdout.splitlines() if line.startswith("allow"))


def test_it_allows_exactly_that(tmp_path: Path) -> None:
    done = compiled(selinux.CIL, tmp_path)
    assert done.returncode == 0, done.stderr
    assert allowed(tmp_path, "-s", "svirt_t") == [
        "allow svirt_t svirt_image_t:chr_file { getattr ioctl map open read write };"
    ]
    assert allowed(tmp_path, "-t", "device_t") == ["allow kernel_t device_t:chr_file read;"]
    contexts = (tmp_path / "contexts").read_text().split()
    assert contexts == ["/dev/kvmfr[0-9]+", "-c", "system_u:object_r:svirt_image_t:s0"]


def test_a_wider_rule_is_seen(tmp_path: Path) -> None:
    """The twin: what is often published opens every unlabelled node."""
    wide = selinux.CIL + "(allow svirt_t device_t (chr_file (open read write map)))\n"
    assert compiled(wide, tmp_path).returncode == 0
    assert len(allowed(tmp_path, "-s", "svirt_t")) == 2


def test_a_module_that_names_nothing_is_refused(tmp_path: Path) -> None:
    done = compiled(selinux.CIL.replace("svirt_t ", "svirt_kvm_t "), tmp_path)
    assert done.returncode != 0
    assert "allow statement at module.cil:2" in done.stderr


def test_it_comes_where_it_is_needed() -> None:
    assert selinux.PATH in files(plan(host=SELINUX))
    assert f"semodule -X 400 -i {selinux.PATH}" in commands(plan(host=SELINUX))
    for planned in (plan(), plan(host=SELINUX, lookingGlass={"memory": "shm"})):
        assert selinux.PATH not in files(planned)
