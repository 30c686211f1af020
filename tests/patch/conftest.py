"""What each made-up domain of a test comes to is kept to the letter, in ``heard``: edits, reasons, remarks."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.letters import compare
from tests.patch.plans import HEARD

FOLDER = Path(__file__).parent / "heard"


@pytest.fixture(autouse=True)
def to_the_letter(request: pytest.FixtureRequest, update_golden: bool) -> Iterator[None]:
    """Compare what was heard in the test, once it has ended."""
    HEARD.clear()
    yield
    if HEARD:
        name = request.node.nodeid.partition("::")[2]
        file = FOLDER / f"{request.node.path.stem.removeprefix('test_')}.txt"
        compare(file, name, "\n".join(HEARD), update=update_golden)
