"""Costs of orders from the ticks that were kept: of a day with known prices, by hand."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal as D
from typing import Any

import pytest
from django.db import connection
from django.db.models import F
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from brokers.ib.order_books import Quote as Told
from brokers.inbox.writer import InboxWriter
from brokers.market import MarketDataType
from brokers.models import Instrument
from orders.instruments.prices import store_prices
from orders.models import CostCursor, Execution, FillCost, MarketTick, Order, OrderCost, Split, State
from orders.models.trade_date import trade_date
from orders.reports import days
from orders.reports.cost import keep, tca
from orders.reports.cost.story import story_of
from orders.reports.cost.tca import Wanted
from tradedesk.stack.clients import ACCOUNT

CON_ID = 265598
START = timezone.now() - timedelta(minutes=10)


def at(seconds: float) -> Any:
    return START + timedelta(seconds=seconds)


def tick(seconds: float, bid: str, ask: str, last: str, size: int = 100, source: str = "LIVE") -> None:
    MarketTick.objects.create(
        con_id=CON_ID,
        at=at(seconds),
        bid_px=D(bid),
        ask_px=D(ask),
        last_px=D(last),
        last_size=size,
        source=source,
    )


def fill(order: Order, seconds: float, qty: int, px: str, fee: str | None = "3.50", number: int = 1) -> None:
    Execution.objects.create(
        **{"order": order, "account_id": ACCOUNT, "exec_id": f"{number}.01", "exec_root": str(number)},
        **{"con_id": CON_ID, "symbol": "AAPL", "currency": "USD", "side": "BUY", "venue": "NYSE"},
        **{"last_qty": qty, "last_px": D(px), "transact_time": at(seconds), "received_at": at(seconds)},
        **{"commission": fee and D(fee), "commission_currency": "USD", "trade_date": START.date()},
    )


@pytest.fixture
def example(order: Order) -> Order:
    """The published example: buy 1,000 decided at 50.00, 700 filled, the rest canceled at 50.40."""
    tick(0, "49.99", "50.01", "50.00")
    tick(1, "50.09", "50.11", "50.10", 2000)
    tick(2, "50.12", "50.18", "50.20", 5000)
    tick(3, "50.20", "50.26", "50.30", 3000)
    tick(9, "50.39", "50.41", "50.40")
    fill(order, 2.5, 300, "50.15", number=1)
    fill(order, 3.9, 400, "50.25", number=2)
    Order.objects.filter(pk=order.pk).update(
        **{"order_qty": 1000, "cum_qty": 700, "state": State.CANCELED, "received_at": at(0.5)},
        **{"sent_at": at(1), "last_fill_at": at(4), "trade_date": START.date()},
    )
    order.refresh_from_db()
    order.events.create(
        **{"order": order, "version": 99, "kind": "CANCELED", "to_state": "CANCELED", "actor": "t"},
        **{"cum_qty": 700, "avg_px": 0, "at": at(9.5)},
    )
    return order


def table(by: str) -> dict[str, Any]:
    day = START.date()
    return tca.table(Wanted(accounts=[ACCOUNT], first=day, last=day, by=by))


def test_the_published_example_comes_out_of_stored_ticks_and_executions(example: Order) -> None:
    keep.compute([example.pk])
    cost = OrderCost.objects.get()
    assert (cost.delay, cost.trading, cost.opportunity, cost.fees) == (70, 75, 120, 7)
    assert cost.shortfall == 272
    assert cost.received is not None
    assert (cost.received["mid"], cost.received["age_s"], cost.received["source"]) == ("50", 0.5, "LIVE")
    assert (cost.vwap_px, cost.coverage) == (D("50.21"), 1)
    second = FillCost.objects.get(execution__exec_id="2.01")
    assert (second.effective, second.quoted) == (D("0.04") * 400, D("0.06") * 400)


@pytest.mark.parametrize("by", tca.BY)
def test_every_grouping_has_one_row_and_money_is_divided_after_adding_up(example: Order, by: str) -> None:
    keep.compute([example.pk])
    (row,) = table(by)["results"]
    assert row["arrival_bps"] == "21.386"
    if by != "venue":
        assert (row["shortfall"], row["shortfall_bps"], row["vwap_bps"]) == ("272", "54.4", "-0.569")


def test_the_events_are_followed_once_and_a_late_commission_counts(
    transactional_db: None, example: Order
) -> None:
    Execution.objects.filter(exec_id="2.01").update(commission=None)
    keep.follow(settled_after=timedelta(0))
    assert OrderCost.objects.get().shortfall is None
    assert keep.follow(settled_after=timedelta(0)) == 0
    Execution.objects.filter(exec_id="2.01").update(commission=D("3.50"))
    example.events.create(
        **{"version": 100, "kind": "COMMISSION", "to_state": "CANCELED", "actor": "t"},
        **{"cum_qty": 700, "avg_px": 0, "at": at(20)},
    )
    keep.follow(settled_after=timedelta(0))
    assert OrderCost.objects.get().shortfall == 272


def test_costs_are_reckoned_before_the_transaction_writes(transactional_db: None, example: Order) -> None:
    CostCursor.objects.get_or_create(pk=1)
    with CaptureQueriesContext(connection) as asked:
        assert keep.follow(settled_after=timedelta(0), run=0)
    statements = [query["sql"] for query in asked.captured_queries]
    locking = ("INSERT", "UPDATE", "DELETE")
    writes = [at for at, sql in enumerate(statements) if sql.startswith(locking) or "FOR UPDATE" in sql]
    reads = [
        at for at, sql in enumerate(statements) if sql.startswith("SELECT") and "orders_execution" in sql
    ]
    assert reads
    assert writes[0] > reads[-1]


@pytest.mark.parametrize("source", ["DELAYED", "FROZEN", "DELAYED_FROZEN"])
def test_delayed_quotes_are_kept_and_no_cost_is_made_of_them(example: Order, source: str) -> None:
    MarketTick.objects.update(source=source)
    keep.compute([example.pk])
    cost = OrderCost.objects.get()
    assert cost.received is not None
    assert (cost.received["source"], cost.received["mid"]) == (source, None)
    assert (cost.shortfall, cost.vwap_px, FillCost.objects.first().effective) == (None, None, None)  # type: ignore[union-attr]


def test_without_a_quote_a_cost_is_null_and_counted_as_unknown(example: Order) -> None:
    MarketTick.objects.all().delete()
    keep.compute([example.pk])
    (row,) = table("symbol")["results"]
    assert (row["unknown"], row["shortfall"], row["paper"], row["arrival_bps"]) == (1, None, None, None)


def test_an_interval_with_a_gap_has_no_vwap_and_says_how_much_is_known(example: Order) -> None:
    MarketTick.objects.filter(at__lt=at(9)).delete()
    tick(3, "50.20", "50.26", "50.30")
    keep.compute([example.pk])
    cost = OrderCost.objects.get()
    assert (cost.vwap_px, cost.twap_px) == (None, None)
    assert cost.coverage is not None
    assert 0 < cost.coverage < 1


def test_a_quote_is_never_of_later_and_never_older_than_five_minutes(example: Order) -> None:
    MarketTick.objects.all().delete()
    tick(0.6, "1", "2", "1")
    tick(-400, "1", "2", "1")
    keep.compute([example.pk])
    assert OrderCost.objects.get().received is None


def test_a_busted_execution_has_no_cost_any_more(example: Order) -> None:
    keep.compute([example.pk])
    Execution.objects.filter(exec_id="2.01").update(superseded=True)
    keep.compute([example.pk])
    assert FillCost.objects.count() == 1


def test_one_statement_stores_figures_and_quotes_with_their_source(db: None) -> None:
    Instrument.objects.create(symbol="X", sec_type="STK", con_id=7)
    writer = InboxWriter("main", applier=None)  # type: ignore[arg-type]
    quote = Told(bid=D("1.5"), ask=D("1.6"), bid_size=D(200), feed=MarketDataType.LIVE, at=at(1))
    writer.price_seen(7, "bid_px", "1.5")
    writer.quote_changed(7, quote)
    store_prices(writer)
    kept = MarketTick.objects.get()
    assert (kept.bid_px, kept.ask_px, kept.bid_size, kept.source, kept.at) == (
        D("1.5"),
        D("1.6"),
        200,
        "LIVE",
        at(1),
    )
    assert Instrument.objects.get(con_id=7).bid_px == D("1.5")
    store_prices(writer)
    assert MarketTick.objects.count() == 1


def test_a_span_is_a_preset_or_days(db: None) -> None:
    today = days.today()
    assert days.span(days.Preset.MONTH, None, None) == (today.replace(day=1), today)
    assert days.span(None, None, None) == (today, today)
    with pytest.raises(ValueError, match="either"):
        days.span(days.Preset.TODAY, today, None)
    with pytest.raises(ValueError, match="after the last"):
        days.span(None, today, today - timedelta(days=1))


def test_an_order_tells_why_its_price_became_another(example: Order) -> None:
    keep.compute([example.pk])
    told = story_of(example)
    assert told is not None
    assert told.sentence == (
        "50 became 50.2071 because the market moved +0.1 until it was sent, and +0.1071 was paid against the "
        "mid then: +0.0114 of the spread, +0.0957 the market moved meanwhile (+ is worse for a buy). "
        "300 were not executed; the market moved +0.4 since arrival."
    )
    assert [(hop.name, hop.cost) for hop in told.hops] == [
        *(("arrival", None), ("sent", 70), ("filled", 75), ("ended", 120))
    ]


def test_without_live_quotes_no_reason_is_made_up(example: Order) -> None:
    MarketTick.objects.update(source="DELAYED")
    keep.compute([example.pk])
    told = story_of(example)
    assert told is not None
    assert "nobody can say" in told.sentence
    assert [hop.cost for hop in told.hops] == [None] * 4


def split_from(order: Order, days: int) -> None:
    """Two for one, so many days after the day of START where the contract trades."""
    place = order.instrument
    ex_date = trade_date(START, place.time_zone, place.trading_hours) + timedelta(days=days)
    Order.objects.filter(pk=order.pk).update(trade_date=ex_date - timedelta(days=1))
    Split.objects.create(
        **{"con_id": CON_ID, "new_con_id": CON_ID, "symbol": "AAPL", "ex_date": ex_date},
        **{"numerator": 2, "denominator": 1},
    )


@pytest.fixture
def split_example(example: Order) -> Order:
    """The same, good till canceled and decided as 500 at 100.00 the day before each became two."""
    day = timedelta(days=1)
    for name in ("bid_px", "ask_px", "last_px"):
        MarketTick.objects.filter(at__lte=at(1)).update(**{name: F(name) * 2})
    MarketTick.objects.filter(at__lte=at(1)).update(at=F("at") - day)
    sent = {"received_at": at(0.5) - day, "sent_at": at(1) - day}
    Order.objects.filter(pk=example.pk).update(time_in_force="GTC", **sent)
    split_from(example, 0)
    return example


def test_an_order_that_lives_through_a_split_costs_what_it_costs_without(split_example: Order) -> None:
    keep.compute([split_example.pk])
    cost = OrderCost.objects.get()
    assert (cost.decision_px, cost.arrival_px) == (50, D("50.1"))
    assert (cost.delay, cost.trading, cost.opportunity, cost.shortfall) == (70, 75, 120, 272)
    assert cost.vwap_px is None  # trades of both units lie between
    assert sum(fill.trading or 0 for fill in FillCost.objects.all()) == 75


def test_what_was_executed_before_the_split_is_counted_in_the_new_units(split_example: Order) -> None:
    before = {"last_qty": 150, "last_px": D("100.30"), "scale": 2, "trade_date": START.date()}
    Execution.objects.filter(exec_id="1.01").update(**before, transact_time=at(2) - timedelta(days=1))
    keep.compute([split_example.pk])
    cost = OrderCost.objects.get()
    assert (cost.filled_qty, cost.trading, cost.shortfall) == (700, 75, 272)


def test_an_order_that_was_over_before_a_split_keeps_its_units(example: Order) -> None:
    split_from(example, 1)
    keep.compute([example.pk])
    assert (OrderCost.objects.get().shortfall, OrderCost.objects.get().vwap_px) == (272, D("50.21"))
