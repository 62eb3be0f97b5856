"""Bars of any size, from the made-up past and from the tape since."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from decimal import Decimal

from brokers.simulator.exchange.past import Bar
from brokers.simulator.gateway.history.sessions import Span
from brokers.simulator.gateway.history.tape import Tape
from brokers.simulator.gateway.texts.times import DAY

ZERO = Decimal(0)


def bars(tape: Tape, start: int, end: int, seconds: int) -> Iterator[Bar]:
    """Yield the bars that begin in [start, end), each `seconds` long; the last one may not be over."""
    moment = start - start % seconds
    while moment < end:
        yield bar_at(tape, moment, seconds)
        moment += seconds


def session_bars(tape: Tape, spans: Iterable[Span], seconds: int) -> Iterator[Bar]:
    """Yield the bars of trading days: none goes beyond one, a day's own begins at its midnight."""
    if seconds == DAY:
        yield from day_bars(tape, spans)
        return
    for span in spans:
        moment = span.opens
        while moment < span.closes:
            stop = min(moment - moment % seconds + seconds, span.closes)
            yield bar_at(tape, moment, stop - moment)
            moment = stop


def day_bars(tape: Tape, spans: Iterable[Span]) -> Iterator[Bar]:
    """Yield one bar a span, called by the midnight of its day."""
    for span in spans:
        yield bar_at(tape, span.opens, span.closes - span.opens)._replace(start=span.midnight)


def bar_at(tape: Tape, start: int, seconds: int) -> Bar:
    """Return the bar that begins at `start`; the part of it that the tape knows comes from there."""
    stop = start + seconds
    if stop <= tape.started_at:
        return tape.past.bar(start, seconds)
    pieces = [bar for bar in _recent(tape, start) if bar.start < stop]
    if start < tape.started_at:
        pieces.insert(0, tape.past.bar(start, max(tape.started_at - start, 1)))
    return _joined(start, pieces) if pieces else _flat(tape, start)


def price_at(tape: Tape, moment: int) -> Decimal:
    """Return the price at a time."""
    return tape.past.price(moment) if moment < tape.started_at else bar_at(tape, moment, 1).close


def _recent(tape: Tape, start: int) -> list[Bar]:
    """Return the tape's bars from `start` on, oldest first, found from the end."""
    found = [tape.unfinished()] if tape.unfinished().start >= start else []
    for bar in reversed(tape.bars):
        if bar.start < start:
            break
        found.append(bar)
    return found[::-1]


def _joined(start: int, pieces: Iterable[Bar]) -> Bar:
    pieces = list(pieces)
    volume = sum((piece.volume for piece in pieces), start=ZERO)
    value = sum((piece.wap * piece.volume for piece in pieces), start=ZERO)
    return Bar(
        start,
        pieces[0].open,
        max(piece.high for piece in pieces),
        min(piece.low for piece in pieces),
        pieces[-1].close,
        volume,
        round(value / volume, 6) if volume else pieces[-1].close,
        sum(piece.trades for piece in pieces),
    )


def _flat(tape: Tape, start: int) -> Bar:
    """Return a bar shorter than what the tape keeps, or older: the price stood still."""
    before = next((bar.close for bar in reversed(tape.bars) if bar.start <= start), tape.market.day.last)
    return Bar(start, before, before, before, before, ZERO, before, 0)
