"""The AppArmor rules, compiled with libvirt's own abstraction."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from lab.consumers.apparmor import apparmor_parser
from lab.errors import Refused
from optimux.emit import apparmor
from tests.host.plans import files, merged_into, plan

if TYPE_CHECKING:
    from lab.consumers.roots import Root

BOOKWORM = {"libvirtVersion": "9.0", "qemuVersion": "7.2"}
ROM = {"rom": {"file": "/var/lib/libvirt/vbios/a b$(x);[1]{2}.rom"}}
RULE = "/dev/kvmfr0 rw,"


def test_new_libvirt_reads_our_own_file(trixie: Root) -> None:
    written = files(plan(gpu=ROM))
    profile = apparmor_parser(trixie, {apparmor.DROP_IN: written[apparmor.DROP_IN]})
    assert RULE in profile
    assert "a b$(x);" in profile


@pytest.mark.parametrize("release", ["trixie", "bookworm"])
def test_whatever_a_path_has_the_abstraction_parses(release: str, request: pytest.FixtureRequest) -> None:
    names = ["a!b", "a\\", "a\\[b", "@{x}", "a, b", "a^b", "{a", "~`&|;<>=#$(x)", "ä"]
    functions = [{"address": f"0000:0{n}:00.0", "id": "1234:1111"} for n, _ in enumerate(names, 1)]
    cards = {
        f"card{n}": {"functions": [function], "rom": {"file": f"/roms/{name}"}}
        for (n, name), function in zip(enumerate(names), functions, strict=True)
    }
    vms = {f"vm{n}": {"gpu": card, "memory": "8GiB"} for n, card in enumerate(cards)}
    planned = plan(gpus=cards, vms=vms, lookingGlass={"memory": "shm"})
    text = files(planned)[apparmor.DROP_IN]
    assert text.count("/roms/") == len(names)
    assert apparmor_parser(request.getfixturevalue(release), {apparmor.LOCAL: text}).count("/roms/") == len(names)


def test_an_unquoted_path_would_be_refused(trixie: Root) -> None:
    with pytest.raises(Refused):
        apparmor_parser(trixie, {apparmor.LOCAL: "/roms/a!b r,\n"})


def test_old_libvirt_reads_the_local_file(bookworm: Root) -> None:
    text = merged_into(plan(host=BOOKWORM, gpu=ROM), apparmor.LOCAL, "# mine\n/srv/mine r,\n")
    profile = apparmor_parser(bookworm, {apparmor.LOCAL: text})
    assert RULE in profile
    assert "/srv/mine r," in profile


def test_old_libvirt_does_not_read_our_own_file(bookworm: Root) -> None:
    text = files(plan())[apparmor.DROP_IN]
    assert RULE not in apparmor_parser(bookworm, {apparmor.DROP_IN: text})


def test_a_rule_without_its_comma_is_refused(trixie: Root) -> None:
    text = files(plan())[apparmor.DROP_IN].replace(",", "")
    with pytest.raises(Refused):
        apparmor_parser(trixie, {apparmor.DROP_IN: text})


@pytest.mark.parametrize("module", ["none", "selinux"])
def test_nothing_where_apparmor_is_not_on(module: str) -> None:
    assert apparmor.DROP_IN not in files(plan(host={"securityModule": module}))
