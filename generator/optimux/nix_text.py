"""Nix expressions as text, laid out as the RFC 166 style has it: two spaces, one binding or list item a line.

Text of the user's becomes Nix only through ``string`` and ``name``, which leave nothing for Nix to interpret. The
escapes are those of the Nix manual, "String literal".
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from optimux.record import Record

WIDTH = 100
KEYWORDS = frozenset(("assert", "else", "if", "in", "inherit", "let", "or", "rec", "then", "with"))

_IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_'-]*")
_ESCAPES = str.maketrans({"\\": "\\\\", '"': '\\"', "\n": "\\n", "\r": "\\r", "\t": "\\t"})
# In an indented string two quotes end or escape something, and a quote before ``${`` would join its escape.
_QUOTES = re.compile(r"'{2,}|'(?=\$\{)")


class Expression(Record):
    """Nix of our own, written as it stands: never text of the user's."""

    text: str


class Call(Record):
    """A function of our own wording, and its arguments."""

    function: str
    arguments: tuple[Value, ...]


class Binding(Record):
    """An attribute path, its value and, as a comment that is wrapped where it stands, the reason for it."""

    names: tuple[str, ...]
    value: Value
    comment: str = ""


class Attributes(Record):
    """An attribute set."""

    bindings: tuple[Binding, ...]


Value = str | bool | int | Sequence["Value"] | Expression | Call | Attributes


def bind(path: str, value: Value, comment: str = "") -> Binding:
    """A binding at a dotted path of our own wording, such as ``"boot.kernelParams"``."""
    return Binding(tuple(path.split(".")), value, comment)


def attributes(**values: Value) -> Attributes:
    """A set of single names."""
    return Attributes(tuple(Binding((key,), value) for key, value in values.items()))


def string(text: str) -> str:
    """``text`` as a string literal on one line. Raises ``ValueError`` for NUL, which Nix cannot hold."""
    return f'"{_escaped(text)}"'


def _escaped(text: str) -> str:
    if "\0" in text:
        raise ValueError("Nix strings cannot hold NUL")
    return text.translate(_ESCAPES).replace("${", "\\${")


def name(text: str) -> str:
    """An attribute's name, quoted where it is no identifier."""
    return text if _IDENTIFIER.fullmatch(text) and text not in KEYWORDS else string(text)


def render(value: Value, indent: str = "") -> str:
    """The expression; lines after the first start with ``indent``."""
    match value:
        case bool():
            return "true" if value else "false"
        case str():
            return _indented(value, indent) if _suits_indented(value) else string(value)
        case int():
            return str(value) if value >= 0 else f"({value})"
        case Expression():
            return value.text
        case Call():
            return " ".join((value.function, *(_argument(item, indent) for item in value.arguments)))
        case Attributes():
            return _set(value, indent)
        case _:
            return _list(value, indent)


def render_bindings(bindings: Sequence[Binding], indent: str) -> str:
    """The bindings; a blank line before each comment, so that it heads what follows up to the next."""
    gaps = ("\n" if index and binding.comment else "" for index, binding in enumerate(bindings))
    return "".join(gap + _binding(binding, indent) for gap, binding in zip(gaps, bindings, strict=True))


def _argument(value: Value, indent: str) -> str:
    """An argument of a function, or an item of a list."""
    text = render(value, indent)
    return f"({text})" if isinstance(value, Call) else text


def _list(items: Sequence[Value], indent: str) -> str:
    inner = indent + "  "
    texts = [_argument(item, inner) for item in items]
    if not texts:
        return "[ ]"
    if len(texts) == 1 and "\n" not in texts[0] and len(indent + texts[0]) < WIDTH // 2:
        return f"[ {texts[0]} ]"
    return "[\n" + "".join(f"{inner}{text}\n" for text in texts) + f"{indent}]"


def _set(value: Attributes, indent: str) -> str:
    if not value.bindings:
        return "{ }"
    return "{\n" + render_bindings(value.bindings, indent + "  ") + indent + "}"


def _binding(binding: Binding, indent: str) -> str:
    comment = _comment(binding.comment, indent)
    path = ".".join(name(part) for part in binding.names)
    text = render(binding.value, indent)
    if "\n" not in text and len(f"{indent}{path} = {text};") > WIDTH:
        return f"{comment}{indent}{path} =\n{indent}  {render(binding.value, indent + '  ')};\n"
    return f"{comment}{indent}{path} = {text};\n"


def _comment(text: str, indent: str) -> str:
    """Each line of ``text`` as comment lines of at most ``WIDTH``."""
    lines: list[str] = []
    for paragraph in text.splitlines():
        lines.append(f"{indent}#")
        for word in paragraph.split():
            if len(lines[-1]) + 1 + len(word) > WIDTH:
                lines.append(f"{indent}#")
            lines[-1] += f" {word}"
    return "".join(f"{line}\n" for line in lines)


def _suits_indented(text: str) -> bool:
    """Whole lines of which one starts at the margin, so that Nix strips our indentation and no more."""
    lines = text.split("\n")
    return (
        lines[-1] == ""
        and any(line and not line.startswith(" ") for line in lines)
        and not any(line.isspace() for line in lines)
        and not {"\r", "\0"} & set(text)
    )


def _indented(text: str, indent: str) -> str:
    escaped = _QUOTES.sub(lambda run: "''\\'" * len(run[0]), text).replace("${", "''${")
    lines = (f"{indent}  {line}\n" if line else "\n" for line in escaped.split("\n")[:-1])
    return "''\n" + "".join(lines) + indent + "''"
