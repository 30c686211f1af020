"""libvirt's own RELAX NG schema, where the machine has the planned version of it."""

from __future__ import annotations

import re
from pathlib import Path

from optimux.version import Version

SCHEMA = Path("/usr/share/libvirt/schemas/domain.rng")
_LIBRARY = re.compile(r"libvirt\.so\.0\.([0-9]+)\.[0-9]+")


def installed_version(prefix: Path = Path("/")) -> Version | None:
    """libvirt's version by the name of its library (libvirt.so.0.11003.0 is 11.3), without starting anything."""
    for folder in ("usr/lib64", "usr/lib", "usr/lib/x86_64-linux-gnu"):
        for library in sorted((prefix / folder).glob("libvirt.so.0.*"), reverse=True):
            if match := _LIBRARY.fullmatch(library.name):
                major, rest = divmod(int(match[1]), 1000)
                return Version(major, rest)
    return None


def is_oracle_for(planned: Version) -> bool:
    """Whether the machine's schema is of the planned version: another version's judges wrongly."""
    seen = installed_version()
    return seen is not None and SCHEMA.exists() and (seen.major, seen.minor) == (planned.major, planned.minor)


def violations(document: str | bytes, schema: Path = SCHEMA) -> list[str]:
    """What the schema says against a domain, one line each; empty when it is valid."""
    from lxml import etree

    data = document.encode() if isinstance(document, str) else document
    validator = etree.RelaxNG(file=str(schema))
    try:
        tree = etree.fromstring(data, etree.XMLParser(resolve_entities=False, no_network=True))
    except etree.XMLSyntaxError as error:
        return [f"line {error.lineno}: {error.msg}"]
    if validator.validate(tree):
        return []
    return [f"line {error.line}: {error.message}" for error in validator.error_log]
