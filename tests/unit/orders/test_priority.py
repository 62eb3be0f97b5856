"""What goes first while more waits than the broker takes."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import pytest

from orders.models import Priority
from orders.risk.market import NO_MARKET, Market, Price
from orders.risk.priority import most_ahead, priority_of, wait_text

MARKET = Market(bid_px=Price(Decimal(99)), ask_px=Price(Decimal(101)), last_px=Price(Decimal(100)))
LAST = Market(last_px=Price(Decimal(100)))


@dataclass
class Terms:
    side: str = "BUY"
    ord_type: str = "LIMIT"
    time_in_force: str = "DAY"
    price: Decimal | None = None
    reduce_only: bool = False


def limit(px: str, side: str = "BUY", **more: Any) -> Terms:
    return Terms(price=Decimal(px), side=side, **more)


@pytest.mark.parametrize(
    ("terms", "market", "expected"),
    [
        (Terms(ord_type="MARKET"), MARKET, Priority.MARKET),
        (Terms(ord_type="MARKET_TO_LIMIT"), NO_MARKET, Priority.MARKET),
        (Terms(ord_type="MARKET", time_in_force="OPG"), MARKET, Priority.RESTING),
        (Terms(ord_type="STOP"), MARKET, Priority.RESTING),
        (Terms(ord_type="MOC"), MARKET, Priority.RESTING),
        (limit("101"), MARKET, Priority.MARKETABLE),
        (limit("100.99"), MARKET, Priority.RESTING),
        (limit("99", "SELL"), MARKET, Priority.MARKETABLE),
        (limit("99.01", "SELL_SHORT"), MARKET, Priority.RESTING),
        (limit("100"), LAST, Priority.MARKETABLE),
        (limit("1"), NO_MARKET, Priority.RESTING),
        (limit("1", time_in_force="IOC"), NO_MARKET, Priority.MARKETABLE),
        (limit("1", reduce_only=True), MARKET, Priority.REDUCING),
    ],
)
def test_priority_follows_what_waiting_costs(terms: Terms, market: Market, expected: Priority) -> None:
    assert priority_of(terms, market, conditional=False) == expected


def test_what_the_broker_holds_back_for_a_condition_rests() -> None:
    assert priority_of(Terms(ord_type="MARKET"), MARKET, conditional=True) == Priority.RESTING


def test_the_wait_is_told_with_what_it_is_reckoned_from() -> None:
    assert wait_text(90, 36.0) == "2.5 s (90 orders ahead at 36 a second)"
    assert most_ahead(2.5, 36.0) == 90
