"""Kernel parameters that a tool is told: what the user had of them is the user's still after a rollback."""

from __future__ import annotations

from typing import TYPE_CHECKING

from optimux.emit.artifact import HostCommand
from tests.apply.hosts import apply, host, look, undo

if TYPE_CHECKING:
    from pathlib import Path


def test_words_of_the_users_stay(tmp_path: Path) -> None:
    folder = host(tmp_path / "host")
    held = folder / "state/words"
    held.write_text("quiet\niommu=pt\n")
    has, back = f"grep -Fqx -- {{}} {held}", f"sed -i '/^'{{}}'$/d' {held}"
    words = ("intel_iommu=on", "iommu=pt")
    add = f"for w in {' '.join(words)}; do grep -Fqx -- $w {held} || echo $w >>{held}; done"
    command = HostCommand(
        add,
        "adds words",
        step="boot-loader",
        unless=" && ".join(has.format(word) for word in words),
        undo="; ".join(back.format(word) for word in words),
        words=words,
        has_word=has,
        undo_word=back,
    )
    apply(folder, [command])
    assert held.read_text().split() == ["quiet", "iommu=pt", "intel_iommu=on"]
    assert look(folder, [command]).is_empty
    undo(folder)
    assert held.read_text().split() == ["quiet", "iommu=pt"]
