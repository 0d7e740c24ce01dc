"""The whole day is for those who ask for it."""

import pytest


def pytest_collection_modifyitems(config, items):
    """Leave the day of 500 calls out unless it is asked for by its mark."""
    if "day" in config.getoption("markexpr"):
        return
    for item in items:
        if item.get_closest_marker("day"):
            item.add_marker(pytest.mark.skip(reason="takes some minutes; `make test-day` runs it"))
