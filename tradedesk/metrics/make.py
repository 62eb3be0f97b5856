"""Building metric families from samples."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

Samples = Iterable[tuple[tuple[str, ...], float]]


def gauge(name: str, description: str, samples: Samples, labels: tuple[str, ...] = ()) -> GaugeMetricFamily:
    """A gauge with its samples: (label values, value)."""
    family = GaugeMetricFamily(name, description, labels=labels)
    for values, value in samples:
        family.add_metric(values, value)
    return family


def counter(
    name: str, description: str, samples: Samples, labels: tuple[str, ...] = ()
) -> CounterMetricFamily:
    """A counter (its name gets `_total`) with its samples: (label values, value)."""
    family = CounterMetricFamily(name, description, labels=labels)
    for values, value in samples:
        family.add_metric(values, value)
    return family


def age(since: datetime, now: datetime) -> float:
    """Seconds since then; never below 0, though a row may be newer than the moment the scrape began."""
    return max(0.0, seconds(now - since))


def seconds(span: timedelta) -> float:
    """A time span as Prometheus wants it."""
    return span.total_seconds()
