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

OWN = (
    'user = "me"\ncgroup_device_acl = [\n  "/dev/null",\n  "/dev/mine"\n]\ngroup = "kvm"\n',
    '#cgroup_device_acl = [\n#  "/dev/null"\n#]\ngroup = "kvm"\ncgroup_device_acl = ["/dev/mine"]\nuser = "me"\n',
)


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
    own = OWN[0].replace('"me"', '"root"')
    _start(trixie, merged_into(plan(), qemu_conf.PATH, own))
    with pytest.raises(Refused):
        _start(trixie, text.replace('"/dev/kvmfr0"\n]', '"/dev/kvmfr0"\n'))


@pytest.mark.parametrize("user", OWN)
def test_a_list_of_the_users_is_completed(user: str) -> None:
    """By our device alone: what it leaves out of libvirt's own is the user's decision."""
    text = merged_into(plan(), qemu_conf.PATH, user)
    assert len(ACTIVE.findall(text)) == 1
    assert text.replace(',\n  "/dev/kvmfr0"', "").replace(', "/dev/kvmfr0"', "") == user
    assert "/dev/kvmfr0" in text


def test_without_a_list_the_whole_is_appended() -> None:
    text = merged_into(plan(), qemu_conf.PATH, 'user = "me"\ngroup = "kvm"')
    assert text.startswith('user = "me"\ngroup = "kvm"\ncgroup_device_acl = [\n    "/dev/null",\n')
    assert '    "/dev/kvm",\n' in text


@pytest.mark.parametrize(("distribution", "service"), [("debian", "libvirtd"), ("fedora", "virtqemud")])
def test_libvirt_is_told(distribution: str, service: str) -> None:
    assert f"systemctl try-restart {service}" in commands(plan(host={"distribution": distribution}))


def test_libvirts_own_list_suits_shm() -> None:
    assert not any("try-restart" in command for command in commands(plan(lookingGlass={"memory": "shm"})))
