"""How long one order takes: POST to wire, POST to answer, fill to stored, to the stream and to the API.

The broker's pacing is off here: an order that waits for its turn says nothing about the path. What pacing
adds to these very moments is reckoned beside it. One reader hears all fills by the stream and then reads each
once: readers that poll take the cores they measure.
"""

from __future__ import annotations

import random
import statistics
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise

import httpx
from django.conf import settings

from tradedesk.bench.client import Answer
from tradedesk.bench.figures import Document, spread
from tradedesk.bench.ground import Ground
from tradedesk.bench.machine import processor_seconds, spent_per
from tradedesk.bench.stream import FillWatch
from tradedesk.bench.throughput import statuses

RATE = 20.0  # orders a second
ONE_PAUSE = 0.03  # seconds between two orders that are sent one at a time
CLIENTS = 16

Send = Callable[[Ground, FillWatch, int], list[Answer]]


def latency(ground: Ground, *, orders: int) -> Document:
    """Both ways of sending, each with the same measures; milliseconds."""
    return {
        "one_at_a_time": measured(ground, orders, one_at_a_time),
        "at_20_per_second": measured(ground, orders, at_a_rate),
    }


def measured(ground: Ground, count: int, send: Send) -> Document:
    """Send and follow so many orders, then ask the gateway when it read and wrote."""
    before, begin = processor_seconds(ground.system), time.time()
    with FillWatch(ground) as watch:
        placed = send(ground, watch, count)
        taken = time.time() - begin
        watch.wait_for([order_id(one) for one in placed])
    spent = spent_per(count, before, processor_seconds(ground.system))
    read, written = ground.received_at(), ground.fills_sent_at()
    moments = {ref: kept for ref, *kept in ground.system.rows(MOMENTS)}
    fills = [(order_id(one), written[ref(one)], moments[ref(one)][-1]) for one in placed]
    return {
        "orders_per_second": round(count / taken, 2),
        "statuses": statuses(placed),
        "post_to_answer_ms": spread(one.seconds for one in placed),
        "post_to_wire_ms": spread(read[ref(one)] - one.sent_at for one in placed),
        "pacing": pacing([moments[ref(one)][1] for one in placed]),
        "hops_p50_ms": hops(placed, watch, moments, read, written),
        "fill_to_stored_ms": spread(stored - at for _, at, stored in fills),
        "fill_to_stream_ms": spread(watch.seen[one] - at for one, at, _ in fills),
        "fill_to_visible_by_api_ms": spread(watch.read[one].answered_at - at for one, at, _ in fills),
        "processor_ms_per_order": spent,
    }


def order_id(placed: Answer) -> str:
    """Its name at the API."""
    return str(placed.document["id"])


def ref(placed: Answer) -> str:
    """Its name at the gateway."""
    return str(placed.document["order_ref"])


def place(ground: Ground, number: int) -> Answer:
    """Place an order that is filled at once."""
    answer = ground.own_connection().place(ground.order(number))
    if answer.status != httpx.codes.CREATED:
        raise AssertionError(f"an order was not taken: {answer.status} {answer.document}")
    return answer


def one_at_a_time(ground: Ground, watch: FillWatch, count: int) -> list[Answer]:
    """The next order is sent some moments after the one before was read to be filled."""
    placed = []
    for number in range(count):
        placed.append(place(ground, number))
        watch.wait_for([order_id(placed[-1])])
        time.sleep(ONE_PAUSE)
    return placed


def at_a_rate(ground: Ground, watch: FillWatch, count: int) -> list[Answer]:
    """RATE a second on average, at random moments (a Poisson process), other ones in every run."""
    chance = random.Random()  # noqa: S311 - no secret
    with ThreadPoolExecutor(CLIENTS) as pool:
        due, running = time.time(), []
        for number in range(count):
            due += chance.expovariate(RATE)
            time.sleep(max(0.0, due - time.time()))
            running.append(pool.submit(place, ground, number))
        return [one.result() for one in running]


def pacing(recorded: Sequence[float]) -> Document:
    """How long orders recorded at these moments would wait for the pace of a session."""
    per_second = settings.PACING_PER_SECOND - settings.PACING_CANCEL_RESERVE
    waits = pacing_waits(recorded, per_second)
    return {"orders_per_second": per_second, "wait_ms": spread(waits), "waited": sum(map(bool, waits))}


def pacing_waits(recorded: Sequence[float], per_second: int) -> list[float]:
    """Seconds that each waits where no second may have more than so many."""
    sent: list[float] = []
    waits = []
    for at in sorted(recorded):
        free = sent[-per_second] + 1.0 if len(sent) >= per_second else at
        sent.append(max(at, free))
        waits.append(sent[-1] - at)
    return waits


#: The moments that an order keeps, of which the differences are its hops; one is what the events' table kept.
MOMENTS = """
    SELECT order_ref, extract(epoch FROM received_at)::float8, extract(epoch FROM recorded_at)::float8,
        extract(epoch FROM claimed_at)::float8, extract(epoch FROM sent_at)::float8,
        extract(epoch FROM acknowledged_at)::float8, (SELECT extract(epoch FROM recorded_at)::float8
            FROM orders_orderevent e WHERE e.order_id = o.id AND e.kind = 'EXECUTION' LIMIT 1)
    FROM orders_order o WHERE o.sent_at IS NOT NULL
"""


def hops(
    placed: Sequence[Answer],
    watch: FillWatch,
    kept: dict[str, list[float]],
    read: dict[str, float],
    written: dict[str, float],
) -> Document:
    """Medians from moment to moment, first the way out and then the way back; milliseconds."""
    found: dict[str, list[float]] = {}
    for one in placed:
        received, recorded, claimed, sent, heard, stored = kept[ref(one)]
        out = {
            "posted": one.sent_at,
            "received": received,
            "recorded": recorded,
            "claimed": claimed,
            "sent": sent,
            "read_by_gateway": read[ref(one)],
        }
        back = {
            "fill_written": written[ref(one)],
            "first_heard": heard,
            "execution_stored": stored,
            "told": watch.seen[order_id(one)],
            "seen": watch.read[order_id(one)].answered_at,
        }
        for way in (out, back):
            for (before, begin), (after, end) in pairwise(way.items()):
                found.setdefault(f"{before}_to_{after}", []).append(1000 * (end - begin))
    return {name: round(statistics.median(values), 2) for name, values in found.items()}
