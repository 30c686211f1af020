"""``<qemu:commandline>`` read as QEMU reads it: options and their values, in JSON and in key=value form."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from optimux.notation.libvirt import QEMU
from optimux.patch.draft import Draft
from optimux.patch.node import Node

# The options whose values are looked at, with the key that their first word may leave out.
_IMPLIED = {"device": "driver", "object": "qom-type", "acpitable": ""}
_SIZE = re.compile(r"(0x[0-9a-f]+|[0-9]+)([bkmgte]?)(?:ib|b)?", re.IGNORECASE)


class Argument:
    """An option with its value: ``-device ivshmem-plain,id=a`` or ``-device {"driver":"ivshmem-plain","id":"a"}``."""

    def __init__(self, option: str, nodes: tuple[Node, Node]) -> None:
        self.option = option
        self.nodes = nodes
        self.is_json = nodes[1].get("value").lstrip().startswith("{")
        text = nodes[1].get("value")
        self.values = _read_json(text) if self.is_json else _read_pairs(text, _IMPLIED[option])

    def get(self, key: str) -> str:
        """A value as text; empty where the key is missing."""
        return _word(self.values.get(key, ""))

    def size(self, key: str) -> int | None:
        """A size in bytes, ``None`` where it is missing or unreadable. A bare number is in bytes."""
        match = _SIZE.fullmatch(self.get(key))
        return int(match[1], 0) << 10 * "bkmgte".index(match[2].lower() or "b") if match else None

    def set(self, **values: Any) -> bool:
        """Give keys (``_`` for ``-``) their values in the argument's own form; whether that changed something."""
        wanted = {key.replace("_", "-"): value for key, value in values.items()}
        if all(key in self.values and _same(self.values[key], value) for key, value in wanted.items()):
            return False
        self.values |= wanted
        self.nodes[1].set("value", self._written())
        return True

    def _written(self) -> str:
        if self.is_json:
            return json.dumps(self.values, separators=(",", ":"), ensure_ascii=False)
        return ",".join(_pair(key, value, _IMPLIED[self.option]) for key, value in self.values.items())

    def remove(self) -> None:
        """Take option and value out; an empty command line goes with its last argument."""
        parent = self.nodes[0].parent
        assert parent is not None
        for node in self.nodes:
            node.remove()
        if not parent.children:
            parent.remove()


def _read_json(text: str) -> dict[str, Any]:
    try:
        values = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return values if isinstance(values, dict) else {}


def _read_pairs(text: str, implied: str) -> dict[str, Any]:
    """``a,b=c,,d`` with a doubled comma for one that is meant (QEMU, util/keyval.c and qemu-option.c)."""
    values: dict[str, Any] = {}
    for number, part in enumerate(text.replace(",,", "\0").split(",")):
        key, equals, value = part.replace("\0", ",").partition("=")
        if number == 0 and not equals and implied:
            key, value = implied, key
        elif not equals:
            value = "on"
        values[key] = value
    return values


def _word(value: Any) -> str:
    """A value as the key=value form has it."""
    return ("on" if value else "off") if isinstance(value, bool) else str(value)


_TRUE = ("on", "yes", "true", "y")


def _same(present: Any, wanted: Any) -> bool:
    """Whether QEMU reads the same from both."""
    return _word(present) == _word(wanted) or (wanted is True and _word(present) in _TRUE)


def _pair(key: str, value: Any, implied: str) -> str:
    word = _word(value).replace(",", ",,")
    return word if key == implied else f"{key}={word}"


def arguments(draft: Draft) -> list[Argument]:
    """The arguments that Optimux understands, in their order."""
    line = draft.root.child("commandline", QEMU)
    return list(_arguments(list(line.all("arg", QEMU)))) if line else []


def _arguments(nodes: list[Node]) -> Iterator[Argument]:
    position = 0
    while position + 1 < len(nodes):
        word = nodes[position].get("value")
        option = word.removeprefix("-").removeprefix("-")
        # No value of these begins like an option: one that does belongs to an option that lost its own.
        has_value = not nodes[position + 1].get("value").startswith("-")
        if word.startswith("-") and option in _IMPLIED and has_value:
            yield Argument(option, (nodes[position], nodes[position + 1]))
            position += 2
        else:
            position += 1


def append(draft: Draft, words: list[str], why: str) -> None:
    """Add arguments behind those that are there, but before the battery's, where that one is the last."""
    line = draft.qemu_element("commandline")
    prefix = line.name.rpartition(":")[0]
    last = line.children[-1].get("value") if line.children else ""
    # The emitter's order, whichever concern came first.
    index = len(line.children) - 2 * (last == f"file={draft.plan.battery_path}")
    for number, word in enumerate(words):
        line.add(Node(f"{prefix}:arg" if prefix else "arg", "arg", QEMU, {"value": word}), index + number)
    draft.did(f"added the argument {' '.join(words)}", why)


def remove(draft: Draft, argument: Argument, why: str) -> None:
    """Take an argument out."""
    draft.did(f"removed the argument -{argument.option} {argument.nodes[1].get('value')}", why)
    argument.remove()


def update(draft: Draft, argument: Argument, why: str, **values: Any) -> None:
    """Give keys their values where they differ, in the argument's own form."""
    before = argument.nodes[1].get("value")
    if argument.set(**values):
        draft.did(f"changed the argument -{argument.option} {before} to {argument.nodes[1].get('value')}", why)
