"""``./dev mutate``: which faults it makes, and that it tells a noticed one from one that is not."""

from __future__ import annotations

from pathlib import Path

import pytest

from lab import CHECKOUT
from lab.mutation.mutants import Mutant, mutants
from lab.mutation.trial import Reach, Trials

SOURCE = '''"""Words."""
from typing import TYPE_CHECKING
if TYPE_CHECKING:
    import os
__all__ = ["f"]
LIMIT: "int" = 2 + 3
def f(a: int = 1) -> int:
    """More words."""
    if a < LIMIT and not a:
        raise ValueError(f"é {a}")
    return [b for b in "é" if b == "x"]
'''
FAULTS = [
    "6: 2 + 3 -> (2 - 3)",
    "6: 2 -> 3",
    "6: 3 -> 4",
    "7: 1 -> 2",
    "9: a < LIMIT and not a -> (not (a < LIMIT and (not a)))",
    "9: a < LIMIT and not a -> (a < LIMIT or not a)",
    "9: a < LIMIT -> (a <= LIMIT)",
    "9: not a -> (a)",
    '10: raise ValueError(f"é {a}") -> pass',
    '11: [b for b in "é" if b == "x"] -> None',
    '11: b == "x" -> True',
    '11: "é" -> ""',
    "11: b == \"x\" -> (b != 'x')",
    '11: "x" -> ""',
]


def test_the_faults_of_a_file(tmp_path: Path) -> None:
    file = tmp_path / "a.py"
    file.write_text(SOURCE, encoding="utf-8")
    found = list(mutants(file))
    assert sorted(str(mutant).removeprefix(f"{file}:") for mutant in found) == sorted(FAULTS)
    for mutant in found:
        compile(mutant.source, "a.py", "exec")
        assert mutant.source != SOURCE


def test_a_fault_that_matters_is_noticed_and_none_is_not() -> None:
    path = CHECKOUT / "generator" / "optimux" / "sizes.py"
    source = path.read_text(encoding="utf-8")
    assert "count << 20" in source
    with Trials(["tests/looking_glass/test_memory_size.py"]) as trials:
        reach = trials.reach()
        told = [
            trials.notice(Mutant(path, 1, "", "", text), reach)
            for text in (source, source.replace("count << 20", "count << 21"))
        ]
    assert told == [False, True]


def test_whoever_reads_a_constant_may_notice_a_fault_in_it() -> None:
    """A line that runs while its module is loaded has no test by name: all are asked, those of its file first."""
    reach = Reach({("a.py", 1): frozenset(), ("a.py", 2): frozenset({"one"})}, {"one": 9.0, "two": 0.1})
    assert sorted(reach.of("a.py", 1), key=reach.of("a.py", 1).__getitem__) == ["one", "two"]
    assert set(reach.of("a.py", 2)) == {"one"}
    assert sorted(reach.of("b.py", 1), key=reach.of("b.py", 1).__getitem__) == ["two", "one"]


def test_tests_that_fail_by_themselves_are_no_judge() -> None:
    with Trials(["tests/no_such_test.py"]) as trials, pytest.raises(RuntimeError, match="fail without a fault"):
        trials.reach()
