"""When the next slice of a sliced order is due, and how much it is: pure arithmetic, to be proven.

TWAP: what is left, in as many slices as are left, at equal distances from the last one to the end. So a
schedule that was late (nothing ran, or was allowed to) sends one slice at once and spreads the rest over what
remains of its window, never more at a time; and after the end nothing is due any more.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import ROUND_CEILING, Decimal

ZERO = Decimal(0)
#: Two slices are never closer; nor is one closer to the end.
LEAST_INTERVAL = timedelta(seconds=1)
#: A slice this much behind its time is late, however short the distances are: the clock looks once a second.
LATE = timedelta(seconds=5)


@dataclass(frozen=True, kw_only=True)
class Schedule:
    """A quantity and when it is worked; `lot` is the step of quantities, `least` the least of a slice."""

    order_qty: Decimal
    lot: Decimal
    least: Decimal
    slices: int
    start: datetime
    end: datetime

    def is_over(self, now: datetime) -> bool:
        """Whether its window has closed: nothing is sent from then on."""
        return now >= self.end

    def next_at(self, sent: int, last_at: datetime | None) -> datetime | None:
        """When the next slice is due after `sent` of them, the last at `last_at`; None for no time left."""
        if last_at is None:
            return self.start
        distance = (self.end - last_at) / (self._left(sent) + 1)
        return last_at + distance if distance >= LEAST_INTERVAL else None

    def is_late(self, now: datetime, sent: int, last_at: datetime | None) -> bool:
        """Whether a slice should have gone out long ago: a whole distance, and more than the clock's own."""
        due = self.next_at(sent, last_at)
        if due is None:
            return False
        return now - due >= max((self.end - due) / self._left(sent), LATE)

    def slice_qty(self, sent: int, free: Decimal) -> Decimal:
        """How much of what is `free` the next slice takes, in whole lots; 0 when that is no order."""
        whole = free // self.lot * self.lot
        # Rounded up: the last one is the smallest, and none is left for after the end.
        lots = (whole / self._left(sent) / self.lot).to_integral_value(ROUND_CEILING)
        quantity = min(max(lots * self.lot, self.least), whole)
        if ZERO < whole - quantity < self.least:
            quantity = whole
        return quantity if quantity >= self.least else ZERO

    def _left(self, sent: int) -> int:
        """Slices to come; one more when all were sent and something is left."""
        return max(self.slices - sent, 1)


def next_slice(
    schedule: Schedule,
    now: datetime,
    *,
    sent: int,
    last_at: datetime | None,
    executed: Decimal,
    open_qty: Decimal,
) -> Decimal:
    """The quantity of the slice to be sent now, 0 for none.

    `open_qty` is all that slices may still execute, those in doubt and those that ended just now included:
    executed, open and the new slice together are never more than the parent.
    """
    due = schedule.next_at(sent, last_at)
    if due is None or not due <= now < schedule.end:
        return ZERO
    return schedule.slice_qty(sent, max(schedule.order_qty - executed - open_qty, ZERO))
