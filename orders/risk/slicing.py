"""How much of a sliced order is due: pure arithmetic, so that "never more than the parent" can be proven.

TWAP: the quantity in equal slices, in whole lots, at equal distances from start to end.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

ZERO = Decimal(0)


@dataclass(frozen=True, kw_only=True)
class Schedule:
    """A quantity and when it is to be worked; `lot` is the step of quantities, and the least of a slice."""

    order_qty: Decimal
    lot: Decimal
    slices: int
    start: datetime
    end: datetime

    def due(self, now: datetime) -> Decimal:
        """How much should have been sent by now: slices at start, start + interval, ...; all at the end."""
        if now < self.start:
            return ZERO
        interval = (self.end - self.start) / self.slices
        passed = int((now - self.start) / interval) + 1
        if passed >= self.slices:
            return self.order_qty
        return self.order_qty * passed / self.slices // self.lot * self.lot


def next_slice(schedule: Schedule, now: datetime, *, executed: Decimal, open_qty: Decimal) -> Decimal:
    """The quantity of the slice to be sent now, 0 for none.

    `open_qty` is all that slices may still execute, those in doubt and those that ended just now included:
    executed, open and the new slice together are never more than the parent.
    """
    free = min(schedule.due(now), schedule.order_qty) - executed - open_qty
    return max(free // schedule.lot * schedule.lot, ZERO)
