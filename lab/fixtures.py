"""Fixtures that every test may use: Debian roots and the libvirtd in them, started once."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from lab.consumers import roots
from lab.consumers.initramfs import update_initramfs
from lab.consumers.libvirtd import Libvirtd

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lab.consumers.initramfs import Image
    from lab.consumers.roots import Root

# Tests that share one of these run in one worker, so that it is started once.
_SHARED = ("libvirtd_trixie", "libvirtd_bookworm", "oracle")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Keep what shares a daemon together."""
    for item in items:
        for name in _SHARED:
            if name in getattr(item, "fixturenames", ()) and not item.get_closest_marker("xdist_group"):
                item.add_marker(pytest.mark.xdist_group(name))


@pytest.fixture(scope="session")
def bookworm() -> Root:
    """A root with libvirt 9.0 and QEMU 7.2."""
    return roots.bookworm_root()


@pytest.fixture(scope="session")
def trixie() -> Root:
    """A root with libvirt 11.3, QEMU 10, systemd, a kernel, initramfs-tools, dracut, iasl and Nix."""
    return roots.trixie_root()


@pytest.fixture(scope="session")
def sid() -> Root:
    """A root with the B7 client of Looking Glass."""
    return roots.sid_root()


@pytest.fixture(scope="session")
def plain_initramfs(trixie: Root) -> Image:
    """initramfs-tools' image, with the competitor, on a host without our files."""
    return update_initramfs(trixie, {})


@pytest.fixture(scope="session")
def libvirtd_bookworm(bookworm: Root) -> Iterator[Libvirtd]:
    """A running libvirtd 9.0."""
    with bookworm.session() as session, Libvirtd(session) as daemon:
        yield daemon


@pytest.fixture(scope="session")
def libvirtd_trixie(trixie: Root) -> Iterator[Libvirtd]:
    """A running libvirtd 11.3."""
    with trixie.session() as session, Libvirtd(session) as daemon:
        yield daemon
