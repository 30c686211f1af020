"""tmpfiles.d, as systemd-tmpfiles takes it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from lab.consumers.host_files import systemd_tmpfiles
from lab.errors import Refused
from optimux.emit import tmpfiles
from optimux.sizes import Size
from tests.host.plans import commands, files, plan

if TYPE_CHECKING:
    from lab.consumers.roots import Root

SHM = {"memory": "shm"}


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
