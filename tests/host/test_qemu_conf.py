"""The device list in libvirt's qemu.conf."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from lab.consumers.libvirtd import Libvirtd
from lab.errors import Refused
from optimux.emit import qemu_conf
from tests.host.plans import commands, merged_into, plan

if TYPE_CHECKING:
    from lab.consumers.roots import Root

ACTIVE = re.compile(r"^cgroup_device_acl", re.MULTILINE)


def _start(root: Root, text: str) -> None:
    with root.session() as session:
        session.put(qemu_conf.PATH, text)
        with Libvirtd(session):
            pass


@pytest.mark.xdist_group("libvirtd_trixie")
def test_libvirtd_starts_with_it(trixie: Root) -> None:
    with trixie.session() as session:
        shipped = session.read(qemu_conf.PATH).decode()
    text = merged_into(plan(), qemu_conf.PATH, shipped)
    assert '"/dev/kvmfr0"\n]' in text
    assert '#    "/dev/userfaultfd"' not in text  # the commented list made room
    _start(trixie, text)
    with pytest.raises(Refused):
        _start(trixie, text.replace('"/dev/kvmfr0"\n]', '"/dev/kvmfr0"\n'))


@pytest.mark.parametrize(
    "user",
    [
        'user = "me"\ncgroup_device_acl = [\n  "/dev/null", # all\n  "/dev/mine"\n]\ngroup = "kvm"\n',
        '#cgroup_device_acl = [\n#  "/dev/null"\n#]\ngroup = "kvm"\ncgroup_device_acl = ["/dev/mine"]\nuser = "me"\n',
        'user = "me"\ngroup = "kvm"',
    ],
)
def test_one_list_is_in_force(user: str) -> None:
    text = merged_into(plan(), qemu_conf.PATH, user)
    assert len(ACTIVE.findall(text)) == 1
    assert "/dev/mine" not in text
    assert 'user = "me"\n' in text
    assert 'group = "kvm"\n' in text
    assert '    "/dev/kvm",\n' in text


@pytest.mark.parametrize(("distribution", "service"), [("debian", "libvirtd"), ("fedora", "virtqemud")])
def test_libvirt_is_told(distribution: str, service: str) -> None:
    assert f"systemctl try-restart {service}" in commands(plan(host={"distribution": distribution}))


def test_libvirts_own_list_suits_shm() -> None:
    assert not any("try-restart" in command for command in commands(plan(lookingGlass={"memory": "shm"})))
