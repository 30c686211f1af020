"""The size of files, words for everything public, and no file that is there by mistake."""

from __future__ import annotations

import ast
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.rooms import CHECKOUT, GENERATOR, modules

MOST_LINES = 450


def undocumented(root: Path, package: str = "optimux") -> list[str]:
    """Public modules, classes, functions and methods without a docstring; tables document their options instead."""
    found = []
    for name, tree in modules(root, package):
        if ast.get_docstring(tree) is None:
            found.append(name)
        found += [f"{name}.{inner}" for inner in _undocumented_in(tree, inherits=False)]
    return found


def _undocumented_in(scope: ast.Module | ast.ClassDef, *, inherits: bool) -> Iterator[str]:
    for node in scope.body:
        if not isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) or node.name.startswith("_"):
            continue
        said = ast.get_docstring(node) is not None or _is_overload(node)
        if isinstance(node, ast.ClassDef):
            bases = [base.id for base in node.bases if isinstance(base, ast.Name)]
            if not said and "Declared" not in bases:
                yield node.name
            yield from (f"{node.name}.{inner}" for inner in _undocumented_in(node, inherits=bool(node.bases)))
        elif not said and not inherits:  # a method may be documented where it is declared
            yield node.name


def _is_overload(node: ast.stmt) -> bool:
    decorators = getattr(node, "decorator_list", [])
    return any(isinstance(decorator, ast.Name) and decorator.id == "overload" for decorator in decorators)


def test_everything_public_is_documented() -> None:
    assert undocumented(GENERATOR) == []
    assert undocumented(CHECKOUT, "lab") == []


# What the checkout holds at its top, and the names of files that may be empty: anything else is there by mistake.
TOP = (
    *(".ci", ".github", ".gitignore", "CHANGELOG.md", "CONTRIBUTING.md", "LICENSE", "LICENSES", "README.md"),
    *("REUSE.toml", "bench", "conftest.py", "default.nix", "dev", "docs", "examples", "flake.lock", "flake.nix"),
    *("generator", "lab", "lock", "nix", "nixos-modules", "package.nix", "pyproject.toml", "templates", "tests"),
    "vm-tests",
)
EMPTY = ("__init__.py", "py.typed")


def astray(checkout: Path) -> list[str]:
    """Files that git has and that nobody can have meant. Skips where this is no checkout of git."""
    command = ["git", "-C", str(checkout), "ls-files", "-z", "--cached"]
    try:
        listed = subprocess.run(command, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        pytest.skip("no git")
    if listed.returncode:
        pytest.skip(f"no checkout of git: {listed.stderr.strip()}")
    names = [name for name in listed.stdout.split("\0") if name and (checkout / name).exists()]
    top = [name for name in names if name.split("/")[0] not in TOP]
    empty = [name for name in names if (checkout / name).stat().st_size == 0 and not name.endswith(EMPTY)]
    return sorted({*top, *empty})


def test_no_file_is_there_by_mistake() -> None:
    assert astray(CHECKOUT) == []


@pytest.mark.parametrize(("name", "text"), [("1024", "x"), ("tests/1024", ""), ("notes/plan.md", "x")])
def test_a_file_that_is_there_by_mistake_is_found(name: str, text: str, tmp_path: Path) -> None:
    for file, content in {"tests/__init__.py": "", "README.md": "x", name: text}.items():
        (tmp_path / file).parent.mkdir(exist_ok=True)
        (tmp_path / file).write_text(content)
    subprocess.run(["git", "init", "-q", str(tmp_path)], check=True)
    subprocess.run(["git", "-C", str(tmp_path), "add", "."], check=True)
    assert astray(tmp_path) == [name]


def _lines(path: Path) -> int:
    return path.read_text(encoding="utf-8").count("\n")


@pytest.mark.parametrize("folder", ["generator", "lab", "tests", "vm-tests", "bench"])
def test_no_file_is_endless(folder: str) -> None:
    sizes = {str(path.relative_to(CHECKOUT)): _lines(path) for path in (CHECKOUT / folder).rglob("*.py")}
    assert sizes
    assert {name: size for name, size in sizes.items() if size > MOST_LINES} == {}


def _tree(root: Path, line: str) -> Path:
    (root / "optimux/plan").mkdir(parents=True)
    (root / "optimux/plan/a.py").write_text(f'"""A."""\n{line}\n')
    return root


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("def f(): ...", ["optimux.plan.a.f"]),
        ("class C:\n    def m(self): ...", ["optimux.plan.a.C.m", "optimux.plan.a.C"]),
        ('class C:\n    """C."""\n    def _m(self): ...', []),
        ("def _f(): ...", []),
        ("class T(Declared): ...", []),
    ],
)
def test_missing_words_are_found(line: str, said: list[str], tmp_path: Path) -> None:
    assert sorted(undocumented(_tree(tmp_path, line))) == sorted(said)
