"""``host``: what the plan would otherwise take from the distribution's name."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from optimux.declare.values import DISTRIBUTION
from optimux.judge.propose.entry import Entry
from optimux.judge.propose.vm import takes_hugepages

if TYPE_CHECKING:
    from optimux.facts import Facts
    from optimux.judge.propose.answers import Answers

# The option's words, by what boot loaders show of themselves.
LOADERS = {"grub": "grub", "systemd-boot": "systemd-boot", "grubby": "grubby"}


def host_entries(facts: Facts, answers: Answers) -> Iterator[Entry]:
    """The platform, and huge pages where memory is plenty.

    No version: each update of the host would make the file one for another host, and what reads it looks itself.
    """
    yield _distribution(facts)
    if facts.cpu.vendor:
        yield Entry("host", "cpuVendor", facts.cpu.vendor, facts.cpu.model or "")
    else:
        yield Entry("host", "cpuVendor", "intel", "the processor does not say whose it is.", True, '"amd".')
    if facts.distribution != "nixos":
        yield from _tools(facts)
    if facts.security_module:
        yield Entry("host", "securityModule", facts.security_module)
    if takes_hugepages(facts, answers.memory):
        pages = [{"size": "1GiB", "count": answers.memory.bytes >> 30}]
        yield Entry(
            "host", "hugepages", pages, "memory is plenty; the host cannot use these pages.", True, "leave it out."
        )


def _distribution(facts: Facts) -> Entry:
    if facts.distribution:
        return Entry("host", "distribution", facts.distribution, facts.os.name or "")
    rpm = any(word in ("suse", "opensuse", "rhel") for word in (facts.os.id, *facts.os.id_like))
    guess = "fedora" if rpm else "debian"
    why = f"{facts.os.name or 'the distribution'} is none that files are written for; this one's are nearest."
    others = [f'"{name}"' for name in DISTRIBUTION.words if name != guess]
    return Entry("host", "distribution", guess, why, True, f"{', '.join(others[:-1])} or {others[-1]}.")


def _tools(facts: Facts) -> Iterator[Entry]:
    """Only what one piece of evidence settles."""
    found = facts.boot.initramfs
    if len(found) == 1:
        yield Entry("host", "initramfs", found[0].name, f"{found[0].evidence} is there.")
    loaders = [seen for seen in facts.boot.loaders if seen.name in LOADERS]
    if loaders and (len(loaders) == 1 or "efivars" in loaders[0].evidence):
        yield Entry("host", "bootLoader", LOADERS[loaders[0].name], f"{loaders[0].evidence} says so.")
