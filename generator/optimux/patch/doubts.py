"""What of a domain cannot be understood, and the concerns that must not guess: refused, all at once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from optimux.errors import InvalidInput, Problem
from optimux.notation.libvirt import QEMU
from optimux.patch.draft import Draft
from optimux.patch.machine.arguments import MOST_WORDS

# The concerns that an option speaks to: what it says may be what they would add.
_SPEAKS_TO = {
    "acpitable": ("battery",),
    "cpu": ("hyperv", "cpu"),
    "device": ("memory", "gpu", "pci", "video", "input", "audio"),
    "drive": (),
    "global": ("gpu",),
    "object": ("memory", "input"),
    "set": ("gpu",),
}
_OUT_OF_PLACE = ("commandline", "override", "capabilities", "deprecation")


def refuse_what_is_unclear(draft: Draft) -> None:
    """Raises ``InvalidInput`` with every doubt: nothing that an argument may say is taken for absent."""
    problems = [*_namespaces(draft), *_too_many(draft)] or [*_unreadable(draft), *_doubled(draft)]
    if problems:
        raise InvalidInput(problems)


def _namespaces(draft: Draft) -> Iterator[Problem]:
    for name in _OUT_OF_PLACE:
        if draft.root.child(name) is not None:
            found, allowed = f"<{name}> without a namespace", f"<qemu:{name}> with xmlns:qemu='{QEMU}'"
            yield Problem("domain", found, allowed, "libvirt drops it in silence: give it the prefix, or remove it.")


def _too_many(draft: Draft) -> Iterator[Problem]:
    line = draft.root.child("commandline", QEMU)
    count = len(line.children) if line is not None else 0
    if count > MOST_WORDS:
        yield Problem("domain", f"{count} arguments", f"at most {MOST_WORDS}", "Is it the right file?")


def _unreadable(draft: Draft) -> Iterator[Problem]:
    for argument in draft.machine.arguments:
        asked = [name for name in _SPEAKS_TO.get(argument.option, ()) if name in draft.concerns]
        if argument.problem and asked:
            found = f"the argument {argument}: {argument.problem}"
            remedy = f"Correct it, or leave out what it may speak to: --except {','.join(asked)}."
            yield Problem("domain", found, f"what QEMU reads as -{argument.option}", remedy)


def _doubled(draft: Draft) -> Iterator[Problem]:
    for option, what in (("device", "devices"), ("object", "objects")):
        ids = Counter(argument.get("id") for argument in draft.machine.of_option(option))
        for name, count in ids.items():
            if name and count > 1:
                found = f'the id "{name}" for {count} {what} of qemu:commandline'
                yield Problem("domain", found, "each id once", "QEMU refuses it too: rename or remove one.")
    count = sum(1 for _ in draft.machine.of_option("cpu"))
    asked = [name for name in _SPEAKS_TO["cpu"] if name in draft.concerns]
    if count > 1 and asked:
        remedy = f"QEMU takes the last: remove the others, or --except {','.join(asked)}."
        yield Problem("domain", f"{count} times -cpu in qemu:commandline", "-cpu once", remedy)
