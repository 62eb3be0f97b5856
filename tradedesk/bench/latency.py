"""How long one order takes: POST to wire, POST to answer, fill to visible by API and by stream."""

from __future__ import annotations

import random
import statistics
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import pairwise

import httpx

from tradedesk.bench.client import Answer
from tradedesk.bench.figures import Document, spread
from tradedesk.bench.ground import Ground
from tradedesk.bench.machine import processor_seconds, spent_per
from tradedesk.bench.stream import FillWatch
from tradedesk.bench.throughput import statuses

RATE = 20.0  # orders a second
ONE_PAUSE = 0.03  # seconds between two orders that are sent one at a time
WATCHERS = 16
READ_PAUSE = (
    0.002  # seconds between an answer and the next read: a reader must not take the cores it measures
)
FILL_LIMIT = 30.0  # seconds


@dataclass(kw_only=True)
class Followed:
    """One order: its POST, and the two moments around the first read that showed its fill."""

    posted: Answer
    asked_at: float = 0.0
    seen_at: float = 0.0
    reads: int = field(default=0)

    @property
    def order_ref(self) -> str:
        """Its name at the gateway."""
        return str(self.posted.document["order_ref"])

    @property
    def order_id(self) -> str:
        """Its name at the API."""
        return str(self.posted.document["id"])


def latency(ground: Ground, *, orders: int) -> Document:
    """Both ways of sending, each with the same measures; milliseconds."""
    return {
        "one_at_a_time": measured(ground, orders, one_at_a_time),
        "at_20_per_second": measured(ground, orders, at_a_rate),
    }


def measured(ground: Ground, count: int, send: Callable[[Ground, int], list[Followed]]) -> Document:
    """Send and follow so many orders, then ask the gateway when it read and wrote."""
    before, begin = processor_seconds(ground.system), time.time()
    with FillWatch(ground) as watch:
        followed = send(ground, count)
        taken = time.time() - begin
        watch.wait_for([one.order_id for one in followed])
    spent = spent_per(count, before, processor_seconds(ground.system))
    read, written = ground.received_at(), ground.fills_sent_at()
    return {
        "orders_per_second": round(count / taken, 2),
        "statuses": statuses([one.posted for one in followed]),
        "post_to_answer_ms": spread(one.posted.seconds for one in followed),
        "post_to_wire_ms": spread(read[one.order_ref] - one.posted.sent_at for one in followed),
        "hops_p50_ms": hops(ground, followed),
        "fill_to_stream_ms": spread(watch.seen[one.order_id] - written[one.order_ref] for one in followed),
        # A read on its way when the fill is committed may miss it: the true moment lies between these two.
        "fill_to_first_read_that_shows_it_sent_ms": spread(
            max(0.0, one.asked_at - written[one.order_ref]) for one in followed
        ),
        "fill_to_visible_by_api_ms": spread(one.seen_at - written[one.order_ref] for one in followed),
        "reads_per_order": round(sum(one.reads for one in followed) / count, 1),
        "processor_ms_per_order": spent,
    }


def one_at_a_time(ground: Ground, count: int) -> list[Followed]:
    """The next order is sent some moments after the one before is seen to be filled.

    Without a pause they would be faster than the gateway's pace allows, and wait for that.
    """
    followed = []
    for number in range(count):
        followed.append(follow(ground, number))
        time.sleep(ONE_PAUSE)
    return followed


def at_a_rate(ground: Ground, count: int) -> list[Followed]:
    """RATE a second on average, at random moments (a Poisson process), whatever is still on its way."""
    chance = random.Random(count)  # noqa: S311 - the same moments in every run
    with ThreadPoolExecutor(WATCHERS) as pool:
        due, running = time.time(), []
        for number in range(count):
            due += chance.expovariate(RATE)
            time.sleep(max(0.0, due - time.time()))
            running.append(pool.submit(follow, ground, number))
        return [one.result() for one in running]


def follow(ground: Ground, number: int) -> Followed:
    """Place an order and read it until it is filled."""
    connection = ground.own_connection()
    one = Followed(posted=connection.place(ground.order(number)))
    if one.posted.status != httpx.codes.CREATED:
        raise AssertionError(f"an order was not taken: {one.posted.status} {one.posted.document}")
    while time.time() < one.posted.answered_at + FILL_LIMIT:
        read = connection.ask("GET", f"/orders/{one.order_id}")
        one.reads += 1
        if read.document["leaves_qty"] == "0":
            one.asked_at, one.seen_at = read.sent_at, read.answered_at
            return one
        time.sleep(READ_PAUSE)
    raise AssertionError(f"order {one.order_id} was not filled within {FILL_LIMIT:g} s")


#: The moments that an order keeps, of which the differences are its hops; one is what the events' table kept.
MOMENTS = """
    SELECT order_ref, extract(epoch FROM received_at)::float8, extract(epoch FROM recorded_at)::float8,
        extract(epoch FROM claimed_at)::float8, extract(epoch FROM sent_at)::float8,
        extract(epoch FROM acknowledged_at)::float8, (SELECT extract(epoch FROM recorded_at)::float8
            FROM orders_orderevent e WHERE e.order_id = o.id AND e.kind = 'EXECUTION' LIMIT 1)
    FROM orders_order o WHERE o.sent_at IS NOT NULL
"""


def hops(ground: Ground, followed: list[Followed]) -> Document:
    """Medians from moment to moment, first the way out and then the way back; milliseconds."""
    kept = {ref: moments for ref, *moments in ground.system.rows(MOMENTS)}
    read, written = ground.received_at(), ground.fills_sent_at()
    found: dict[str, list[float]] = {}
    for one in followed:
        received, recorded, claimed, sent, heard, stored = kept[one.order_ref]
        out = {
            "posted": one.posted.sent_at,
            "received": received,
            "recorded": recorded,
            "claimed": claimed,
            "sent": sent,
            "read_by_gateway": read[one.order_ref],
        }
        back = {
            "fill_written": written[one.order_ref],
            "first_heard": heard,
            "execution_stored": stored,
            "asked": one.asked_at,
            "seen": one.seen_at,
        }
        for way in (out, back):
            for (before, begin), (after, end) in pairwise(way.items()):
                found.setdefault(f"{before}_to_{after}", []).append(1000 * (end - begin))
    return {name: round(statistics.median(values), 2) for name, values in found.items()}
