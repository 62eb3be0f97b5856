"""Markets that people look at: told by the gateway while somebody looks, and ended when nobody does."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from threading import Event
from typing import Any

import pytest

from brokers.models import Instrument, Profit
from brokers.port import Link
from orders.instruments import market_views
from orders.instruments.market_views import PublishedView
from orders.models import State
from orders.reconciliation import profits
from orders.session import market_data
from orders.session.runtime import SessionRuntime
from tests.integration.broker.conftest import Desk, has_prices
from tests.integration.broker.gateway import Gateway
from tradedesk.stack.polling import eventually


def seen(symbol: str, when: Callable[[PublishedView], object]) -> PublishedView:
    """Look until what is shown is so."""
    pk = Instrument.objects.get(symbol=symbol).pk

    def look() -> PublishedView | None:
        shown = market_views.look("main", pk)
        return shown if shown and when(shown) else None

    return eventually(look, limit=60, pause=0.1)


def test_a_market_is_shown_while_somebody_looks(
    desk: Desk, gateway: Gateway, runtime: SessionRuntime, monkeypatch: pytest.MonkeyPatch
) -> None:
    view = seen("AAPL", lambda shown: shown.view.bids and shown.view.asks and shown.view.feed).view
    assert view.bid and view.ask and view.bid < view.ask
    assert view.bids[0].price == view.bid
    assert [row.price for row in view.bids] == sorted((row.price for row in view.bids), reverse=True)
    assert [row.price for row in view.asks] == sorted(row.price for row in view.asks)
    gateway.control.post("/prices", json={"symbol": "AAPL", "price": "150"}).raise_for_status()
    moved = seen("AAPL", lambda shown: shown.view.asks and shown.view.asks[0].price < 160).view
    assert moved.at and view.at and moved.at > view.at

    monkeypatch.setattr(market_views, "WANTED_FOR", 1)
    seen("AAPL", lambda shown: True)
    eventually(lambda: runtime.market._shown == 0, limit=30)
    eventually(lambda: not runtime.session._prices._book_ids, limit=30)  # type: ignore[attr-defined]


def test_profit_and_loss_is_followed_for_accounts_and_open_positions(
    desk: Desk, gateway: Gateway, runtime: SessionRuntime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(market_data, "PROFITS_EVERY", 0.2)
    desk.wait(desk.place(order_qty=Decimal(100)), State.COMPLETED)
    gateway.control.post("/prices", json={"symbol": "AAPL", "price": "250"}).raise_for_status()
    position = eventually(Profit.objects.filter(con_id=265598, unrealized__gt=100).first, limit=60)
    assert position.value and position.value > 20_000
    eventually(Profit.objects.filter(con_id=0, unrealized__gt=100).first, limit=60)
    assert profits.keep_minute() >= 2


def test_market_depth_beyond_the_logins_limit_waits_for_room(
    desk: Desk, gateway: Gateway, runtime: SessionRuntime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(market_views, "WANTED_FOR", 2)
    names = list(Instrument.objects.filter(sec_type="STK", currency="USD").values_list("symbol", flat=True))[
        :4
    ]

    def all_four() -> list[str]:
        shown = [market_views.look("main", Instrument.objects.get(symbol=name).pk) for name in names]
        return [each.view.depth_problem for each in shown if each and each.view.depth_problem]

    assert eventually(all_four, limit=60)[0].startswith("309: ")
    last = names[-1]
    assert seen(last, lambda shown: shown.view.bids).view.depth_problem == ""


def test_more_instruments_than_lines_of_market_data_take_turns(
    desk: Desk, gateway: Gateway, new_runtime: Callable[[], SessionRuntime], settings: Any
) -> None:
    settings.MARKET_DATA_LINES = 3
    runtime = new_runtime()
    lines = runtime.session._prices.watched  # type: ignore[attr-defined]
    eventually(has_prices, limit=120)
    assert Instrument.objects.exclude(last_px=None).count() > 3
    last = Instrument.objects.exclude(con_id=None).order_by("pk").last()
    assert last
    desk.wait(desk.rest(symbol=last.symbol), State.PENDING)
    eventually(lambda: len(lines) == 3 and last.con_id in lines.values(), limit=60)


class LostOnceAsked:
    """A session whose link is lost just after its book was read."""

    def __init__(self, session: Any) -> None:
        self.session, self.link = session, session.link

    def market(self, *asked: Any) -> Any:
        views = self.session.market(*asked)
        self.link = Link.DOWN
        return views


def test_no_book_is_shown_under_a_link_that_was_lost_after_it(
    desk: Desk, gateway: Gateway, runtime: SessionRuntime
) -> None:
    seen("AAPL", lambda shown: shown.view.bids)
    session: Any = LostOnceAsked(runtime.session)
    market_data.MarketDesk("main", session, runtime.writer, Event()).show()
    shown = seen("AAPL", lambda shown: shown.view.bids)
    assert (session.link, shown.link) == (Link.DOWN, Link.READY)


def test_a_lost_link_shows_and_the_quote_keeps_its_age(
    desk: Desk, gateway: Gateway, runtime: SessionRuntime
) -> None:
    before = seen("AAPL", lambda shown: shown.view.bids)
    gateway.kill()
    lost = seen("AAPL", lambda shown: shown.link == Link.DOWN)
    assert before.view.at and lost.view.at and lost.view.at >= before.view.at  # it may have ticked meanwhile
    assert (lost.view.bid is not None, lost.view.bids) == (True, ())
    gateway.start()
    again = seen("AAPL", lambda shown: shown.view.bids and shown.link == Link.READY)
    assert again.view.at and again.view.at >= lost.view.at
