"""What the plan puts on the host, beside what lies there."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from optimux.host.doctor.check import Result, broken, check, for_root, holds

if TYPE_CHECKING:
    from optimux.emit.artifact import HostFile, HostLines
    from optimux.host.doctor.look import Look


@check(
    "files.there",
    "the plan's files on the host, as they are generated",
    "What was generated and not brought to its place, or changed there since, is not what runs.",
)
def there(look: Look) -> Iterator[Result]:
    """Files of ours by their content, lines in files of the user's by whether merging them would change anything."""
    from optimux.emit.artifact import HostCommand
    from optimux.emit.host import host_entries
    from optimux.emit.qemu_conf import PATH as QEMU_CONF  # its list has a check of its own, however it is written

    if look.plan is None or not look.root.names("/etc"):
        return
    entries = [e for e in host_entries(look.plan) if not isinstance(e, HostCommand) and e.path != QEMU_CONF]
    found = [result for entry in entries if (result := _looked_at(look, entry))]
    yield from found
    if not found and entries:
        yield holds(f"all {len(entries)} as planned", "/etc")


def _looked_at(look: Look, entry: HostFile | HostLines) -> Result | None:
    """What is wrong with one of them."""
    from optimux.emit.artifact import HostFile
    from optimux.emit.merge import merged

    data = look.root.data(entry.path)
    if data is None and look.root.exists(entry.path):
        return for_root("root's alone", entry.path, entry.path)
    if data is None and _is_hidden(look, entry.path):
        return for_root("only root may look there", entry.path, entry.path)
    if isinstance(entry, HostFile):
        seen = "missing" if data is None else "differs from what is planned"
        same = data == entry.data
    else:
        text = (data or b"").decode("utf-8", "replace")
        seen, same = "missing" if data is None else "without the plan's lines", merged(text, entry) == text
    if same:
        return None
    return broken(f"{seen}: {entry.purpose}", entry.path, "Bring the host to the plan.", "optimux apply", entry.path)


def _is_hidden(look: Look, path: str) -> bool:
    """Whether a folder above could not be looked into."""
    parts = path.split("/")
    return any("/".join(parts[:count]) in look.root.unseen for count in range(2, len(parts) + 1))


CHECKS = (there,)
