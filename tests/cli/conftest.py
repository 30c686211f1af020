"""Where the tests of this folder write, and by which way."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest

from optimux.bundle import folder as folder_module
from optimux.files import renames


@pytest.fixture(params=["exchange", "merge", "no renameat2"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Each way to write: the exchange of the folder, file by file, and what a kernel without the exchange leaves."""
    if request.param == "merge":
        monkeypatch.setattr(folder_module, "_may_swap", lambda parent, tree, index: False)
    if request.param == "no renameat2":
        monkeypatch.setattr(renames, "rename2", lambda *arguments: errno.ENOSYS)
    return str(request.param)


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "out"
