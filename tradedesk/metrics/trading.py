"""How well orders go: what became of them, why some were refused, and what they cost against the market."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, timedelta
from typing import Any

from django.db import connection
from django.db.models import Count
from django.utils import timezone
from prometheus_client.core import Metric

from orders.models import Order, State
from orders.models.order import first_id_at
from tradedesk.metrics.make import counter, gauge

WINDOW = timedelta(minutes=5)
QUANTILES = (0.5, 0.9, 0.99)
#: Orders that ended without having been worked: refused, or never at the market.
NOT_WORKED = (State.REJECTED, State.FAILED)

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
    midnight = timezone.now().astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    rows = Order.objects.filter(id__gte=first_id_at(midnight)).order_by().values("state", "reason_code")
    states, refused = Counter[str](), Counter[tuple[str, ...]]()
    for row in rows.annotate(count=Count("id")):
        states[row["state"]] += row["count"]
        if row["state"] in NOT_WORKED:
            refused[row["state"], row["reason_code"]] += row["count"]
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
