"""What a configuration costs grows with it and no faster: operations are counted, not seconds."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Any

import pytest

from lab.hostile import JSON, OPTIONS, TOML
from optimux.emit.bundle import bundle
from optimux.errors import InvalidInput
from optimux.files.documents import read_json, read_toml
from optimux.options.model import Options
from optimux.plan.resolve import plan_from
from tests.calls import counted, grows_with_the_square

BYTES, ENTRIES = 2000, 20
DOCUMENTS = {
    f"{name}.{kind}": make for kind, shapes in (("toml", TOML), ("json", JSON)) for name, make in shapes.items()
}


@pytest.mark.parametrize("name", DOCUMENTS)
def test_a_document_of_twice_the_length(name: str, tmp_path: Path) -> None:
    read = read_toml if name.endswith("toml") else read_json

    def count_for(times: int) -> int:
        file = tmp_path / f"{times}"
        file.write_text(DOCUMENTS[name](BYTES * times), encoding="utf-8")
        return counted(lambda: _planned(read, str(file)))

    count_for(1)  # what is imported and compiled once
    assert grows_with_the_square(count_for) is None


def _planned(read: Any, path: str) -> None:
    with contextlib.suppress(InvalidInput):
        plan_from(read(path))


@pytest.mark.parametrize("name", OPTIONS)
def test_twice_as_many_entries(name: str) -> None:
    def count_for(times: int) -> int:
        return counted(lambda: _emitted(OPTIONS[name](ENTRIES * times)))

    count_for(1)
    assert grows_with_the_square(count_for) is None


def _emitted(data: Any) -> None:
    with contextlib.suppress(InvalidInput):
        bundle(plan_from(data))


def test_the_count_sees_a_square() -> None:
    assert grows_with_the_square(lambda times: counted(lambda: [ord("a") for _ in range((50 * times) ** 2)]))


@pytest.mark.parametrize("table", ["vms", "gpus"])
def test_more_than_any_host_has_is_refused_at_once(table: str) -> None:
    most = Options.by_key[table].kind.most  # type: ignore[attr-defined]
    with pytest.raises(InvalidInput, match=rf"{table}: found {most + 1} entries; allowed: at most {most} entries"):
        plan_from({table: {f"a{number}": {} for number in range(most + 1)}})
