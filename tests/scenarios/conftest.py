"""Scenarios run against a whole system of real processes."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tradedesk.stack.processes.commands import ONLOOKERS
from tradedesk.stack.system import System

HERE = "tests/scenarios/"


@pytest.fixture(scope="module")
def stack(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    """A running system; the scenarios of one module share it, because its start costs seconds."""
    without = getattr(request.module, "WITHOUT", ONLOOKERS)
    with System(tmp_path_factory.mktemp("stack"), without=without) as system:
        yield system


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """A scenario waits for real processes on a machine that may be busy."""
    for item in items:
        if item.nodeid.startswith(HERE) and not item.get_closest_marker("timeout"):
            item.add_marker(pytest.mark.timeout(600))
