"""validate.py SCHEMA DOMAIN...: ends with 1, and its own words, where libvirt's schema refuses a domain."""

from __future__ import annotations

import sys
from pathlib import Path

from optimux.libvirt.schema import violations

schema, *domains = sys.argv[1:]
found = {path: lines for path in domains if (lines := violations(Path(path).read_text(encoding="utf-8"), Path(schema)))}
for path, lines in found.items():
    print(path, *lines, sep="\n  ", file=sys.stderr)
sys.exit(bool(found) or not domains)
