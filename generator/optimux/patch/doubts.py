"""What of a domain cannot be understood, and the concerns that must not guess: refused, all at once."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator

from optimux.errors import InvalidInput, Problem
from optimux.notation.libvirt import QEMU
from optimux.notation.qemu.command_line import is_known
from optimux.patch.draft import Draft, describe
from optimux.patch.machine.aliases import user_alias
from optimux.patch.machine.arguments import MOST_WORDS
from optimux.patch.machine.device import Device

_ALL = ("hyperv", "memory", "gpu", "pci", "battery", "video", "input", "audio", "cpu")
# The concerns that an option speaks to: what it says may be what they would add.
_SPEAKS_TO = {
    "acpitable": ("battery",),
    "cpu": ("hyperv", "cpu"),
    "device": ("memory", "gpu", "pci", "video", "input", "audio"),
    "blockdev": ("disks",),
    "drive": ("disks", "firmware"),
    "global": ("gpu",),
    "M": _ALL,
    "machine": _ALL,
    "object": ("memory", "input"),
    "readconfig": _ALL,
    "set": ("gpu",),
}
_ONCE = {
    *((name, "") for name in ("os", "features", "cpu", "clock", "devices", "memory", "currentMemory", "vcpu")),
    *((name, "") for name in ("memoryBacking", "cputune", "iothreads", "pm")),
    ("override", QEMU),
}
_OUT_OF_PLACE = ("commandline", "override", "capabilities", "deprecation")


def refuse_what_is_unclear(draft: Draft) -> None:
    """Raises ``InvalidInput`` with every doubt: nothing that an argument may say is taken for absent."""
    problems = [*_namespaces(draft), *_blocks(draft), *_too_many(draft)]
    if not problems:
        problems = [*_unknown(draft), *_unreadable(draft), *_doubled(draft), *_machines(draft), *_places(draft)]
    if problems:
        raise InvalidInput(problems)


def _namespaces(draft: Draft) -> Iterator[Problem]:
    for name in _OUT_OF_PLACE:
        if draft.root.child(name) is not None:
            found, allowed = f"<{name}> without a namespace", f"<qemu:{name}> with xmlns:qemu='{QEMU}'"
            yield Problem("domain", found, allowed, "libvirt drops it in silence: give it the prefix, or remove it.")


def _blocks(draft: Draft) -> Iterator[Problem]:
    """What a domain has once: of two, libvirt reads the first, or both."""
    counts = Counter(child.name for child in draft.root.children if (child.local, child.uri) in _ONCE)
    for name, count in counts.items():
        if count > 1:
            yield Problem("domain", f"<{name}> {count} times", "each once", "Put what they say into one of them.")


def _too_many(draft: Draft) -> Iterator[Problem]:
    count = sum(len(line.children) for line in draft.root.all("commandline", QEMU))
    if count > MOST_WORDS:
        yield Problem("domain", f"{count} arguments", f"at most {MOST_WORDS}", "Is it the right file?")


def _unknown(draft: Draft) -> Iterator[Problem]:
    for argument in draft.machine.arguments:
        if not is_known(argument.option):
            remedy = "QEMU ends at it: correct or remove it; each word of an option is an argument of its own."
            yield Problem("domain", f"the argument {argument}", "an option of QEMU's", remedy)


def _unreadable(draft: Draft) -> Iterator[Problem]:
    arguments = list(draft.machine.arguments)
    if arguments and arguments[-1].text == "" and arguments[-1].problem:
        remedy = "QEMU ends at it, and would take what is added behind it for its value: complete or remove it."
        yield Problem("domain", f"the argument {arguments[-1]} at the end", "an option with its value", remedy)
        arguments.pop()
    for argument in arguments:
        asked = [name for name in _SPEAKS_TO.get(argument.option, ()) if name in draft.concerns]
        if argument.problem and asked:
            found = f"the argument {argument}: {argument.problem}"
            remedy = f"Correct it, or leave out what it may speak to: --except {','.join(asked)}."
            yield Problem("domain", found, f"what QEMU reads as -{argument.option}", remedy)


_NAMED = {
    "device": "devices",
    "object": "objects",
    "chardev": "character devices",
    "netdev": "network back ends",
    "audiodev": "sound back ends",
}


def _doubled(draft: Draft) -> Iterator[Problem]:
    for option, what in _NAMED.items():
        ids = Counter(argument.get("id") for argument in draft.machine.of_option(option))
        for name, count in ids.items():
            if name and count > 1:
                found = f'the id "{name}" for {count} {what} of qemu:commandline'
                yield Problem("domain", found, "each id once", "QEMU refuses it too: rename or remove one.")
    yield from _libvirts_ids(draft)
    yield from _cpus(draft)


def _libvirts_ids(draft: Draft) -> Iterator[Problem]:
    """Ids of arguments that libvirt gives its own devices, and aliases that the domain gives twice."""
    named = {alias: node for node, alias in draft.aliases_before.items()}
    named |= {alias: node for node in draft.all_devices() if (alias := user_alias(node)) is not None}
    for argument in draft.machine.of_option("device"):
        # The concern memory gives Looking Glass's own device another id.
        is_memory = argument.get("driver").startswith("ivshmem") and "memory" in draft.concerns
        if (node := named.get(argument.get("id"))) is not None and not is_memory:
            found = f"the argument {argument} with the id of {describe(node)}"
            yield Problem("domain", found, "each id once", "QEMU refuses it too: give the argument another id.")
    counts = Counter(filter(None, map(user_alias, draft.all_devices())))
    for alias, count in counts.items():
        if count > 1:
            found = f'the alias "{alias}" for {count} devices'
            yield Problem("domain", found, "each alias once", "libvirt refuses it too: rename or remove one.")


def _machines(draft: Draft) -> Iterator[Problem]:
    """A machine type among the arguments wins over the domain's."""
    for argument in draft.machine.of_option("M", "machine"):
        kind = argument.get("type")
        if kind and not re.fullmatch(r"(pc-)?q35\b.*", kind):
            remedy = "Remove it: it wins over the domain's own machine, and only q35 has PCI Express ports."
            yield Problem("domain", f"the argument {argument}", "a q35 machine", remedy)


def _places(draft: Draft) -> Iterator[Problem]:
    """A function of a slot that two arguments take; what the concerns take over or move is their matter."""
    taken: dict[object, Device] = {}
    for device in draft.machine.devices:
        if device.argument is None or device.place is None or device.driver.startswith(("ivshmem", "vfio-pci")):
            continue
        first = taken.setdefault(device.place, device)
        if first is not device:
            found = f"the arguments {first.argument} and {device.argument} at one place"
            yield Problem("domain", found, "one device a function", "QEMU refuses it too: move or remove one.")


def _cpus(draft: Draft) -> Iterator[Problem]:
    count = sum(1 for _ in draft.machine.of_option("cpu"))
    asked = [name for name in _SPEAKS_TO["cpu"] if name in draft.concerns]
    if count > 1 and asked:
        remedy = f"QEMU takes the last: remove the others, or --except {','.join(asked)}."
        yield Problem("domain", f"{count} times -cpu in qemu:commandline", "-cpu once", remedy)
