"""A worker outlives what Redis does to it: its process stays, and it works again."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from tradedesk.stack.polling import eventually
from tradedesk.stack.system import System

ALL_WAIT = 3  # the broker worker's sweep and inbox writer, and a task of the other worker
WAITING = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
SUCCEEDED = "] succeeded"
WORKERS = ("worker", "broker")


@contextmanager
def tasks_that_can_not_end(stack: System) -> Iterator[None]:
    """While this lasts, a task of each worker waits for the orders, unacknowledged."""
    with stack.postgres.connect() as holder, holder.transaction():
        holder.execute("LOCK TABLE orders_order IN ACCESS EXCLUSIVE MODE")
        eventually(lambda: stack.rows(WAITING)[0][0] >= ALL_WAIT, limit=120)
        yield


def log_of(stack: System, name: str) -> str:
    """Everything that the processes of this name have logged."""
    return "".join(path.read_text() for path in stack.folder.logs.glob(f"{name}.*.log"))


def wait_for_tasks(stack: System) -> None:
    """Until each worker has ended a task from now on."""
    for name in WORKERS:
        succeeded = log_of(stack, name).count(SUCCEEDED)
        eventually(lambda n=name, count=succeeded: log_of(stack, n).count(SUCCEEDED) > count, limit=120)


def test_redis_lost_while_tasks_run_ends_no_worker(stack: System) -> None:
    wait_for_tasks(stack)
    with tasks_that_can_not_end(stack):
        stack.redis.kill()
        for name in WORKERS:
            eventually(lambda n=name: "Connection to broker lost" in log_of(stack, n), limit=120)
    stack.redis.start()
    wait_for_tasks(stack)
    assert [stack.running[name].poll() for name in WORKERS] == [None, None]


def test_orders_flow_while_redis_refuses_every_write(stack: System) -> None:
    with stack.redis.client() as client:
        client.config_set("maxmemory", 1)
        orders = [stack.api.placed("MSFT", max_age="300") for _ in range(5)]
        for order in orders:
            eventually(lambda one=order: stack.api.state(one["id"]) == "COMPLETED", limit=120)
        client.config_set("maxmemory", 0)
    assert [stack.control.received(order["order_ref"]) for order in orders] == [1] * 5
    assert all(process.poll() is None for process in stack.running.values())
