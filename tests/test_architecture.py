"""Rooms and what they may see, as docs/architecture.md has them; no circles; values that are turned into values."""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

from tests.rooms import CHECKOUT, DOCUMENT, GENERATOR, SIGHT, imports, modules, part, room, sight

# The rooms that turn values into values, and all that they import from outside: none of it reaches out of the process.
PURE = ("declare", "notation", "options", "plan", "acpi", "emit", "patch", "judge")
HARMLESS = (
    *("__future__", "abc", "base64", "binascii", "codecs", "collections", "difflib", "functools", "hashlib", "html"),
    *("io", "ipaddress", "itertools", "json", "lxml", "math", "pycdlib", "re", "shlex", "struct", "typing"),
    *("typing_extensions", "xml"),
)
# What opens files by a word that is built in, or by a method of something that was handed over.
OPENING = ("open", "read_text", "read_bytes", "write_text", "write_bytes", "__import__", "exec", "eval")

# Fields of the plan that keep what the user stated.
WISHES = ("requested", "stated")

# Beside the product: what each top folder may not import. The laboratory serves the three others.
FORBIDDEN = {
    "generator": ("lab", "tests", "bench", "conftest"),
    "lab": ("tests", "bench", "conftest"),
    "bench": ("tests", "conftest"),
    "vm-tests": ("tests", "bench"),
}


def arrows(root: Path) -> Iterator[tuple[str, str]]:
    """Each import of one part of Optimux by another, or within one, as importer and imported."""
    for name, tree in modules(root):
        if part(name):
            yield from ((name, imported) for imported in imports(name, tree) if part(imported))


def out_of_sight(root: Path) -> list[str]:
    """Each import between rooms that the document does not have, as ``importer -> imported``."""
    found = []
    for name, imported in arrows(root):
        mine, theirs = room(name), room(imported)
        if mine is None or theirs is None or theirs not in {mine, *SIGHT[mine]}:
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


def package_circles(root: Path) -> list[list[str]]:
    """For each package, a circle that the modules and packages right below it stand in through what they hold."""
    graphs: dict[str, dict[str, set[str]]] = defaultdict(lambda: defaultdict(set))
    for name, imported in arrows(root):
        mine, theirs = name.split("."), imported.split(".")
        depth = next((at for at, (one, other) in enumerate(zip(mine, theirs, strict=False)) if one != other), None)
        if depth is not None:
            graphs[".".join(mine[:depth])][mine[depth]].add(theirs[depth])
    found = []
    for package, graph in graphs.items():
        try:
            TopologicalSorter(graph).prepare()
        except CycleError as error:
            found.append([f"{package}.{name}" for name in error.args[1]])
    return found


def reaching_out(root: Path) -> list[str]:
    """What reaches out of the process in a room that only turns values into values, by importer or line."""
    found = []
    for name, tree in modules(root):
        if part(name) not in PURE:
            continue
        for imported in imports(name, tree):
            words = imported.split(".")
            if words[0] not in ("optimux", *HARMLESS) or words[-1] in OPENING:
                found.append(f"{name} -> {imported}")
        for node in ast.walk(tree):
            if isinstance(node, ast.Name | ast.Attribute) and (word := _word(node)) in OPENING:
                found.append(f"{name}:{node.lineno} {word}")
    return found


def _word(node: ast.Name | ast.Attribute) -> str:
    return node.id if isinstance(node, ast.Name) else node.attr


def asking_for_wishes(root: Path) -> list[str]:
    """Each emitter that asks what the user stated, by line: what is emitted is the plan's decision, not a wish."""
    return [
        f"{name}:{node.lineno}"
        for name, tree in modules(root)
        if part(name) == "emit"
        for node in ast.walk(tree)
        if (isinstance(node, ast.Attribute) and node.attr in WISHES)
        or (isinstance(node, ast.Constant) and node.value in WISHES)  # getattr's
        or (isinstance(node, ast.ImportFrom) and node.module == "optimux.plan.requested")
    ]


def test_every_module_is_in_a_room() -> None:
    """The packages apart that are nothing but rooms: those hold no code."""
    homeless = [(name, tree) for name, tree in modules(GENERATOR) if part(name) and room(name) is None]
    assert [name for name, tree in homeless if len(tree.body) > 1] == []
    assert {name.split(".")[1] for name, _ in homeless} == {name.split("/")[0] for name in SIGHT} - SIGHT.keys()


def test_every_room_is_there() -> None:
    assert SIGHT.keys() - {room(name) for name, _ in modules(GENERATOR)} == set()


def test_rooms_see_what_the_document_says() -> None:
    assert out_of_sight(GENERATOR) == []


def test_every_arrow_of_the_document_is_used() -> None:
    """One that nothing uses would let it come back in silence. Values are for all, and ``cli`` sees all."""
    used = {(room(name), room(imported)) for name, imported in arrows(GENERATOR)}
    said = {(mine, theirs) for mine in SIGHT.keys() - {"cli"} for theirs in SIGHT[mine] - SIGHT["errors"]}
    assert said - used == set()


def test_no_modules_import_one_another() -> None:
    """Not even for type checkers or within a function: what ties two modules both ways belongs into a third."""
    assert circle(GENERATOR) == []
    assert circle(CHECKOUT, "lab") == []


def test_no_packages_import_one_another() -> None:
    assert package_circles(GENERATOR) == []


def test_the_product_and_the_laboratory_stand_alone() -> None:
    assert across_folders(CHECKOUT) == []
    assert all((CHECKOUT / folder).is_dir() for folder in FORBIDDEN)


def test_values_are_turned_into_values() -> None:
    assert reaching_out(GENERATOR) == []
    assert f"({', '.join(f'`{name}`' for name in PURE)})" in DOCUMENT.read_text(encoding="utf-8")


def test_emitters_do_not_ask_what_the_user_stated() -> None:
    assert asking_for_wishes(GENERATOR) == []


TABLE = """\
| room | holds | sees |
|---|---|---|
| `errors`, `record` | values | each other |
| `files` | reading | values |
| `plan` | decisions | values, `files` (some of it) |
| `vm/qemu` | a machine | `plan` |
"""


def test_the_table_is_read() -> None:
    values = {"errors", "record"}
    said = {"errors": values, "record": values, "files": values, "plan": {*values, "files"}, "vm/qemu": {"plan"}}
    assert sight(f"# Rooms\n\n{TABLE}\nMore.\n") == said
    assert sight(f"{TABLE}| `cli` | verbs | everything |\n")["cli"] == said.keys()


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ("| `new` | x | `cli` |", "new sees `cli`, which is no room above it"),
        ("| `new` | x | `new` |", "new sees `new`, which is no room above it"),
        ("| `new` | x | all that |", "new sees all that, which is no room above it"),
        ("| `plan` | x | values |", "plan stands twice"),
        ("| `new`, `new` | x | values |", "new stands twice"),
        ("| `new` | x |", "not understood"),
        ("| new | x | values |", "not understood"),
    ],
)
def test_a_wrong_row_is_found(row: str, said: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(said)}"):
        sight(f"{TABLE}{row}\n")


def test_a_missing_table_is_found() -> None:
    with pytest.raises(ValueError, match="no table"):
        sight("# Architecture\n")


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
    "from the root": ("optimux/plan/a.py", "from optimux import host", "optimux.plan.a -> optimux.host"),
    "beside": ("optimux/facts/detect.py", "from optimux.options import X", "optimux.facts.detect -> optimux.options.X"),
    "nowhere": ("optimux/cli/c.py", "from optimux.new import X", "optimux.cli.c -> optimux.new.X"),
    "out of nowhere": ("optimux/new.py", "from optimux.errors import X", "optimux.new -> optimux.errors.X"),
}
# Rooms that stand above another, and are still not its to see.
UNSEEN = [
    *(
        ("acpi", "emit"),
        ("acpi", "options"),
        ("judge", "patch"),
        ("emit", "patch"),
        ("emit", "options"),
        ("plan", "files"),
    ),
    *(("files", "declare"), ("declare", "notation"), ("notation", "declare"), ("options", "facts"), ("bundle", "plan")),
    *(("facts", "facts/detect"), ("plan", "facts/detect"), ("vm/verify", "guest"), ("libvirt", "vm/qemu")),
    *(("vm/evidence", "vm/verify"), ("vm/domain", "vm/verify"), ("vm/qemu", "plan"), ("host", "vm/domain")),
]


@pytest.mark.parametrize(("mine", "theirs"), UNSEEN)
def test_an_import_between_rooms_is_refused(mine: str, theirs: str, tmp_path: Path) -> None:
    theirs, importer = theirs.replace("/", "."), mine.replace("/", ".")
    root = _tree(tmp_path, f"optimux/{mine}/new.py", f"from optimux.{theirs}.x import X")
    assert out_of_sight(root) == [f"optimux.{importer}.new -> optimux.{theirs}.x.X"]


def _tree(root: Path, file: str = "", line: str = "") -> Path:
    for name, text in {file: "", **GOOD}.items() if file else GOOD.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text + (f"{line}\n" if name == file else ""))
    return root


def test_a_good_tree(tmp_path: Path) -> None:
    root = _tree(tmp_path)
    assert (out_of_sight(root), reaching_out(root), package_circles(root)) == ([], [], [])


@pytest.mark.parametrize(("file", "line", "said"), WRONG.values(), ids=WRONG)
def test_wrong_imports_are_found(file: str, line: str, said: str, tmp_path: Path) -> None:
    assert out_of_sight(_tree(tmp_path, file, line)) == [said]


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


@pytest.mark.parametrize("place", ["optimux/vm", "optimux", "optimux/host/doctor"])
@pytest.mark.parametrize(("back", "found"), [("one.d", True), ("two.e", False)])
def test_circles_of_packages_are_found(place: str, back: str, found: bool, tmp_path: Path) -> None:
    """Of which no two modules stand in one."""
    inside = place.replace("/", ".")
    root = _tree(tmp_path, f"{place}/one/a.py", f"from {inside}.two.b import X")
    for file, line in {"one/d.py": "X = 1", "two/b.py": "X = 1", "two/c.py": f"from {inside}.{back} import X"}.items():
        _tree(root, f"{place}/{file}", line)
    assert circle(root) == []
    said = [sorted(set(each)) for each in package_circles(root)]
    assert said == ([[f"{inside}.one", f"{inside}.two"]] if found else [])


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


EDGES = {
    "a module": "import os",
    "the network": "from urllib.request import urlopen",
    "a program": "from subprocess import run",
    "a path": "from pathlib import Path",
    "within a function": "def _f():\n    import os.path",
    "open": "def _f(): return open('/etc/passwd').read()",
    "open by another name": "_f = open",
    "open imported": "from io import open as _f",
    "open of a module": "import codecs\ndef _f(): return codecs.open('x')",
    "a path handed over": "def _f(path): path.write_text('x')",
    "a module in words": "def _f(): return __import__('os')",
}


@pytest.mark.parametrize("room", ["plan", "emit", "acpi", "notation"])
@pytest.mark.parametrize("line", EDGES.values(), ids=EDGES)
def test_edges_are_found(line: str, room: str, tmp_path: Path) -> None:
    assert len(reaching_out(_tree(tmp_path, f"optimux/{room}/a.py", line))) == 1


@pytest.mark.parametrize("line", EDGES.values(), ids=EDGES)
def test_edges_may_reach_out(line: str, tmp_path: Path) -> None:
    assert reaching_out(_tree(tmp_path, "optimux/facts/detect.py", line)) == []


@pytest.mark.parametrize("line", ["import re", "from lxml import etree", "def _f(shop): return shop.opened, 'open'"])
def test_what_stays_within_is_no_edge(line: str, tmp_path: Path) -> None:
    assert reaching_out(_tree(tmp_path, "optimux/plan/a.py", line)) == []


@pytest.mark.parametrize(
    "line",
    [
        "def _f(plan): return plan.requested",
        "def _f(device): return device.stated",
        "def _f(plan): return getattr(plan, 'requested')",
        "def _f():\n    from optimux.plan.requested import Requested",
    ],
)
def test_emitters_that_ask_are_found(line: str, tmp_path: Path) -> None:
    assert len(asking_for_wishes(_tree(tmp_path, "optimux/emit/e.py", line))) == 1
    assert asking_for_wishes(_tree(tmp_path, "optimux/plan/a.py", line)) == []
