"""Names (ACPI 6.5 §20.2.2): segments of four characters, paths of up to 255 of them."""

from __future__ import annotations

import re

from optimux.acpi.error import AmlError

ROOT, PARENT = "\\", "^"
DUAL_NAME, MULTI_NAME, NULL_NAME = 0x2E, 0x2F, 0x00
# What a compiler takes for an operator or a constant when it stands alone: every name of up to four letters was
# given to iasl 20200925 and 20250404 as `Name (X, 0)`, and these at least one refused.
ASL_WORDS = frozenset((
    "ADD", "AND", "ARG0", "ARG1", "ARG2", "ARG3", "ARG4", "ARG5", "ARG6", "CASE", "EDGE", "ELSE", "HZ", "IF", "IPMI",
    "KHZ", "LAND", "LNOT", "LOAD", "LOCK", "LOR", "MEQ", "MGE", "MGT", "MHZ", "MID", "MLE", "MLT", "MOD", "MTR", "NAME",
    "NAND", "NOOP", "NOR", "NOT", "ONE", "ONES", "OR", "PCC", "WAIT", "XOR", "ZERO",
))  # fmt: skip
_SEGMENT = re.compile(r"[A-Z_][A-Z0-9_]{0,3}")
_PATH = re.compile(r"(\\|\^*)(.*)", re.DOTALL)


def segment(name: str) -> bytes:
    """One NameSeg, filled up with underscores. Raises ``AmlError``."""
    if not _SEGMENT.fullmatch(name):
        raise AmlError(f"{name!r} is no ACPI name: one to four of A-Z, 0-9 and _, the first no digit")
    return name.ljust(4, "_").encode("ascii")


def short(name: str) -> str:
    """ASL's spelling of a segment, without the underscores that only fill it."""
    return name.rstrip("_") or "_"


def split(path: str) -> tuple[str, tuple[str, ...]]:
    r"""The prefix (``\``, carets or nothing) and the segments of a path as ASL writes it."""
    match = _PATH.fullmatch(path)
    assert match is not None  # the pattern matches every text
    return match[1], tuple(match[2].split(".")) if match[2] else ()


def canonical(path: str) -> str:
    """The same path in ASL's shortest spelling. Raises ``AmlError``."""
    encode_path(path)
    prefix, segments = split(path)
    return prefix + ".".join(short(name) for name in segments)


def spelled(path: str) -> str:
    """A path as source that no compiler takes for a word of the language. Raises ``AmlError`` where there is none."""
    if path not in ASL_WORDS:
        return path
    if len(path) == 4:
        raise AmlError(f"{path} is a word of ASL: AML can hold the name, source cannot")
    return path.ljust(4, "_")


def encode_path(path: str) -> bytes:
    r"""A NameString from ``\_SB.PCI0``, ``^^BAT0`` or ``BAT0``. Raises ``AmlError``."""
    prefix, names = split(path)
    if not path or len(names) > 255:
        raise AmlError(f"a path of {len(names)} names; 1 to 255 can be encoded")
    encoded = b"".join(map(segment, names))
    leads = {0: bytes((NULL_NAME,)), 1: b"", 2: bytes((DUAL_NAME,))}
    return prefix.encode("ascii") + leads.get(len(names), bytes((MULTI_NAME, len(names) % 256))) + encoded


def absolute(scope: str, path: str) -> str:
    r"""Where ``path`` leads from ``scope``, itself absolute. Parents of the root are the root."""
    prefix, names = split(path)
    base = () if prefix == ROOT else split(scope)[1]
    kept = base[: max(0, len(base) - len(prefix))] if prefix.startswith(PARENT) else base
    return ROOT + ".".join((*kept, *names))
