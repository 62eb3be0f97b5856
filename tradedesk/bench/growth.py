"""What a long history costs: the same latency and the same lists with more and more orders stored."""

from __future__ import annotations

import time
from collections.abc import Sequence
from itertools import count
from typing import Any

from tradedesk.bench.figures import Document
from tradedesk.bench.ground import Ground, Say
from tradedesk.bench.history import grow
from tradedesk.bench.latency import at_a_rate, measured
from tradedesk.bench.lists import lists
from tradedesk.stack.polling import eventually

ACCOUNTS = 4
OPEN = 200  # orders that rest at the broker while lists are read
RESTING = "SELECT count(*) FROM orders_order WHERE left(cl_ord_id, 8) = 'resting-' AND state = 'PENDING'"


def growth(ground: Ground, *, orders: int, levels: Sequence[int], say: Say, **how: Any) -> Document:
    """Latency at 20 a second and every list, at each number of stored orders; and the change of p50.

    `how` goes to `lists`.
    """
    say(f"Placing {OPEN} orders that stay open ...")
    rest(ground)
    found, stored = {}, 0
    for level in sorted(levels):
        say(f"Storing {level:,} orders ...")
        begin = time.time()
        grow(ground, stored, level)
        stored = max(stored, level)
        seconds = round(time.time() - begin, 1)
        say(f"Stored in {seconds:g} s. Measuring ...")
        found[str(level)] = {
            "storing_seconds": seconds,
            **sizes(ground),
            "at_20_per_second": measured(ground, orders, at_a_rate),
            "lists_ms": lists(ground, **how),
        }
    return {"stored": found, "p50_change_percent": changes(list(found.values()))}


def rest(ground: Ground) -> None:
    """Place orders far from the market and wait until all of them work there."""
    names = count(1)
    orders = [
        ground.order(number, cl_ord_id=f"resting-{next(names)}", side="BUY", ord_type="LIMIT", price="1.00")
        for number in range(OPEN)
    ]
    with ground.connection() as connection:
        answer = connection.send("/orders/bulk", {"orders": orders})
    results = answer.document.get("results", [{"problem": answer.document}])
    refused = [each["problem"] for each in results if each["problem"]]
    if refused:
        raise AssertionError(f"an order that should rest was refused: {refused[0]}")
    eventually(lambda: ground.system.rows(RESTING) == [(OPEN,)], limit=120, pause=0.2)


def sizes(ground: Ground) -> Document:
    """How much is stored."""
    (orders,) = ground.system.rows("SELECT count(*) FROM orders_order")[0]
    (gigabytes,) = ground.system.rows("SELECT pg_database_size(current_database()) / 2.0 ^ 30")[0]
    return {"orders_stored": orders, "database_gb": round(float(gigabytes), 2)}


def changes(levels: Sequence[Document]) -> Document:
    """By how much each median is above the one with the fewest orders, in percent."""
    first, last = levels[0], levels[-1]
    names = ("post_to_answer_ms", "post_to_wire_ms", "fill_to_visible_by_api_ms")
    latencies = {
        name: percent(*(level["at_20_per_second"][name] for level in (first, last))) for name in names
    }
    newest = [level["lists_ms"]["all_accounts"]["orders"]["alone"]["any"]["first"] for level in (first, last)]
    return {**latencies, "newest_orders": percent(*newest)}


def percent(before: Any, after: Any) -> float:
    """The change of the median."""
    return round((float(after["p50"]) / float(before["p50"]) - 1) * 100, 1)
