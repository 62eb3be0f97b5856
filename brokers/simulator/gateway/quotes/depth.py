"""Market depth: the rows of the order book, and their changes."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from decimal import Decimal
from typing import Any
from weakref import WeakKeyDictionary

from brokers.simulator.exchange.book import OrderBook, Side
from brokers.simulator.exchange.exchange import Exchange
from brokers.simulator.exchange.instruments import Instrument
from brokers.simulator.gateway.clients.link import Link
from brokers.simulator.gateway.reference.contracts import resolve_for_data
from brokers.simulator.gateway.texts.numbers import java
from brokers.simulator.gateway.texts.refusals import Refusal, Refused
from brokers.simulator.wire import client_data as requests
from brokers.simulator.wire import server_data as responses
from brokers.simulator.wire.records import Record

#: As many as a login with a hundred market data lines may have.
MAX_SUBSCRIPTIONS = 3
_MAX_ROWS = 60
INSERT, UPDATE, DELETE = 0, 1, 2
_SIDE_NUMBERS = {Side.SELL: 0, Side.BUY: 1}
NO_DEPTH = Refusal(10092, "Deep market data is not supported for this combination of security type/exchange")
TOO_MANY = Refusal(309, f"Max number ({MAX_SUBSCRIPTIONS}) of market depth requests has been reached")

Row = tuple[Decimal, Decimal]


class DepthSubscription:
    """A subscription to a book, and the rows that the client has."""

    def __init__(self, instrument: Instrument, row_count: int, *, is_smart: bool) -> None:
        self.instrument = instrument
        self.row_count = row_count
        self.is_smart = is_smart
        self.rows: dict[Side, list[Row]] = {Side.SELL: [], Side.BUY: []}

    def changes(self, side: Side, now: list[Row]) -> Iterable[tuple[int, int, Row]]:
        """Yield (operation, position, row) that make the client's rows those of now; surplus ones go last."""
        had, self.rows[side] = self.rows[side], now
        for position, row in enumerate(now):
            if position >= len(had):
                yield INSERT, position, row
            elif had[position] != row:
                yield UPDATE, position, row
        for position in range(len(had) - 1, len(now) - 1, -1):
            yield DELETE, position, (Decimal(0), Decimal(0))


class DepthService:
    """Shows the order books."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange
        self._subscriptions: WeakKeyDictionary[Link, dict[int, DepthSubscription]] = WeakKeyDictionary()

    def handlers(self) -> dict[type[Record], Callable[[Link, Any], None]]:
        """Return what answers which request."""
        return {requests.ReqMktDepth: self.subscribe, requests.CancelMktDepth: self.cancel}

    def subscribe(self, link: Link, message: requests.ReqMktDepth) -> None:
        """Send the book's rows and, from then on, their changes."""
        subscriptions = self._subscriptions.setdefault(link, {})
        try:
            instrument = resolve_for_data(self._exchange.universe, message.contract)
            if not instrument.is_tradable or (
                message.contract.exchange == "SMART" and not message.is_smart_depth
            ):
                raise Refused(NO_DEPTH)
            if len(subscriptions) >= MAX_SUBSCRIPTIONS:
                raise Refused(TOO_MANY)
        except Refused as refused:
            link.error(message.req_id, *refused.refusal)
            return
        rows = min(max(message.row_count or 1, 1), _MAX_ROWS)
        if message.is_smart_depth:
            venues = "; ".join(_venues(instrument))
            link.error(message.req_id, 2152, f"Exchanges - Depth: {venues}; ")
        subscription = DepthSubscription(instrument, rows, is_smart=message.is_smart_depth)
        subscriptions[message.req_id] = subscription
        self._send_changes(link, message.req_id, subscription)

    def cancel(self, link: Link, message: requests.CancelMktDepth) -> None:
        """End that; 310 if it is not there."""
        if self._subscriptions.get(link, {}).pop(message.req_id, None) is None:
            text = f"Can't find the subscribed market depth with tickerId:{message.req_id}"
            link.error(message.req_id, 310, text)

    def publish(self, links: Iterable[Link]) -> None:
        """Send every subscriber the rows that changed."""
        for link in links:
            for req_id, subscription in self._subscriptions.get(link, {}).items():
                self._send_changes(link, req_id, subscription)

    def _send_changes(self, link: Link, req_id: int, subscription: DepthSubscription) -> None:
        book = self._exchange.market(subscription.instrument.con_id).book
        for side in (Side.SELL, Side.BUY):
            rows = _rows(book, side, subscription.row_count)
            for operation, position, row in subscription.changes(side, rows):
                link.send(_message(req_id, subscription, side, operation, position, row))


def _rows(book: OrderBook, side: Side, count: int) -> list[Row]:
    rows: list[Row] = []
    for price in book.sides[side].prices():
        rows.append((price, book.quantity_at(side, price)))
        if len(rows) == count:
            break
    return rows


def _venues(instrument: Instrument) -> list[str]:
    return [venue for venue in instrument.venues if venue != "SMART"] or [instrument.exchange]


def _message(
    req_id: int, subscription: DepthSubscription, side: Side, operation: int, position: int, row: Row
) -> Record:
    price, size = java(row[0]), row[1]
    if not subscription.is_smart:
        return responses.MarketDepth(
            req_id=req_id,
            position=position,
            operation=operation,
            side=_SIDE_NUMBERS[side],
            price=price,
            size=size,
        )
    venues = _venues(subscription.instrument)
    return responses.MarketDepthL2(
        req_id=req_id,
        position=position,
        market_maker=venues[position % len(venues)],
        operation=operation,
        side=_SIDE_NUMBERS[side],
        price=price,
        size=size,
        is_smart_depth=True,
    )
