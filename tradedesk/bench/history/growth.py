"""What a long history costs: the same latency and the same lists with more and more orders stored."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext, suppress
from typing import Any

import httpx

from tradedesk.bench.figures import Document
from tradedesk.bench.ground import Ground, Say
from tradedesk.bench.history.lists import lists
from tradedesk.bench.history.rows import grow
from tradedesk.bench.latency import at_a_rate, measured
from tradedesk.stack.polling import eventually

ACCOUNTS = 4
OPEN = 200  # orders that rest at the broker while lists are read
RESTING_MEANWHILE = ("broker", "worker", "beat", "stream")
#: Comparisons begin anew after the executions that are stored now.
BASELINE = """
from django.utils import timezone
from brokers.models import BrokerAccount
from orders.reconciliation.baseline import begin
for account in BrokerAccount.objects.exclude(baseline_at=None):
    begin(account, timezone.now())
"""
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
        with at_rest(ground) if level > stored else nullcontext():
            grow(ground, stored, level)
            stored, seconds = level, round(time.time() - begin, 1)
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
    orders = [
        ground.order(number, cl_ord_id=f"resting-{number}", side="BUY", ord_type="LIMIT", price="1.00")
        for number in range(OPEN)
    ]
    with ground.connection() as connection:
        answer = connection.send("/orders/bulk", {"orders": orders})
    results = answer.document.get("results", [{"problem": answer.document}])
    refused = [each["problem"] for each in results if each["problem"]]
    if refused:
        raise AssertionError(f"an order that should rest was refused: {refused[0]}")
    eventually(lambda: ground.system.rows(RESTING) == [(OPEN,)], limit=120, pause=0.2)


@contextmanager
def at_rest(ground: Ground) -> Iterator[None]:
    """Nobody works with orders meanwhile; afterwards they do, and are warm.

    Workers would wait for tables whose indexes are made, and comparisons would find executions that the
    broker does not know: what is stored meanwhile is older than what they start from. The stream would tell
    millions of events before those that are waited for.
    """
    resting = [name for name in ground.system.running if name.partition(" ")[0] in RESTING_MEANWHILE]
    ground.system.stop(*resting)
    yield
    ground.system.manage("shell", "--verbosity", "0", "--command", BASELINE)
    ground.system.start(*resting)
    ground.system.wait_until_ready()
    eventually(lambda: serves(ground.system.urls.stream), limit=60)
    ground.warm_up()


def serves(url: str) -> bool:
    """Whether somebody answers there at all."""
    with suppress(httpx.HTTPError):
        httpx.get(url, timeout=5, trust_env=False)
        return True
    return False


def sizes(ground: Ground) -> Document:
    """How much is stored."""
    (orders,) = ground.system.rows("SELECT count(*) FROM orders_order")[0]
    (gigabytes,) = ground.system.rows("SELECT pg_database_size(current_database()) / 2.0 ^ 30")[0]
    return {"orders_stored": orders, "database_gb": round(float(gigabytes), 2)}


def changes(levels: Sequence[Document]) -> Document:
    """By how much each median is above the one with the fewest orders, in percent."""
    first, last = levels[0], levels[-1]
    names = ("post_to_answer_ms", "post_to_wire_ms", "fill_to_stored_ms")
    latencies = {
        name: percent(*(level["at_20_per_second"][name] for level in (first, last))) for name in names
    }
    newest = [level["lists_ms"]["all_accounts"]["orders"]["alone"]["any"]["first"] for level in (first, last)]
    return {**latencies, "newest_orders": percent(*newest)}


def percent(before: Any, after: Any) -> float:
    """The change of the median."""
    return round((float(after["p50"]) / float(before["p50"]) - 1) * 100, 1)
