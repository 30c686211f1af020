"""The words of complaints: values as the user wrote them, paths, suggestions. Only bad input imports it."""

from __future__ import annotations

from collections.abc import Mapping

MOST_SHOWN = 60


def shown(value: object) -> str:
    """A value as the user wrote it, short enough for one line."""
    if isinstance(value, bool):
        text = "true" if value else "false"
    elif isinstance(value, str):
        text = f'"{value[:MOST_SHOWN]}"'  # of a longer one the last quote is cut off below
    elif isinstance(value, Mapping):
        return "a table"
    elif isinstance(value, list | tuple):
        return "a list"
    elif value is None:
        return "null"
    else:
        text = _number_text(value)
    text = printable(text[: MOST_SHOWN + 1])
    return text if len(text) <= MOST_SHOWN else text[:MOST_SHOWN] + "…"


def printable(text: str) -> str:
    """One line of text that a terminal shows as it is: control characters and marks of direction are escaped."""
    return text if text.isprintable() else "".join(map(_escaped, text))


def _escaped(char: str) -> str:
    return char if char.isprintable() else f"\\x{ord(char):02x}"


def _number_text(value: object) -> str:
    try:
        return str(value)
    except ValueError:  # Python refuses to print integers of more than 4300 digits
        return "a number of thousands of digits"


def quotes(value: object) -> str:
    """The remedy for something that is no text: quotes, where quotes would make it one."""
    return "Write it in quotes." if isinstance(value, bool | int | float) else ""


def nearest(value: object, words: tuple[str, ...]) -> str:
    """A suggestion, or the sentence that there is none."""
    if isinstance(value, str) and (word := suggestion(value, words)):
        return f'Did you mean "{word}"?'
    return "Use one of the allowed ones, or remove it."


def suggestion(value: str, words: tuple[str, ...]) -> str | None:
    """The word that ``value`` begins or resembles, or ``None``."""
    import difflib

    short = value[:64].lower()
    lowered = {word.lower(): word for word in words}
    begun = [word for word in lowered if short and word.startswith(short)]
    if len(begun) == 1:
        return lowered[begun[0]]
    close = difflib.get_close_matches(short, lowered, n=1, cutoff=0.6)
    return lowered[close[0]] if close else None
