"""Which instruments have a live quote: a login has so many lines of market data (IB: 100) and no more.

All of them while they fit. Beyond that, those that somebody has money or orders in and those that never
had a price come first, and the others take turns, so that every price is renewed from time to time.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from itertools import islice

from django.conf import settings
from django.db.models import QuerySet

from brokers.models import Instrument, Position
from orders.models import ALIVE, Order

TURN = 60.0  # seconds; the changes of one turn take some of them, ten messages a second


def wanted(session: str) -> list[int]:
    """The instruments to watch now, by their keys."""
    known = list(_resolved().values_list("pk", flat=True))
    lines = settings.MARKET_DATA_LINES
    if len(known) <= lines:
        return known
    return choose(known, _first(session, lines), lines=lines, turn=int(time.monotonic() // TURN))


def _resolved() -> QuerySet[Instrument]:
    """What others trade takes no line from what we may trade."""
    return Instrument.objects.listed().exclude(con_id=None).order_by("pk")


def choose(known: Sequence[int], first: Sequence[int], *, lines: int, turn: int) -> list[int]:
    """`lines` of the known: the `first` but for a tenth that is kept for turns, and whose turn it is."""
    kept = list(islice(dict.fromkeys(first), lines - max(1, lines // 10)))
    taken = set(kept)
    rest = [key for key in known if key not in taken]
    room = lines - len(kept)
    start = turn * room % max(1, len(rest))
    return kept + [*rest[start:], *rest[:start]][:room]


def _first(session: str, lines: int) -> list[int]:
    working = Order.objects.filter(session_id=session, state__in=ALIVE).values("instrument_id")
    held = Position.objects.exclude(position_qty=0).values("con_id")
    resolved = _resolved()
    rows = (
        resolved.filter(pk__in=working),
        resolved.filter(con_id__in=held),
        resolved.filter(last_px=None)[:lines],
    )
    return [key for some in rows for key in some.values_list("pk", flat=True)]
