"""Market data: streaming subscriptions and snapshots from the simulated book."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime
from decimal import Decimal

from brokers.simulator.exchange.book import Side
from brokers.simulator.exchange.exchange import Exchange
from brokers.simulator.exchange.market import Market
from brokers.simulator.gateway.checks import Refused, resolve
from brokers.simulator.gateway.echo import java
from brokers.simulator.gateway.link import Link, Subscription
from brokers.simulator.gateway.texts import NO_SUCH_TICKER, validation
from brokers.simulator.wire import client as asked
from brokers.simulator.wire import server as said

#: Tick types: prices carry their size, volume is a size of its own, the last trade's time a text.
BID, ASK, LAST, HIGH, LOW, VOLUME, CLOSE, OPEN, LAST_TIMESTAMP = 1, 2, 4, 6, 7, 8, 9, 14, 45
_SIZE_OF = {BID: 0, ASK: 3, LAST: 5}
_NO_PRICE = Decimal("-1.00")
_BBO_EXCHANGE, _SNAPSHOT_PERMISSIONS = "9c0001", 3
ZERO = Decimal(0)

Ticks = dict[int, tuple[Decimal, Decimal]]


class QuoteDesk:
    """Answers market data requests and streams what changed."""

    def __init__(self, exchange: Exchange, clock: Callable[[], datetime]) -> None:
        self._exchange = exchange
        self._clock = clock

    def subscribe(self, link: Link, message: asked.ReqMktData) -> None:
        """Start a subscription or answer a snapshot; 58 and 81 come before the ticks."""
        try:
            instrument = resolve(self._exchange.universe, message.contract)
        except Refused as refused:
            link.error(message.req_id, *refused.refusal)
            return
        if message.req_id in link.market_data:
            link.error(message.req_id, 322, "Error processing request.-'bT' : cause - Duplicate ticker id")
            return
        subscription = Subscription(instrument.con_id)
        link.send(said.MarketDataType(req_id=message.req_id, data_type=1))
        link.send(
            said.TickReqParams(
                req_id=message.req_id,
                min_tick=instrument.min_tick,
                bbo_exchange=_BBO_EXCHANGE,
                snapshot_permissions=_SNAPSHOT_PERMISSIONS,
            )
        )
        self._send_changes(link, message.req_id, subscription)
        if message.snapshot or message.regulatory_snapshot:
            link.send(said.TickSnapshotEnd(req_id=message.req_id))
        else:
            link.market_data[message.req_id] = subscription

    def cancel(self, link: Link, message: asked.CancelMktData) -> None:
        """End a subscription; 300 if there is none."""
        if link.market_data.pop(message.req_id, None) is None:
            link.error(message.req_id, NO_SUCH_TICKER.code, NO_SUCH_TICKER.text.format(message.req_id))

    def data_type(self, link: Link, message: asked.ReqMarketDataType) -> None:
        """Take note of the wanted kind of data; it is live in any case, so nothing changes."""
        if message.data_type not in (1, 2, 3, 4):
            link.error(-1, *validation("Invalid market data type"))

    def tell(self, links: Iterable[Link]) -> None:
        """Send every subscriber the ticks that changed since its last ones."""
        for link in links:
            for req_id, subscription in link.market_data.items():
                self._send_changes(link, req_id, subscription)

    def _send_changes(self, link: Link, req_id: int, subscription: Subscription) -> None:
        market = self._exchange.market(subscription.con_id)
        for tick_type, (price, size) in _ticks(market).items():
            if subscription.sent.get(tick_type) == (price, size):
                continue
            subscription.sent[tick_type] = price, size
            if tick_type == VOLUME:
                link.send(said.TickSize(req_id=req_id, tick_type=VOLUME, size=size))
                continue
            link.send(said.TickPrice(req_id=req_id, tick_type=tick_type, price=price, size=size))
            if tick_type in _SIZE_OF:
                link.send(said.TickSize(req_id=req_id, tick_type=_SIZE_OF[tick_type], size=size))
            if tick_type == LAST:
                seconds = str(int(self._clock().timestamp()))
                link.send(said.TickString(req_id=req_id, tick_type=LAST_TIMESTAMP, value=seconds))


def _ticks(market: Market) -> Ticks:
    book, day = market.book, market.day
    return {
        BID: (_shown(book.bid), book.quantity_at(Side.BUY, book.bid)),
        ASK: (_shown(book.ask), book.quantity_at(Side.SELL, book.ask)),
        LAST: (java(day.last), day.last_size),
        HIGH: (java(day.high), ZERO),
        LOW: (java(day.low), ZERO),
        CLOSE: (java(day.close), ZERO),
        OPEN: (java(day.open), ZERO),
        VOLUME: (ZERO, day.volume),
    }


def _shown(price: Decimal | None) -> Decimal:
    return _NO_PRICE if price is None else java(price)
