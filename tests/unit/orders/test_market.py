"""Value and collar: what an order is worth and how far its prices are from a market of known age."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from brokers.fix import OrdType, Side
from orders.risk.market import Ages, Collar, Leg, Market, Price, collar_checks, value_price
from orders.risk.terms import OrderTerms

NOW = datetime(2026, 11, 23, 15, 0, tzinfo=UTC)
AGES = Ages(now=NOW, market=timedelta(seconds=10), close=timedelta(hours=96))
BUY = OrderTerms(side=Side.BUY, order_qty=Decimal(1), ord_type=OrdType.LIMIT, price=Decimal(100))
COLLAR = Collar(through_bps=Decimal(500))


def told(px: int | str, seconds: float = 1) -> Price:
    return Price(Decimal(px), NOW - timedelta(seconds=seconds))


QUOTED = Market(bid_px=told(99), ask_px=told(101), last_px=told(100), close_px=told(98, 60_000))
ONE = [Leg(market=QUOTED)]


def terms(**changes: Any) -> OrderTerms:
    if changes.get("ord_type", OrdType.LIMIT) in (OrdType.MARKET, OrdType.STOP, OrdType.MIT, OrdType.TRAIL):
        changes.setdefault("price", None)
    return msgspec.structs.replace(BUY, **{k: _number(v) for k, v in changes.items()})


def _number(value: Any) -> Any:
    return Decimal(value) if type(value) is int else value


def codes(order: OrderTerms, legs: list[Leg], collar: Collar = COLLAR) -> list[str]:
    return [check.code for check in collar_checks(order, legs, collar, AGES)]


SELL = {"side": Side.SELL}


@pytest.mark.parametrize(
    ("changes", "refused"),
    [
        ({"price": 106}, False),
        ({"price": 107}, True),
        ({"price": 1}, False),
        ({**SELL, "price": 95}, False),
        ({**SELL, "price": 94}, True),
        ({**SELL, "price": 1000}, False),
        ({"ord_type": OrdType.STOP, "stop_px": 110}, False),
        ({"ord_type": OrdType.STOP, "stop_px": 90}, True),
        ({**SELL, "ord_type": OrdType.STOP, "stop_px": 80}, False),
        ({**SELL, "ord_type": OrdType.STOP, "stop_px": 110}, True),
        ({"ord_type": OrdType.MIT, "stop_px": 110}, True),
        ({"ord_type": OrdType.STOP_LIMIT, "stop_px": 110, "price": 115}, False),
        ({"ord_type": OrdType.STOP_LIMIT, "stop_px": 110, "price": 120}, True),
        ({"ord_type": OrdType.MARKET}, False),
        ({"ord_type": OrdType.TRAIL_LIMIT, "price": None, "limit_offset": 30}, True),
        ({"ord_type": OrdType.RELATIVE, "price": None, "peg_offset": 30}, True),
        ({"ord_type": OrdType.RELATIVE, "price": None, "peg_percent": 30}, True),
        ({"ord_type": OrdType.RELATIVE, "price": None, "peg_percent": 1}, False),
        ({"ord_type": OrdType.RELATIVE, "price": 101, "peg_offset": 30}, False),
    ],
)
def test_a_price_far_through_the_market_is_refused(changes: dict[str, Any], refused: bool) -> None:
    assert ("PRICE_OUTSIDE_COLLAR" in codes(terms(**changes), ONE)) is refused


@pytest.mark.parametrize(
    "changes", [{"price": 10}, {**SELL, "price": 900}, {"ord_type": OrdType.STOP, "stop_px": 900}]
)
def test_far_away_is_refused_only_where_that_band_is_set(changes: dict[str, Any]) -> None:
    assert codes(terms(**changes), ONE, Collar(away_bps=Decimal(5_000))) == ["PRICE_OUTSIDE_COLLAR"]
    assert codes(terms(**changes), ONE) == [""]


def test_a_market_order_into_an_offer_far_from_the_last_trade_is_refused() -> None:
    gap = Market(bid_px=told(99), ask_px=told(120), last_px=told(100))
    assert codes(terms(ord_type=OrdType.MARKET), [Leg(market=gap)]) == ["PRICE_OUTSIDE_COLLAR"]
    assert codes(terms(ord_type=OrdType.MARKET, **SELL), [Leg(market=gap)]) == [""]


@pytest.mark.parametrize("ord_type", list(OrdType))
def test_without_any_price_every_kind_is_refused(ord_type: OrdType) -> None:
    order = terms(ord_type=ord_type, price=None)
    for market in (Market(), Market(last_px=Price(Decimal(1))), Market(bid_px=told(99, 11))):
        assert codes(order, [Leg(market=market)]) == ["NO_REFERENCE_PRICE"]


def test_the_last_close_stands_in_for_a_market_that_is_silent() -> None:
    silent = [Leg(market=Market(ask_px=told(1, 60), close_px=told(100, 60_000)))]
    (check,) = collar_checks(terms(price=106), silent, COLLAR, AGES)
    assert (check.code, check.value) == (
        "PRICE_OUTSIDE_COLLAR",
        "price 106 is 600 bps through close_px 100, 17 hours old",
    )
    assert codes(terms(price=105), silent) == [""]
    assert value_price(terms(ord_type=OrdType.MARKET), silent, AGES) is None


def test_a_combination_is_held_against_its_legs() -> None:
    spread = [Leg(market=QUOTED), Leg(market=QUOTED, ratio=Decimal(-1))]  # costs 101 - 99, legs worth 202
    assert codes(terms(price=12), spread) == [""]
    assert codes(terms(price=13), spread) == ["PRICE_OUTSIDE_COLLAR"]
    assert codes(terms(price=-8, **SELL), spread) == [""]
    worth = value_price(terms(price=0), spread, AGES)
    assert worth is not None
    assert (worth.source, worth.px) == ("legs", Decimal(202))


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"price": 500}, "price 500"),
        ({**SELL, "price": 1}, "ask_px 101, 1 s old"),
        ({**SELL, "price": 200}, "price 200"),
        ({"ord_type": OrdType.MARKET}, "ask_px 101, 1 s old"),
        ({"ord_type": OrdType.STOP, "stop_px": 150}, "stop_px 150"),
        ({"ord_type": OrdType.TRAIL}, "ask_px 101, 1 s old"),
    ],
)
def test_an_order_is_worth_the_most_it_may_cost(changes: dict[str, Any], expected: str) -> None:
    assert str(value_price(terms(**changes), ONE, AGES)) == expected


@pytest.mark.parametrize(
    "changes", [{**SELL}, {"ord_type": OrdType.MARKET}, {"ord_type": OrdType.STOP, "stop_px": 5}]
)
def test_where_the_market_decides_the_value_no_young_price_is_none(changes: dict[str, Any]) -> None:
    assert value_price(terms(**changes), [Leg(market=Market(last_px=told(100, 11)))], AGES) is None


@given(st.integers(1, 400), st.sampled_from([Side.BUY, Side.SELL]), st.integers(0, 5_000))
def test_a_tighter_collar_lets_nothing_more_through(px: int, side: Side, bps: int) -> None:
    order = terms(price=px, side=side)
    tight, wide = (Collar(through_bps=Decimal(b), away_bps=Decimal(b)) for b in (bps, bps + 100))
    assert codes(order, ONE, tight) != [""] or codes(order, ONE, wide) == [""]
