"""Answers about the past: bars and their updates, ticks, head timestamps, histograms."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from decimal import Decimal
from typing import Any, NamedTuple
from weakref import WeakKeyDictionary

from brokers.simulator.exchange.hours import TradingHours
from brokers.simulator.exchange.instruments import Instrument, Universe
from brokers.simulator.exchange.past import Bar
from brokers.simulator.gateway.clients.link import Link
from brokers.simulator.gateway.history import periods
from brokers.simulator.gateway.history.bars import bar_at, bars, day_bars, price_at, session_bars
from brokers.simulator.gateway.history.sessions import TradingSessions
from brokers.simulator.gateway.history.tape import BAR_SECONDS, Tape, Tapes
from brokers.simulator.gateway.reference.contracts import resolve, resolve_for_data
from brokers.simulator.gateway.texts import times
from brokers.simulator.gateway.texts.numbers import java
from brokers.simulator.gateway.texts.refusals import Refused, no_history, validation
from brokers.simulator.wire import client_data as requests
from brokers.simulator.wire import server_data as responses
from brokers.simulator.wire.records import Record

MAX_BARS, MAX_TICKS = 3_000, 1_000
#: Kinds of bars, and how far from the trades they are, in half ticks: (low side, high side).
_SIDES = {
    "TRADES": (0, 0),
    "AGGTRADES": (0, 0),
    "ADJUSTED_LAST": (0, 0),
    "MIDPOINT": (0, 0),
    "BID": (-2, -2),
    "ASK": (2, 2),
    "BID_ASK": (-2, 2),
}
_OF_TRADES = frozenset(("TRADES", "AGGTRADES", "ADJUSTED_LAST"))
#: Kinds of bars that may be kept up to date.
_LIVE_KINDS = frozenset(("TRADES", "MIDPOINT", "BID", "ASK"))
_TICK_KINDS = frozenset(("TRADES", "BID_ASK", "MIDPOINT"))
_YEARS_LISTED, _DAYS_OF_DERIVATIVES = 10, 365
_NO_VALUE = Decimal("-1.0")


class BarRequest(NamedTuple):
    """A request for bars that is kept up to date."""

    instrument: Instrument
    seconds: int
    what: str
    as_epoch: bool


class HistoryService:
    """Tells what was, and keeps bars up to date."""

    def __init__(self, universe: Universe, tapes: Tapes, hours: TradingHours | None) -> None:
        self._universe = universe
        self._tapes = tapes
        self._sessions = None if hours is None else TradingSessions(hours)
        self._subscriptions: WeakKeyDictionary[Link, dict[int, BarRequest]] = WeakKeyDictionary()

    def handlers(self) -> dict[type[Record], Callable[[Link, Any], None]]:
        """Return what answers which request."""
        return {
            requests.ReqHistoricalData: self.historical_data,
            requests.CancelHistoricalData: self.cancel_historical_data,
            requests.ReqHeadTimestamp: self.head_timestamp,
            requests.CancelHeadTimestamp: lambda link, message: None,
            requests.ReqHistogramData: self.histogram,
            requests.CancelHistogramData: lambda link, message: None,
            requests.ReqHistoricalTicks: self.historical_ticks,
        }

    # -- bars -------------------------------------------------------------------------------------

    def historical_data(self, link: Link, message: requests.ReqHistoricalData) -> None:
        """Send the bars of a time, all in one message; with `keep_up_to_date` their changes too."""
        try:
            instrument = resolve_for_data(self._universe, message.contract)
            _check_request(message)
            if message.what_to_show == "SCHEDULE":
                self._schedule(link, message, instrument)
                return
            request = self._read_request(message, instrument)
            start, end = self._span(message, instrument)
        except Refused as refused:
            link.error(message.req_id, *refused.refusal)
            return
        tape = self._tapes.of(instrument.con_id)
        found = self._bars(message, tape, start, end)
        rows = [self._row(link, request, bar) for bar in found]
        self._send_bars(link, message.req_id, instrument, start, end, rows)
        if message.keep_up_to_date:
            self._subscriptions.setdefault(link, {})[message.req_id] = request

    def _bars(self, message: requests.ReqHistoricalData, tape: Tape, start: int, end: int) -> Iterator[Bar]:
        """Yield the bars; of an exchange with hours only those in which it traded, weeks and months whole."""
        seconds = times.read_bar_size(message.bar_size)
        if self._sessions is None and seconds <= times.DAY:
            return bars(tape, start, end, seconds)
        opens = periods.period_start(start, seconds) if seconds > times.DAY else start
        if self._sessions is None:
            spans = periods.every_day(opens, end)
        else:
            instrument = tape.market.instrument
            spans = self._sessions.spans(instrument, opens, end, extended=not message.use_rth)
        if seconds <= times.DAY:
            return session_bars(tape, spans, seconds)
        whole = periods.whole_periods(spans, seconds)
        return day_bars(tape, (span for span in whole if span.midnight + times.DAY > start))

    def _send_bars(
        self,
        link: Link,
        req_id: int,
        instrument: Instrument,
        start: int,
        end: int,
        rows: list[responses.HistoricalBar],
    ) -> None:
        first = times.local_time(start, instrument.time_zone, link.version)
        last = times.local_time(end, instrument.time_zone, link.version)
        link.send(responses.HistoricalData(req_id=req_id, start=first, end=last, bars=tuple(rows)))
        if link.version >= responses.HISTORY_END:
            link.send(responses.HistoricalDataEnd(req_id=req_id, start=first, end=last))

    def _read_request(self, message: requests.ReqHistoricalData, instrument: Instrument) -> BarRequest:
        if message.what_to_show not in _SIDES:
            raise Refused(no_history(f"No data of type {message.what_to_show}"))
        if message.what_to_show in _OF_TRADES and instrument.is_currency_pair:
            pair = f"{instrument.symbol}/CASH@{instrument.exchange}"
            raise Refused(no_history(f"No historical market data for {pair} Last"))
        return BarRequest(
            instrument,
            times.read_bar_size(message.bar_size),
            message.what_to_show,
            message.format_date == 2,
        )

    def _span(self, message: requests.ReqHistoricalData, instrument: Instrument) -> tuple[int, int]:
        """Return the first and the last moment of the bars; never before the head of the history."""
        zone = times.zone(instrument.time_zone)
        end = min(times.read_time(message.end, zone) if message.end else self._tapes.now(), self._tapes.now())
        seconds = times.read_bar_size(message.bar_size)
        length = times.read_duration(message.duration)
        start = max(self._start(message, instrument, end), self._head(instrument))
        if min(end - start, length) / seconds > MAX_BARS:
            raise Refused(no_history("Time length exceed max."))
        if end <= start:
            raise Refused(no_history(f"HMDS query returned no data: {instrument.local_symbol}"))
        return start, end

    def _start(self, message: requests.ReqHistoricalData, instrument: Instrument, end: int) -> int:
        """Return when a duration begins that ends then: days are trading days where there are any."""
        length = times.read_duration(message.duration)
        if self._sessions is None or not message.duration.strip().upper().endswith("D"):
            return end - length
        days = length // times.DAY
        return self._sessions.days_back(instrument, end, days, extended=not message.use_rth)

    def _row(self, link: Link, request: BarRequest, bar: Bar) -> responses.HistoricalBar:
        low, high = _spread(request)
        of_trades = request.what in _OF_TRADES
        return responses.HistoricalBar(
            date=times.bar_date(
                bar.start,
                request.seconds,
                request.instrument.time_zone,
                link.version,
                as_epoch=request.as_epoch,
            ),
            open=java(bar.open + low),
            high=java(bar.high + high),
            low=java(bar.low + low),
            close=java(bar.close + high),
            volume=bar.volume if of_trades else Decimal(-1),
            wap=java(bar.wap) if of_trades else _NO_VALUE,
            count=bar.trades if of_trades else -1,
        )

    def cancel_historical_data(self, link: Link, message: requests.CancelHistoricalData) -> None:
        """End the updates; 366 if there are none."""
        if self._subscriptions.get(link, {}).pop(message.req_id, None) is None:
            link.error(message.req_id, 366, f"No historical data query found for ticker id:{message.req_id}")

    def publish(self, links: Iterable[Link]) -> None:
        """Send everyone who keeps bars the newest one; called when five seconds are over."""
        for link in links:
            for req_id, request in self._subscriptions.get(link, {}).items():
                link.publish(self._update(link, req_id, request))

    def _update(self, link: Link, req_id: int, request: BarRequest) -> responses.HistoricalDataUpdate:
        now = self._tapes.now()
        tape = self._tapes.of(request.instrument.con_id)
        start = periods.period_start(now, request.seconds)
        bar = bar_at(tape, start, request.seconds)
        if request.seconds > times.DAY:
            bar = bar._replace(start=now - now % times.DAY)
        row = self._row(link, request, bar)
        return responses.HistoricalDataUpdate(
            req_id=req_id,
            count=row.count,
            date=row.date,
            open=row.open,
            close=row.close,
            high=row.high,
            low=row.low,
            wap=row.wap,
            volume=row.volume,
        )

    def _schedule(self, link: Link, message: requests.ReqHistoricalData, instrument: Instrument) -> None:
        """Send one session a trading day; a market that is open at any hour has one every day."""
        start, end = self._span(message, instrument)
        sessions = list(self._kept_sessions(message, instrument, start, end))
        if not sessions:
            days = range(start - start % times.DAY, end, times.DAY)
            hours = [f"{text[:2]}:{text[2:]}:00" for text in instrument.open_hours]
            dates = [times.bar_date(day, times.DAY, "", link.version, as_epoch=False) for day in days]
            sessions = [
                responses.Session(start=f"{d}-{hours[0]}", end=f"{d}-{hours[1]}", reference_date=d)
                for d in dates
            ]
        link.send(
            responses.HistoricalSchedule(
                req_id=message.req_id,
                start=sessions[0].start,
                end=sessions[-1].end,
                time_zone=instrument.time_zone,
                sessions=tuple(sessions),
            )
        )

    def _kept_sessions(
        self, message: requests.ReqHistoricalData, instrument: Instrument, start: int, end: int
    ) -> Iterator[responses.Session]:
        """Yield the sessions of an exchange that keeps hours, in its instrument's time."""
        if self._sessions is None:
            return
        zone = times.zone(instrument.time_zone)
        for span in self._sessions.spans(instrument, start, end, extended=not message.use_rth):
            ends = (f"{datetime.fromtimestamp(at, zone):%Y%m%d-%H:%M:%S}" for at in (span.opens, span.closes))
            yield responses.Session(start=next(ends), end=next(ends), reference_date=f"{span.day:%Y%m%d}")

    # -- the rest ---------------------------------------------------------------------------------

    def _head(self, instrument: Instrument) -> int:
        days = _DAYS_OF_DERIVATIVES if instrument.expiry else _YEARS_LISTED * 365
        now = self._tapes.now()
        return now - now % times.DAY - days * times.DAY

    def head_timestamp(self, link: Link, message: requests.ReqHeadTimestamp) -> None:
        """Send when the history begins: ten years ago, a year for what expires."""
        try:
            head = self._head(resolve(self._universe, message.contract))
        except Refused as refused:
            link.error(message.req_id, *refused.refusal)
            return
        text = str(head) if message.format_date == 2 else times.utc_time(head)
        link.send(responses.HeadTimestamp(req_id=message.req_id, time=text))

    def histogram(self, link: Link, message: requests.ReqHistogramData) -> None:
        """Send how much traded at which price, by the closes of up to a thousand bars."""
        try:
            instrument = resolve(self._universe, message.contract)
            period = times.read_period(message.period)
        except Refused as refused:
            link.error(message.req_id, *refused.refusal)
            return
        tape, now = self._tapes.of(instrument.con_id), self._tapes.now()
        volumes: defaultdict[Decimal, Decimal] = defaultdict(Decimal)
        for bar in bars(tape, now - period, now, max(period // 1_000, BAR_SECONDS)):
            volumes[bar.close] += bar.volume
        rows = [responses.HistogramRow(price=java(price), count=volumes[price]) for price in sorted(volumes)]
        link.send(responses.HistogramData(req_id=message.req_id, rows=tuple(rows)))

    def historical_ticks(self, link: Link, message: requests.ReqHistoricalTicks) -> None:
        """Send up to a thousand ticks, one a second, from `start` on or up to `end`."""
        try:
            instrument = resolve(self._universe, message.contract)
            moments = self._tick_moments(message, instrument)
        except Refused as refused:
            link.error(message.req_id, *refused.refusal)
            return
        tape = self._tapes.of(instrument.con_id)
        link.send(_ticks(message, instrument, tape, moments))

    def _tick_moments(self, message: requests.ReqHistoricalTicks, instrument: Instrument) -> range:
        if message.what_to_show not in _TICK_KINDS:
            raise Refused(validation(f"Invalid what to show value '{message.what_to_show}'"))
        if bool(message.start) == bool(message.end):
            raise Refused(validation("Either start date time or end date time must be specified"))
        count = message.count or 0
        if not 0 < count <= MAX_TICKS:
            raise Refused(validation(f"Number of ticks must be between 1 and {MAX_TICKS}"))
        zone = times.zone(instrument.time_zone)
        if message.start:
            start = times.read_time(message.start, zone)
            return range(start, min(start + count, self._tapes.now()))
        end = min(times.read_time(message.end, zone), self._tapes.now())
        return range(end - count, end)


def _check_request(message: requests.ReqHistoricalData) -> None:
    """Raise Refused (321) for what real gateways refuse before they look for data, in their order."""
    times.read_duration(message.duration)
    is_adjusted = message.what_to_show == "ADJUSTED_LAST"
    if is_adjusted and message.end.strip():
        raise Refused(validation("End date not supported with adjusted last"))
    seconds = times.read_bar_size(message.bar_size)
    if is_adjusted and seconds > times.DAY:
        raise Refused(validation("Multi day bar size not supported with adjusted last"))
    if message.format_date not in (None, 1, 2, 3):
        raise Refused(validation(f"Date formatting selection of {message.format_date} rejected."))
    if message.what_to_show == "SCHEDULE" and seconds != times.DAY:
        raise Refused(validation("Only daily resolution supported for Schedule requests"))
    if not message.keep_up_to_date:
        return
    if message.end.strip():
        raise Refused(validation("End date not supported with live updates"))
    if message.contract.sec_type == "BAG":
        raise Refused(validation("Live updates for combos are not supported"))
    if message.what_to_show not in _LIVE_KINDS:
        raise Refused(validation("Source price not supported with live updates"))


def _spread(request: BarRequest) -> tuple[Decimal, Decimal]:
    low, high = _SIDES[request.what]
    half = request.instrument.min_tick / 2
    return low * half, high * half


def _ticks(
    message: requests.ReqHistoricalTicks, instrument: Instrument, tape: Tape, moments: range
) -> Record:
    req_id, tick = message.req_id, instrument.min_tick
    prices = [(moment, price_at(tape, moment)) for moment in moments]
    size = instrument.lot * 100
    if message.what_to_show == "MIDPOINT":
        middles = (responses.MidTick(time=at, price=java(price), size=Decimal(0)) for at, price in prices)
        return responses.HistoricalTicks(req_id=req_id, ticks=tuple(middles))
    if message.what_to_show == "BID_ASK":
        quotes = (
            responses.BidAskTick(
                time=at, bid=java(price - tick), ask=java(price + tick), bid_size=size, ask_size=size
            )
            for at, price in prices
        )
        return responses.HistoricalTicksBidAsk(req_id=req_id, ticks=tuple(quotes))
    venue = instrument.venues[-1] if instrument.venues else instrument.exchange
    trades = (
        responses.LastTick(time=at, price=java(price), size=size, exchange=venue) for at, price in prices
    )
    return responses.HistoricalTicksLast(req_id=req_id, ticks=tuple(trades))
