"""The threads of the broker workers and the steps of their sweeps, as their health rows say."""

from __future__ import annotations

import time
from collections.abc import Iterator

from prometheus_client.core import Metric

from brokers.models import SessionHealth
from tradedesk.metrics.make import counter, gauge


def collect() -> Iterator[Metric]:
    """All of them."""
    rows = list(SessionHealth.objects.order_by("session"))
    now = time.time()
    threads = [((row.session_id, name), facts) for row in rows for name, facts in row.threads.items()]
    steps = [((row.session_id, name), facts) for row in rows for name, facts in row.steps.items()]
    yield gauge(
        "tradedesk_thread_heartbeat_seconds",
        "Time since a thread of the session's worker last said that it lives.",
        [(labels, max(0.0, now - facts["beat_at"])) for labels, facts in threads],
        ("session", "thread"),
    )
    yield counter(
        "tradedesk_thread_restarts",
        "How often a thread ended and was started again, since the worker's start.",
        [(labels, facts["restarts"]) for labels, facts in threads],
        ("session", "thread"),
    )
    yield gauge(
        "tradedesk_sweep_step_failing",
        "How often in a row a step of the sweep has failed.",
        [(labels, facts["failing"]) for labels, facts in steps],
        ("session", "step"),
    )
    clocks = [((row.session_id, name), abs(ahead)) for row in rows for name, ahead in row.clocks.items()]
    yield gauge(
        "tradedesk_clock_skew_seconds",
        "How far the broker worker's clock is off the database's and the gateway's, either way.",
        clocks,
        ("session", "against"),
    )
    for name, fact, description in (
        ("runs", "runs", "How often a step of the sweep was done"),
        ("failures", "failures", "How often a step of the sweep failed"),
        ("seconds", "seconds", "What a step of the sweep took, added up"),
    ):
        yield counter(
            f"tradedesk_sweep_step_{name}",
            f"{description}, since the worker's start.",
            [(labels, facts[fact]) for labels, facts in steps],
            ("session", "step"),
        )
