"""The product's places that refuse, and which of them a selection of the tests comes to.

A place is a ``raise``, or a ``Problem`` that is made. The tests run on a copy of the product in which each place first
writes down that it was come to. Coverage would count every line, and begin anew in every process that a test starts.
"""

from __future__ import annotations

import ast
import compileall
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from lab import CHECKOUT
from lab.mutation.runner import load_shared, run
from optimux.record import Record

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

PACKAGE = CHECKOUT / "generator"
# Others than root may come to a place, and the calls of os are what some tests replace.
_WRITER = """
import posix
seen = set()
def come(place):
    if place not in seen:
        seen.add(place)
        try:
            file = posix.open({path!r}, posix.O_WRONLY | posix.O_APPEND)
            posix.write(file, place.encode() + b"\\n")
            posix.close(file)
        except OSError:
            pass
"""


class Place(Record):
    """One place that refuses: its file below the package, its line, and that line as it is written."""

    file: str
    line: int
    text: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.text}"


def places(file: Path, name: str) -> list[Place]:
    """Every place of one module, in no order."""
    source = file.read_text(encoding="utf-8")
    lines = source.splitlines()
    return [Place(name, node.lineno, lines[node.lineno - 1].strip()) for node in _nodes(source)]


def of_room(room: str) -> list[Place]:
    """Every place of the modules below a folder of the product."""
    files = sorted((PACKAGE / "optimux" / room).rglob("*.py"))
    return [place for file in files for place in places(file, file.relative_to(PACKAGE).as_posix())]


def _nodes(source: str) -> Iterator[ast.Raise | ast.Call]:
    within: set[ast.AST] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Raise):
            within |= set(ast.walk(node))
            yield node
        elif isinstance(node, ast.Call) and node not in within and _makes_a_problem(node.func):
            yield node


def _makes_a_problem(called: ast.expr) -> bool:
    return isinstance(called, ast.Name) and called.id == "Problem"


def marked(source: str, name: str) -> str:
    """The source in which each place writes itself down before it refuses; every line stays where it is."""
    lines = source.encode().splitlines(keepends=True)
    inserted: list[tuple[int, int, bytes]] = []
    for node in _nodes(source):
        mark = f'__import__("optimux._come")._come.come("{name}:{node.lineno}")'
        if isinstance(node, ast.Raise):
            inserted.append((node.lineno, node.col_offset, f"{mark}; ".encode()))
        else:
            inserted.append((node.lineno, node.col_offset, f"({mark} or ".encode()))
            inserted.append((node.end_lineno or node.lineno, node.end_col_offset or 0, b")"))
    for line, column, text in sorted(inserted, reverse=True):
        lines[line - 1] = lines[line - 1][:column] + text + lines[line - 1][column:]
    return b"".join(lines).decode()


def reached(selection: Sequence[str], folder: Path | None = None) -> set[tuple[str, int]]:
    """File and line of each place that these tests come to, in processes of their own as well.

    ``folder`` is where they run, the usual one for temporary files where there is none.
    Raises ``RuntimeError`` where one fails.
    """
    load_shared()
    with tempfile.TemporaryDirectory(prefix="optimux-refusals-", dir=folder) as made:
        scratch = Path(made)
        written = scratch / "come"
        written.touch()
        scratch.chmod(0o755)
        written.chmod(0o666)
        _write_copy(scratch / "generator", written)
        options = ["-q", "-p", "no:cacheprovider", f"--rootdir={CHECKOUT}", *selection]
        done = run(options, scratch, times=scratch / "times", only=None, seconds=None)
        if done.code:
            raise RuntimeError(f"the tests fail by themselves:\n{done.output}")
        pairs = [line.rsplit(":", 1) for line in written.read_text(encoding="utf-8").splitlines()]
        return {(name, int(line)) for name, line in pairs}


def _write_copy(package: Path, written: Path) -> None:
    shutil.copytree(PACKAGE, package, ignore=shutil.ignore_patterns("__pycache__", "*.egg-info"))
    for file in package.rglob("*.py"):
        source = file.read_text(encoding="utf-8")
        file.write_text(marked(source, file.relative_to(package).as_posix()), encoding="utf-8")
    (package / "optimux" / "_come.py").write_text(_WRITER.format(path=str(written)), encoding="utf-8")
    compileall.compile_dir(package, quiet=1)  # once, not in each process that a test starts
