"""Costs of orders, computed after the fact: the events are followed, as webhooks follow them.

Nothing waits for it and no order pays for it. What a run does not get to the next one does; an order whose
commission comes late, or whose execution is corrected, is computed anew.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from itertools import takewhile
from typing import Any
from uuid import UUID

from django.db import connection, transaction
from django.db.models import Max

from brokers.fix import TimeInForce
from brokers.postgres import clock, storable
from orders.models import CostCursor, EventKind, Execution, FillCost, Order, OrderCost, OrderEvent
from orders.models.execution import charged, executed, uncharged
from orders.models.trade_date import trade_date
from orders.reports.cost.costs import ZERO, Fill, Px, Shortfall, Traded, shortfall, sign_of, spread_paid
from orders.reports.cost.quotes import NOTHING, Interval, Moment, Quote, interval, quotes_at
from orders.reports.cost.units import Units, quote_in
from orders.selectors import Cursor, events_after

LOCK = 7_413  # of our advisory locks, the one under which costs are kept
BATCH_SIZE = 200  # events in one transaction
RUN = 1.0  # seconds of one run: a tenth of a worker's thread, however many orders there are
#: Ticks are stored once a second, so a younger event's quote may not be there yet.
SETTLED_AFTER = timedelta(seconds=3)
#: An order of any other time in force is over on the day on which it came.
LASTING = (TimeInForce.GTC, TimeInForce.GTD)
ENDS = (EventKind.CANCELED, EventKind.EXPIRED)
#: After these the cost of an order is another one.
FOLLOWED = {
    *ENDS,
    EventKind.EXECUTION,
    EventKind.COMMISSION,
    EventKind.COMPLETED,
    EventKind.RESCALED,
}


def follow(*, run: float = RUN, settled_after: timedelta = SETTLED_AFTER) -> int:
    """Compute the costs of what happened since the last run; how many events it moved on."""
    end, moved = time.monotonic() + run, 0
    while page := _follow_page(clock.now() - settled_after):
        moved += page
        if time.monotonic() > end:
            break
    return moved


@transaction.atomic
def _follow_page(before: datetime) -> int:
    """Costs and the new place are one transaction, one at a time.

    Not under the place's own lock: with a row's lock it would be a writing transaction while it reckons, and
    readers of events wait for the oldest of those (selectors.SnapshotXmin).
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [LOCK])
        if cursor.fetchone() != (True,):
            return 0
    place, _ = CostCursor.objects.get_or_create(pk=1)
    found = events_after(Cursor(place.txid, place.event_id), BATCH_SIZE)
    page = list(takewhile(lambda event: event.at < before, found))
    if page:
        compute({event.order_id for event in page if event.kind in FOLLOWED})
        place.txid, place.event_id = page[-1].cursor
        place.save()
    return len(page)


@dataclass(kw_only=True)
class _Case:
    """An order with what its cost is made of."""

    order: Order
    counting: list[Execution]
    fees: Decimal | None
    ended_at: datetime | None
    received: Quote | None = None
    sent: Quote | None = None
    ended: Quote | None = None
    spans_split: bool = False
    at_fills: Sequence[Quote | None] = ()

    @property
    def con_id(self) -> int | None:
        return self.order.instrument.con_id

    def day_of(self, at: datetime) -> date:
        """The trading day of a moment."""
        return trade_date(at, self.order.instrument.time_zone, self.order.instrument.trading_hours)

    @property
    def unit_day(self) -> date:
        """In whose units the order is: the broker restates what is still open on the day of a split."""
        if self.order.time_in_force in LASTING:
            return self.day_of(self.ended_at or clock.now())
        return self.order.trade_date or self.day_of(self.order.received_at)

    @property
    def decided_at(self) -> datetime:
        """A slice was decided with its parent."""
        return self.order.parent.received_at if self.order.parent else self.order.received_at

    def moments(self) -> list[datetime | None]:
        return [self.decided_at, self.order.sent_at, self.ended_at, *(e.transact_time for e in self.counting)]


def compute(orders: Collection[UUID]) -> None:
    """Compute and store the costs of these orders as they are now."""
    cases = _cases(orders)
    _quote(cases)
    rows, fills = [], []
    for case in cases:
        row = order_cost(case)
        rows.append(row)
        fills += _fill_costs(case, row)
    names = [field.name for field in OrderCost._meta.concrete_fields if not field.primary_key]
    OrderCost.objects.bulk_create(rows, update_conflicts=True, unique_fields=["order"], update_fields=names)
    FillCost.objects.filter(order__in=orders).delete()
    FillCost.objects.bulk_create(fills)


def _cases(ids: Collection[UUID]) -> list[_Case]:
    """Orders of one account that reached the market, or were given up there."""
    rows = Order.objects.filter(pk__in=ids, account__isnull=False, sent_at__isnull=False)
    executions: defaultdict[UUID, list[Execution]] = defaultdict(list)
    for one in Execution.objects.filter(order__in=ids).order_by("id"):
        executions[one.order_id].append(one)
    ends = OrderEvent.objects.filter(order__in=ids, kind__in=ENDS).order_by()
    ended = dict(ends.values_list("order").annotate(at=Max("at")))
    return [
        _Case(
            order=order,
            counting=[one for one in executed(order, executions[order.pk]) if one.last_qty],
            fees=_fees(order, executions[order.pk]),
            ended_at=ended.get(order.pk) or (order.last_fill_at if order.leaves_qty == 0 else None),
        )
        for order in rows.select_related("instrument", "client", "parent").order_by("pk")
    ]


def _fees(order: Order, executions: list[Execution]) -> Decimal | None:
    """What the broker charged; None while a commission lacks, or is in another currency."""
    paid = [one for one in charged(order, executions) if one.last_qty]
    strange = [one for one in paid if one.commission_currency != order.instrument.currency]
    if uncharged(paid) or strange:
        return None
    return sum((one.commission or ZERO for one in paid), ZERO)


def _quote(cases: Sequence[_Case]) -> None:
    """Give each case the quotes of its moments: one statement for all."""
    wanted = [(case, place, at) for case in cases for place, at in enumerate(case.moments())]
    known = [(case, place, at) for case, place, at in wanted if case.con_id and at]
    moments: list[Moment] = [(case.con_id or 0, at) for case, _, at in known if at]
    told = {
        (id(case), place): quote for (case, place, _), quote in zip(known, quotes_at(moments), strict=True)
    }
    units = Units(case.con_id for case in cases)
    for case in cases:
        quotes = [told.get((id(case), place)) for place in range(3 + len(case.counting))]
        if units.changed(case.con_id):
            quotes = [_restated(case, one, units) for one in quotes]
            case.spans_split = _spans(case, units)
        case.received, case.sent, case.ended, *case.at_fills = quotes


def _restated(case: _Case, quote: Quote | None, units: Units) -> Quote | None:
    """A quote of before a split, in the units that the order has since."""
    if quote is None or case.con_id is None:
        return None
    return quote_in(quote, units.ratio(case.con_id, case.day_of(quote.at), case.unit_day))


def _spans(case: _Case, units: Units) -> bool:
    """Whether the prices between sending and the last execution are of two units."""
    sent, last = case.order.sent_at, case.order.last_fill_at
    if not (case.con_id and sent and last):
        return False
    return units.ratio(case.con_id, case.day_of(sent), case.day_of(last)) != 1


def order_cost(case: _Case) -> OrderCost:
    """The row of an order."""
    order, last = case.order, case.order.last_fill_at
    fills = [Fill(qty=e.qty_now, px=e.px_now) for e in case.counting]
    traded = Traded(
        side=order.side,
        order_qty=order.order_qty,
        fills=fills,
        decision_px=mid(case.received),
        arrival_px=mid(case.sent),
        end_px=mid(case.ended),
        fees=case.fees,
        multiplier=multiplier(order),
    )
    span: Interval = NOTHING
    if case.con_id and order.sent_at and last and fills and not case.spans_split:
        span = interval(case.con_id, order.sent_at, max(last, order.sent_at))
    cost, qty = shortfall(traded), traded.filled_qty * traded.multiplier
    return OrderCost(
        order=order,
        parent_id=order.parent_id,
        **named(order),
        day=order.trade_date or order.received_at.date(),
        side=order.side,
        order_qty=order.order_qty,
        filled_qty=traded.filled_qty,
        avg_px=traded.avg_px,
        **{name: quote.as_json() if quote else None for name, quote in _quotes_of(case)},
        decision_px=traded.decision_px,
        arrival_px=traded.arrival_px,
        end_px=traded.end_px,
        vwap_px=span.vwap,
        twap_px=span.twap,
        coverage=span.coverage,
        **_parts(cost),
        arrival_value=_stored(_times(traded.arrival_px, qty)),
        vwap_cost=_against(traded, span.vwap),
        vwap_value=_stored(_times(span.vwap, qty)),
        computed_at=clock.now(),
    )


def _quotes_of(case: _Case) -> Iterator[tuple[str, Quote | None]]:
    return ((name, getattr(case, name)) for name in ("received", "sent", "ended"))


def _parts(cost: Shortfall) -> Mapping[str, Decimal | None]:
    found = {name: getattr(cost, name) for name in ("delay", "trading", "opportunity", "fees", "paper")}
    return {name: _stored(value) for name, value in {**found, "shortfall": cost.total}.items()}


def _against(traded: Traded, benchmark: Px) -> Decimal | None:
    if benchmark is None or not traded.fills:
        return None
    worse = traded.paid - traded.filled_qty * benchmark
    return _stored(sign_of(traded.side) * traded.multiplier * worse)


def _fill_costs(case: _Case, row: OrderCost) -> list[FillCost]:
    """The rows of its executions."""
    order, found = case.order, []
    for one, quote in zip(case.counting, case.at_fills, strict=True):
        qty, px = one.qty_now, one.px_now
        size, sign = qty * multiplier(order), sign_of(order.side)
        usable = quote if mid(quote) is not None else None
        paid = spread_paid(order.side, px, usable.bid, usable.ask) if usable else None
        worse = None if row.arrival_px is None else sign * (px - row.arrival_px) * size
        found.append(
            FillCost(
                execution=one,
                order=order,
                **named(order),
                day=one.trade_date or one.transact_time.date(),
                venue=one.venue,
                qty=qty,
                px=px,
                quote=quote.as_json() if quote else None,
                trading=_stored(worse),
                arrival_value=_stored(_times(row.arrival_px, size)),
                effective=_stored(paid.effective * size) if paid else None,
                quoted=_stored(paid.quoted * size) if paid else None,
                fees=one.commission if one.commission_currency == order.instrument.currency else None,
            )
        )
    return found


def mid(quote: Quote | None) -> Px:
    """The middle of a quote's spread, where there is one."""
    return quote.mid if quote else None


def multiplier(order: Order) -> Decimal:
    """What one unit at a price of one is worth."""
    return order.instrument.multiplier / order.instrument.price_magnifier


def named(order: Order) -> dict[str, Any]:
    """By what an order's costs are added up."""
    return {
        "account_id": order.account_id,
        "symbol": order.instrument.symbol,
        "trader": order.client.get_username() if order.client else "",
        "strategy": order.strategy,
        "algo": algo_of(order),
        "currency": order.instrument.currency,
    }


def algo_of(order: Order) -> str:
    """Who works it: our slicer, one of the broker's algorithms, or nobody."""
    if order.parent_id:
        return "SLICED"
    told = order.special.get("algo")
    return str(told.get("strategy", ""))[:32] if isinstance(told, dict) else ""


def _times(px: Px, qty: Decimal) -> Decimal | None:
    return None if px is None else px * qty


def _stored(value: Decimal | None) -> Decimal | None:
    """What the column holds; a sum beyond it is not known rather than in the way of all others."""
    return None if value is None else storable.number(value)
