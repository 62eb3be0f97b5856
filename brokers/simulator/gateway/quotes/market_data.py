"""Market data: streaming subscriptions and snapshots from the simulated book."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime
from decimal import Decimal
from typing import Any
from weakref import WeakKeyDictionary

from brokers.simulator.exchange.book import Side
from brokers.simulator.exchange.exchange import Exchange
from brokers.simulator.exchange.instruments import Instrument
from brokers.simulator.exchange.market import Market
from brokers.simulator.exchange.orders import Phase
from brokers.simulator.gateway.clients.link import Link, Subscription
from brokers.simulator.gateway.history.bars import price_at
from brokers.simulator.gateway.history.tape import Tapes
from brokers.simulator.gateway.reference.contracts import resolve_for_data
from brokers.simulator.gateway.reference.option_prices import OptionService
from brokers.simulator.gateway.reference.reference_data import BBO_EXCHANGE
from brokers.simulator.gateway.texts.numbers import java
from brokers.simulator.gateway.texts.refusals import Refusal, Refused, no_such_ticker, validation
from brokers.simulator.wire import client as requests
from brokers.simulator.wire import server as responses
from brokers.simulator.wire.records import Record

#: Tick types: prices carry their size, volume is a size of its own, the last trade's time a text.
BID, ASK, LAST, HIGH, LOW, VOLUME, CLOSE, OPEN, LAST_TIMESTAMP = 1, 2, 4, 6, 7, 8, 9, 14, 45
RT_VOLUME, SHORTABLE, SHORTABLE_SHARES, AVERAGE_VOLUME = 48, 46, 89, 21
_SIZE_OF = {BID: 0, ASK: 3, LAST: 5}
#: The same of delayed data.
_DELAYED = {BID: 66, ASK: 67, LAST: 68, LAST_TIMESTAMP: 88}
_DELAYED_SIZE_OF = {BID: 69, ASK: 70, LAST: 71}
_DELAY_SECONDS = 15 * 60
_NO_GENERIC_SNAPSHOT = "Snapshot market data subscription is not applicable to generic ticks"
LIVE, FROZEN, DELAYED, DELAYED_FROZEN = 1, 2, 3, 4
_NO_PRICE = Decimal("-1.00")
_SNAPSHOT_PERMISSIONS = 3
ZERO = Decimal(0)
NOT_SUBSCRIBED = Refusal(
    10089,
    "Requested market data requires additional subscription for API. See link in 'Market Data Connections' "
    "dialog for more details.Delayed market data is available.",
)
DELAYED_SHOWN = Refusal(10167, "Requested market data is not subscribed. Displaying delayed market data.")
#: Generic ticks that may be asked for; those of 165, 233 and 236 are sent, the others say nothing here.
_GENERIC_TICKS = (
    *(100, 101, 104, 105, 106, 107, 125, 162, 165, 166, 221, 225, 232, 233, 236, 256, 258, 292, 293, 294),
    *(295, 318, 375, 411, 456, 460, 499, 506, 577, 586, 587, 588, 595, 614, 619, 623),
)
_LEGAL_NAMES = frozenset(("mdoff", *(str(number) for number in _GENERIC_TICKS)))
_RT_VOLUME_ASKED, _SHORTABLE_ASKED, _AVERAGES_ASKED = "233", "236", "165"

Ticks = dict[int, tuple[Decimal, Decimal]]


class MarketDataService:
    """Answers market data requests and streams what changed."""

    def __init__(
        self, exchange: Exchange, tapes: Tapes, options: OptionService, clock: Callable[[], datetime]
    ) -> None:
        self._exchange = exchange
        self._tapes = tapes
        self._options = options
        self._clock = clock
        self._data_types: WeakKeyDictionary[Link, int] = WeakKeyDictionary()

    def handlers(self) -> dict[type[Record], Callable[[Link, Any], None]]:
        """Return what answers which request."""
        return {
            requests.ReqMktData: self.subscribe,
            requests.CancelMktData: self.cancel,
            requests.ReqMarketDataType: self.data_type,
        }

    def subscribe(self, link: Link, message: requests.ReqMktData) -> None:
        """Start a subscription or answer a snapshot; 58 and 81 come before the ticks."""
        try:
            instrument = resolve_for_data(self._exchange.universe, message.contract)
            generic = _generic_ticks(message.generic_ticks, instrument)
            if message.snapshot and message.generic_ticks:
                raise Refused(validation(_NO_GENERIC_SNAPSHOT))
            if message.req_id in link.market_data:
                raise Refused(Refusal(322, "Error processing request.-'bT' : cause - Duplicate ticker id"))
            is_delayed = self._is_delayed(link, instrument)
        except Refused as refused:
            link.error(message.req_id, *refused.refusal)
            return
        if is_delayed:
            link.error(message.req_id, *DELAYED_SHOWN)
        subscription = Subscription(instrument.con_id)
        subscription.is_delayed = is_delayed
        data_type = self._shown_data_type(link, subscription)
        link.send(responses.MarketDataType(req_id=message.req_id, data_type=data_type))
        self._send_parameters(link, message.req_id, instrument)
        self._send_changes(link, message.req_id, subscription)
        self._send_generic(link, message.req_id, instrument, generic)
        if message.snapshot or message.regulatory_snapshot:
            link.send(responses.TickSnapshotEnd(req_id=message.req_id))
        else:
            subscription.has_rt_volume = _RT_VOLUME_ASKED in generic
            link.market_data[message.req_id] = subscription

    def _is_delayed(self, link: Link, instrument: Instrument) -> bool:
        """Whether only delayed data are to be had; raises Refused if the client does not want them."""
        if instrument.has_live_data:
            return False
        if self._data_types.get(link, LIVE) not in (DELAYED, DELAYED_FROZEN):
            raise Refused(NOT_SUBSCRIBED)
        return True

    def _shown_data_type(self, link: Link, subscription: Subscription) -> int:
        """What is sent: frozen data only while the market is closed, and only to who wants them."""
        is_closed = self._exchange.market(subscription.con_id).phase is Phase.CLOSED
        wants_frozen = self._data_types.get(link, LIVE) in (FROZEN, DELAYED_FROZEN)
        if subscription.is_delayed:
            return DELAYED_FROZEN if is_closed and wants_frozen else DELAYED
        return FROZEN if is_closed and wants_frozen else LIVE

    @staticmethod
    def _send_parameters(link: Link, req_id: int, instrument: Instrument) -> None:
        is_smart = instrument.sec_type == "STK" and instrument.currency == "USD"
        link.send(
            responses.TickReqParams(
                req_id=req_id,
                min_tick=instrument.min_tick,
                bbo_exchange=BBO_EXCHANGE if is_smart else "",
                snapshot_permissions=_SNAPSHOT_PERMISSIONS,
            )
        )

    def cancel(self, link: Link, message: requests.CancelMktData) -> None:
        """End a subscription; 300 if there is none."""
        if link.market_data.pop(message.req_id, None) is None:
            link.error(message.req_id, *no_such_ticker(message.req_id))

    def data_type(self, link: Link, message: requests.ReqMarketDataType) -> None:
        """Choose the kind of data for subscriptions to come: delayed ones where there are no live ones."""
        if message.data_type not in (LIVE, FROZEN, DELAYED, DELAYED_FROZEN):
            link.error(-1, *validation("Invalid market data type"))
            return
        self._data_types[link] = message.data_type

    def publish(self, links: Iterable[Link]) -> None:
        """Send every subscriber the ticks that changed since its last ones."""
        for link in links:
            for req_id, subscription in link.market_data.items():
                self._send_changes(link, req_id, subscription)

    def _send_changes(self, link: Link, req_id: int, subscription: Subscription) -> None:
        instrument = self._exchange.universe[subscription.con_id]
        changed = [
            (tick_type, value)
            for tick_type, value in self._ticks(subscription, instrument).items()
            if subscription.sent.get(tick_type) != value
        ]
        for tick_type, (price, size) in changed:
            subscription.sent[tick_type] = price, size
            self._send_tick(link, req_id, subscription, tick_type, price, size)
        if changed and instrument.is_option and not subscription.is_delayed:
            link.send(self._options.model(req_id, instrument))

    def _send_tick(
        self,
        link: Link,
        req_id: int,
        subscription: Subscription,
        tick_type: int,
        price: Decimal,
        size: Decimal,
    ) -> None:
        shown = _DELAYED[tick_type] if subscription.is_delayed else tick_type
        if tick_type == VOLUME:
            link.send(responses.TickSize(req_id=req_id, tick_type=shown, size=size))
            return
        link.send(responses.TickPrice(req_id=req_id, tick_type=shown, price=price, size=size))
        sizes = _DELAYED_SIZE_OF if subscription.is_delayed else _SIZE_OF
        if tick_type in sizes:
            link.send(responses.TickSize(req_id=req_id, tick_type=sizes[tick_type], size=size))
        if tick_type == LAST:
            self._send_last_time(link, req_id, subscription, price, size)

    def _send_last_time(
        self, link: Link, req_id: int, subscription: Subscription, price: Decimal, size: Decimal
    ) -> None:
        now = self._clock().timestamp()
        seconds = int(now) - (_DELAY_SECONDS if subscription.is_delayed else 0)
        tick_type = _DELAYED[LAST_TIMESTAMP] if subscription.is_delayed else LAST_TIMESTAMP
        link.send(responses.TickString(req_id=req_id, tick_type=tick_type, value=str(seconds)))
        if subscription.has_rt_volume:
            volume = self._exchange.market(subscription.con_id).day.volume
            text = f"{price};{size:f};{int(now * 1000)};{volume:f};{price};true"
            link.send(responses.TickString(req_id=req_id, tick_type=RT_VOLUME, value=text))

    @staticmethod
    def _send_generic(link: Link, req_id: int, instrument: Instrument, generic: frozenset[str]) -> None:
        if _SHORTABLE_ASKED in generic and instrument.sec_type == "STK":
            shares = instrument.quote_size * 1_000
            link.send(responses.TickGeneric(req_id=req_id, tick_type=SHORTABLE, value=Decimal("3.0")))
            link.send(responses.TickSize(req_id=req_id, tick_type=SHORTABLE_SHARES, size=shares))
        if _AVERAGES_ASKED in generic and instrument.sec_type == "STK":
            volume = instrument.quote_size * 10_000
            link.send(responses.TickSize(req_id=req_id, tick_type=AVERAGE_VOLUME, size=volume))

    def _ticks(self, subscription: Subscription, instrument: Instrument) -> Ticks:
        if not subscription.is_delayed:
            return _ticks(self._exchange.market(subscription.con_id))
        tape = self._tapes.of(subscription.con_id)
        last = price_at(tape, self._tapes.now() - _DELAY_SECONDS)
        size = instrument.quote_size
        return {
            BID: (java(last - instrument.min_tick), size),
            ASK: (java(last + instrument.min_tick), size),
            LAST: (java(last), instrument.lot * 100),
        }


def _generic_ticks(text: str, instrument: Instrument) -> frozenset[str]:
    """Return the generic ticks that a request names; raises Refused (321) if one of them is none."""
    names = frozenset(name.partition(":")[0].strip() for name in text.split(",") if name.strip())
    if names - _LEGAL_NAMES:
        legal = ",".join(str(number) for number in _GENERIC_TICKS)
        raise Refused(
            validation(
                f"Incorrect generic tick list of {text}.  Legal ones for ({instrument.sec_type}) are: {legal}"
            )
        )
    return names


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
