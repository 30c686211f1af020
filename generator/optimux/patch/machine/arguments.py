"""``<qemu:commandline>``: each option as QEMU reads it, or as what cannot be understood."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import islice

from optimux.notation.libvirt import QEMU
from optimux.notation.qemu.command_line import options
from optimux.notation.qemu.errors import UnreadableError
from optimux.notation.qemu.numbers import read_place
from optimux.notation.qemu.properties import Properties
from optimux.notation.qemu.short import Assignment, Cpu, read_cpu, read_global, read_set
from optimux.patch.node import Node

# QEMU's own limit is the kernel's; nobody's domain comes near this one.
MOST_WORDS = 4096
_LONGEST = 128 << 10  # MAX_ARG_STRLEN
_QUOTED = 300
_PROPERTIES = ("acpitable", "audiodev", "blockdev", "chardev", "device", "drive", "M", "machine", "netdev", "object")
READ = (*_PROPERTIES, "cpu", "global", "readconfig", "set")
# QEMU's id_wellformed (util/id.c).
_ID = re.compile(r"[A-Za-z][A-Za-z0-9._-]*")
_QUOTES = ("'", '"')


class Argument:
    """An option with its value. ``problem`` says why QEMU would not read it; then nothing else is known of it."""

    def __init__(self, option: str, nodes: tuple[Node, ...], value: str | None) -> None:
        self.option, self.nodes, self.text = option, nodes, value or ""
        self.problem = ""
        self.values: Properties | None = None
        self.assignment: Assignment | None = None
        self.cpu: Cpu | None = None
        try:
            self._read(value)
        except UnreadableError as error:
            self.problem = str(error)

    def _read(self, value: str | None) -> None:
        if self.option not in READ:
            return
        if value is None:
            raise UnreadableError("no value")
        if len(value) >= _LONGEST:
            raise UnreadableError("longer than Linux passes to a program")
        if self.option == "readconfig":
            raise UnreadableError("QEMU reads more options from this file, and what they say is not known here")
        if self.option in _PROPERTIES:
            values = Properties(self.option, value)
            _check(self.option, values)
            self.values = values
        elif self.option == "cpu":
            self.cpu = read_cpu(value)
        else:
            self.assignment = (read_set if self.option == "set" else read_global)(value)

    def get(self, key: str) -> str:
        """A value as text; empty where there is none."""
        return self.values.get(key) if self.values is not None else ""

    @property
    def paths(self) -> list[str]:
        """The files of an ``-acpitable``: QEMU takes several, between colons."""
        return [path for path in (self.get("file") or self.get("data")).split(":") if path]

    def size(self, key: str) -> int | None:
        """A size in bytes, ``None`` where it is missing or unreadable."""
        return self.values.size(key) if self.values is not None else None

    def set(self, key: str, value: object) -> bool:
        """Give a key its value in the argument's own form; whether that changed something."""
        assert self.values is not None
        if not self.values.set(key, value):
            return False
        self.rewrite(self.values.written())
        return True

    def rewrite(self, value: str) -> None:
        """Give the option another value."""
        self.text = value
        self.nodes[-1].set("value", value)
        self._read(value)

    def __str__(self) -> str:
        """As a person types it."""
        words = [node.get("value") for node in self.nodes]
        text = " ".join(words)
        return text if len(text) <= _QUOTED else f"{text[:_QUOTED]}…"


def _check(option: str, values: Properties) -> None:
    """What QEMU refuses of well-formed properties, and a quote that a shell was to take away. Raises."""
    if (name := values.get("id")) and not _ID.fullmatch(name):
        raise UnreadableError(f'the id "{name}" is none: it begins with a letter, and has letters, digits, - . _')
    place = values.values.get("addr")
    if option == "device" and isinstance(place, str) and place not in ("-1", "") and read_place(place) is None:
        raise UnreadableError(f'"{place}" is no slot and function')
    for key, text in {} if values.is_json else values.values.items():
        if (text[:1] in _QUOTES) != (text[-1:] in _QUOTES) or text in _QUOTES:
            raise UnreadableError(f"a quote without its other in {key}={text}")


def read_arguments(root: Node) -> Iterator[Argument]:
    """Every option of the domain's own command line, in order; libvirt reads all blocks where there are several."""
    words = (node for line in root.all("commandline", QEMU) for node in line.all("arg", QEMU))
    nodes = list(islice(words, MOST_WORDS))
    for option in options([node.get("value") for node in nodes]):
        yield Argument(option.name, tuple(nodes[option.first : option.first + option.count]), option.value)
