"""From a file, or plain data, to ``Options``: shapes first, then the rules between fields, all errors at once."""

from __future__ import annotations

from typing import Any

from optimux.declare import Table
from optimux.files.documents import read_json, read_toml
from optimux.findings import Findings
from optimux.options.model import Options


def read_config(path: str) -> Any:
    """Plain data of a configuration: JSON where the name ends so, else TOML. Raises ``InvalidInput``."""
    return read_json(path) if path.endswith(".json") else read_toml(path)


def load_partial(data: Any, findings: Findings) -> Options:
    """What could be loaded of ``data``; the rest becomes problems, and its place keeps the default."""
    loaded = Table(Options).load(data, "", findings)
    return loaded if isinstance(loaded, Options) else Options()


def load(data: Any) -> Options:
    """Options from plain data. Raises ``InvalidInput`` with every shape problem."""
    findings = Findings()
    options = load_partial(data, findings)
    findings.refuse()
    return options
