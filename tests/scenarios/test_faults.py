"""Each part fails in each way it can: no order is lost, none goes out twice, and orders flow again."""

from __future__ import annotations

import inspect
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from typing import Any

import psycopg
import pytest
from celery import Task

from orders import tasks
from tradedesk.stack.polling import eventually
from tradedesk.stack.processes.commands import ONLOOKERS, beat
from tradedesk.stack.system import System

FRESH: dict[str, Any] = {"max_age": "3600"}
SESSION = "SELECT lease_owner, lease_epoch, link FROM brokers_gatewaysession WHERE name = 'main'"
ALL_TASKS = {name: task for name, task in vars(tasks).items() if isinstance(task, Task)}
OWN_QUEUE = ("submit", "drain", "reconcile_orders", "reconcile_positions")


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    """A system that may have a second broker worker and a second scheduler."""
    with System(tmp_path_factory.mktemp("faults"), without=ONLOOKERS, TRADEDESK_LEASE_TTL="30") as system:
        system.processes["standby"] = system.processes["broker"]
        system.processes["second_beat"] = beat(system.folder.run)
        yield system


def assert_flows(stack: System, count: int = 3) -> None:
    """Orders placed now complete, each sent once."""
    orders = [eventually(lambda: stack.api.placed("MSFT", **FRESH), limit=120) for _ in range(count)]
    for order in orders:
        eventually(lambda one=order: stack.api.state(one["id"]) == "COMPLETED", limit=120)
    assert [stack.control.received(order["order_ref"]) for order in orders] == [1] * count


def session(stack: System) -> tuple[str, int, str]:
    """(owner of the lease, epoch, link)."""
    owner, epoch, link = stack.rows(SESSION)[0]
    return owner, epoch, link


def epoch(stack: System) -> int:
    return session(stack)[1]


@contextmanager
def standing_by(stack: System) -> Iterator[int]:
    """A second broker worker that waits for the lease; the epoch of the first. It is the first afterwards."""
    eventually(lambda: session(stack)[0], limit=120)  # one that has just started may not hold it yet
    stack.launch("standby")
    log = stack.folder.logs / f"standby.{stack.starts}.log"
    eventually(lambda: "standing by" in log.read_text(), limit=120)
    yield epoch(stack)
    stack.running["broker"] = stack.running.pop("standby")


# --- the broker worker --------------------------------------------------------------------------------
def test_a_standby_takes_over_without_waiting_for_the_lease(stack: System) -> None:
    with standing_by(stack) as before:
        stack.kill("broker")  # its lease has half a minute to run
        assert eventually(lambda: epoch(stack) == before + 1, limit=60)
    assert_flows(stack)


def test_a_standby_takes_over_from_a_worker_that_stops(stack: System) -> None:
    with standing_by(stack) as before:
        stack.stop("broker")
        assert eventually(lambda: epoch(stack) == before + 1, limit=60)
    assert_flows(stack)


def test_a_stopping_worker_finishes_what_it_is_sending(stack: System) -> None:
    orders = [stack.api.placed("AAPL", ord_type="LIMIT", price="1.00", **FRESH) for _ in range(40)]
    eventually(lambda: stack.control.received(orders[0]["order_ref"]), limit=60)
    stack.stop("broker")
    assert session(stack)[0] == ""  # the lease was given back
    stack.start("broker")
    for order in orders:
        eventually(lambda one=order: stack.api.state(one["id"]) == "PENDING", limit=120)
    assert {stack.control.received(order["order_ref"]) for order in orders} == {1}


def test_a_frozen_worker_without_its_lease_sends_nothing_and_ends(stack: System) -> None:
    with standing_by(stack) as before:
        stack.freeze("broker")
        stack.rows("UPDATE brokers_gatewaysession SET lease_until = now() RETURNING 1")
        eventually(lambda: epoch(stack) == before + 1, limit=60)
        order = stack.api.placed("MSFT", **FRESH)
        frozen = stack.running["broker"]
        stack.thaw("broker")
        assert frozen.wait(120) == 1
    eventually(lambda: stack.api.state(order["id"]) == "COMPLETED", limit=120)
    assert stack.control.received(order["order_ref"]) == 1


def test_a_worker_killed_while_a_task_runs_loses_nothing(stack: System) -> None:
    with stack.postgres.connect() as holder, holder.transaction():
        holder.execute("LOCK TABLE orders_order IN ACCESS EXCLUSIVE MODE")
        ring(stack, "expire_stale")
        waiting = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
        eventually(lambda: stack.rows(waiting)[0][0] > 0, limit=120)
        stack.kill("worker")
    stack.start("worker")
    assert_flows(stack)


# --- Redis and Celery ---------------------------------------------------------------------------------
def ring(stack: System, *names: str, times: int = 1) -> None:
    """Publish tasks as any sender may, over and over."""
    lines = ["from tradedesk.celery import app", f"for _ in range({times}):"]
    for name in names:
        arguments = ["main"] if inspect.signature(ALL_TASKS[name].run).parameters else []
        queue = "broker.main" if name in OWN_QUEUE else "default"
        lines.append(f"    app.send_task('orders.tasks.{name}', args={arguments}, queue={queue!r})")
    stack.manage("shell", "--no-imports", "-c", "\n".join(lines))


def test_duplicates_of_every_task_at_any_moment_change_nothing(stack: System) -> None:
    with ThreadPoolExecutor(1) as pool:
        ringing = pool.submit(ring, stack, *ALL_TASKS, times=20)
        assert_flows(stack, 12)
        ringing.result()


def test_a_message_delivered_again_after_the_visibility_timeout_sends_nothing_twice(stack: System) -> None:
    stack.freeze("broker")
    order = stack.api.placed("MSFT", **FRESH)
    ring(stack, "submit", times=3)
    with stack.redis.client() as redis:
        doorbell = eventually(lambda: copies(redis), limit=60)
        for _ in range(10):
            redis.lpush("tradedesk:broker.main", doorbell)
    stack.thaw("broker")
    eventually(lambda: stack.api.state(order["id"]) == "COMPLETED", limit=120)
    assert stack.control.received(order["order_ref"]) == 1


def copies(redis: Any) -> bytes | None:
    """A message of the broker's queue, as it would be put back."""
    ring_message: bytes | None = redis.lindex("tradedesk:broker.main", 0)
    return ring_message


def test_orders_flow_while_redis_is_paused(stack: System) -> None:
    stack.freeze("redis")
    assert_flows(stack)
    stack.thaw("redis")
    assert_flows(stack, 1)


def test_orders_flow_while_redis_is_slow(stack: System) -> None:
    with stack.redis.client() as redis, ThreadPoolExecutor(1) as pool:
        slow = pool.submit(hold_up, redis, 6.0)
        assert_flows(stack)
        slow.result()


def hold_up(redis: Any, seconds: float) -> None:
    """Let every command wait for most of the time, over and over."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        redis.client_pause(300)
        time.sleep(0.35)


def test_two_schedulers_do_no_harm(stack: System) -> None:
    stack.launch("second_beat")
    log = stack.folder.logs / f"second_beat.{stack.starts}.log"
    eventually(lambda: "Sending due task" in log.read_text(), limit=120)
    assert_flows(stack)
    stack.kill("second_beat")


def test_without_a_scheduler_orders_flow(stack: System) -> None:
    stack.kill("beat")
    assert_flows(stack)
    stack.start("beat")


# --- PostgreSQL ---------------------------------------------------------------------------------------
def test_what_waits_while_postgresql_is_paused_is_applied_later(stack: System) -> None:
    orders = [stack.api.placed("AAPL", ord_type="LIMIT", price="1.00", **FRESH) for _ in range(5)]
    for order in orders:
        eventually(lambda one=order: stack.api.state(one["id"]) == "PENDING", limit=120)
    stack.freeze("postgres")
    stack.control.post("/prices", json={"symbol": "AAPL", "price": "0.50"}).raise_for_status()
    refs = {order["order_ref"] for order in orders}
    eventually(lambda: {row["order_ref"] for row in filled(stack)} >= refs, limit=60)
    stack.thaw("postgres")
    for order in orders:
        assert eventually(lambda one=order: stack.api.state(one["id"]) == "COMPLETED", limit=120)
    stack.control.post("/prices", json={"symbol": "AAPL", "price": "230"}).raise_for_status()
    assert_flows(stack, 1)


def filled(stack: System) -> list[dict[str, Any]]:
    return [row for row in stack.control.orders() if row["status"] == "Filled"]


def test_without_postgresql_connections_requests_are_refused_until_some_are_free(
    stack: System,
) -> None:
    with ExitStack() as crowd:
        while connection := one_more(stack):
            crowd.enter_context(connection)
        # What holds a connection already may still record; an answer is a record or a clear no.
        answers = [stack.api.place("MSFT", **FRESH).status_code for _ in range(5)]
        assert set(answers) <= {201, 503}
    assert_flows(stack)


def one_more(stack: System) -> psycopg.Connection | None:
    """Another connection to PostgreSQL; None when it has none left."""
    try:
        return stack.postgres.connect()
    except psycopg.OperationalError:
        return None
