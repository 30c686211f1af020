"""The direction of imports, the size of files, and words for everything public."""

from __future__ import annotations

import ast
import subprocess
from collections.abc import Iterator, Mapping
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).parent.parent
GENERATOR = CHECKOUT / "generator"
MOST_LINES = 450

# Each layer sees itself and those before it.
LAYERS = (
    (
        "errors",
        "record",
        "pci",
        "sizes",
        "version",
        "files",
        "findings",
        "rules",
        "declare",
        "client_settings",
        "nix_text",
        "notation",
        "patch_keys",
    ),
    ("options", "facts"),
    ("plan",),
    ("acpi", "emit", "judge", "patch"),
    ("bundle", "guest", "libvirt", "vm"),
    ("host",),
    ("cli",),
)
LEVEL = {name: level for level, names in enumerate(LAYERS) for name in names}
# Facts, and with them detection, see nothing beside themselves and the values.
ALONE = ("facts",)
# What reaches out of the process: not for those that only turn values into values.
EDGES = ("subprocess", "socket", "shutil", "tempfile", "os", "ctypes", "multiprocessing", "asyncio", "signal")
PURE = ("options", "plan", "acpi", "emit", "judge")


# Beside the product: what each top folder may not import. The laboratory serves the three others.
FORBIDDEN = {
    "generator": ("lab", "tests", "bench", "conftest"),
    "lab": ("tests", "bench", "conftest"),
    "bench": ("tests", "conftest"),
    "vm-tests": ("tests", "bench"),
}


def modules(root: Path, package: str = "optimux") -> Iterator[tuple[str, ast.Module]]:
    """Every module below ``root/package`` by its dotted name."""
    for path in sorted((root / package).rglob("*.py")):
        parts = path.relative_to(root).with_suffix("").parts
        name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
        yield name, _parsed(path.read_text(encoding="utf-8"))


_parsed = cache(ast.parse)  # each module is looked at for many things, and none of them changes it


@cache
def imports(name: str, tree: ast.Module) -> tuple[str, ...]:
    """What a module imports anywhere: at its top, in functions, for type checkers; relative names resolved."""
    return tuple(_imports(name, tree))


def _imports(name: str, tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = name.split(".")[: -node.level] if node.level else []
            origin = ".".join([*base, *([node.module] if node.module else [])])
            # "from optimux import facts" imports a module of that name.
            yield from (f"{origin}.{alias.name}" for alias in node.names)


def part(module: str) -> str | None:
    """The part of Optimux that a dotted name belongs to; ``None`` for the root, and for other packages."""
    names = module.split(".")
    return names[1] if names[0] == "optimux" and len(names) > 1 and not names[1].startswith("__") else None


def against_the_direction(root: Path) -> list[str]:
    """Each import that the layers forbid, as ``importer -> imported``."""
    found = []
    for name, tree in modules(root):
        mine = part(name)
        for imported in imports(name, tree):
            theirs = part(imported)
            if mine is None or theirs is None or mine == theirs:
                continue
            if (
                mine not in LEVEL
                or theirs not in LEVEL
                or LEVEL[theirs] > LEVEL[mine]
                or (mine in ALONE and LEVEL[theirs] == LEVEL[mine])
            ):
                found.append(f"{name} -> {imported}")
    return found


def across_folders(checkout: Path) -> list[str]:
    """Each import of a top folder that is not for the importing one, as ``importer -> imported``."""
    return [
        f"{name} -> {imported}"
        for folder, forbidden in FORBIDDEN.items()
        for name, tree in modules(checkout, folder)
        for imported in imports(name, tree)
        if imported.split(".")[0] in forbidden
    ]


def circle(root: Path, package: str = "optimux") -> list[str]:
    """Modules that import one another in a circle, the first one again at its end; none where there is no circle."""
    trees = dict(modules(root, package))
    graph = {name: {_module(imported, trees) for imported in imports(name, tree)} for name, tree in trees.items()}
    try:
        TopologicalSorter({name: seen - {None, name} for name, seen in graph.items()}).prepare()
    except CycleError as error:
        return list(error.args[1])
    return []


def _module(imported: str, known: Mapping[str, ast.Module]) -> str | None:
    """The module that an imported name is, or is in; packages that only hand names on are no modules of their own."""
    owner = imported if imported in known else imported.rpartition(".")[0]
    return owner if owner in known else None


def reaching_out(root: Path) -> list[str]:
    """Each import of an edge by a part that only turns values into values."""
    return [
        f"{name} -> {imported}"
        for name, tree in modules(root)
        if part(name) in PURE
        for imported in imports(name, tree)
        if imported.split(".")[0] in EDGES
    ]


def asking_for_wishes(root: Path) -> list[str]:
    """Each emitter that asks what the user stated, by line: what is emitted is the plan's decision, not a wish."""
    return [
        f"{name}:{node.lineno}"
        for name, tree in modules(root)
        if part(name) == "emit"
        for node in ast.walk(tree)
        if (isinstance(node, ast.Attribute) and node.attr == "requested")
        or (isinstance(node, ast.ImportFrom) and node.module == "optimux.plan.requested")
    ]


def wishes_emitted(root: Path) -> list[str]:
    """Each import of the options by an emitter, their closed vocabularies apart: the plan is all that it reads."""
    words = {name: set(_vocabularies(tree)) for name, tree in modules(root) if part(name) == "options"}
    return [
        f"{name} -> {node.module}.{alias.name}"
        for name, tree in modules(root)
        if part(name) == "emit"
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.module and part(node.module) == "options"
        for alias in node.names
        if alias.name not in words.get(node.module, set())
    ]


def _vocabularies(tree: ast.Module) -> Iterator[str]:
    """The names that a module gives to a ``Literal``."""
    for node in tree.body:
        if isinstance(node, ast.Assign) and ast.unparse(node.value).startswith("Literal["):
            yield from (target.id for target in node.targets if isinstance(target, ast.Name))


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


def test_every_part_has_a_layer() -> None:
    parts = {named for name, _ in modules(GENERATOR) if (named := part(name))}
    assert parts - LEVEL.keys() == set()
    assert {"errors", "options", "plan", "emit", "bundle", "cli"} <= parts


def test_no_part_has_two_layers() -> None:
    """A name that stands twice would take the later layer, in silence."""
    named = [name for names in LAYERS for name in names]
    assert [name for name in set(named) if named.count(name) > 1] == []


def test_imports_keep_the_direction() -> None:
    assert against_the_direction(GENERATOR) == []


def test_no_modules_import_one_another() -> None:
    """Not even for type checkers or within a function: what ties two modules both ways belongs into a third."""
    assert circle(GENERATOR) == []
    assert circle(CHECKOUT, "lab") == []


def test_the_product_and_the_laboratory_stand_alone() -> None:
    assert across_folders(CHECKOUT) == []
    assert all((CHECKOUT / folder).is_dir() for folder in FORBIDDEN)


def test_values_are_turned_into_values() -> None:
    assert reaching_out(GENERATOR) == []


def test_emitters_do_not_ask_what_the_user_stated() -> None:
    assert asking_for_wishes(GENERATOR) == []


def test_emitters_read_nothing_of_the_options() -> None:
    assert wishes_emitted(GENERATOR) == []


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


GOOD = {
    "optimux/__init__.py": '"""Root."""\n__version__ = "1"\n',
    "optimux/errors.py": '"""Values."""\n',
    "optimux/facts/detect.py": '"""Detection."""\nfrom optimux.errors import X\nimport os\n',
    "optimux/plan/a.py": '"""A."""\nfrom optimux.facts.model import Facts\nfrom . import b\n',
    "optimux/emit/e.py": '"""E."""\n',
    "optimux/cli/c.py": '"""C."""\nfrom optimux import __version__\nimport optimux.bundle.d\n',
}

# A line put into a file of the good tree, and what it must be called.
WRONG = {
    "upwards": ("optimux/plan/a.py", "from optimux.emit.x import X", "optimux.plan.a -> optimux.emit.x.X"),
    "within a function": ("optimux/errors.py", "def _f():\n    import optimux.cli", "optimux.errors -> optimux.cli"),
    "for type checkers": (
        "optimux/plan/a.py",
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from optimux.bundle.x import X",
        "optimux.plan.a -> optimux.bundle.x.X",
    ),
    "relative": ("optimux/plan/a.py", "from ..cli import c", "optimux.plan.a -> optimux.cli.c"),
    "from the root": ("optimux/plan/a.py", "from optimux import vm", "optimux.plan.a -> optimux.vm"),
    "beside": ("optimux/facts/detect.py", "from optimux.options import X", "optimux.facts.detect -> optimux.options.X"),
    "nowhere": ("optimux/cli/c.py", "from optimux.new import X", "optimux.cli.c -> optimux.new.X"),
}


def _tree(root: Path, file: str = "", line: str = "") -> Path:
    for name, text in GOOD.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text + (f"{line}\n" if name == file else ""))
    return root


def test_a_good_tree(tmp_path: Path) -> None:
    root = _tree(tmp_path)
    assert (against_the_direction(root), reaching_out(root), undocumented(root)) == ([], [], [])


@pytest.mark.parametrize(("file", "line", "said"), WRONG.values(), ids=WRONG)
def test_wrong_imports_are_found(file: str, line: str, said: str, tmp_path: Path) -> None:
    assert against_the_direction(_tree(tmp_path, file, line)) == [said]


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("from optimux.plan.a import X", True),
        ("def _f():\n    from optimux.plan import a", True),
        ("from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from optimux.plan.a import X", True),
        ("from optimux.errors import X", False),
    ],
)
def test_circles_are_found(line: str, found: bool, tmp_path: Path) -> None:
    root = _tree(tmp_path, "optimux/plan/a.py", "from optimux.plan.b import X")
    (root / "optimux/plan/b.py").write_text(f"{line}\n")
    assert sorted(set(circle(root))) == (["optimux.plan.a", "optimux.plan.b"] if found else [])


@pytest.mark.parametrize(
    ("file", "line", "said"),
    [
        ("generator/optimux/plan/a.py", "from lab.errors import X", "generator.optimux.plan.a -> lab.errors.X"),
        ("lab/nix/a.py", "def f():\n    import tests.needs", "lab.nix.a -> tests.needs"),
        ("vm-tests/test_a.py", "from tests import needs", "vm-tests.test_a -> tests.needs"),
        ("bench/a.py", "from tests.golden_cases import X", "bench.a -> tests.golden_cases.X"),
        ("vm-tests/test_a.py", "from lab.errors import X", None),
        ("bench/a.py", "import optimux.plan", None),
    ],
)
def test_imports_across_folders_are_found(file: str, line: str, said: str | None, tmp_path: Path) -> None:
    (tmp_path / file).parent.mkdir(parents=True)
    (tmp_path / file).write_text(f"{line}\n")
    assert across_folders(tmp_path) == ([] if said is None else [said])


@pytest.mark.parametrize("line", ["import os", "from subprocess import run", "def _f():\n    import os.path"])
def test_edges_are_found(line: str, tmp_path: Path) -> None:
    assert len(reaching_out(_tree(tmp_path, "optimux/plan/a.py", line))) == 1
    assert reaching_out(_tree(tmp_path, "optimux/facts/detect.py", line)) == []


@pytest.mark.parametrize(
    "line", ["def _f(plan): return plan.requested", "def _f():\n    from optimux.plan.requested import Requested"]
)
def test_emitters_that_ask_are_found(line: str, tmp_path: Path) -> None:
    assert len(asking_for_wishes(_tree(tmp_path, "optimux/emit/e.py", line))) == 1
    assert asking_for_wishes(_tree(tmp_path, "optimux/plan/a.py", line)) == []


@pytest.mark.parametrize(("name", "found"), [("Vm", 1), ("Kind", 0)])
def test_emitters_that_read_options_are_found(name: str, found: int, tmp_path: Path) -> None:
    root = _tree(tmp_path, "optimux/emit/e.py", f"from optimux.options.vm import {name}")
    (root / "optimux/options").mkdir()
    (root / "optimux/options/vm.py").write_text('Kind = Literal["a"]\n\n\nclass Vm: ...\n')
    assert len(wishes_emitted(root)) == found


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
    assert sorted(undocumented(_tree(tmp_path, "optimux/plan/a.py", line))) == sorted(said)
