"""The release of a real client."""

from __future__ import annotations

from typing import TYPE_CHECKING

from optimux.host.doctor.areas.client import PROGRAMS
from optimux.host.looking_glass import release_of

if TYPE_CHECKING:
    from lab.consumers.roots import Root


def test_the_client_of_debian_is_b7(sid: Root) -> None:
    """Its build says of its version that it is unknown."""
    program = (sid.path / PROGRAMS[1].lstrip("/")).read_bytes()
    assert release_of(program) == ("b7", "shmFile")
