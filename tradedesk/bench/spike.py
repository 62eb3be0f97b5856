"""A market open: orders as fast as clients can send them, while the broker takes 50 messages a second.

What cannot go out while it is fresh must be refused or given up, not sent late; what goes first is at the
market, and nothing of that may grow stale behind orders that rest; cancels must not wait behind it all; and
nothing may be lost.
"""

from __future__ import annotations

import threading
import time
from collections import defaultdict
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import httpx

from orders.models import Priority
from tradedesk.bench.client import Answer
from tradedesk.bench.figures import Document, per_second, spread
from tradedesk.bench.ground import Ground, epoch
from tradedesk.bench.throughput import left_behind, statuses
from tradedesk.stack.polling import eventually

PACING = 50  # messages a second, what IB Gateway takes from a client
CANCELS = 40
CANCEL_EVERY = 0.2  # seconds
SAMPLE_EVERY = 0.25  # seconds
MAX_AGE = "10"  # seconds, the default of a market order

WAITING = """
    SELECT count(*), COALESCE(EXTRACT(epoch FROM clock_timestamp() - min(created_at)), 0)::float8
    FROM orders_outboxcommand WHERE done_at IS NULL
"""
FATES = (
    "SELECT state, reason_code, count(*) FROM orders_order WHERE left(cl_ord_id, 6) = 'bench-' GROUP BY 1, 2"
)
SENT_STALE = "SELECT count(*) FROM orders_order WHERE sent_at > fresh_until"
RESTS_EVERY = 5  # of so many orders one rests
#: Seconds from the recording of each priority's orders to the wire.
WAITED = """
    SELECT c.priority, EXTRACT(epoch FROM o.sent_at - o.queued_at)::float8
    FROM orders_order o JOIN orders_outboxcommand c ON c.order_id = o.id AND c.kind = 'NEW'
    WHERE left(o.cl_ord_id, 6) = 'bench-' AND o.sent_at IS NOT NULL
"""
#: Orders given up as stale though one that goes after them was sent while they waited (but for a moment).
STALE_BEHIND_LOWER = """
    SELECT count(*) FROM orders_order o JOIN orders_outboxcommand c ON c.order_id = o.id AND c.kind = 'NEW'
    WHERE o.reason_code = 'STALE' AND EXISTS (
        SELECT FROM orders_order other
        JOIN orders_outboxcommand later ON later.order_id = other.id AND later.kind = 'NEW'
        WHERE other.session_id = o.session_id AND later.priority > c.priority
          AND other.sent_at BETWEEN o.queued_at + interval '1 second' AND o.fresh_until)
"""
LATE = """
    SELECT EXTRACT(epoch FROM e.at - o.fresh_until)::float8
    FROM orders_order o JOIN orders_orderevent e ON e.order_id = o.id AND e.kind = 'FAILED'
    WHERE o.reason_code = 'STALE'
"""
RECORDED = "SELECT count(*) FROM orders_order WHERE left(cl_ord_id, 6) = 'bench-'"


def spike(ground: Ground, *, orders: int) -> Document:
    """Send them all at once, cancel others meanwhile, and account for every one."""
    resting = rest(ground)
    recorded_before = int(ground.system.rows(RECORDED)[0][0])
    begin = time.time()
    with sampled(ground) as samples, ThreadPoolExecutor(1) as pool:
        canceling = pool.submit(cancel_steadily, ground, resting)
        answers = ground.place_all([spiked(ground, number) for number in range(orders)])
        accepted = time.time()
        canceled = canceling.result()
        ground.wait_until_done()
    recorded = int(ground.system.rows(RECORDED)[0][0]) - recorded_before
    return {
        "orders": orders,
        "statuses": statuses(answers),
        "accepted_per_second": per_second(orders, accepted - begin),
        "seconds_until_quiet": round(time.time() - begin, 1),
        "post_ms": spread(answer.seconds for answer in answers),
        "queue": {
            "longest": max(count for count, _ in samples),
            "oldest_seconds": round(max(age for _, age in samples), 2),
        },
        "cancel_to_gateway_ms": spread(cancel_times(ground, resting, canceled)),
        "given_up_after_fresh_until_ms": spread(late for (late,) in ground.system.rows(LATE)),
        "waited_s_by_priority": waited(ground),
        "sent_when_stale": ground.system.rows(SENT_STALE)[0][0],
        "stale_behind_lower_priority": ground.system.rows(STALE_BEHIND_LOWER)[0][0],
        "fates": {f"{state} {code}".strip(): count for state, code, count in ground.system.rows(FATES)},
        "lost": orders - recorded,
        "left_behind": left_behind(ground),
    }


def spiked(ground: Ground, number: int) -> dict[str, Any]:
    """Most are at the market; some would rest, and end at once where they came so far."""
    rests = {"ord_type": "LIMIT", "price": "1.00", "side": "BUY", "time_in_force": "IOC"}
    return ground.order(number, max_age=MAX_AGE, **(rests if number % RESTS_EVERY == 0 else {}))


def waited(ground: Ground) -> Document:
    """How long the orders of each priority waited, in the order in which they go."""
    times: defaultdict[int, list[float]] = defaultdict(list)
    for priority, seconds in ground.system.rows(WAITED):
        times[priority].append(seconds)
    return {Priority(priority).name.lower(): quantiles(found) for priority, found in sorted(times.items())}


def quantiles(seconds: list[float]) -> Document:
    """How many, the middle one and the longest."""
    ordered = sorted(seconds)
    middle, longest = ordered[len(ordered) // 2], ordered[-1]
    return {"count": len(ordered), "p50": round(middle, 3), "max": round(longest, 3)}


def rest(ground: Ground) -> list[Answer]:
    """Orders that rest at the gateway, to be canceled in the middle of it all."""
    limit = {"ord_type": "LIMIT", "price": "1.00", "side": "BUY"}
    placed = ground.place_all([ground.order(number, **limit) for number in range(CANCELS)], clients=4)
    refs = {str(answer.document["order_ref"]) for answer in placed}
    eventually(lambda: refs <= set(ground.received_at()), limit=60)
    return placed


def cancel_steadily(ground: Ground, resting: list[Answer]) -> list[Answer]:
    """Cancel them one by one while the spike goes on."""
    answers = []
    with ground.connection() as connection:
        for order in resting:
            time.sleep(CANCEL_EVERY)
            answers.append(connection.send(f"/orders/{order.document['id']}/cancel", {}))
    return answers


def cancel_times(ground: Ground, resting: list[Answer], canceled: list[Answer]) -> Iterator[float]:
    """Seconds from each cancel's POST until the gateway had canceled the order."""
    done = {row["order_ref"]: row["done_at"] for row in ground.system.control.orders()}
    for order, answer in zip(resting, canceled, strict=True):
        if answer.status != httpx.codes.ACCEPTED:
            raise AssertionError(f"a cancel was not taken: {answer.status} {answer.document}")
        yield epoch(done[order.document["order_ref"]]) - answer.sent_at


@contextmanager
def sampled(ground: Ground) -> Iterator[list[tuple[int, float]]]:
    """Length and age of the queue to the broker, again and again."""
    samples, over = [(0, 0.0)], threading.Event()

    def look() -> None:
        with ground.system.postgres.connect() as connection:
            while not over.wait(SAMPLE_EVERY):
                samples.append(connection.execute(WAITING).fetchone() or (0, 0.0))

    with ThreadPoolExecutor(1) as pool:
        looking = pool.submit(look)
        try:
            yield samples
        finally:
            over.set()
            looking.result()
