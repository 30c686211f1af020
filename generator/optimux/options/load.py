"""From a file, or plain data, to ``Options``: shapes first, then the rules between fields, all errors at once."""

from __future__ import annotations

from typing import Any

from optimux.declare import Table
from optimux.errors import InvalidInput, Problem
from optimux.files.documents import read_json, read_toml
from optimux.options.model import Options


def read_config(path: str) -> Any:
    """Plain data of a configuration: JSON where the name ends so, else TOML. Raises ``InvalidInput``."""
    return read_json(path) if path.endswith(".json") else read_toml(path)


def load_partial(data: Any, problems: list[Problem]) -> Options:
    """What could be loaded of ``data``; the rest becomes problems, and its place keeps the default."""
    loaded = Table(Options).load(data, "", problems)
    return loaded if isinstance(loaded, Options) else Options()


def load(data: Any) -> Options:
    """Options from plain data. Raises ``InvalidInput`` with every shape problem."""
    problems: list[Problem] = []
    options = load_partial(data, problems)
    if problems:
        raise InvalidInput(problems)
    return options
