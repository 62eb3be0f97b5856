"""What a quote screen shows beside bid and ask."""

from __future__ import annotations

from collections import deque
from decimal import Decimal

ZERO = Decimal(0)
_MAX_PRINTS = 1_000


class DayStatistics:
    """Last trade, range and volume of a market since it began."""

    def __init__(self, price: Decimal) -> None:
        self.last = self.open = self.high = self.low = self.close = price
        self.last_size = self.volume = ZERO
        #: Trades as (price, size) that nobody has taken yet; the oldest are dropped if nobody does.
        self.prints: deque[tuple[Decimal, Decimal]] = deque(maxlen=_MAX_PRINTS)

    def add(self, price: Decimal, size: Decimal) -> None:
        self.last, self.last_size = price, size
        self.high, self.low = max(self.high, price), min(self.low, price)
        self.volume += size
        self.prints.append((price, size))
