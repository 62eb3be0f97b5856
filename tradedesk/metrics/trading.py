"""How well orders go: what became of them, why some were refused, and what they cost against the market."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from django.db import connection
from django.db.models import Count
from django.utils import timezone
from prometheus_client.core import Metric

from orders.models import DEAD, Order, State
from orders.models.references import first_id_at
from tradedesk.metrics.make import counter, gauge

WINDOW = timedelta(minutes=5)
QUANTILES = (0.5, 0.9, 0.99)
#: Orders that ended without having been worked: refused, or never at the market.
NOT_WORKED = (State.REJECTED, State.FAILED)
OVER = (*DEAD, State.COMPLETED)
HOUR = timedelta(hours=1)
#: Requests of an hour are recorded by then.
IN_FLIGHT = timedelta(minutes=1)
#: For so long a late execution or a bust of an order that was over may not be counted.
REMEMBERED = timedelta(minutes=10)

Outcomes = Counter[tuple[str, str]]
#: Hours of this day whose orders are all over: when they were read, and what was found.
_over: dict[datetime, tuple[datetime, Outcomes]] = {}

SLIPPAGE = """
    SELECT percentile_cont(%(quantiles)s::float8[]) WITHIN GROUP (ORDER BY bps), count(*)
    FROM (
        SELECT (avg_px / arrival_px - 1) * 10000 * CASE WHEN side = 'BUY' THEN 1 ELSE -1 END AS bps
        FROM orders_order WHERE id >= %(first)s AND cum_qty > 0 AND arrival_px > 0
    ) AS executed
"""


def collect() -> Iterator[Metric]:
    """All of them."""
    yield from today()
    yield from recent()
    yield from slippage()


def today() -> Iterator[Metric]:
    """Orders of this UTC day by state, and those that were refused by reason."""
    now = timezone.now().astimezone(UTC)
    begin = now.replace(hour=0, minute=0, second=0, microsecond=0)
    for known in [hour for hour in _over if hour < begin]:
        _over.pop(known, None)
    states, refused = Counter[str](), Counter[tuple[str, ...]]()
    while begin <= now:
        for (state, code), count in hour_from(begin, now).items():
            states[state] += count
            if state in NOT_WORKED:
                refused[state, code] += count
        begin += HOUR
    yield gauge(
        "tradedesk_orders_today",
        "Orders recorded since midnight UTC, by their state now.",
        [((state,), count) for state, count in states.items()],
        ("state",),
    )
    yield counter(
        "tradedesk_orders_refused",
        "Orders of this UTC day that were refused or given up, by reason.",
        refused.items(),
        ("state", "reason"),
    )
    yield counter("tradedesk_orders_recorded", "Orders of this UTC day.", [((), states.total())])


def hour_from(begin: datetime, now: datetime) -> Outcomes:
    """The orders of one hour by state and reason, remembered for a while once all of them are over."""
    read_at, known = _over.get(begin, (now, None))
    if known is not None and now < read_at + REMEMBERED:
        return known
    span = {"id__gte": first_id_at(begin), "id__lt": first_id_at(begin + HOUR)}
    rows = Order.objects.filter(**span).order_by().values_list("state", "reason_code")
    found = Counter({(state, code): count for state, code, count in rows.annotate(Count("id"))})
    if now >= begin + HOUR + IN_FLIGHT and all(state in OVER for state, _ in found):
        _over[begin] = now, found
    return found


def recent() -> Iterator[Metric]:
    """Shares of the orders of the last five minutes; 1 and 0 when there were none."""
    first = first_id_at(timezone.now() - WINDOW)
    rows = Order.objects.filter(id__gte=first).order_by().values("state").annotate(count=Count("id"))
    states = Counter({str(row["state"]): int(row["count"]) for row in rows})
    total = max(states.total(), 1)
    yield gauge(
        "tradedesk_order_success_ratio",
        "Share of the last five minutes' orders that were not refused or given up.",
        [((), 1 - sum(states[state] for state in NOT_WORKED) / total)],
    )
    yield gauge(
        "tradedesk_order_error_ratio",
        "Share of the last five minutes' orders that were given up or are in doubt.",
        [((), (states[State.FAILED] + states[State.UNCONFIRMED]) / total)],
    )


def slippage() -> Iterator[Metric]:
    """What orders of the last five minutes were executed at, against the price when they came in."""
    facts: dict[str, Any] = {"quantiles": list(QUANTILES), "first": first_id_at(timezone.now() - WINDOW)}
    with connection.cursor() as cursor:
        cursor.execute(SLIPPAGE, facts)
        values, count = cursor.fetchone()
    yield gauge(
        "tradedesk_slippage_bps",
        "Average price against the last price at receipt, in hundredths of a percent; positive is worse.",
        [((str(quantile),), float(value)) for quantile, value in zip(QUANTILES, values or (), strict=False)],
        ("quantile",),
    )
    yield gauge("tradedesk_slippage_orders", "Orders that this is taken from.", [((), count)])
