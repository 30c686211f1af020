"""libvirt's schema in process: reading it, and judging a domain."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from bench.generate import EXAMPLE
from bench.measure import best_of
from optimux.emit.domain_xml import domain_xml
from optimux.files.documents import read_toml
from optimux.libvirt.schema import SCHEMA, installed_version, violations
from optimux.plan.resolve import plan_from


def report(count: int) -> Iterator[str]:
    """Milliseconds for one domain planned for the schema's libvirt, schema compilation included."""
    found = next(((prefix, version) for prefix in _prefixes() if (version := installed_version(prefix))), None)
    if found is None:
        yield "schema validation: left out, no libvirt on this machine (Debian: libvirt-daemon-system)"
        return
    prefix, version = found
    data = read_toml(str(EXAMPLE))
    data["host"]["libvirtVersion"] = f"{version.major}.{version.minor}"
    schema = prefix / SCHEMA.relative_to("/")
    document = domain_xml(plan_from(data).domains[0])
    verdict = violations(document, schema)
    seconds = best_of(lambda: violations(document, schema), count)
    yield f"schema of libvirt {version}: compiled and asked in {seconds * 1000:.1f} ms, {len(verdict)} complaints"


def _prefixes() -> Iterator[Path]:
    """The machine, else a Debian root that the tests have built."""
    roots = Path("~/.cache/optimux/roots").expanduser()
    for prefix in (Path("/"), *sorted(roots.glob("trixie-*[0-9a-f]"))):
        if (prefix / SCHEMA.relative_to("/")).exists():
            yield prefix
