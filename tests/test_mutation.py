"""``./dev mutate``: which faults it makes, and that it tells a noticed one from one that is not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from lab import CHECKOUT
from lab.mutation.equivalent import entries, equivalents, key_of
from lab.mutation.mutants import Mutant, mutants
from lab.mutation.runner import LOADING
from lab.mutation.swap import changed_functions, put_in
from lab.mutation.trial import Reach, Trials

SOURCE = '''"""Words."""
from typing import TYPE_CHECKING
if TYPE_CHECKING:
    import os
__all__ = ["f"]; T = TypeVar("T", bound="int")
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
    """One in a function, and one in what runs once, when its module is loaded."""
    path = CHECKOUT / "generator" / "optimux" / "sizes.py"
    source = path.read_text(encoding="utf-8")
    faults = [("", ""), ("count << 20", "count << 21"), ("    bytes: int", "    bites: int")]
    assert all(was in source for was, _ in faults)
    with Trials(["tests/looking_glass/test_memory_size.py"]) as trials:
        reach = trials.reach()
        told = [trials.notice(Mutant(path, 1, "", "", source.replace(was, now)), reach) for was, now in faults]
    assert told == [False, True, True]


def test_a_loaded_function_gets_the_fault() -> None:
    """Those inside it too, wherever its lines went; what is no function's is not tried so."""
    whole = "LIMIT = 1\n\n\ndef outer(\n    a,\n):\n    return [b + 1 for b in a]\n\n\ndef last():\n    return 2\n"
    names: dict[str, Any] = {}
    exec(compile(whole, "a.py", "exec"), names)
    for was, now, found in (("(\n    a,\n)", "(a)", ([2], 2)), ("b + 1", "b - 1", ([0], 2)), ("2", "3", ([2], 3))):
        codes = changed_functions("a.py", whole, whole.replace(was, now))
        assert codes is not None
        put_in([names["outer"], names["last"]], codes)
        assert (names["outer"]([1]), names["last"]()) == found
        exec(compile(whole, "a.py", "exec"), names)
    for was, now in (("LIMIT = 1", "LIMIT = 2"), ("    a,", "    a=1,")):
        assert changed_functions("a.py", whole, whole.replace(was, now)) is None


def test_every_equivalent_fault_is_still_one() -> None:
    """Where its line is written otherwise, it is to be judged anew; and each is listed once, with its reason."""
    package = CHECKOUT / "generator" / "optimux"
    listed = list(entries())
    assert len(equivalents()) == len(listed)
    files = {package / entry["path"] for entry in listed}
    made = {key_of(mutant) for file in files for mutant in mutants(file)}
    assert equivalents() <= made
    assert all(entry["why"].endswith(".") for entry in listed)


def test_whoever_reads_a_constant_may_notice_a_fault_in_it() -> None:
    """A line that runs while its module is loaded has no test by name: all are asked, those of its file first."""
    reach = Reach({("a.py", 1): frozenset(), ("a.py", 2): frozenset({"one"})}, {"one": 9.0, "two": 0.1})
    assert sorted(reach.of("a.py", 1), key=reach.of("a.py", 1).__getitem__) == ["one", "two"]
    assert set(reach.of("a.py", 2)) == {"one"}
    assert sorted(reach.of("b.py", 1), key=reach.of("b.py", 1).__getitem__) == ["two", "one"]
    loaded = reach.replace(tests={("a.py", 1): frozenset({LOADING, "one"})})
    assert sorted(loaded.of("a.py", 1), key=loaded.of("a.py", 1).__getitem__) == ["one", "two"]


def test_what_runs_while_tests_are_loaded_is_known() -> None:
    """The table of a test module is made there: a test that reads it has not run a line."""
    with Trials(["tests/options/test_kinds.py"]) as trials:
        reach = trials.reach()
    kinds = "generator/optimux/declare/scalars.py"
    source = (CHECKOUT / kinds).read_text(encoding="utf-8").split("\n")
    line = source.index("        self.least = least") + 1
    assert len(reach.of(kinds, line)) == len(reach.seconds)


def test_tests_that_fail_by_themselves_are_no_judge() -> None:
    with Trials(["tests/no_such_test.py"]) as trials, pytest.raises(RuntimeError, match="fail without a fault"):
        trials.reach()
