"""Sets of host CPUs, as libvirt writes them back."""

from __future__ import annotations

from collections.abc import Iterable


def canonical_cpus(text: str) -> str:
    """Ascending, joined ranges without exclusions: ``"0-7,^2"`` is ``"0-1,3-7"``. An empty set stays as it is."""
    chosen = _members(part for part in text.split(",") if not part.startswith("^"))
    chosen -= _members(part[1:] for part in text.split(",") if part.startswith("^"))
    ranges: list[tuple[int, int]] = []
    for cpu in sorted(chosen):
        if ranges and ranges[-1][1] == cpu - 1:
            ranges[-1] = (ranges[-1][0], cpu)
        else:
            ranges.append((cpu, cpu))
    return ",".join(f"{low}-{high}" if low != high else str(low) for low, high in ranges) or text


def _members(parts: Iterable[str]) -> set[int]:
    members: set[int] = set()
    for part in parts:
        low, _, high = part.partition("-")
        members.update(range(int(low), int(high or low) + 1))
    return members
