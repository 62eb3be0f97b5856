"""Bars of five seconds and single ticks, as they happen."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from decimal import Decimal
from itertools import islice
from typing import Any, NamedTuple
from weakref import WeakKeyDictionary

from brokers.simulator.exchange.instruments import Instrument, Universe
from brokers.simulator.exchange.past import Bar
from brokers.simulator.gateway.clients.link import Link
from brokers.simulator.gateway.history.tape import Print, Quote, Tape, Tapes
from brokers.simulator.gateway.reference.contracts import resolve_for_data
from brokers.simulator.gateway.texts.numbers import java
from brokers.simulator.gateway.texts.refusals import Refusal, Refused, no_such_ticker
from brokers.simulator.wire import client_data as requests
from brokers.simulator.wire import server_data as responses
from brokers.simulator.wire.records import Record

LAST, ALL_LAST, BID_ASK, MID_POINT = 1, 2, 3, 4
KINDS = {"Last": LAST, "AllLast": ALL_LAST, "BidAsk": BID_ASK, "MidPoint": MID_POINT}
#: As many as a login with a hundred market data lines may have.
MAX_SUBSCRIPTIONS = 5
_NO_VALUE = Decimal("-1.0")
_BAR_KINDS = frozenset(("TRADES", "MIDPOINT", "BID", "ASK"))


class TickSubscription:
    """A subscription to single ticks, and how many of the tape's it has seen."""

    def __init__(self, instrument: Instrument, kind: int, tape: Tape) -> None:
        self.instrument = instrument
        self.kind = kind
        self.tape = tape
        self.seen = self.count

    @property
    def count(self) -> int:
        """How many ticks of its kind the tape has had."""
        return self.tape.print_count if self.kind in (LAST, ALL_LAST) else self.tape.quote_count

    def take(self) -> Iterable[Print | Quote]:
        """Return what is new, as far as the tape still has it."""
        missed, self.seen = self.count - self.seen, self.count
        source = self.tape.prints if self.kind in (LAST, ALL_LAST) else self.tape.quotes
        return list(islice(source, max(len(source) - missed, 0), None)) if missed else ()


class BarSubscription(NamedTuple):
    """A subscription to bars of five seconds."""

    tape: Tape
    what: str


class TickService:
    """Streams what the tape records."""

    def __init__(self, universe: Universe, tapes: Tapes) -> None:
        self._universe = universe
        self._tapes = tapes
        self._ticks: WeakKeyDictionary[Link, dict[int, TickSubscription]] = WeakKeyDictionary()
        self._bars: WeakKeyDictionary[Link, dict[int, BarSubscription]] = WeakKeyDictionary()

    def handlers(self) -> dict[type[Record], Callable[[Link, Any], None]]:
        """Return what answers which request."""
        return {
            requests.ReqTickByTickData: self.subscribe,
            requests.CancelTickByTickData: self.cancel,
            requests.ReqRealTimeBars: self.subscribe_bars,
            requests.CancelRealTimeBars: self.cancel_bars,
        }

    def subscribe(self, link: Link, message: requests.ReqTickByTickData) -> None:
        """Start to send single ticks of one kind."""
        subscriptions = self._ticks.setdefault(link, {})
        try:
            instrument = resolve_for_data(self._universe, message.contract)
            kind = self._kind(message.tick_type, instrument)
            if len(subscriptions) >= MAX_SUBSCRIPTIONS:
                raise Refused(Refusal(10190, "Max number of tick-by-tick requests has been reached."))
        except Refused as refused:
            link.error(message.req_id, *refused.refusal)
            return
        tape = self._tapes.of(instrument.con_id)
        subscriptions[message.req_id] = TickSubscription(instrument, kind, tape)
        if kind in (BID_ASK, MID_POINT) and tape.quotes:
            self._send_tick(link, message.req_id, subscriptions[message.req_id], tape.quotes[-1])

    @staticmethod
    def _kind(name: str, instrument: Instrument) -> int:
        kind = KINDS.get(name)
        if kind is None:
            raise Refused(Refusal(10189, f"Failed to request tick-by-tick data:Invalid tick type {name}"))
        if kind in (LAST, ALL_LAST) and instrument.is_currency_pair:
            raise Refused(
                Refusal(10189, "Failed to request tick-by-tick data:No trades of this security type")
            )
        return kind

    def cancel(self, link: Link, message: requests.CancelTickByTickData) -> None:
        """End that; 300 if it is not there."""
        if self._ticks.get(link, {}).pop(message.req_id, None) is None:
            link.error(message.req_id, *no_such_ticker(message.req_id))

    def subscribe_bars(self, link: Link, message: requests.ReqRealTimeBars) -> None:
        """Start to send a bar every five seconds."""
        try:
            instrument = resolve_for_data(self._universe, message.contract)
            if message.what_to_show not in _BAR_KINDS or (
                message.what_to_show == "TRADES" and instrument.is_currency_pair
            ):
                raise Refused(
                    Refusal(420, f"Invalid Real-time Query:No {message.what_to_show} of this security type")
                )
        except Refused as refused:
            link.error(message.req_id, *refused.refusal)
            return
        subscription = BarSubscription(self._tapes.of(instrument.con_id), message.what_to_show)
        self._bars.setdefault(link, {})[message.req_id] = subscription

    def cancel_bars(self, link: Link, message: requests.CancelRealTimeBars) -> None:
        """End that; 300 if it is not there."""
        if self._bars.get(link, {}).pop(message.req_id, None) is None:
            link.error(message.req_id, *no_such_ticker(message.req_id))

    def publish(self, links: Iterable[Link]) -> None:
        """Send every subscriber the ticks since the last time."""
        for link in links:
            for req_id, subscription in self._ticks.get(link, {}).items():
                for tick in subscription.take():
                    self._send_tick(link, req_id, subscription, tick)

    def publish_bars(self, links: Iterable[Link]) -> None:
        """Send every subscriber the bar that has just ended."""
        for link in links:
            for req_id, subscription in self._bars.get(link, {}).items():
                if subscription.tape.bars:
                    link.send(_real_time_bar(req_id, subscription, subscription.tape.bars[-1]))

    @staticmethod
    def _send_tick(link: Link, req_id: int, subscription: TickSubscription, tick: Print | Quote) -> None:
        if isinstance(tick, Print):
            link.send(_last_tick(req_id, subscription, tick))
        elif subscription.kind == BID_ASK:
            link.send(_bid_ask_tick(req_id, tick))
        elif tick.middle is not None:
            link.send(
                responses.TickByTick(req_id=req_id, kind=MID_POINT, time=tick.time, price=java(tick.middle))
            )


def _last_tick(req_id: int, subscription: TickSubscription, tick: Print) -> responses.TickByTick:
    venues = subscription.instrument.venues or (subscription.instrument.exchange,)
    return responses.TickByTick(
        req_id=req_id,
        kind=subscription.kind,
        time=tick.time,
        price=java(tick.price),
        size=tick.size,
        exchange=venues[-1],
    )


def _bid_ask_tick(req_id: int, tick: Quote) -> responses.TickByTick:
    return responses.TickByTick(
        req_id=req_id,
        kind=BID_ASK,
        time=tick.time,
        price=java(tick.bid),
        ask=java(tick.ask),
        size=tick.bid_size,
        ask_size=tick.ask_size,
    )


def _real_time_bar(req_id: int, subscription: BarSubscription, bar: Bar) -> responses.RealTimeBar:
    tick = subscription.tape.market.instrument.min_tick
    away = {"BID": -tick, "ASK": tick}.get(subscription.what, Decimal(0))
    of_trades = subscription.what == "TRADES"
    return responses.RealTimeBar(
        req_id=req_id,
        time=bar.start,
        open=java(bar.open + away),
        high=java(bar.high + away),
        low=java(bar.low + away),
        close=java(bar.close + away),
        volume=bar.volume if of_trades else Decimal(-1),
        wap=java(bar.wap) if of_trades else _NO_VALUE,
        count=bar.trades if of_trades else -1,
    )
