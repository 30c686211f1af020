"""Packages by the distribution's own names."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from optimux.emit.packages import elsewhere, package_names
from tests.host.plans import commands, plan

if TYPE_CHECKING:
    from lab.consumers.roots import Root

# What the small roots go without.
NOT_THERE = ("dkms", "linux-headers-amd64", "qemu-utils", "python3-libvirt")
# Who has the module as a package, or in its image.
MODULE = {"opensuse": "looking-glass-kmp-default", "fedora-atomic": None}
OLD = {"qemuVersion": "7.2", "libvirtVersion": "9.0"}


@pytest.mark.parametrize("distribution", ["arch", "debian", "fedora", "fedora-atomic", "opensuse"])
def test_each_feature_brings_its_own(distribution: str) -> None:
    host = {"distribution": distribution}
    plain = {"memory": "1GiB", "firmware": {"type": "bios"}, "tpm": {"backend": "none"}}
    least = set(package_names(plan(host=host, vms={"a": plain})))
    full = set(package_names(plan(host=host)))
    assert {"swtpm", MODULE.get(distribution, "dkms")} - {None} <= full - least
    assert any("ovmf" in name for name in full - least)
    assert elsewhere(plan(host=host, vms={"a": plain})) == []
    assert len(elsewhere(plan(host=host))) == (0 if distribution == "opensuse" else 2)
    assert "Scream" in " ".join(elsewhere(plan(host=host, lookingGlass={"scream": {"enable": True}}))).title()


def test_the_client_is_of_the_release() -> None:
    assert "B7" in elsewhere(plan())[1]
    assert "master" in elsewhere(plan(lookingGlass={"release": "idd"}))[1]
    assert len(elsewhere(plan(lookingGlass={"installClient": False}))) == 1


def test_fedoras_default_network_is_a_package_of_its_own() -> None:
    name, fedora = "libvirt-daemon-config-network", {"distribution": "fedora"}
    bridged = {"memory": "1GiB", "networks": [{"type": "bridge", "source": "br0"}]}
    assert name in package_names(plan(host=fedora))
    assert name not in package_names(plan(host=fedora, vms={"a": bridged}))
    assert name not in package_names(plan())


def test_installing_comes_first() -> None:
    assert commands(plan())[0].startswith("apt-get install qemu-system-x86 ")


def test_debian_names_are_of_its_archive(trixie: Root, bookworm: Root) -> None:
    """Those that the roots hold are known to dpkg; SPICE had no package of its own in bookworm."""
    spice = "qemu-system-modules-spice"
    for root, host in ((trixie, {}), (bookworm, OLD)):
        names = [name for name in package_names(plan(host=host)) if name not in NOT_THERE]
        shown = root.run(["dpkg-query", "-W", "-f", "${Package}\\n", *names], check=False)
        assert set(names) <= set(shown.stdout.split()), shown.stderr
        assert (spice in names) == (root is trixie)
    assert bookworm.run(["dpkg-query", "-W", spice], check=False).returncode == 1
