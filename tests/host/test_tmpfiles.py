"""tmpfiles.d, as systemd-tmpfiles takes it."""

from __future__ import annotations

import tempfile
from typing import TYPE_CHECKING

import pytest

from lab.consumers.host_files import systemd_tmpfiles
from lab.errors import Refused
from optimux.emit import tmpfiles
from optimux.emit.artifact import HostCommand
from optimux.emit.host import host_entries
from optimux.sizes import Size
from tests.host.plans import commands, files, plan

if TYPE_CHECKING:
    from lab.consumers.roots import Root

SHM = {"memory": "shm"}
SHARED = "/dev/shm/looking-glass"
MAPS = f"""
import mmap, time
with open("{SHARED}") as file:
    mapped = mmap.mmap(file.fileno(), 0, mmap.MAP_SHARED, mmap.PROT_READ, trackfd=False)
time.sleep(60)
"""


def test_systemd_tmpfiles_takes_it(trixie: Root) -> None:
    planned = plan(lookingGlass=SHM)
    actions = systemd_tmpfiles(trixie, files(planned)[tmpfiles.PATH])
    assert any(planned.shm[0].path in action for action in actions)


def test_systemd_tmpfiles_refuses_a_broken_line(trixie: Root) -> None:
    text = files(plan(lookingGlass=SHM))[tmpfiles.PATH]
    with pytest.raises(Refused):
        systemd_tmpfiles(trixie, text.replace(" 0660 ", " 0999 "))


@pytest.mark.parametrize(("user", "owner"), [(None, "root"), ("libvirt-qemu", "libvirt-qemu")])
def test_the_file_is_made_as_planned(trixie: Root, user: str | None, owner: str) -> None:
    planned = plan(lookingGlass={**SHM, **({"user": user} if user else {})})
    with trixie.session() as session:
        session.put(tmpfiles.PATH, files(planned)[tmpfiles.PATH])
        (command,) = (command for command in commands(planned) if "tmpfiles" in command)
        session.run(["sh", "-c", command])
        shown = session.run(["stat", "-c", "%a %U %G %F", planned.shm[0].path]).stdout
    assert shown == f"660 {owner} kvm regular empty file\n"


def test_names_are_not_read_as_syntax(trixie: Root) -> None:
    path = "/dev/shm/a b;%u$HOME\\x"
    memory = plan(lookingGlass=SHM).shm[0].replace(path=path, size=Size.mib_of(32))
    with trixie.session() as session:
        session.put(tmpfiles.PATH, f"{tmpfiles._line(memory)}\n")
        session.run(["systemd-tmpfiles", "--create", tmpfiles.PATH])
        assert session.run(["find", "/dev/shm", "-type", "f"]).stdout == f"{path}\n"


def test_no_file_with_kvmfr() -> None:
    assert tmpfiles.PATH not in files(plan())


@pytest.mark.parametrize(
    ("user", "stays"),
    [
        ("", False),
        (f"exec 9<{SHARED}; sleep 60", True),
        # QEMU's and the client's memory, whose file may be closed.
        (f"exec python3 -c '{MAPS}'", True),
    ],
)
def test_what_nobody_uses_is_removed_again(trixie: Root, user: str, stays: bool) -> None:
    planned = plan(lookingGlass=SHM)
    (command,) = (e for e in host_entries(planned) if isinstance(e, HostCommand) and "tmpfiles" in e.command)
    with trixie.session() as session, tempfile.TemporaryFile() as log:
        session.put(tmpfiles.PATH, files(planned)[tmpfiles.PATH])
        session.run(["sh", "-c", f"{command.command} && echo frames >{SHARED}"])
        if user:
            session.start(["sh", "-c", user], log)
            session.run(
                [
                    "sh",
                    "-c",
                    f"until cat /proc/[0-9]*/maps | grep -q {SHARED} || "
                    f"ls -l /proc/[0-9]*/fd 2>&1 | grep -q {SHARED}; do sleep 0.1; done",
                ]
            )
        said = session.run(["sh", "-c", command.undo]).stderr
        assert (f"{SHARED} is in use" in said) == stays
        assert (session.run(["test", "-e", SHARED], check=False).returncode == 0) == stays
