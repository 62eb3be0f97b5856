"""What a process remembers of the instruments it meets has an end, however many days it lives."""

from __future__ import annotations

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from brokers.models import Instrument
from orders.instruments import trading_days
from orders.instruments.prices import MARKETS_KEPT, LastPrices
from orders.instruments.trading_days import TradingHoursCache
from orders.risk.market import NO_MARKET

pytestmark = pytest.mark.django_db


def test_markets_that_were_asked_for_once_are_not_read_for_ever() -> None:
    """Each was read again with every other, once a second for as long as the process lived."""
    prices = LastPrices()
    for con_id in range(1, 3 * MARKETS_KEPT, 10):
        assert set(prices.markets(range(con_id, con_id + 10)).values()) == {NO_MARKET}
    assert len(vars(prices)["_markets"]) <= MARKETS_KEPT + 10


def test_a_list_longer_than_what_is_kept_is_answered_whole_and_read_once() -> None:
    prices, asked = LastPrices(), range(1, 3 * MARKETS_KEPT)
    with CaptureQueriesContext(connection) as queries:
        assert (set(prices.markets(asked)), set(prices.markets(asked))) == (set(asked), set(asked))
    assert len(queries) == 1


def test_trading_hours_of_expired_contracts_are_not_kept_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trading_days, "HOURS_KEPT", 10)
    hours = TradingHoursCache()
    rows = Instrument.objects.bulk_create(
        Instrument(symbol=f"X{number}", sec_type="OPT", exchange="SMART", currency="USD", time_zone="UTC")
        for number in range(35)
    )
    assert [hours.of(row.pk)[0] for row in rows] == ["UTC"] * 35
    assert len(vars(hours)["_hours"]) <= 10
