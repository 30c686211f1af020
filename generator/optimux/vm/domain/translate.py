"""Domains on their way to QEMU: reduced, placed by libvirt, translated by libvirt."""

from __future__ import annotations

from typing import TYPE_CHECKING

from optimux.record import Record
from optimux.vm.domain.libvirt import words_of
from optimux.vm.domain.reduce import reduce
from optimux.vm.domain.stand_ins import StandIn, take_out

if TYPE_CHECKING:
    from collections.abc import Sequence

    from optimux.vm.domain.libvirt import Answer, Libvirt
    from optimux.vm.domain.reduce import Emulation, Reduced


class Translated(Record):
    """A domain as QEMU's arguments; ``fault`` has libvirt's words where it refused the domain, and then nothing else.

    ``words`` are libvirt's, ``own`` the user's own ones, ``overridden`` the aliases that the domain overrides
    properties of, ``replaced`` what was replaced so far.
    """

    fault: str
    program: str
    words: tuple[str, ...]
    own: tuple[str, ...]
    stand_ins: tuple[StandIn, ...]
    overridden: tuple[str, ...]
    replaced: tuple[str, ...]


def translate(documents: Sequence[bytes], emulation: Emulation, libvirt: Libvirt) -> list[Translated]:
    """Each domain; libvirt is asked about all of them at once, which costs little more than about one.

    Raises ``VmError`` where libvirt cannot be asked.
    """
    reduced = [reduce(document, emulation) for document in documents]
    normal = libvirt.normal([each.xml for each in reduced])
    placed = [take_out(answer.text) if answer.text else None for answer in normal]
    asked = iter(libvirt.arguments([each.xml for each in placed if each]))
    found = []
    for domain, answer, place in zip(reduced, normal, placed, strict=True):
        if place is None:
            found.append(_refused(domain, answer))
            continue
        native = next(asked)
        words = words_of(native.text)
        if not words:
            found.append(_refused(domain, native))
            continue
        program, *rest = words
        devices, aliases = place.stand_ins, place.aliases
        found.append(Translated("", program, tuple(rest), domain.arguments, devices, aliases, domain.replaced))
    return found


def _refused(domain: Reduced, answer: Answer) -> Translated:
    return Translated(answer.fault or "no reason given", "", (), domain.arguments, (), (), domain.replaced)
