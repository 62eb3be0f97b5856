"""The tape: what traded in the simulated market since the gateway started, and what was quoted.

Brought up to date at every market step. Prints are kept for a while, bars of five seconds for a day.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from decimal import Decimal
from typing import NamedTuple

from brokers.simulator.exchange.book import Side
from brokers.simulator.exchange.exchange import Exchange
from brokers.simulator.exchange.market import Market
from brokers.simulator.exchange.past import Bar, Past

BAR_SECONDS = 5
_MAX_PRINTS = 2_000
_MAX_BARS = 86_400 // BAR_SECONDS


class Print(NamedTuple):
    """A trade; times are epoch seconds."""

    time: int
    price: Decimal
    size: Decimal


class Quote(NamedTuple):
    """Best bid and ask; a price is None where nobody quotes."""

    time: int
    bid: Decimal | None
    ask: Decimal | None
    bid_size: Decimal
    ask_size: Decimal

    @property
    def middle(self) -> Decimal | None:
        return None if self.bid is None or self.ask is None else (self.bid + self.ask) / 2


class Tape:
    """One instrument's trades, quotes and bars."""

    def __init__(self, market: Market, past: Past, now: int) -> None:
        self.market = market
        self.past = past
        self.started_at = now
        self.prints: deque[Print] = deque(maxlen=_MAX_PRINTS)
        self.print_count = 0
        self.quotes: deque[Quote] = deque(maxlen=_MAX_PRINTS)
        self.quote_count = 0
        self.bars: deque[Bar] = deque(maxlen=_MAX_BARS)
        market.day.prints.clear()
        self._current = self._fresh_bar(now)
        self.record(now)

    def record(self, now: int) -> None:
        """Record what happened since the last time."""
        self._close_bars(now)
        prints = self.market.day.prints
        while prints:
            price, size = prints.popleft()
            self._print(Print(now, price, size))
        self._quote(now)

    def unfinished(self) -> Bar:
        """Return the bar of the present five seconds as it stands."""
        return self._current

    def _print(self, print_: Print) -> None:
        self.prints.append(print_)
        self.print_count += 1
        bar = self._current
        volume = bar.volume + print_.size
        self._current = bar._replace(
            open=print_.price if not bar.trades else bar.open,
            high=max(bar.high, print_.price),
            low=min(bar.low, print_.price),
            close=print_.price,
            volume=volume,
            wap=round((bar.wap * bar.volume + print_.price * print_.size) / volume, 6),
            trades=bar.trades + 1,
        )

    def _quote(self, now: int) -> None:
        book = self.market.book
        sizes = book.quantity_at(Side.BUY, book.bid), book.quantity_at(Side.SELL, book.ask)
        quote = Quote(now, book.bid, book.ask, *sizes)
        if not self.quotes or self.quotes[-1][1:] != quote[1:]:
            self.quotes.append(quote)
            self.quote_count += 1

    def _close_bars(self, now: int) -> None:
        """Finish what is over; a time without trades is a bar at the last price."""
        missed = (now - self._current.start) // BAR_SECONDS
        if missed > _MAX_BARS:  # the clock jumped
            self._current = self._fresh_bar(now)
            return
        for _ in range(missed):
            self.bars.append(self._current)
            self._current = self._fresh_bar(self._current.start + BAR_SECONDS)

    def _fresh_bar(self, now: int) -> Bar:
        last = self.market.day.last
        return Bar(now - now % BAR_SECONDS, last, last, last, last, Decimal(0), last, 0)


class Tapes:
    """The tapes of the instruments that somebody asked for; each begins when it is first asked for."""

    def __init__(self, exchange: Exchange, seed: int, clock: Callable[[], datetime]) -> None:
        self._exchange = exchange
        self._seed = seed
        self._clock = clock
        self._started_at = clock().timestamp()
        self._tapes: dict[int, Tape] = {}

    def now(self) -> int:
        """Return the time in epoch seconds."""
        return int(self._clock().timestamp())

    def of(self, con_id: int) -> Tape:
        """Return an instrument's tape."""
        tape = self._tapes.get(con_id)
        if tape is None:
            instrument = self._exchange.universe[con_id]
            market = self._exchange.market(con_id)
            past = Past(instrument, self._seed, self._started_at, market.day.open)
            tape = self._tapes[con_id] = Tape(market, past, self.now())
        return tape

    def record(self) -> None:
        """Let every tape record the last market step."""
        now = self.now()
        for tape in self._tapes.values():
            tape.record(now)

    def __iter__(self) -> Iterator[Tape]:
        return iter(self._tapes.values())


def next_bar(now: datetime) -> datetime:
    """Return when the present bar of five seconds is over."""
    seconds = int(now.timestamp())
    return datetime.fromtimestamp(seconds - seconds % BAR_SECONDS + BAR_SECONDS, UTC)
