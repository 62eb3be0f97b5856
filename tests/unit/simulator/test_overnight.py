"""The overnight session of US shares: 20:00 to 3:50 in New York, before each trading day."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from brokers.simulator.exchange.hours import TradingHours
from brokers.simulator.wire.server import ErrMsg, OrderStatus
from tests.unit.simulator.kit import AAPL, UNIVERSE, Bench, contract, errors, only

NIGHT = contract(exchange="OVERNIGHT")


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def bench(moment: str) -> Bench:
    """A gateway that keeps hours, at a moment (UTC)."""
    found = Bench(keeps_hours=True)
    found.now = at(moment)
    found.gateway.pass_time()
    return found


@pytest.mark.parametrize(
    ("moment", "is_night"),
    [
        ("2026-11-24 00:59", False),
        ("2026-11-24 01:00", True),
        ("2026-11-24 08:49", True),
        ("2026-11-24 08:50", False),
        ("2026-11-24 15:00", False),
        ("2026-11-26 03:00", False),  # Thanksgiving follows
        ("2026-11-28 03:00", False),  # Saturday follows
        ("2026-11-30 03:00", True),  # Sunday evening
    ],
)
def test_a_night_belongs_to_the_trading_day_after_it(moment: str, is_night: bool) -> None:
    assert TradingHours().is_night(UNIVERSE[AAPL], at(moment)) is is_night


@pytest.mark.parametrize(
    "terms", [{"contract": NIGHT}, {"include_overnight": True}], ids=["venue", "with the night"]
)
def test_an_order_for_the_night_trades_in_it(terms: dict[str, object]) -> None:
    received = bench("2026-11-24 03:00").place(1, order_type="LMT", lmt_price="300", **terms)
    assert [row.status for row in only(OrderStatus, received)][-1] == "Filled"
    assert not errors(received)


def test_others_wait_for_the_morning_with_a_notice() -> None:
    received = bench("2026-11-24 03:00").place(1, order_type="LMT", lmt_price="300", outside_rth=True)
    assert errors(received) == [399]


def test_an_order_for_the_overnight_venue_waits_for_the_evening_and_ends_with_the_night() -> None:
    gateway = bench("2026-11-23 20:00")
    (notice,) = only(ErrMsg, gateway.place(1, contract=NIGHT, order_type="LMT", lmt_price="200"))
    assert notice.code == 399
    assert "2026-11-23 20:00:00" in notice.text
    gateway.skip(timedelta(hours=6))
    (record,) = gateway.gateway.state.open_orders()
    assert record.order_id == 1
    ended = gateway.skip(timedelta(hours=8))
    assert [row.status for row in only(OrderStatus, ended)][-1] == "Cancelled"


def test_an_order_with_the_night_works_on_in_the_day_and_ends_with_it() -> None:
    gateway = bench("2026-11-24 03:00")
    gateway.place(1, order_type="LMT", lmt_price="200", include_overnight=True)
    gateway.skip(timedelta(hours=12))
    assert len(list(gateway.gateway.state.open_orders())) == 1
    assert only(OrderStatus, gateway.skip(timedelta(hours=7)))[-1].status == "Cancelled"


@pytest.mark.parametrize("terms", [{"contract": NIGHT}, {"include_overnight": True}])
def test_the_night_is_for_limit_orders(terms: dict[str, object]) -> None:
    assert errors(Bench().place(1, **terms)) == [387]


def test_without_a_calendar_the_night_is_always() -> None:
    received = Bench().place(1, contract=NIGHT, order_type="LMT", lmt_price="300")
    assert only(OrderStatus, received)[-1].status == "Filled"
