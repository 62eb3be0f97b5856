"""Histograms of the hops of an order, counted since midnight UTC.

Orders are taken by the hour in which they were received. An hour is read again at each scrape until another
hour has passed, then it is remembered: what happened to its orders later is not counted, so every web process
comes to the same numbers, whenever it was started.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from django.db import connection
from django.utils import timezone
from prometheus_client.core import HistogramMetricFamily, Metric

from orders.models.references import first_id_at

#: Hops of an order: name, from which of its times to which.
HOPS = (
    ("record", "received_at", "recorded_at"),
    ("claim", "queued_at", "claimed_at"),
    ("send", "claimed_at", "sent_at"),
    ("acknowledge", "sent_at", "acknowledged_at"),
    ("fill", "sent_at", "first_fill_at"),
    ("complete", "last_fill_at", "completed_at"),
    ("receive_to_send", "received_at", "sent_at"),
    ("receive_to_acknowledge", "received_at", "acknowledged_at"),
)
#: Upper bounds in seconds: fine where the targets are (5 to 20 ms), coarse where people wait.
BOUNDS = (
    0.001,
    0.002,
    0.004,
    0.006,
    0.008,
    0.012,
    0.02,
    0.04,
    0.08,
    0.15,
    0.3,
    0.6,
    1.0,
    2.5,
    5.0,
    10.0,
    30.0,
    60.0,
)
HOUR = timedelta(hours=1)

COUNT = f"""
    SELECT hop, width_bucket(took, %(bounds)s::float8[]), count(*), sum(took)
    FROM orders_order o CROSS JOIN LATERAL (VALUES
        {", ".join(f"('{n}', {b}, {e}, EXTRACT(epoch FROM {e} - {b})::float8)" for n, b, e in HOPS)}
    ) AS h(hop, began, ended, took)
    WHERE o.id >= %(first)s AND o.id < %(last)s AND took >= 0 AND ended < %(known_until)s
    GROUP BY 1, 2
"""  # noqa: S608 - our own column names


@dataclass
class Hour:
    """What the orders of one hour took: how often by (hop, bucket), and the sums of seconds by hop."""

    counts: Counter[tuple[str, int]] = field(default_factory=Counter)
    sums: Counter[str] = field(default_factory=Counter)


_closed: dict[datetime, Hour] = {}


def collect() -> Iterator[Metric]:
    """One histogram with a label for the hop."""
    counts, sums = Counter[tuple[str, int]](), Counter[str]()
    for hour in today():
        counts.update(hour.counts)
        sums.update(hour.sums)
    family = HistogramMetricFamily(
        "tradedesk_hop_seconds", "Time of each hop of the orders received since midnight UTC.", labels=["hop"]
    )
    for name, _, _ in HOPS:
        family.add_metric([name], cumulated(counts, name), sums[name])
    yield family


def cumulated(counts: Counter[tuple[str, int]], hop: str) -> list[tuple[str, float]]:
    """Buckets as Prometheus wants them: each counts all that took no longer than its bound."""
    total, buckets = 0, list[tuple[str, float]]()
    for place, bound in enumerate([*map(str, BOUNDS), "+Inf"]):
        total += counts[hop, place]
        buckets.append((bound, total))
    return buckets


def today() -> Iterator[Hour]:
    """Every hour of this UTC day."""
    now = timezone.now().astimezone(UTC)
    begin = now.replace(hour=0, minute=0, second=0, microsecond=0)
    for known in [hour for hour in _closed if hour < begin]:
        _closed.pop(known, None)
    while begin <= now:
        yield hour_from(begin, now)
        begin += HOUR


def hour_from(begin: datetime, now: datetime) -> Hour:
    """One hour: remembered once the hour after it is over too."""
    known = _closed.get(begin)
    if known is None:
        known = read(begin)
        if now >= begin + 2 * HOUR:
            _closed[begin] = known
    return known


def read(begin: datetime) -> Hour:
    """Count an hour's orders."""
    hour = Hour()
    span = {"first": first_id_at(begin), "last": first_id_at(begin + HOUR)}
    with connection.cursor() as cursor:
        cursor.execute(COUNT, {**span, "bounds": list(BOUNDS), "known_until": begin + 2 * HOUR})
        for hop, bucket, count, took in cursor.fetchall():
            hour.counts[hop, bucket] = count
            hour.sums[hop] += took
    return hour
