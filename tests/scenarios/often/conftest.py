"""Scenarios that wait for what workers do by the clock: comparisons come every two seconds here."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tradedesk.stack.processes.commands import ONLOOKERS
from tradedesk.stack.system import System

OFTEN = {"TRADEDESK_RECONCILE_ORDERS_EVERY": "2"}


@pytest.fixture(scope="package")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    """A running system; who kills a part of it starts it again."""
    with System(tmp_path_factory.mktemp("often"), without=ONLOOKERS, **OFTEN) as system:
        yield system
