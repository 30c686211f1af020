"""How lines get into a file of the user's: the meaning of ``HostLines``, as a pure function."""

from __future__ import annotations

import re

from optimux.emit.artifact import HostLines

_COMMENT = re.compile(r"#.*")


def merged(text: str, entry: HostLines) -> str:
    """``text`` with the entry in it; merging twice changes nothing more.

    With a separator, the words of the anchor's line are completed by those of ours. Without one, the anchor's match
    (multi-line mode, so it may run over several lines) becomes our lines. Where nothing matches, they are appended,
    unless they are there already. A list that is in force keeps all that it has, and gets the items that it lacks.
    """
    if entry.only_where and not re.search(entry.only_where, text, re.MULTILINE):
        return text
    match = re.search(entry.anchor, text, re.MULTILINE) if entry.anchor else None
    if match is None:
        return _appended(text, entry.lines)
    if entry.items and (held := _completed(match[0], entry.items)) is not None:
        return text[: match.start()] + held + text[match.end() :]
    if entry.separator is None:
        return text[: match.start()] + "\n".join(entry.lines) + text[match.end() :]
    return _extended(text, match, entry)


def _appended(text: str, lines: tuple[str, ...]) -> str:
    block = "\n".join(lines)
    if f"\n{block}\n" in f"\n{text}\n":
        return text
    return text + ("\n" if text and not text.endswith("\n") else "") + block + "\n"


def _completed(listed: str, items: tuple[str, ...]) -> str | None:
    """A list in brackets with the items that it lacks; ``None`` where it stands in a comment."""
    if listed.lstrip().startswith("#") or not listed.endswith("]"):
        return None
    opening = listed.index("[") + 1
    words = _COMMENT.sub(lambda match: " " * len(match[0]), listed[opening:-1])
    missing = [item for item in items if item not in words]
    if not missing:
        return listed
    end = opening + len(words.rstrip())
    comma = "," if words.strip() and not words.rstrip().endswith(",") else ""
    indent = re.search(r"\n[ \t]*(?=\S)", listed[opening:])
    before = (indent[0] if "\n" in listed else " ") if indent else " "
    return listed[:end] + comma + ",".join(f"{before}{item}" for item in missing) + listed[end:]


def _extended(text: str, match: re.Match[str], entry: HostLines) -> str:
    """The match is the part of the line before its words; where it ends in a quote, they end at the next one."""
    closing = match[0][-1] if match[0].endswith(('"', "'")) else "\n"
    end = text.find(closing, match.end())
    end = len(text) if end < 0 else end
    separator = entry.separator or " "
    key = re.match(entry.anchor or "", entry.lines[0])
    line = entry.lines[0][key.end() if key else 0 :]
    ours = _words(line[:-1] if key and key[0].endswith(('"', "'")) else line, separator)
    present = _words(text[match.end() : end], separator)
    if all(word in present for word in ours):
        return text
    words = [*present, *(word for word in ours if word not in present)]
    return text[: match.end()] + separator.join(words) + text[end:]


def _words(text: str, separator: str) -> list[str]:
    return [word for word in (part.strip() for part in text.split(separator)) if word]
