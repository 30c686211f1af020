"""Terms for property tests."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hypothesis import strategies as st

from optimux.acpi.aml import Buffer, EisaId, Integer, NamePath, Package, String
from optimux.acpi.length import LIMITS
from optimux.acpi.names import ASL_WORDS
from optimux.acpi.objects import Device, Method, Name, Return, Scope

if TYPE_CHECKING:
    from optimux.acpi.aml import Term

# Newer compilers refuse a device that has neither _HID nor _ADR.
ADDRESS = Name("_ADR", Integer(0))
LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
# No leading underscore: those names are the specification's own, and iasl checks them.
segments = st.builds(str.__add__, st.sampled_from(LETTERS), st.text(LETTERS + "0123456789_", max_size=3)).filter(
    lambda name: len(name) < 4 or name not in ASL_WORDS
)
_near = st.sampled_from([1 << bits for bits in (0, 1, 8, 16, 31, 32, 63, 64)]).flatmap(
    lambda power: st.integers(max(0, power - 2), min((1 << 64) - 1, power + 2))
)
integers = st.builds(Integer, _near | st.integers(0, (1 << 64) - 1))
strings = st.builds(String, st.text(st.characters(min_codepoint=1, max_codepoint=127), max_size=80))
eisa_ids = st.builds(EisaId, st.from_regex(r"[A-Z]{3}[0-9A-F]{4}", fullmatch=True))
buffers = st.builds(Buffer, st.binary(max_size=80))
constants: st.SearchStrategy[Term] = integers | strings | eisa_ids | buffers
values: st.SearchStrategy[Term] = st.recursive(
    constants, lambda inner: st.builds(Package, st.lists(inner, max_size=6).map(tuple)), max_leaves=8
)


def _objects(inner: st.SearchStrategy[list[Term]]) -> st.SearchStrategy[list[Term]]:
    devices = st.tuples(segments, inner).map(lambda pair: Device(pair[0], (ADDRESS, *pair[1])))
    return st.lists(devices | leaves, max_size=5).map(_distinct)


def _distinct(terms: list[Term]) -> list[Term]:
    """Without a second object of the same name, which iasl refuses."""
    return list({term.name.ljust(4, "_"): term for term in terms if isinstance(term, Name | Method | Device)}.values())


leaves: st.SearchStrategy[Term] = st.builds(Name, segments, values) | st.builds(
    Method, segments, st.integers(0, 7), st.just(()) | st.builds(lambda value: (Return(value),), values)
)
bodies: st.SearchStrategy[list[Term]] = st.recursive(
    st.lists(leaves, max_size=4).map(_distinct), _objects, max_leaves=6
)
scopes = bodies.map(lambda body: Scope(NamePath("\\_SB"), tuple(body)))
# Every size at which a length takes another byte, and its neighbours.
sizes_near_limits = [
    size for width, limit in enumerate(LIMITS[:3], 1) for size in range(limit - width - 2, limit - width + 4)
]


def filler(size: int) -> Package:
    """A package whose content (its element count included) takes ``size`` bytes, of at least 3."""
    whole, rest = divmod(size - 1, 6_000)
    if rest == 1:
        whole, rest = whole - 1, rest + 6_000  # a string takes at least two bytes
    parts = [6_000] * whole + ([rest] if rest else [])
    return Package(tuple(String("x" * (part - 2)) for part in parts))
