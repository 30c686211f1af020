"""The model's regular expressions in the dialect of Nix: POSIX extended, in which a backslash in brackets is plain."""

from __future__ import annotations

import re

_ANYTHING = (r"(?s:.*)", r"[\s\S]*")
_NOT_FOLLOWED = re.compile(r"\(\?!(?:[^()]|\([^()]*\))*\)")
_CONTROL = {"n": "\n", "r": "\r", "t": "\t"}


def posix(pattern: str) -> str | None:
    """The same expression for ``builtins.match``, or ``None`` where everything matches.

    POSIX has no way to say what may not follow: such a group is left out, so that the expression allows more, and the
    generator refuses the rest. Raises ``ValueError`` for what else POSIX cannot say.
    """
    pattern = _NOT_FOLLOWED.sub("", pattern)
    if pattern in _ANYTHING:
        return None
    if any(python in pattern for python in ("(?", r"\d", r"\w", r"\S")):
        raise ValueError(f"not to be written for Nix: {pattern}")
    written, index = "", 0
    while index < len(pattern):
        if pattern[index] == "[":
            end = _closing(pattern, index)
            written += _bracket(pattern[index + 1 : end])
            index = end + 1
        elif pattern[index] == "\\":
            written += _outside(pattern[index + 1])
            index += 2
        else:
            written += pattern[index]
            index += 1
    return written


def _closing(pattern: str, start: int) -> int:
    index = start + 1 + pattern.startswith("^", start + 1)
    first = index  # a bracket there is a member
    while pattern[index] != "]" or index == first:
        index += 2 if pattern[index] == "\\" else 1
    return index


def _bracket(inner: str) -> str:
    """A set: what is escaped stands for itself, where POSIX takes it for itself."""
    negated = inner.startswith("^")
    members, first, last, index = "", "", "", int(negated)
    while index < len(inner):
        char = inner[index]
        escaped = inner[index + 1] if char == "\\" else ""
        if escaped == "]":
            first = "]"
        elif escaped in ("^", "-"):
            last = f"^{last}" if escaped == "^" else f"{last}-"
        else:
            members += _member(escaped) if escaped else char
        index += 2 if escaped else 1
    if members.endswith("-") and last:
        members, last = members[:-1], last.removesuffix("-") + "-"
    return f"[{'^' * negated}{first}{members}{last}]"


def _member(escaped: str) -> str:
    return "[:space:]" if escaped == "s" else _CONTROL.get(escaped, escaped)


def _outside(escaped: str) -> str:
    if escaped == "s":
        return "[[:space:]]"
    if escaped in _CONTROL:
        return _CONTROL[escaped]
    # POSIX leaves the escape of a letter or a quote undefined.
    return f"\\{escaped}" if escaped in ".[]()*+?{}|^$\\" else escaped
