"""The laboratory that tests, VM tests and benchmarks share: the real consumers, Nix, and whole machines.

It may use everything of Optimux; Optimux uses nothing of it.
"""

import os
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parent.parent


def cache() -> Path:
    """The folder of what is made or fetched once for all checkouts."""
    base = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(base) / "optimux"
