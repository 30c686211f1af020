"""Random configurations, derived from the model: a strategy for every kind, and whole option sets that mostly resolve.

``option_sets()`` is for tests of meaning: what the plan refuses is taken out again by the paths of its own problems.
``option_sets(repaired=False)`` is for tests of behaviour: each value is of its kind, the whole may make no sense.
"""

from __future__ import annotations

import re
from copy import deepcopy
from functools import cache
from random import Random
from typing import Any

from hypothesis import strategies as st

from optimux.declare import (
    Bool,
    Choice,
    Declared,
    Int,
    Kind,
    ListOf,
    MapOf,
    Overrides,
    Parsed,
    Scalar,
    Table,
    Text,
)
from optimux.declare import values as small
from optimux.errors import InvalidInput
from optimux.facts import Facts
from optimux.findings import Findings
from optimux.options.gpus import Function, Gpu
from optimux.options.host import Host
from optimux.options.looking_glass import LookingGlass
from optimux.options.vm import Vm
from optimux.plan.resolve import plan_from

Data = dict[str, Any]
Values = st.SearchStrategy[Any]

# Printable ASCII, what XML and shells stumble over included, and letters of two, three and four bytes.
LETTERS = st.characters(min_codepoint=0x20, max_codepoint=0x7E) | st.sampled_from("äß漢😀")
FRAGMENTS = ("", "<!-- nothing -->", "\n<!-- two\nlines -->\n")
VERSIONS = ("libvirtVersion", "qemuVersion", "kernelVersion")
# Of the keys that may be left out, how many are there.
SHARE = 0.25
# Left out these would mostly be missed: a disk without a source, a serial port without a path.
LIKELY = ("source", "path")


def address_texts(functions: Values | None = None) -> Values:
    """Guest addresses: a slot of bus 0, or slot 0 behind a root port."""
    on_bus_0 = st.builds("0000:00:{:02x}.{:x}".format, st.integers(1, 0x1E), functions or st.just(0))
    behind_port = st.builds("0000:{:02x}:00.{:x}".format, st.integers(1, 14), functions or st.integers(0, 1))
    return on_bus_0 | behind_port


def size_texts() -> Values:
    """Sizes: mostly powers of two of some MiB or GiB."""
    powers = st.builds("{}{}".format, st.sampled_from([1 << n for n in range(10)]), st.sampled_from(["MiB", "GiB"]))
    return powers | st.builds("{} {}".format, st.integers(1, 5000), st.sampled_from(["MiB", "GiB"]))


def _ids() -> Values:
    return st.builds("{:04x}:{:04x}".format, st.sampled_from([0x10DE, 0x1002, 0x8086, 0x1234]), st.integers(0, 0xFFFF))


def _paths() -> Values:
    names = st.text(LETTERS.filter(lambda char: char not in "\"'/"), min_size=1, max_size=12)
    return st.lists(names, min_size=1, max_size=3).map(lambda parts: "/" + "/".join(parts)).filter(_is_path)


def _is_path(text: str) -> bool:
    return small.PATH.load(text, "", Findings()) == text


@cache
def _shared() -> dict[int, Values]:
    """The kinds that several options share and that deserve likelier values than their patterns give."""
    kinds: dict[Any, Values] = {
        small.ADDRESS: address_texts(),
        small.PLACEMENT: address_texts() | st.just("auto"),
        small.PCI_ID: _ids(),
        small.SIZE: size_texts(),
        small.VERSION: st.sampled_from(["9.0", "10.7", "11.3.0", "12.1"]),
        small.PATH: _paths(),
        small.XML: st.sampled_from(FRAGMENTS),
        small.IP_ADDRESS: st.sampled_from(["127.0.0.1", "192.168.122.1", "::1", "fe80::1"]),
        small.CPU_SET: st.sampled_from(["0", "0-3", "1,3", "0-7,^2"]),
    }
    return {id(kind): strategy for kind, strategy in kinds.items()}


_MADE: dict[int, tuple[Kind[Any], Values]] = {}


def values_of(kind: Kind[Any]) -> Values:
    """Plain values of a kind: each loads without a problem. What Hypothesis finds out about them it keeps with them."""
    if id(kind) not in _MADE:
        _MADE[id(kind)] = kind, _values_of(kind)
    return _MADE[id(kind)][1]


def _values_of(kind: Kind[Any]) -> Values:
    if (strategy := _shared().get(id(kind))) is not None:
        return strategy
    if isinstance(kind, Bool):
        return st.booleans()
    if isinstance(kind, Int):
        return st.integers(kind.least, min(kind.most, kind.least + 20)) | st.integers(kind.least, kind.most)
    if isinstance(kind, Choice):
        return st.sampled_from(kind.words)
    if isinstance(kind, Scalar):
        return st.booleans() | st.integers(-100, 10_000) | st.text("abcXYZ", max_size=8)
    if isinstance(kind, Text):
        return _texts(kind.pattern, kind.most)
    if isinstance(kind, Parsed):
        return _texts(kind.pattern, 64)
    return _collections_of(kind)


def _collections_of(kind: Kind[Any]) -> Values:
    if isinstance(kind, ListOf):
        return st.lists(values_of(kind.item), min_size=kind.least, max_size=min(kind.most, kind.least + 2))
    if isinstance(kind, MapOf):
        return st.dictionaries(values_of(kind.key), values_of(kind.item), max_size=2)
    if isinstance(kind, Table):
        return tables(kind.table)
    if isinstance(kind, Overrides):
        return tables(kind.table)
    raise NotImplementedError(f"no strategy for {type(kind).__name__}: add one")


@cache
def _texts(pattern: str, most: int) -> Values:
    found = st.from_regex(re.compile(pattern), fullmatch=True, alphabet=LETTERS)
    return found.filter(lambda text: len(text) <= most)


@st.composite
def tables(draw: st.DrawFn, table: type[Declared], leave_out: tuple[str, ...] = ()) -> Data:
    """Data of a table: what it requires, and a few of its other keys."""
    free = [declared for declared in table.options if declared.key not in leave_out]
    # A seed picks: every key is as likely as the others, which lists and integers of Hypothesis's own are not.
    seed = draw(st.integers(0, (1 << 32) - 1))
    random = Random(seed)
    chosen = {o.key for o in free if random.random() < SHARE and seed}
    keys = [o for o in free if o.required or o.key in LIKELY or o.key in chosen]
    return {declared.key: draw(values_of(declared.kind)) for declared in keys}


@st.composite
def gpu_tables(draw: st.DrawFn, bus: int) -> Data:
    """A card with one to four functions at a bus of its own."""
    data = draw(tables(Gpu, leave_out=("functions", "otherDevices")))
    functions = [f"0000:{bus:02x}:00.{number}" for number in range(draw(st.integers(1, 4)))]
    others = [f"0000:{bus + 1:02x}:{number:02x}.0" for number in range(draw(st.sampled_from([0, 0, 0, 1, 2])))]
    data["functions"] = [draw(_function(address)) for address in functions]
    return data | ({"otherDevices": [draw(_function(address)) for address in others]} if others else {})


@st.composite
def _function(draw: st.DrawFn, address: str) -> Data:
    data = draw(tables(Function, leave_out=("address", "passThrough")))
    extra = draw(st.sampled_from([{}, {}, {}, {"passThrough": False}, {"passThrough": True}]))
    return {"address": address, **data, **extra}


@st.composite
def option_sets(draw: st.DrawFn, *, repaired: bool = True, versions: bool = True, facts: Facts | None = None) -> Data:
    """A whole configuration as plain data, good for TOML too.

    ``facts`` are those of the host that it is repaired for; without ``versions`` they alone say what is installed.
    """
    host = draw(tables(Host, leave_out=() if versions else VERSIONS)) | {
        "distribution": draw(st.sampled_from(["nixos", "arch", "debian", "fedora"])),
        "cpuVendor": draw(st.sampled_from(["intel", "amd"])),
    }
    gpus = {f"card{number}": draw(gpu_tables(bus)) for number, bus in enumerate(draw(_buses()))}
    data: Data = {"host": host, "gpus": gpus, "vms": {}}
    if draw(st.booleans()):
        data["lookingGlass"] = draw(tables(LookingGlass))
    for number in range(draw(st.integers(1, 3))):
        vm = draw(tables(Vm, leave_out=("gpu",)))
        vm["gpu"] = draw(st.sampled_from([*gpus, ""]))
        data["vms"][f"vm{number}"] = {key: value for key, value in vm.items() if value != "" or key != "gpu"}
    return repair(data, facts) if repaired else data


def _buses() -> st.SearchStrategy[list[int]]:
    return st.lists(st.sampled_from([0x01, 0x11, 0x41]), max_size=2, unique=True)


def repair(data: Data, facts: Facts | None = None, rounds: int = 40) -> Data:
    """The data without what the plan complains about; gives up after some rounds."""
    data = deepcopy(data)
    for _ in range(rounds):
        found = complaints(data, facts)
        if not found:
            break
        _take_out(data, found[0], facts)
    return data


def complaints(data: Data, facts: Facts | None = None) -> list[str]:
    """The paths of the plan's problems."""
    try:
        plan_from(data, facts)
    except InvalidInput as invalid:
        return [problem.path for problem in invalid.problems]
    return []


def _take_out(data: Data, path: str, facts: Facts | None) -> None:
    """Remove what stands at a path, or the deepest thing around it; of a whole VM or card only the key at fault."""
    steps = _steps(path)
    holders: list[Any] = [data]
    for step in steps:
        try:
            holders.append(holders[-1][step])
        except (KeyError, IndexError, TypeError):
            break
    depth = len(holders) - 1
    names_it = depth == len(steps) or depth > 2
    if names_it or not _drop_culprit(data, holders[-1], path, facts):
        _remove(holders, steps, max(depth, 1))


def _remove(holders: list[Any], steps: list[Any], depth: int) -> None:
    """Remove at ``depth``, or further out where a list would be too short or a table misses what it requires."""
    key = steps[depth - 1]
    holder = holders[depth - 1]
    if key in ("address", "id", "functions", "memory", "width", "height") and depth > 1:
        _remove(holders, steps, depth - 1)
    elif isinstance(holder, dict):
        holder.pop(key, None)
    else:
        del holder[key]


def _drop_culprit(data: Data, table: Any, path: str, facts: Facts | None) -> bool:
    for key in list(table) if isinstance(table, dict) else []:
        value = table.pop(key)
        left = complaints(data, facts)
        if path not in left and not any(other.endswith(f".{key}") for other in left):
            return True
        table[key] = value
    return False


def _steps(path: str) -> list[str | int]:
    found = re.findall(r'\[(\d+)\]|"([^"]*)"|([^.\[\]"]+)', path.removesuffix(" (the name)"))
    return [int(index) if index else quoted or word for index, quoted, word in found]
