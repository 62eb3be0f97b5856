"""Memory of every process against orders: in steady work, told the day anew, after a burst that waited."""

from __future__ import annotations

import time
from collections.abc import Iterable

import httpx

from tradedesk.bench.figures import Document
from tradedesk.bench.ground import Ground, Row, Say
from tradedesk.bench.machine import resident_mb
from tradedesk.bench.throughput import BULK, left_behind, place_in_bulk

RATE = 200  # orders a second, as far as the machine does them
PARTS = 10  # samples of the steady work
CLIENTS = 4
BURST_SHARE = 5  # a part of so many orders waits at once
LEAST_OF_MEMORY = BURST_SHARE * BULK  # fewer orders make no burst
TAKEN = (httpx.codes.OK, httpx.codes.CREATED)
QUIET = 60.0  # seconds after which what comes back has come back


def memory(ground: Ground, *, orders: int, say: Say, quiet: float = QUIET) -> Document:
    """Orders at a steady rate with a look at memory after each tenth, then what raises it at once."""
    steady = steadily(ground, orders, say)
    raised = {**told_anew(ground, say), **burst(ground, orders // BURST_SHARE, say, quiet)}
    return {
        "steady_mb": steady,
        "kb_per_order_of_second_half": growth(steady),
        "raised_mb": raised,
        "left_behind": left_behind(ground),
    }


def steadily(ground: Ground, orders: int, say: Say) -> Document:
    """Memory by orders completed. No more wait than a second brings: a backlog has memory of its own."""
    samples = {"0": resident_mb(ground.system)}
    for part in range(1, PARTS + 1):
        place_paced(ground, orders // PARTS)
        ground.wait_until_done()
        samples[str(part * (orders // PARTS))] = found = resident_mb(ground.system)
        say(f"{part * (orders // PARTS)} orders: {found}")
    return samples


def place_paced(ground: Ground, count: int) -> None:
    """So many orders, one a POST: RATE of them a second at most, and only when those before are over."""
    while count > 0:
        began, now = time.monotonic(), min(RATE, count)
        require_taken(answer.status for answer in ground.place_all(ordered(ground, now), CLIENTS))
        ground.wait_until_done()
        count -= now
        time.sleep(max(0.0, began + 1 - time.monotonic()))


def told_anew(ground: Ground, say: Say) -> Document:
    """After a reconnect: the gateway tells its whole day anew."""
    ground.system.control.fault(kind="disconnect")
    return {"told_the_day_anew": settled(ground, say)}


def burst(ground: Ground, orders: int, say: Say, quiet: float) -> Document:
    """All of these wait while the gateway has lost IB, then go at once."""
    ground.system.control.fault(kind="link_lost")
    require_taken(answer.status for answer in place_in_bulk(ground, ordered(ground, orders // BULK * BULK)))
    waiting = resident_mb(ground.system)
    ground.system.control.fault(kind="link_restored")
    done = settled(ground, say)
    time.sleep(quiet)
    found = {"burst_waits": waiting, "burst_done": done, "burst_and_quiet": resident_mb(ground.system)}
    say(f"a burst of {orders}: {found}")
    return found


def settled(ground: Ground, say: Say) -> Document:
    """Memory when one more order is over, for which everything before had to be taken in."""
    require_taken([ground.place_all(ordered(ground, 1))[0].status])
    ground.wait_until_done()
    found = resident_mb(ground.system)
    say(f"all is quiet: {found}")
    return found


def ordered(ground: Ground, count: int) -> list[Row]:
    """So many orders of the accounts in turn."""
    return [ground.order(number) for number in range(count)]


def require_taken(statuses: Iterable[int]) -> None:
    """Raises AssertionError where an order was not taken: what is refused early takes no memory later."""
    refused = [status for status in statuses if status not in TAKEN]
    if refused:
        raise AssertionError(f"{len(refused)} requests were not taken, the first with {refused[0]}")


def growth(steady: Document) -> Document:
    """kB for each order of the second half, in which nothing is met for the first time."""
    counts = sorted(map(int, steady))
    middle, last = counts[len(counts) // 2], counts[-1]
    return {
        name: round((steady[str(last)][name] - mb) * 1024 / (last - middle), 3)
        for name, mb in steady[str(middle)].items()
    }
