"""The order book and the market: never crossed, first come first served, nothing gained or lost."""

from __future__ import annotations

from decimal import Decimal

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from brokers.simulator.exchange.book import BookOrder, OrderBook, Side
from brokers.simulator.exchange.market import Market
from brokers.simulator.exchange.orders import (
    Filled,
    Killed,
    MarketEvent,
    MarketOrder,
    Resting,
    StopElected,
    TimeInForce,
    Trigger,
)
from tests.examples import examples
from tests.unit.simulator.kit import AAPL, UNIVERSE

DAY, IOC, FOK = TimeInForce.DAY, TimeInForce.IOC, TimeInForce.FOK


def order(
    order_id: int,
    side: Side,
    quantity: int,
    price: object = None,
    tif: TimeInForce = DAY,
    stop: object = None,
) -> MarketOrder:
    limit = None if price is None else Decimal(str(price))
    trigger = None if stop is None else Trigger(Decimal(str(stop)), rising=side is Side.BUY)
    return MarketOrder(BookOrder(order_id, side, Decimal(quantity), limit), tif, trigger)


def fills(events: list[MarketEvent]) -> list[tuple[int, int, str]]:
    return [(e.order_id, int(e.quantity), str(e.price)) for e in events if isinstance(e, Filled)]


def market() -> Market:
    return Market(UNIVERSE[AAPL])


def test_the_better_price_trades_first_then_the_older_order() -> None:
    m = market()
    for number, price in ((1, "10.02"), (2, "10.01"), (3, "10.01")):
        m.submit(order(number, Side.SELL, 100, price))
    events = m.submit(order(9, Side.BUY, 250, "10.02"))
    assert [fill for fill in fills(events) if fill[0] != 9] == [
        (2, 100, "10.01"),
        (3, 100, "10.01"),
        (1, 50, "10.02"),
    ]


def test_a_trade_is_at_the_resting_orders_price() -> None:
    m = market()
    m.submit(order(1, Side.BUY, 100, "10.05"))
    assert fills(m.submit(order(2, Side.SELL, 100, "9.00"))) == [(1, 100, "10.05"), (2, 100, "10.05")]


def test_a_partly_filled_limit_order_rests_with_the_rest() -> None:
    m = market()
    m.submit(order(1, Side.SELL, 30, "10"))
    events = m.submit(order(2, Side.BUY, 100, "10"))
    assert events[-1] == Resting(2)
    assert m.book.quantity_at(Side.BUY, Decimal(10)) == 70


def test_ioc_trades_what_is_there_and_drops_the_rest() -> None:
    m = market()
    m.submit(order(1, Side.SELL, 30, "10"))
    events = m.submit(order(2, Side.BUY, 100, "10", IOC))
    assert fills(events)[-1] == (2, 30, "10")
    assert events[-1] == Killed(2, IOC)
    assert m.book.bid is None


def test_fok_trades_whole_or_not_at_all() -> None:
    m = market()
    m.submit(order(1, Side.SELL, 60, "10"))
    m.submit(order(2, Side.SELL, 60, "10.01"))
    assert m.submit(order(3, Side.BUY, 100, "10", FOK)) == [Killed(3, FOK)]
    assert [fill for fill in fills(m.submit(order(4, Side.BUY, 100, "10.01", FOK))) if fill[0] == 4] == [
        (4, 60, "10"),
        (4, 40, "10.01"),
    ]


def test_a_market_order_waits_for_liquidity_that_comes_later() -> None:
    m = market()
    assert m.submit(order(1, Side.BUY, 100)) == [Resting(1)]
    assert fills(m.submit(order(2, Side.SELL, 40, "11"))) == [(2, 40, "11"), (1, 40, "11")]
    assert fills(m.submit(order(3, Side.SELL, 100, "12"))) == [(3, 60, "12"), (1, 60, "12")]


def test_a_cancelled_order_never_trades() -> None:
    m = market()
    m.submit(order(1, Side.SELL, 100, "10"))
    m.submit(order(2, Side.BUY, 100, stop="290"))
    assert m.cancel(1)
    assert m.cancel(2)
    assert not m.cancel(1)
    assert m.submit(order(3, Side.BUY, 100, "10")) == [Resting(3)]
    assert m.print_trade(Decimal(300), Decimal(1)) == []


def test_a_trade_elects_stops_nearest_first_and_their_trades_elect_more() -> None:
    m = market()
    for number, price in ((1, "231"), (2, "232")):
        m.submit(order(number, Side.SELL, 100, price))
    m.submit(order(3, Side.BUY, 100, stop="232"))
    m.submit(order(4, Side.BUY, 100, stop="231"))
    events = m.print_trade(Decimal(231), Decimal(1))
    assert [e.order_id for e in events if isinstance(e, StopElected)] == [4]
    assert [e.order_id for e in m.submit(order(5, Side.BUY, 50, "232")) if isinstance(e, StopElected)] == [3]


def test_a_stop_limit_rests_at_its_limit_once_elected() -> None:
    m = market()
    m.submit(order(1, Side.SELL, 100, "228.50", stop="229"))
    events = m.print_trade(Decimal("228.99"), Decimal(1))
    assert events == [StopElected(1), Resting(1)]
    assert m.book.ask == Decimal("228.50")


def test_less_quantity_keeps_the_queue_place_and_more_loses_it() -> None:
    m = market()
    m.submit(order(1, Side.SELL, 100, "10"))
    m.submit(order(2, Side.SELL, 100, "10"))
    m.replace(order(1, Side.SELL, 40, "10"))
    assert fills(m.submit(order(8, Side.BUY, 10, "10")))[0][0] == 1
    m.replace(order(1, Side.SELL, 200, "10"))
    assert fills(m.submit(order(9, Side.BUY, 10, "10")))[0][0] == 2


class Trading(RuleBasedStateMachine):
    """Any sequence of orders, cancels and replacements in one market."""

    def __init__(self) -> None:
        super().__init__()
        self.market = Market(UNIVERSE[AAPL])
        self.asked: dict[int, Decimal] = {}
        self.sides: dict[int, Side] = {}
        self.filled: dict[int, Decimal] = {}
        self.gone: set[int] = set()

    def record(self, events: list[MarketEvent]) -> None:
        for event in events:
            if isinstance(event, Filled):
                assert event.order_id not in self.gone
                self.filled[event.order_id] += event.quantity
            elif isinstance(event, Killed):
                self.gone.add(event.order_id)

    @rule(
        side=st.sampled_from(Side),
        quantity=st.integers(1, 50),
        price=st.none() | st.integers(95, 105),
        stop=st.none() | st.integers(95, 105),
        tif=st.sampled_from([DAY, DAY, IOC, FOK]),
    )
    def submit(
        self, side: Side, quantity: int, price: int | None, stop: int | None, tif: TimeInForce
    ) -> None:
        number = len(self.asked) + 1
        self.asked[number], self.sides[number] = Decimal(quantity), side
        self.filled[number] = Decimal(0)
        self.record(self.market.submit(order(number, side, quantity, price, tif, stop)))

    @rule(choice=st.integers(0, 1000))
    def cancel(self, choice: int) -> None:
        if self.market.orders:
            number = sorted(self.market.orders)[choice % len(self.market.orders)]
            assert self.market.cancel(number)
            self.gone.add(number)

    @rule(choice=st.integers(0, 1000), more=st.integers(1, 30), price=st.integers(95, 105))
    def replace(self, choice: int, more: int, price: int) -> None:
        if self.market.orders:
            number = sorted(self.market.orders)[choice % len(self.market.orders)]
            self.asked[number] = self.filled[number] + more
            self.record(self.market.replace(order(number, self.sides[number], more, price)))

    @rule(price=st.integers(94, 106))
    def trade_elsewhere(self, price: int) -> None:
        self.record(self.market.print_trade(Decimal(price), Decimal(1)))

    @rule()
    def settle(self) -> None:
        self.record(self.market.settle())

    @invariant()
    def the_book_is_never_crossed(self) -> None:
        bid, ask = self.market.book.bid, self.market.book.ask
        assert bid is None or ask is None or bid < ask

    @invariant()
    def bought_equals_sold(self) -> None:
        signed = sum(self.sides[number].sign * filled for number, filled in self.filled.items())
        assert signed == 0

    @invariant()
    def what_was_asked_is_filled_gone_or_still_working(self) -> None:
        for number, quantity in self.asked.items():
            working = self.market.orders.get(number)
            if working is not None:
                assert number not in self.gone
                assert self.filled[number] + working.book_order.remaining == quantity
            else:
                assert number in self.gone or self.filled[number] == quantity

    @invariant()
    def levels_add_up(self) -> None:
        for side in Side:
            book_side = self.market.book.sides[side]
            assert sorted(book_side.levels) == sorted(book_side.prices())
            for level in book_side.levels.values():
                assert level.quantity == sum(resting.remaining for resting in level.orders.values()) > 0


TestTrading = Trading.TestCase
TestTrading.settings = examples(40, stateful_step_count=40)


def test_an_order_that_reaches_nobody_finds_nothing_available() -> None:
    book = OrderBook()
    book.rest(BookOrder(1, Side.SELL, Decimal(5), Decimal(10)))
    assert book.available(BookOrder(2, Side.BUY, Decimal(5), Decimal(9))) == 0
    assert book.available(BookOrder(2, Side.BUY, Decimal(9), Decimal(10))) == 5
