"""Prices of one day in the units of another, over the splits between them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import replace
from datetime import date
from decimal import Decimal
from fractions import Fraction

from orders.models import Execution, Split
from orders.models.trade_date import trade_date
from orders.reconciliation.corporate_actions import times
from orders.reports.cost.quotes import Quote

ONE = Fraction(1)


class Units:
    """What a unit of each of these contracts became, and will become."""

    def __init__(self, contracts: Iterable[int | None]) -> None:
        self._splits: defaultdict[int, list[Split]] = defaultdict(list)
        for one in Split.objects.filter(con_id__in={con_id for con_id in contracts if con_id}):
            self._splits[one.con_id].append(one)

    def changed(self, con_id: int | None) -> bool:
        """Whether a unit of the contract is not the same on all days."""
        return con_id in self._splits

    def ratio(self, con_id: int, of: date, on: date) -> Fraction:
        """How many units on the one day are one of the other."""
        first, last = sorted((of, on))
        found = ONE
        for one in self._splits.get(con_id, ()):
            if first < one.ex_date <= last:
                found *= one.ratio
        return found if of < on else 1 / found

    def arrival_of(self, execution: Execution) -> Decimal | None:
        """The price when its order's request came, in the units of the execution's day."""
        order = execution.order
        place, con_id = order.instrument, order.instrument.con_id
        if con_id is None or not self.changed(con_id):
            return order.arrival_px
        of, at = (
            trade_date(moment, place.time_zone, place.trading_hours)
            for moment in (order.received_at, execution.transact_time)
        )
        return _times(order.arrival_px, 1 / self.ratio(con_id, of, execution.trade_date or at))


def quote_in(quote: Quote, ratio: Fraction) -> Quote:
    """A quote of one that became `ratio`: the prices of one of those, the sizes in them."""
    if ratio == ONE:
        return quote
    each = 1 / ratio
    return replace(
        quote,
        bid=_times(quote.bid, each),
        ask=_times(quote.ask, each),
        last=_times(quote.last, each),
        bid_size=_times(quote.bid_size, ratio),
        ask_size=_times(quote.ask_size, ratio),
        last_size=_times(quote.last_size, ratio),
    )


def _times(value: Decimal | None, ratio: Fraction) -> Decimal | None:
    return None if value is None else times(value, ratio)
