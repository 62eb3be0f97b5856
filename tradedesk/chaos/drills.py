"""Drills: one loss at a time on a system at rest, and how long until an order goes out again.

The chaos itself says what recovery costs while faults overlap; a drill says what one loss costs alone. The
clock runs from the harm, so that noticing it counts too, to the next order handed to the gateway's socket.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import httpx

from tradedesk.chaos.ground import Ground
from tradedesk.demo.summary import percentile
from tradedesk.stack.clients import OtherAnswer
from tradedesk.stack.polling import eventually

SENDERS = 8
RESTING: Mapping[str, Any] = {"ord_type": "LIMIT", "price": "1.00", "max_age": "3600"}
LIMIT = 120.0  # seconds until an order must have gone out
REST = 2.0  # seconds between two drills
SENT = "SELECT sent_at FROM orders_order WHERE id = %s AND sent_at IS NOT NULL"
WORKING = "SELECT count(*) FROM orders_order WHERE state = 'PENDING'"


@dataclass(frozen=True, kw_only=True)
class Drill:
    """A loss, and the seconds after which orders must flow again."""

    name: str
    harm: Callable[[Ground], None]
    target: float


def kill_broker(ground: Ground) -> None:
    """SIGKILL the broker worker; its supervisor starts it again."""
    ground.system.kill("broker")
    ground.system.launch("broker")


def drop_link(ground: Ground) -> None:
    """The gateway drops every connection: connect again and pull everything."""
    ground.ask_gateway("disconnect")


def wipe_redis(ground: Ground) -> None:
    """FLUSHALL."""
    ground.system.wipe_redis()


DRILLS = (
    Drill(name="link dropped, reconnect and full pull", harm=drop_link, target=3.0),
    Drill(name="broker worker killed and started again", harm=kill_broker, target=6.0),
    Drill(name="redis wiped", harm=wipe_redis, target=3.0),
)


def run_drills(ground: Ground, *, rounds: int, resting: int) -> dict[str, Any]:
    """Each drill so often, with so many orders resting at the broker: seconds by drill."""
    rest_orders(ground, resting)
    took: dict[str, list[float]] = {drill.name: [] for drill in DRILLS}
    for _ in range(rounds):
        for drill in DRILLS:
            time.sleep(REST)
            took[drill.name].append(recovery_time(ground, drill))
    return {
        "open_orders": ground.system.rows(WORKING)[0][0],
        "seconds": {drill.name: spread(took[drill.name], drill.target) for drill in DRILLS},
    }


def rest_orders(ground: Ground, count: int) -> None:
    """Place so many resting orders, and wait until all work at the broker."""
    before = ground.system.rows(WORKING)[0][0]
    with ThreadPoolExecutor(SENDERS) as pool:
        list(pool.map(lambda _: place(ground), range(count)))
    eventually(lambda: ground.system.rows(WORKING)[0][0] >= before + count, limit=60 + count, pause=0.5)


def place(ground: Ground) -> str:
    """Place a resting order, asking until it is taken; its id."""

    def ask() -> str:
        try:
            return str(ground.system.api.placed(**RESTING)["id"])
        except (httpx.TransportError, OtherAnswer):
            return ""

    return eventually(ask, limit=LIMIT, pause=0.05)


def recovery_time(ground: Ground, drill: Drill) -> float:
    """Seconds from the harm to an order, placed at once, on the gateway's socket."""
    began_at = datetime.now(UTC)
    drill.harm(ground)
    order = place(ground)
    rows = eventually(lambda: ground.system.rows(SENT, order), limit=LIMIT, pause=0.05)
    return float((rows[0][0] - began_at).total_seconds())


def spread(took: list[float], target: float) -> dict[str, Any]:
    """p50, p99 and the longest, in seconds, beside the target."""
    if not took:
        return {"count": 0, "target": target}
    return {
        "count": len(took),
        "p50": round(percentile(took, 0.5), 3),
        "p99": round(percentile(took, 0.99), 3),
        "max": round(max(took), 3),
        "target": target,
        "within": max(took) <= target,
    }
