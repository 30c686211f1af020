"""One libvirt and one QEMU for all tests of this folder."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.oracle.engine import Oracle

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lab.consumers.roots import Root


@pytest.fixture(scope="session")
def oracle(trixie: Root, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Oracle]:
    """libvirt 11.3 and QEMU 10."""
    with trixie.session() as session:
        yield Oracle(session, tmp_path_factory.mktemp("oracle"))
