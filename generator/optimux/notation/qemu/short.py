"""The options with a grammar of their own: ``-set``, ``-global``, ``-cpu``."""

from __future__ import annotations

import re

from optimux.notation.qemu.errors import UnreadableError
from optimux.notation.qemu.properties import Properties
from optimux.record import Record

_SET = re.compile(r"([^.]{1,63})\.([^.]{1,63})\.([^=]{1,63})=(.*)", re.DOTALL)
_GLOBAL = re.compile(r"([^.=]{1,63})\.([^=]{1,63})=(.*)", re.DOTALL)


class Assignment(Record):
    """``-set device.video0.vgamem_mb=64`` (group ``device``, target ``video0``) and ``-global vfio-pci.x=y`` (group
    ``global``, target the driver)."""

    group: str
    target: str
    key: str
    value: str


class Cpu(Record):
    """``-cpu``: the model, and each feature once, with the value that is in force."""

    model: str
    features: tuple[tuple[str, str], ...]


def read_set(text: str) -> Assignment:
    """Raises ``UnreadableError``."""
    match = _SET.fullmatch(text)
    if match is None:
        raise UnreadableError("not of the form group.id.key=value")
    return Assignment(*match.groups())


def read_global(text: str) -> Assignment:
    """Raises ``UnreadableError``."""
    if match := _GLOBAL.fullmatch(text):
        return Assignment("global", *match.groups())
    values = Properties("global", text)
    driver, key = values.get("driver"), values.get("property")
    if not driver or not key:
        raise UnreadableError("not of the form driver.property=value")
    return Assignment("global", driver, key, values.get("value"))


def read_cpu(text: str) -> Cpu:
    """``host,-hypervisor,hv_relaxed,topoext=on``: a sign, a bare word or a value; no comma can be meant.

    Underscores in a name are dashes to QEMU (target/i386/cpu.c, x86_cpu_parse_featurestr), which sets what has a value
    first, then what has a plus, then what has a minus, wherever they stand. Raises ``UnreadableError``.
    """
    model, *words = text.split(",")
    if not model:
        raise UnreadableError("no CPU model")
    in_force = sorted((word for word in words if word), key=lambda word: "+-".find(word[0]))
    return Cpu(model, tuple(dict(map(_feature, in_force)).items()))


def _feature(word: str) -> tuple[str, str]:
    if word[0] in "+-":
        return word[1:].replace("_", "-"), "on" if word[0] == "+" else "off"
    name, equals, value = word.partition("=")
    return name.replace("_", "-"), value if equals else "on"
