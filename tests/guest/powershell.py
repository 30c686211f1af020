"""setup.ps1 as a syntax tree, and the rules that Windows PowerShell 5.1 adds to the grammar."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from tree_sitter import Language, Node, Parser

WINDOWS = Path(__file__).parents[2] / "generator" / "optimux" / "emit" / "guest" / "windows"
# What Windows 10 22H2 brings with Windows PowerShell 5.1.
CMDLETS = frozenset(
    (Path(__file__).parent / "cmdlets.txt").read_text(encoding="ascii").split(),
)
# Under strict mode 5.1 finds no Count or Length on one object, nor on none (PowerShell's issue 2798), and no member of
# what an empty collection holds.
_COUNTED = re.compile(r"\$(\w+)\.(?:Count|Length)\b", re.IGNORECASE)
_ARRAY = r"\$(?:\w+:)?{}\s*=\s*(?:@\(|New-Object\b|\[\w+\[\]\])"
_ENUMERATED = re.compile(r"\.PSObject\.Properties\.\w+", re.IGNORECASE)
# A $null becomes "" where .NET wants text, which no method takes for a path.
_NO_PATH = re.compile(r"\[IO\.\w+\]::\w+\([^\n]*\$null", re.IGNORECASE)
_DRIVE = re.compile(r"\$(?!env:)[A-Za-z_]\w*:(?!:)")


def script() -> bytes:
    """setup.ps1 as it is in the package."""
    return (WINDOWS / "setup.ps1").read_bytes()


def tree(source: bytes) -> Node:
    """The syntax tree."""
    grammar = pytest.importorskip("tree_sitter_powershell", reason="tree-sitter-powershell is not installed")
    return Parser(Language(grammar.language())).parse(source).root_node


def nodes(node: Node) -> Iterator[Node]:
    """A node and all below it."""
    yield node
    for child in node.children:
        yield from nodes(child)


def words(node: Node) -> str:
    """The text that a node stands for."""
    return (node.text or b"").decode()


def functions(source: bytes) -> set[str]:
    """The functions that a script defines."""
    return {words(node) for node in nodes(tree(source)) if node.type == "function_name"}


def faults(source: bytes) -> list[str]:
    """What Windows PowerShell 5.1 would not take, or would take for something else."""
    root = tree(source)
    found = [
        f"line {node.start_point[0] + 1}: no PowerShell"
        for node in nodes(root)
        if node.type == "ERROR" or node.is_missing
    ]
    if any(byte > 0x7E for byte in source):
        found.append("not ASCII: 5.1 reads a file without a mark in the machine's code page")
    defined = functions(source)
    for node in nodes(root):
        line = f"line {node.start_point[0] + 1}"
        if node.type == "pipeline_chain_tail":
            found.append(f"{line}: && and || came with PowerShell 7")
        if node.type == "expandable_string_literal" and _DRIVE.search(words(node)):
            found.append(f"{line}: a colon behind a variable makes it a drive")
        if node.type == "command_name" and words(node) not in defined | CMDLETS and not words(node)[0].isdigit():
            found.append(f"{line}: {words(node)} is neither a function here nor a command of 5.1")
    return found + _under_strict_mode(source.decode("ascii", "replace"))


def _under_strict_mode(text: str) -> list[str]:
    """What the grammar takes, and 5.1 ends with an error at."""
    found = []
    for block in re.split(r"^(?=function )", text, flags=re.MULTILINE):
        for match in _COUNTED.finditer(block):
            made = re.findall(rf"\${match[1]}\s*=(?!=)", block)
            arrays = re.findall(_ARRAY.format(match[1]), block, re.IGNORECASE)
            if not made or len(arrays) < len(made):
                found.append(f"{match[0]}: one object has none under strict mode: @(...)")
    found += [f"{match[0]}: none under strict mode where it is empty" for match in _ENUMERATED.finditer(text)]
    found += [f"{match[0]}: an empty path, for [NullString]::Value" for match in _NO_PATH.finditer(text)]
    return found
