"""A command line's words, paired: which are options, and which of them have a value (system/vl.c, lookup_opt)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from optimux.notation.qemu.properties import IMPLIED
from optimux.record import Record

# Options of QEMU 7.2 to 11.1 for x86 that take no value.
_WORDS = """
    S async-teardown daemonize enable-fips enable-kvm enable-sync-profile full-screen h help win2k-hack mem-prealloc
    no-acpi no-fd-bootchk no-hpet no-kvm no-reboot no-shutdown no-user-config nodefaults nographic nohpet nouserconfig
    only-migratable old-param portrait preconfig semihosting singlestep snapshot usb version xen-attach
    xen-domid-restrict audio-help
"""
_BARE = frozenset(_WORDS.split())

# Those whose value may begin with a dash and is a value all the same.
_VALUED = frozenset(("cpu", "set", "global", *IMPLIED))


class Option(Record):
    """``-device`` and its value; ``first`` is the number of its first word, ``count`` how many words it has.

    ``name`` is empty for a word that is no option: QEMU takes it for a disk image.
    """

    name: str
    value: str | None
    first: int
    count: int


def options(words: Sequence[str]) -> Iterator[Option]:
    """Every option, in order. ``--device`` is ``-device``."""
    position = 0
    while position < len(words):
        word = words[position]
        name = word.removeprefix("-").removeprefix("-") if word.startswith("-") else ""
        has_value = position + 1 < len(words) and _takes(name, words[position + 1])
        count = 2 if has_value else 1
        yield Option(name, words[position + 1] if has_value else None, position, count)
        position += count


def _takes(name: str, following: str) -> bool:
    """Whether the next word is an option's value; what QEMU may have beside the known options decides by its looks."""
    if not name or name in _BARE:
        return False
    return name in _VALUED or not following.startswith("-")
