"""What the tests of all parts share."""

from __future__ import annotations

import pytest

from brokers.postgres import clock
from orders.admin.people import login
from orders.api import authentication
from orders.entry.limits import known_use
from orders.entry.limits.use import contention
from orders.instruments import prices, rates, trading_days

#: What a process knows for some seconds only, with the name of how long.
MEMORIES = (
    (authentication, "RETENTION"),
    (clock, "MEASURE_EVERY"),
    (known_use, "KEPT_FOR"),
    (login, "NOTED_EVERY"),
    (prices, "PRICES_KEPT_FOR"),
    (rates, "KEPT_FOR"),
    (trading_days, "RETENTION"),
)


@pytest.fixture
def memories_last(monkeypatch: pytest.MonkeyPatch) -> None:
    """What was read is known for the whole test, so that queries are counted however slow the machine is."""
    for room, lifetime in MEMORIES:
        monkeypatch.setattr(room, lifetime, 3600.0)
    monkeypatch.setattr(known_use, "RESTS_FOR", 0.0)  # nor does a race of another test count in this one
    contention._until = 0.0
