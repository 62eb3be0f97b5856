"""Market makers: a day that can be repeated, quiet around its anchor, deep enough to trade in."""

from __future__ import annotations

from decimal import Decimal

from brokers.simulator.exchange.book import Side
from brokers.simulator.exchange.exchange import Exchange
from brokers.simulator.exchange.instruments import ContractQuery
from brokers.simulator.exchange.makers import FURTHEST_TICKS
from tests.unit.simulator.kit import AAPL, UNIVERSE
from tests.unit.simulator.test_book import order


def day(seed: int, steps: int = 300) -> list[tuple[Decimal, Decimal | None, Decimal]]:
    exchange = Exchange(UNIVERSE, seed)
    seen = []
    for number in range(steps):
        list(exchange.step())
        if number == 100:
            exchange.submit(AAPL, order(1, Side.BUY, 2_000))
        market = exchange.market(AAPL)
        seen.append((market.day.last, market.book.bid, market.day.volume))
    return seen


def test_the_same_seed_and_calls_give_the_same_day() -> None:
    assert day(7) == day(7)


def test_another_seed_gives_another_day() -> None:
    assert day(7) != day(8)


def test_the_price_moves_but_stays_near_its_anchor() -> None:
    opening = UNIVERSE[AAPL].price
    lasts = {last for last, _, _ in day(1, steps=3_000)}
    assert len(lasts) > 5
    assert all(abs(last - opening) <= FURTHEST_TICKS * UNIVERSE[AAPL].min_tick for last in lasts)


def test_every_market_opens_with_both_sides_quoted_on_tick() -> None:
    exchange = Exchange(UNIVERSE, 0)
    for con_id, instrument in UNIVERSE.instruments.items():
        book = exchange.market(con_id).book
        if not instrument.is_tradable or instrument.price == instrument.min_tick:
            continue  # nobody quotes an index, nobody bids for an option that is worth next to nothing
        assert book.bid is not None
        assert book.ask is not None
        assert book.bid < instrument.price < book.ask
        assert all(instrument.is_on_tick(price) for price in book.sides[Side.BUY].prices())


def test_thousands_of_shares_are_filled_within_a_second() -> None:
    exchange = Exchange(UNIVERSE, 0)
    exchange.submit(AAPL, order(1, Side.BUY, 20_000))
    for _ in range(5):  # steps of 200 ms
        list(exchange.step())
    assert 1 not in exchange.market(AAPL).orders


def test_a_moved_market_trades_with_the_limit_orders_it_reaches() -> None:
    exchange = Exchange(UNIVERSE, 0)
    exchange.submit(AAPL, order(1, Side.BUY, 100, "220"))
    events = exchange.move(UNIVERSE[AAPL], Decimal(215))
    assert [(e.order_id, e.price) for e in events] == [(1, Decimal(220))]  # type: ignore[union-attr]
    assert exchange.market(AAPL).day.last == 215


def test_instruments_are_found_by_whatever_identifies_them() -> None:
    def found(**query: object) -> list[str]:
        return [i.local_symbol for i in UNIVERSE.find(ContractQuery(**query))]  # type: ignore[arg-type]

    assert found(con_id=AAPL) == ["AAPL"]
    assert found(con_id=AAPL, exchange="NSE") == []
    assert found(symbol="ES", sec_type="FUT", exchange="CME", expiry="202612") == ["ESZ6"]
    assert len(found(symbol="ES", sec_type="FUT")) == 4
    assert found(symbol="EUR", sec_type="CASH", currency="USD") == ["EUR.USD"]
    assert found(local_symbol="EUR.USD") == ["EUR.USD"]
    assert found(symbol="AAPL", currency="EUR") == []
    assert found(sec_type="STK") == []
