"""The primary of PostgreSQL, then of Redis, is lost under load: trading again within 10 s, nothing lost."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import redis

from tests.soak.replicas import WithSentinel, WithStandby
from tradedesk.chaos.kills import Flow
from tradedesk.stack.polling import eventually
from tradedesk.stack.system import System

AGAIN_WITHIN = 10.0  # seconds, on a machine that has nothing else to do
BUSY = 3  # here others work beside
MOVING = "SELECT count(*) FROM orders_order WHERE state <> 'COMPLETED'"


def under_load(stack: System, lose: Callable[[], None]) -> float:
    """Lose something while orders flow; seconds until an order that came after it was executed."""
    with Flow(stack.api) as flow:
        time.sleep(4)
        began = time.monotonic()
        lose()
        order = eventually(lambda: stack.api.placed("AAPL", max_age="300"), limit=60, pause=0.05)
        eventually(lambda: stack.api.state(order["id"]) == "COMPLETED", limit=60, pause=0.05)
        gap = time.monotonic() - began
        time.sleep(4)
    eventually(lambda: stack.rows(MOVING) == [(0,)], limit=120)
    nothing_lost(stack, flow)
    return gap


def nothing_lost(stack: System, flow: Flow) -> None:
    """Every order that was answered is there, and was sent once."""
    ours = dict(stack.rows("SELECT id::text, order_ref FROM orders_order"))
    assert set(flow.taken) <= ours.keys()
    received = [order["order_ref"] for order in stack.control.get("/orders").json()]
    assert sorted(received) == sorted(ours.values())
    assert {status for status in flow.statuses if status >= 400} == set()


def test_a_standby_of_postgresql_takes_over(
    tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    with WithStandby(tmp_path / "stack", without=("flower", "stream")) as stack:
        gap = under_load(stack, stack.lose_primary)
        record_property("seconds until an order was executed again", round(gap, 2))
        assert gap < AGAIN_WITHIN * BUSY
        assert stack.rows("SELECT pg_is_in_recovery()") == [(False,)]


def test_sentinels_promote_a_replica_of_redis(
    tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    with WithSentinel(tmp_path / "stack", without=("flower",)) as stack:
        gap = under_load(stack, stack.lose_primary)
        record_property("seconds until an order was executed again", round(gap, 2))
        assert gap < AGAIN_WITHIN * BUSY
        with stack.replica.client() as client:
            eventually(lambda: client.info("replication")["role"] == "master")
            eventually(lambda: "tradedesk" in names_of(client), limit=60)
        seals = stack.rows("SELECT count(*) FROM orders_auditseal")  # beat and worker go on too
        stack.api.placed("AAPL", max_age="300")
        eventually(lambda: stack.rows("SELECT count(*) FROM orders_auditseal") > seals, limit=120)
        eventually(lambda: stack.api.get(f"{stack.urls.http}/readyz").json()["checks"]["redis"]["ok"])


def names_of(client: redis.Redis) -> str:
    """The channels that workers and the stream listen on: they have found the new primary."""
    return " ".join(str(name) for name in client.pubsub_channels())
