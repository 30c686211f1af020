"""A plugin of pytest: of each test one case, the first that is collected, and one test of those that draw examples."""

from __future__ import annotations

import pytest


@pytest.hookimpl(trylast=True)  # hypothesis marks what draws
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """What is left out counts as deselected."""
    first: dict[str, pytest.Item] = {}
    for item in items:
        first.setdefault(_test(item), item)
    kept = set(first.values())
    config.hook.pytest_deselected(items=[item for item in items if item not in kept])
    items[:] = [item for item in items if item in kept]


def _test(item: pytest.Item) -> str:
    return "drawn" if item.get_closest_marker("hypothesis") else item.nodeid.partition("[")[0]
