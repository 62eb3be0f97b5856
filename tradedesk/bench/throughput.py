"""The most orders a second, from POST to COMPLETED, and what each costs in processor time."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Sequence

from tradedesk.bench.client import Answer
from tradedesk.bench.figures import Document, per_second, spread
from tradedesk.bench.ground import MOVING, Ground, Row
from tradedesk.bench.machine import processor_seconds, resident_mb, spent_per

#: What must be empty when all is over: name and the query that counts it.
LEFT_BEHIND = {
    "orders_moving": f"SELECT count(*) FROM orders_order WHERE state IN {MOVING}",  # noqa: S608 - our own words
    "commands_waiting": "SELECT count(*) FROM orders_outboxcommand WHERE done_at IS NULL",
    "inbox_waiting": "SELECT count(*) FROM brokers_inboxmessage WHERE applied_at IS NULL",
}
BULK = 50  # orders in one POST


def throughput(ground: Ground, *, orders: int) -> Document:
    """Bursts of single and of bulk POSTs, each followed until its last order is COMPLETED."""
    before = resident_mb(ground.system)
    measured = {
        "single": burst(ground, orders, ground.place_all),
        "bulk": burst(ground, orders, lambda rows: place_in_bulk(ground, rows)),
        "left_behind": left_behind(ground),
    }
    return {**measured, "memory_mb": {"before": before, "after": resident_mb(ground.system)}}


def burst(ground: Ground, count: int, place: Callable[[Sequence[Row]], list[Answer]]) -> Document:
    """One burst: rates, answer times and processor time per order."""
    rows = [ground.order(number) for number in range(count)]
    before, begin = processor_seconds(ground.system), time.time()
    answers = place(rows)
    accepted = time.time()
    done = ground.wait_until_done()
    spent = spent_per(count, before, processor_seconds(ground.system))
    return {
        "orders": count,
        "statuses": statuses(answers),
        "accepted_per_second": per_second(count, accepted - begin),
        "completed_per_second": per_second(count, done - begin),
        "post_ms": spread(answer.seconds for answer in answers),
        "processor_ms_per_order": spent,
    }


def place_in_bulk(ground: Ground, rows: Sequence[Row]) -> list[Answer]:
    """All orders, BULK of them in each POST, one POST after the other."""
    with ground.connection() as connection:
        return [
            connection.send("/orders/bulk", {"orders": rows[start : start + BULK]})
            for start in range(0, len(rows), BULK)
        ]


def statuses(answers: Sequence[Answer]) -> Document:
    """How many answers had which HTTP status."""
    return {str(status): count for status, count in sorted(Counter(a.status for a in answers).items())}


def left_behind(ground: Ground) -> Document:
    """What is not as it should be when all is over: only zeros are right."""
    found = {name: ground.system.rows(query)[0][0] for name, query in LEFT_BEHIND.items()}
    return {**found, "orders_sent_twice": sent_twice(ground)}


def sent_twice(ground: Ground) -> int:
    """Orders that the gateway's ledger holds more than once; a second attempt alone is no second order."""
    ours = {ref.partition("-")[0] for (ref,) in ground.system.rows("SELECT order_ref FROM orders_order")}
    refs = (row["order_ref"].partition("-")[0] for row in ground.system.control.orders())
    times = Counter(ref for ref in refs if ref in ours)  # a bare client's have none, or all the same
    return sum(count > 1 for count in times.values())
