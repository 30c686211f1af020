"""Changes of ``<qemu:commandline>``, each of which the machine sees at once."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from optimux.notation.libvirt import QEMU
from optimux.patch.draft import Draft
from optimux.patch.machine.arguments import Argument
from optimux.patch.node import Node


def append(draft: Draft, words: Sequence[str], why: str) -> None:
    """Add arguments behind those that are there."""
    line = draft.qemu_element("commandline")
    prefix = line.name.rpartition(":")[0]
    for word in words:
        line.add(Node(f"{prefix}:arg" if prefix else "arg", "arg", QEMU, {"value": word}), len(line.children))
    draft.machine.read_arguments()
    draft.did(f"added the argument {' '.join(words)}", why)


def remove(draft: Draft, arguments: Sequence[Argument], why: str | Callable[[Argument], str]) -> None:
    """Take arguments out, for one reason or for one each; an empty command line goes with its last one."""
    for argument in arguments:
        draft.did(f"removed the argument {argument}", why if isinstance(why, str) else why(argument))
        for node in argument.nodes:
            node.remove()
    for line in list(draft.root.all("commandline", QEMU)) if arguments else ():
        if not line.children:
            line.remove()
    if arguments:
        draft.machine.read_arguments()


def update(draft: Draft, argument: Argument, why: str, **values: object) -> None:
    """Give keys (``_`` for ``-``) their values where they differ, in the argument's own form."""
    before = str(argument)
    changed = [argument.set(key.replace("_", "-"), value) for key, value in values.items()]
    if any(changed):
        draft.did(f"changed the argument {before} to {argument}", why)
        draft.machine.refresh_arguments()
