"""libvirt's schema in process: reading it, and judging a domain."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from bench.generate import EXAMPLE
from bench.measure import best_of
from optimux.emit.domain_xml import domain_xml
from optimux.files import read_toml
from optimux.host.libvirt_schema import SCHEMA, violations
from optimux.plan.resolve import plan_from


def report(count: int) -> Iterator[str]:
    """Milliseconds for one domain, schema compilation included."""
    schema = next((path for path in _schemas() if path.exists()), None)
    if schema is None:
        yield "schema validation: left out, no libvirt schema on this machine (Debian: libvirt-daemon-system)"
        return
    document = domain_xml(plan_from(read_toml(str(EXAMPLE))).domains[0])
    verdict = violations(document, schema)
    seconds = best_of(lambda: violations(document, schema), count)
    yield f"schema validation by {schema}: {seconds * 1000:.1f} ms, {len(verdict)} complaints"


def _schemas() -> Iterator[Path]:
    """The machine's, else one of a Debian root that the tests have built."""
    yield SCHEMA
    roots = Path("~/.cache/optimux/roots").expanduser()
    yield from (root / SCHEMA.relative_to("/") for root in sorted(roots.glob("trixie-*")))
