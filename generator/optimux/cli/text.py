"""Text that came from files, for a terminal: nothing in it moves the cursor or turns the reading direction."""

from __future__ import annotations

import re

# C0 and C1 controls but tabs and line ends; the marks of Unicode's bidirectional algorithm (UAX 9); line separators;
# halves of surrogate pairs, which no encoding can write.
_STEERING = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")


def shown(text: str) -> str:
    """With such characters as ``\\x1b`` or ``\\u202e``."""
    return _STEERING.sub(_escape, text)


def shown_bytes(text: bytes) -> bytes:
    """The same for bytes that are UTF-8, where they are; a CR before the line's end stays."""
    end = b"\r\n" if text.endswith(b"\r\n") else b""
    return shown(text.removesuffix(end).decode(errors="backslashreplace")).encode() + end


def _escape(match: re.Match[str]) -> str:
    code = ord(match[0])
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"
