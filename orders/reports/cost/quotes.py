"""Quotes at a moment, from the ticks that were kept: never of later, with their age and source."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from django.db import connection

from brokers.formats import decimal_or_none, time_text
from brokers.market import MarketDataType
from brokers.postgres import clock
from orders.models import MarketTick
from orders.reports.cost.costs import Fill, Px, twap, vwap

#: An older quote is none: a quiet market is told again when it moves, a dead line is not.
MAX_AGE = timedelta(minutes=5)
RETENTION = timedelta(days=10)
#: Ticks of one interval that are read at most; beyond that its VWAP and TWAP are not computed.
MAX_TICKS = 20_000
BARS = 60
#: What the broker calls frozen or delayed is not the market at that moment. "": it did not say.
USABLE = ("", MarketDataType.LIVE.value)


@dataclass(frozen=True, kw_only=True)
class Quote:
    """The market at a moment: of a tick `age` seconds before it."""

    bid: Px
    ask: Px
    last: Px
    bid_size: Px
    ask_size: Px
    last_size: Px
    age: float
    source: str
    at: datetime

    @property
    def mid(self) -> Px:
        """The middle of the spread; None without both sides, and of prices that are not the market's."""
        if self.bid is None or self.ask is None or self.source not in USABLE:
            return None
        return (self.bid + self.ask) / 2

    def as_json(self) -> dict[str, Any]:
        """As it is kept with an order or an execution."""
        names = ("bid", "ask", "mid", "last", "bid_size", "ask_size", "last_size")
        told = {name: decimal_or_none(getattr(self, name)) for name in names}
        return {**told, "age_s": round(self.age, 3), "source": self.source, "at": time_text(self.at)}


Moment = tuple[int, datetime]  # con_id, when

# One walk of the index for each moment, whatever the number of ticks.
AT = """
    SELECT wanted.place, tick.* FROM unnest(%(contracts)s::bigint[], %(times)s::timestamptz[])
        WITH ORDINALITY AS wanted(con_id, at, place)
    CROSS JOIN LATERAL (
        SELECT bid_px, ask_px, last_px, bid_size, ask_size, last_size,
            extract(epoch FROM wanted.at - at)::float8, source, at
        FROM orders_markettick
        WHERE con_id = wanted.con_id AND at <= wanted.at AND at >= wanted.at - %(age)s
        ORDER BY at DESC LIMIT 1
    ) AS tick
"""


def quotes_at(moments: Sequence[Moment]) -> list[Quote | None]:
    """The quote of each moment, in one statement; None where none was told in time."""
    found: list[Quote | None] = [None] * len(moments)
    if moments:
        with connection.cursor() as cursor:
            contracts, times = zip(*moments, strict=True)
            wanted: dict[str, Any] = {"contracts": list(contracts), "times": list(times), "age": MAX_AGE}
            cursor.execute(AT, wanted)
            for place, bid, ask, last, bid_size, ask_size, last_size, age, source, at in cursor.fetchall():
                found[place - 1] = Quote(
                    bid=bid,
                    ask=ask,
                    last=last,
                    bid_size=bid_size,
                    ask_size=ask_size,
                    last_size=last_size,
                    age=age,
                    source=source,
                    at=at,
                )
    return found


@dataclass(frozen=True, kw_only=True)
class Interval:
    """Benchmarks of a span from our own ticks; `coverage` is the share of it of which we have a quote.

    The VWAP is that of the trades that the ticks show, one a second at most: a sample of the tape, our own
    trades among them. Where quotes are missing neither is computed.
    """

    vwap: Px
    twap: Px
    coverage: Decimal | None


NOTHING = Interval(vwap=None, twap=None, coverage=None)


def interval(con_id: int, start: datetime, end: datetime) -> Interval:
    """The benchmarks from `start` to `end`."""
    rows = MarketTick.objects.filter(con_id=con_id, at__gte=start - MAX_AGE, at__lte=end, source__in=USABLE)
    ticks = [
        (at, last, size)
        for at, last, size in rows.order_by("at").values_list("at", "last_px", "last_size")[: MAX_TICKS + 1]
        if last is not None
    ]
    if not ticks or len(ticks) > MAX_TICKS:
        return NOTHING
    bars = _bars([(at, last) for at, last, _ in ticks], start, end)
    share = Decimal(sum(bar is not None for bar in bars)) / len(bars)
    coverage = share.quantize(Decimal("0.0001"))
    if share < 1:
        return Interval(vwap=None, twap=None, coverage=coverage)
    prints = [
        Fill(qty=size, px=last)
        for (at, last, size), before in zip(ticks, [None, *ticks], strict=False)
        if size and at >= start and (before is None or (last, size) != before[1:])
    ]
    return Interval(vwap=vwap(prints), twap=twap(bars), coverage=coverage)


def _bars(ticks: Sequence[tuple[datetime, Decimal]], start: datetime, end: datetime) -> list[Px]:
    """The last price at the end of each of some equal bars; None where it was told too long before."""
    count = max(1, min(BARS, int((end - start).total_seconds())))
    step, place, found = (end - start) / count, -1, list[Px]()
    for number in range(1, count + 1):
        until = start + step * number
        while place + 1 < len(ticks) and ticks[place + 1][0] <= until:
            place += 1
        known = place >= 0 and until - ticks[place][0] <= MAX_AGE
        found.append(ticks[place][1] if known else None)
    return found


def forget_old_ticks() -> int:
    """Delete ticks that no cost is computed from any more."""
    return MarketTick.objects.filter(at__lt=clock.now() - RETENTION).delete()[0]
