"""Quote and order book as people see them: on an instrument's page and in the ticket."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from itertools import zip_longest
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.views.decorators.http import require_GET

from brokers.display import NOTHING, age_text, moment, number_text, price_text
from brokers.formats import decimal_text
from brokers.market import DEPTH_ROWS, Level, MarketDataType, MarketView
from brokers.models import GatewaySession, Instrument
from brokers.port import Link
from orders.access import Accounts, accounts_of_person
from orders.admin.shared.pages import desk_page
from orders.instruments import market_views
from orders.models import ALIVE, Order

IN_TICKET = 5
CONNECTED = (Link.READY, Link.CONNECTED)
FEED_WORDS = {
    MarketDataType.FROZEN: "The market is closed: these are the last prices of its day",
    MarketDataType.DELAYED: "Delayed prices: a quarter of an hour old or more",
    MarketDataType.DELAYED_FROZEN: "Delayed prices, and the market is closed",
}


@dataclass(frozen=True, kw_only=True)
class PriceCondition:
    """How far the prices may be trusted, in words; `usable` prices may be clicked into a ticket."""

    family: str
    words: str
    usable: bool = False


@desk_page("orders.view_order")
@require_GET
def live(request: HttpRequest, instrument_id: int) -> HttpResponse:
    """The market of one instrument as of now; asking keeps it subscribed for some seconds."""
    instrument = get_object_or_404(Instrument, pk=instrument_id)
    rows = IN_TICKET if "ticket" in request.GET else DEPTH_ROWS
    return TemplateResponse(request, "desk/market.html", market_context(request, instrument, rows))


def market_context(request: HttpRequest, instrument: Instrument, rows: int) -> dict[str, Any]:
    """Everything that the market's part of a page shows."""
    accounts = accounts_of_person(request.user)
    view, condition = snapshot_at(instrument, accounts)
    ours = working_at(instrument, accounts)
    quote = {name: price_text(getattr(view, name), instrument) for name in ("bid", "ask", "last", "close")}
    return {
        "instrument": instrument,
        "condition": condition,
        "age": quote_age(view),
        "quote": quote,
        "sizes": {name: size_text(getattr(view, f"{name}_size")) for name in ("bid", "ask", "last")},
        "plain": {name: plain(getattr(view, name)) for name in ("bid", "ask", "last")},
        "spread": price_text(spread(view), instrument),
        "levels": levels(view, instrument, ours, rows),
        "book_words": book_words(view, condition),
        "may_place": request.user.has_perm("orders.place_order"),
        "in_ticket": "ticket" in request.GET,
    }


def snapshot_at(instrument: Instrument, accounts: Accounts) -> tuple[MarketView, PriceCondition]:
    """The market as the broker worker shows it, or the last stored price, and how far to trust it."""
    stored = MarketView(con_id=instrument.con_id or 0, last=instrument.last_px, at=instrument.last_px_at)
    session = carrier(accounts)
    if session is None:
        return stored, PriceCondition(family="doubt", words="No session carries an account of yours.")
    if not instrument.con_id:
        return stored, PriceCondition(family="doubt", words="The broker has not said which contract this is.")
    try:
        shown = market_views.look(session.name, instrument.pk)
    except market_views.NoMarket as error:
        return stored, PriceCondition(family="doubt", words=f"No live prices. {error}")
    if shown is None:
        return stored, waiting(session)
    return shown.view, condition_of(shown)


def carrier(accounts: Accounts) -> GatewaySession | None:
    """The session that is asked: one that carries an account of the person, a connected one first."""
    carrying = list(GatewaySession.objects.filter(accounts__in=accounts).distinct().order_by("name"))
    return min(carrying, key=lambda session: session.link not in CONNECTED, default=None)


def waiting(session: GatewaySession) -> PriceCondition:
    """Nothing is shown yet."""
    if session.link in CONNECTED:
        return PriceCondition(family="idle", words="Asking the broker…")
    why = session.link_reason or session.link
    return PriceCondition(family="doubt", words=f"No live prices: the gateway is not connected ({why}).")


def condition_of(shown: market_views.PublishedView) -> PriceCondition:
    """How far to trust what is shown; the worst reason counts."""
    view = shown.view
    if shown.is_late:
        since = f"{shown.shown_at.astimezone(UTC):%H:%M:%S} UTC"
        return PriceCondition(family="doubt", words=f"Stale since {since}: the broker worker is silent.")
    if shown.link not in CONNECTED:
        return PriceCondition(family="doubt", words=f"Stale: the link is {shown.link} ({shown.link_reason}).")
    if view.problem:
        return PriceCondition(family="doubt", words=f"No market data. The broker says {view.problem}")
    if view.at is None:
        return PriceCondition(family="idle", words="No price has come yet; the market may be closed.")
    if view.feed in FEED_WORDS:
        return PriceCondition(family="doubt", words=f"{FEED_WORDS[view.feed]}.", usable=True)
    return PriceCondition(family="done", words="Live.", usable=True)


def quote_age(view: MarketView) -> SafeString:
    """When the last tick came."""
    if view.at is None:
        return format_html("{}", "")
    seconds = (timezone.now() - view.at).total_seconds()
    return format_html("last tick {}, {} ago", moment(view.at), age_text(seconds))


def book_words(view: MarketView, condition: PriceCondition) -> str:
    """Why there is no order book; empty when there is one."""
    if view.bids or view.asks:
        return ""
    if view.depth_problem:
        return f"No order book. The broker says {view.depth_problem}"
    return "No order book yet." if condition.usable else "No order book."


def working_at(instrument: Instrument, accounts: Accounts) -> dict[tuple[str, Decimal], Decimal]:
    """What is left of the person's own working orders, by side and limit."""
    found: defaultdict[tuple[str, Decimal], Decimal] = defaultdict(Decimal)
    orders = Order.objects.filter(state__in=ALIVE, account__in=accounts, instrument=instrument)
    rows = orders.values_list("side", "price", "order_qty", "cum_qty")[:1000]
    for side, price, order_qty, cum_qty in rows:
        if price is not None:
            found["BUY" if side == "BUY" else "SELL", price] += order_qty - cum_qty
    return found


def levels(
    view: MarketView, instrument: Instrument, ours: dict[tuple[str, Decimal], Decimal], count: int
) -> list[dict[str, Any]]:
    """Fixed slots, best first; an empty one stays where it is."""
    bids, asks = view.bids[:count], view.asks[:count]
    most = max((row.size for row in (*bids, *asks)), default=Decimal(1))
    pairs = zip_longest(bids, asks, range(count))
    return [
        {
            "slot": slot,
            "bid": cell(bid, "BUY", instrument, ours, most),
            "ask": cell(ask, "SELL", instrument, ours, most),
        }
        for bid, ask, slot in pairs
    ]


def cell(
    row: Level | None,
    side: str,
    instrument: Instrument,
    ours: dict[tuple[str, Decimal], Decimal],
    most: Decimal,
) -> dict[str, str]:
    """One side of a slot."""
    if row is None:
        return {"px": NOTHING, "plain": "", "size": "", "share": "0", "venue": "", "ours": ""}
    own = ours.get((side, row.price))
    return {
        "px": price_text(row.price, instrument),
        "plain": decimal_text(row.price),
        "size": size_text(row.size),
        "share": str(int(row.size / most * 100)) if most else "0",
        "venue": row.venue,
        "ours": f"◂ ours {number_text(own)}" if own else "",
    }


def spread(view: MarketView) -> Decimal | None:
    """How far apart the two sides are."""
    return None if view.bid is None or view.ask is None else view.ask - view.bid


def size_text(size: Decimal | None) -> str:
    """A size, with nothing for one that was not told."""
    return NOTHING if size is None else number_text(size)


def plain(px: Decimal | None) -> str:
    """A price as it is typed."""
    return "" if px is None else decimal_text(px)


def trading_words(instrument: Instrument, now: datetime) -> str:
    """Whether its market is open by the broker's calendar, and when that changes."""
    hours = [[datetime.fromisoformat(time) for time in pair] for pair in instrument.liquid_hours]
    if not hours:
        return "trading hours not told"
    for start, end in hours:
        if start <= now < end:
            return f"open until {end.astimezone(UTC):%H:%M} UTC"
    later = min((start for start, _ in hours if start > now), default=None)
    return f"closed, opens {later.astimezone(UTC):%Y-%m-%d %H:%M} UTC" if later else "closed"
