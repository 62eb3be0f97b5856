"""Trading hours, holidays and auctions: when an order may trade, and when its day is over."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from brokers.simulator.exchange.hours import TradingHours
from brokers.simulator.exchange.instruments import Instrument
from brokers.simulator.exchange.orders import Auction, Phase
from brokers.simulator.gateway.orders.terms import market_order
from brokers.simulator.wire.records import Contract, Record
from brokers.simulator.wire.server import ErrMsg, ExecutionData, OrderStatus
from tests.unit.simulator.kit import AAPL, UNIVERSE, Bench, errors, only, story

HOURS = TradingHours()
ES, INFY, EURUSD = 515416632, 44652017, 12087792


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def bench(text: str) -> Bench:
    """A gateway that keeps hours, at a moment (UTC)."""
    made = Bench(keeps_hours=True)
    go_to(made, text)
    return made


def go_to(made: Bench, text: str) -> list[Record]:
    return made.skip(at(text) - made.now)


def last(messages: list[Record]) -> str:
    return only(OrderStatus, messages)[-1].status


# -- the calendar: 23 November 2026 is a Monday, the 26th is Thanksgiving --------------------------------


@pytest.mark.parametrize(
    ("con_id", "moment", "phase"),
    [
        (AAPL, "2026-11-23 08:59", Phase.CLOSED),
        (AAPL, "2026-11-23 09:00", Phase.EXTENDED),
        (AAPL, "2026-11-23 14:30", Phase.OPEN),
        (AAPL, "2026-11-23 21:00", Phase.EXTENDED),
        (AAPL, "2026-11-24 01:00", Phase.CLOSED),
        (AAPL, "2026-11-26 15:00", Phase.CLOSED),
        (AAPL, "2026-11-27 17:59", Phase.OPEN),
        (AAPL, "2026-11-27 18:00", Phase.EXTENDED),
        (AAPL, "2026-11-28 15:00", Phase.CLOSED),
        (ES, "2026-11-23 03:00", Phase.OPEN),
        (ES, "2026-11-23 22:30", Phase.CLOSED),
        (ES, "2026-11-22 23:30", Phase.OPEN),
        (INFY, "2026-11-23 04:00", Phase.OPEN),
        (INFY, "2026-11-23 10:00", Phase.CLOSED),
        (EURUSD, "2026-11-28 12:00", Phase.CLOSED),
    ],
)
def test_markets_keep_their_own_hours_and_holidays(con_id: int, moment: str, phase: Phase) -> None:
    assert HOURS.phase(UNIVERSE[con_id], at(moment)) is phase


def test_the_next_opening_skips_holidays_and_weekends() -> None:
    opens = HOURS.next_opening(UNIVERSE[AAPL], at("2026-11-25 22:00"))
    assert opens == at("2026-11-27 14:30")


def test_every_instrument_has_hours_in_which_it_opens() -> None:
    def opens_within_days(instrument: Instrument) -> bool:
        return any(
            HOURS.phase(instrument, at("2026-11-23 00:00") + timedelta(hours=hour)) is Phase.OPEN
            for hour in range(48)
        )

    kinds = {(i.sec_type, i.exchange, i.primary_exchange): i for i in UNIVERSE.instruments.values()}
    assert [i.local_symbol for i in kinds.values() if not opens_within_days(i)] == []


# -- orders and hours ------------------------------------------------------------------------------------


def test_an_order_before_the_open_waits_with_a_notice_399() -> None:
    made = bench("2026-11-23 12:00")
    received = made.place(1)
    assert story(received) == ["ErrMsg 399", "OpenOrder PreSubmitted", "OrderStatus PreSubmitted"]
    assert "2026-11-23 09:30:00 America/New_York" in only(ErrMsg, received)[0].text
    assert last(go_to(made, "2026-11-23 14:30")) == "Filled"


def test_outside_rth_lets_an_order_trade_before_the_open() -> None:
    made = bench("2026-11-23 12:00")
    assert last(made.place(1, order_type="LMT", lmt_price="231", outside_rth=True)) == "Filled"


def test_a_market_order_never_trades_outside_regular_hours() -> None:
    made = bench("2026-11-23 12:00")
    assert last(made.place(1, outside_rth=True)) == "PreSubmitted"


def test_day_orders_expire_at_the_close_and_gtc_orders_wait() -> None:
    made = bench("2026-11-23 15:00")
    for number, tif in ((1, "DAY"), (2, "GTC")):
        made.place(number, order_type="LMT", lmt_price="200", tif=tif)
    go_to(made, "2026-11-23 21:00")
    orders = made.gateway.state.orders.values()
    assert [(o.status.value, o.completed_status) for o in orders] == [
        ("Cancelled", "Expired"),
        ("PreSubmitted", ""),
    ]
    go_to(made, "2026-11-24 14:30")
    assert [o.status.value for o in orders] == ["Cancelled", "Submitted"]


def test_an_order_of_the_evening_is_for_the_next_day() -> None:
    made = bench("2026-11-23 22:00")
    made.place(1)
    go_to(made, "2026-11-24 03:00")
    assert last(go_to(made, "2026-11-24 14:30")) == "Filled"


def test_a_closed_market_does_not_move() -> None:
    made = bench("2026-11-28 15:00")
    market = made.gateway.exchange.market(AAPL)
    made.step(50)
    assert market.day.volume == 0


# -- auctions ------------------------------------------------------------------------------------------


def hold(made: Bench, auction: Auction) -> list[Record]:
    made.gateway.hold_auction("AAPL", auction)
    return made.received()


def test_opening_orders_trade_in_the_opening_auction_of_the_day() -> None:
    made = bench("2026-11-23 12:00")
    made.place(1, tif="OPG")
    assert last(go_to(made, "2026-11-23 14:30")) == "Filled"


def test_closing_orders_trade_in_the_closing_auction_of_the_day() -> None:
    made = bench("2026-11-23 15:00")
    made.place(1, order_type="MOC")
    made.place(2, order_type="LOC", lmt_price="200")
    go_to(made, "2026-11-23 21:00")
    assert [o.status.value for o in made.gateway.state.orders.values()] == ["Filled", "Cancelled"]


def test_without_hours_an_auction_is_held_when_it_is_called() -> None:
    made = Bench()
    assert last(made.place(1, order_type="MOC")) == "PreSubmitted"
    assert made.step(20) == []
    assert last(hold(made, Auction.CLOSE)) == "Filled"


def test_everybody_trades_at_the_one_price_of_the_auction() -> None:
    made = Bench()
    other = made.connect(2)
    made.place(1, order_type="MOC", total_quantity=3000)
    made.place(1, other, order_type="LOC", action="SELL", lmt_price="229", total_quantity=2000)
    prices = {
        m.execution.price for m in only(ExecutionData, hold(made, Auction.CLOSE) + made.received(other))
    }
    assert len(prices) == 1


@pytest.mark.parametrize(
    ("terms", "auction"), [({"order_type": "MOC"}, Auction.OPEN), ({"tif": "OPG"}, Auction.CLOSE)]
)
def test_an_order_waits_for_its_own_auction(terms: dict[str, Any], auction: Auction) -> None:
    made = Bench()
    made.place(1, **terms)
    assert hold(made, auction) == []


def test_what_the_auction_leaves_of_its_orders_is_cancelled() -> None:
    made = Bench()
    made.place(1, order_type="LOC", lmt_price="200")
    assert story(hold(made, Auction.CLOSE)) == ["OrderStatus PendingCancel", "OrderStatus Cancelled"]


# -- orders for the opening auction that go on after it (tif AUC, type MTL) -------------------------------


def test_an_auction_order_trades_in_the_opening_auction() -> None:
    made = bench("2026-11-23 12:00")
    made.place(1, order_type="MTL", tif="AUC")
    assert last(go_to(made, "2026-11-23 14:30")) == "Filled"


def test_the_rest_of_an_auction_order_is_a_limit_order() -> None:
    made = Bench(cash=Decimal(10**9))
    made.place(1, order_type="MTL", tif="AUC", total_quantity=200_000)
    (record,) = made.gateway.state.orders.values()
    executed = only(ExecutionData, hold(made, Auction.OPEN))
    assert 0 < record.filled < record.quantity
    assert record.limit == executed[0].execution.price
    assert record.status == "Submitted"
    assert made.gateway.exchange.market(record.con_id).book.bid == record.limit


def test_an_auction_order_keeps_its_price_over_a_restart() -> None:
    made = Bench(cash=Decimal(10**9))
    made.place(1, order_type="MTL", tif="AUC", total_quantity=200_000)
    hold(made, Auction.OPEN)
    (record,) = made.gateway.state.orders.values()
    again = market_order(record, made.gateway.exchange, record.remaining)
    assert (again.auction, again.time_in_force, again.book_order.price) == (None, "DAY", record.limit)


@pytest.mark.parametrize(
    ("terms", "code"),
    [({"order_type": "LMT", "lmt_price": "230"}, 321), ({"order_type": "MTL", "symbol": "EUR"}, 387)],
)
def test_auction_orders_are_market_to_limit_orders_for_shares_and_futures(
    terms: dict[str, Any], code: int
) -> None:
    made = Bench()
    if terms.pop("symbol", None):
        terms["contract"] = Contract(symbol="EUR", sec_type="CASH", exchange="IDEALPRO", currency="USD")
    assert errors(made.place(1, **{"tif": "AUC", "total_quantity": 20_000, **terms})) == [code]


def test_a_halted_instrument_takes_orders_and_trades_none_of_them() -> None:
    made = bench("2026-11-23 15:00")
    made.gateway.halt_market("AAPL", is_halted=True)
    assert last(made.place(1)) == "PreSubmitted"
    made.gateway.halt_market("AAPL", is_halted=False)
    made.skip(timedelta(seconds=1))
    (order,) = made.gateway.state.orders.values()
    assert order.status.value == "Filled"


def test_what_rests_in_a_halted_instrument_can_be_canceled() -> None:
    made = bench("2026-11-23 15:00")
    made.place(1, order_type="LMT", lmt_price="200")
    made.gateway.halt_market("AAPL", is_halted=True)
    made.gateway.move_market("AAPL", Decimal("190"))
    (order,) = made.gateway.state.orders.values()
    assert order.status.value == "PreSubmitted"
    assert last(made.cancel(1)) == "Cancelled"
