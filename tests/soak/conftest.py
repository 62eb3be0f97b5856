"""What all long forms share."""

from __future__ import annotations

import pytest

HERE = "tests/soak/"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """`-m soak` chooses them; each may take its time on a machine that may be busy."""
    for item in items:
        if item.nodeid.startswith(HERE):
            item.add_marker(pytest.mark.soak)
            item.add_marker(pytest.mark.timeout(1800))
