"""What an order is worth: a low limit makes no sell cheap, and no combination is free."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.utils import timezone

from brokers.fix import OrdType, SecType, Side
from brokers.messages import LegSide
from brokers.models import Instrument
from orders.entry.limits.rules import rules_cache
from orders.entry.place import dry_run, place_order
from orders.entry.reading.ticket import InstrumentKey, Ticket, TicketLeg
from orders.instruments.prices import ages, last_prices
from orders.models import AccountLimit, Source
from orders.risk.market import value_price
from tests.integration.orders.conftest import seed_desk

MARKET = Decimal("590")
STOP_BUY = {"side": Side.BUY, "ord_type": OrdType.STOP, "price": None}


@pytest.fixture(autouse=True)
def desk(db: None, settings: Any) -> None:
    seed_desk(settings, last_px=MARKET, last_px_at=timezone.now())
    last_prices.forget()
    rules_cache.forget_outdated()


def ticket(**changes: Any) -> Ticket:
    terms = {"side": Side.SELL, "order_qty": Decimal(10_000), "ord_type": OrdType.LIMIT, "price": Decimal(1)}
    key = InstrumentKey(symbol="SPY")
    return Ticket(**{"cl_ord_id": "v", "account": "DU1234567", "instrument": key, **terms, **changes})


def valued(order: Ticket, instrument: Instrument) -> tuple[str, Decimal] | None:
    known = value_price(order, last_prices.legs(instrument), ages())
    return (known.source, known.px) if known else None


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, ("last_px", "590")),
        ({"price": Decimal(600)}, ("price", "600")),
        ({"side": Side.BUY}, ("price", "1")),
        ({"side": Side.BUY, "ord_type": OrdType.MARKET, "price": None}, ("last_px", "590")),
        ({"ord_type": OrdType.STOP, "price": None, "stop_px": Decimal(500)}, ("last_px", "590")),
        ({**STOP_BUY, "stop_px": Decimal(610)}, ("stop_px", "610")),
    ],
)
def test_an_order_is_worth_what_it_may_cost(changes: dict[str, Any], expected: tuple[str, str]) -> None:
    spy = Instrument.objects.get(symbol="SPY")
    assert valued(ticket(**changes), spy) == (expected[0], Decimal(expected[1]))


def test_a_sell_far_below_the_market_is_refused_for_its_value() -> None:
    (failed,) = [check for check in dry_run(ticket(), "algo") if not check.passed]
    assert failed.code == "NOTIONAL_ABOVE_LIMIT"
    assert failed.value.startswith("5900000 (at last_px 590, ")


def test_a_combination_at_zero_is_worth_its_legs() -> None:
    aapl, spy = (Instrument.objects.get(symbol=symbol).con_id or 0 for symbol in ("AAPL", "SPY"))
    legs = [{"con_id": aapl, "ratio": 1, "side": LegSide.BUY, "exchange": "SMART"}]
    legs += [{"con_id": spy, "ratio": 2, "side": LegSide.SELL, "exchange": "SMART"}]
    spread = Instrument(symbol="AAPL,SPY", sec_type=SecType.BAG, legs=legs)
    free = ticket(side=Side.BUY, price=Decimal(0))
    assert valued(free, spread) == ("legs", 3 * MARKET)
    Instrument.objects.filter(con_id=spy).update(last_px=None)
    last_prices.forget()
    assert valued(free, spread) is None


def test_a_combination_counts_for_the_day_by_its_legs(settings: Any) -> None:
    client = User.objects.create_user("algo")
    AccountLimit.objects.update(max_daily_notional=2_000, currency="USD", any_instrument=True)
    aapl, spy = (Instrument.objects.get(symbol=symbol).con_id or 0 for symbol in ("AAPL", "SPY"))
    legs = tuple(
        TicketLeg(con_id=con_id, ratio=1, side=side, exchange="SMART")
        for con_id, side in ((aapl, LegSide.BUY), (spy, LegSide.SELL))
    )
    key = InstrumentKey(symbol="AAPL,SPY", sec_type=SecType.BAG, legs=legs)
    codes = []
    for number in range(2):
        free = ticket(cl_ord_id=f"c{number}", instrument=key, order_qty=Decimal(1), price=Decimal(0))
        placed = place_order(free, client=client, source=Source.API, received_at=timezone.now())
        codes.append(placed.order.reason_code)
    assert codes == ["", "DAILY_NOTIONAL_ABOVE_LIMIT"]  # 1,180 each
