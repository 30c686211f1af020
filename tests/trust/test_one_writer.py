"""One room owns every write: no other module has the means, and what a run really calls goes through descriptors."""

from __future__ import annotations

import ast
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from lab.documents import VIRT_MANAGER
from tests.cli.command import EXAMPLE, environment

GENERATOR = Path(__file__).parents[2] / "generator"
OWNER = "optimux/files/"
# Ways to change the file system, by the attribute that is called; those of ``os`` and ``shutil`` by any receiver.
CHANGING = {
    *("write_text", "write_bytes", "touch", "mkdir", "makedirs", "rename", "renames", "unlink", "remove_tree", "rmdir"),
    *("symlink_to", "hardlink_to", "chmod", "fchmod", "lchmod", "chown", "fchown", "lchown"),
    *("rmtree", "copyfile", "copy2", "copytree", "copymode", "copystat", "move", "setxattr", "mknod"),
}
FLAGS = ("O_WRONLY", "O_RDWR", "O_CREAT", "O_TMPFILE", "O_APPEND", "O_TRUNC")


def writes(tree: ast.Module) -> Iterator[str]:
    """Each place of a module that could change the file system, as the code that does."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import | ast.ImportFrom):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else [node.module or ""]
            yield from (name for name in names if name == "tempfile")
        elif isinstance(node, ast.Call) and _changes(node):
            yield ast.unparse(node)


def _changes(call: ast.Call) -> bool:
    text = ast.unparse(call)
    if "os.devnull" in text:
        return False
    name = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
    receiver = ast.unparse(call.func.value) if isinstance(call.func, ast.Attribute) else ""
    if name in ("open", "fdopen"):
        return _opens_to_write(call, receiver)
    if name == "replace":  # of a path: one argument; of text two, of a record by keywords
        return receiver == "os" or (len(call.args) == 1 and not call.keywords)
    return name in CHANGING or (name in ("remove", "link", "symlink", "truncate") and receiver == "os")


def _opens_to_write(call: ast.Call, receiver: str) -> bool:
    if receiver == "os":
        return any(flag in ast.unparse(call) for flag in FLAGS)
    words = [node.value for node in ast.walk(call) if isinstance(node, ast.Constant) and isinstance(node.value, str)]
    return any(word and set(word) <= set("rwaxbt+|") and set(word) & set("wax+") for word in words)


# Devices that a probe opens and never writes to as files; attributes of the kernel's.
ALLOWED = {
    "optimux/vm/qemu/accel.py": ["os.open(device, os.O_RDWR | os.O_CLOEXEC)"],
    "optimux/host/doctor/areas/kvmfr.py": ["os.open(path, os.O_RDWR | os.O_CLOEXEC | os.O_NONBLOCK)"],
    "optimux/host/handover/kernel.py": ["os.open(path, os.O_WRONLY | os.O_CLOEXEC)"],
}


def test_no_other_module_writes() -> None:
    found = {}
    for path in sorted((GENERATOR / "optimux").rglob("*.py")):
        name = path.relative_to(GENERATOR).as_posix()
        if not name.startswith(OWNER):
            tree = ast.parse(path.read_text(encoding="utf-8"))
            places = [place for place in writes(tree) if place not in ALLOWED.get(name, ())]
            if places:
                found[name] = places
    assert found == {}


@pytest.mark.parametrize(
    "line",
    [
        "open(name, 'w')",
        "path.open('ab')",
        "path.write_text(text)",
        "os.rename(a, b)",
        "path.replace(target)",
        "os.replace(a, b)",
        "os.chmod(path, 0o600)",
        "path.chmod(0o600)",
        "os.chown(path, 0, 0)",
        "shutil.rmtree(path)",
        "shutil.copyfile(a, b)",
        "path.mkdir()",
        "os.open(path, os.O_CREAT)",
        "import tempfile",
        "from tempfile import mkdtemp",
    ],
)
def test_a_writer_is_found(line: str) -> None:
    assert len(list(writes(ast.parse(line)))) == 1


@pytest.mark.parametrize(
    "line",
    [
        "open(name)",
        "path.open('rb')",
        "tarfile.open(fileobj=x, mode='r|')",
        "text.replace('w', 'x')",
        "record.replace(mode=1)",
        "items.remove(x)",
        "open(os.devnull, 'w')",
        "os.open(path, os.O_RDONLY)",
        "shutil.which('qemu')",
    ],
)
def test_a_reader_is_not(line: str) -> None:
    assert list(writes(ast.parse(line))) == []


# The interpreter reports every call that changes a file (sys.audit); what it says of directories' descriptors is kept.
TRACER = """
import json, os, sys
calls = []
def hook(event, arguments):
    if event in ("os.chmod", "os.chown", "os.mkdir", "os.rename", "os.remove", "os.rmdir", "os.link", "os.symlink"):
        calls.append([event, [str(argument) for argument in arguments]])
    elif event == "open" and isinstance(arguments[2], int) and arguments[2] & (os.O_WRONLY | os.O_RDWR | os.O_CREAT):
        calls.append([event, [str(argument) for argument in arguments]])
sys.addaudithook(hook)
from optimux.cli import run
code = run(sys.argv[2:])
with open(sys.argv[1], "w") as out:
    json.dump([code, calls], out)
"""


def _traced(tmp_path: Path, *arguments: str) -> tuple[int, list[tuple[str, list[str]]]]:
    log = tmp_path / "calls.json"
    line = [sys.executable, "-B", "-c", TRACER, str(log), *arguments]
    subprocess.run(line, env=environment(), capture_output=True, timeout=60, check=True)
    code, calls = json.loads(log.read_text())
    return code, [(event, words) for event, words in calls if str(log) not in words]


@pytest.mark.parametrize(
    "verb", ["generate", "generate again", "generate beside", "ssdt -o", "patch --in-place", "patch -o"]
)
def test_what_is_called(verb: str, tmp_path: Path) -> None:
    """No call that changes anything names a path: a descriptor, or a single name below one."""
    out, domain = tmp_path / "out", tmp_path / "domain.xml"
    domain.write_text(VIRT_MANAGER)
    lines = {
        "ssdt -o": ["ssdt", "-o", str(tmp_path / "table.aml")],
        "patch --in-place": ["patch", EXAMPLE, str(domain), "--in-place"],
        "patch -o": ["patch", EXAMPLE, str(domain), "-o", str(tmp_path / "new.xml")],
    }
    generate = ["generate", EXAMPLE, "-o", str(out)]
    if verb in ("generate again", "generate beside"):
        _traced(tmp_path, *generate)
        (out / "INSTALL.md").unlink()
    if verb == "generate beside":
        (out / "mine").touch()
    code, calls = _traced(tmp_path, *lines.get(verb, generate))
    assert code == 0
    assert len(calls) >= 2
    assert [call for call in calls if any("/" in word for word in call[1])] == []
    assert [call for call in calls if call[0] in ("os.mkdir", "os.remove", "os.rmdir") and call[1][-1] == "-1"] == []


def test_a_call_by_name_is_seen(tmp_path: Path) -> None:
    """The twin: the tracer's own log is written by name."""
    _, calls = _traced(tmp_path, "schema", "--facts")
    assert calls == []
    line = [sys.executable, "-B", "-c", TRACER.replace("code = run", f"os.mkdir({str(tmp_path / 'x')!r}); code = run")]
    log = tmp_path / "calls.json"
    subprocess.run([*line, str(log), "--version"], env=environment(), capture_output=True, timeout=60, check=True)
    assert ["os.mkdir", [str(tmp_path / "x"), "511", "-1"]] in json.loads(log.read_text())[1]
    assert os.path.isdir(tmp_path / "x")  # noqa: PTH112
