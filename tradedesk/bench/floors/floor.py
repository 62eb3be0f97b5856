"""The floor: the same three hops with nothing of ours, on the same servers and in the same run.

A bare DRF POST with one insert, a bare Celery hop, and a bare ib_async order to the gateway. What our way
costs above their sum is ours.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx

from brokers.ib.bare import place_bare
from orders.controls.audit.install import APPLICATION
from tradedesk.bench.client import Connection
from tradedesk.bench.figures import Document, spread
from tradedesk.bench.floors import bare_celery
from tradedesk.bench.ground import Ground
from tradedesk.env import BASE_DIR
from tradedesk.stack.polling import eventually
from tradedesk.stack.ports import HOST, free_port
from tradedesk.stack.processes.commands import PYTHON, granian
from tradedesk.stack.processes.process import end, spawn
from tradedesk.stack.urls import answers

HOPS = ("drf_post_ms", "celery_hop_ms", "ib_async_place_ms")
CLIENT_ID = 77
WARM_UP = 20
#: Made by the owner of the database; the bare server is the application's role, like ours.
TABLE = f"""
    CREATE TABLE IF NOT EXISTS bench_bareorder (
        id bigserial PRIMARY KEY, cl_ord_id varchar(64) NOT NULL, order_qty numeric(28, 10) NOT NULL,
        received_at timestamptz NOT NULL);
    GRANT ALL ON bench_bareorder, bench_bareorder_id_seq TO {APPLICATION}
"""
PAUSE = 0.02  # seconds between two: a quiet system, like the one that is compared


def floor(ground: Ground, *, count: int) -> Document:
    """The spread of each hop in milliseconds, and the sum of their medians."""
    hops = {
        "drf_post_ms": spread(bare_posts(ground, count)),
        "celery_hop_ms": spread(bare_hops(ground, count)),
        "ib_async_place_ms": spread(bare_orders(ground, count)),
    }
    return {**hops, "sum_of_p50_ms": round(sum(hops[name]["p50"] for name in HOPS), 3)}


def bare_posts(ground: Ground, count: int) -> list[float]:
    """Seconds from POST to answer, of a server started like ours."""
    port = free_port()
    with ground.system.postgres.connect() as connection:
        connection.execute(TABLE)
    web = (*granian("wsgi", "tradedesk.bench.floors.bare_web:application", port), "--blocking-threads", "8")
    with running(ground, "bare-web", web):
        eventually(lambda: answers(f"http://{HOST}:{port}/api/v1/orders"), limit=60)
        with Connection(f"http://{HOST}:{port}", "none") as client:
            return [bare_post(client, number) for number in range(WARM_UP + count)][WARM_UP:]


def bare_post(client: Connection, number: int) -> float:
    """One POST."""
    time.sleep(PAUSE)
    answer = client.place({"cl_ord_id": f"bare-{number}", "order_qty": "1"})
    if answer.status != httpx.codes.CREATED:
        raise AssertionError(f"the bare server answered {answer.status}")
    return answer.seconds


def bare_hops(ground: Ground, count: int) -> list[float]:
    """Seconds from publishing to the first line of the task, in a worker with one thread."""
    redis = ground.system.redis
    worker = (PYTHON, "-m", "celery", "-A", "tradedesk.bench.floors.bare_celery", "worker")
    with (
        running(ground, "bare-worker", (*worker, "-P", "threads", "-c", "1", "--without-mingle")),
        redis.client() as client,
        bare_celery.make_app(redis.url) as app,
    ):
        for sent in range(1, WARM_UP + count + 1):
            time.sleep(PAUSE)
            app.send_task(bare_celery.TASK, args=[time.time()])
            if sent <= WARM_UP:  # the first ones wait for the worker to start
                pending_events(client, sent)
        pending_events(client, WARM_UP + count)
        notes = client.lrange(bare_celery.NOTES, 0, -1)
        client.delete(bare_celery.NOTES)
    return [float(note) for note in notes][WARM_UP:]


def pending_events(client: Any, count: int) -> None:
    """Wait until so many hops were noted."""
    eventually(lambda: client.llen(bare_celery.NOTES) >= count, limit=120, pause=0.02)


def bare_orders(ground: Ground, count: int) -> list[float]:
    """Seconds from the call of placeOrder until the gateway had read the order."""
    gateway = ground.system.options.gateway_port
    called = place_bare(HOST, gateway, CLIENT_ID, ground.accounts[0], WARM_UP + count)

    def all_read() -> dict[str, float] | None:
        read = ground.received_at()
        return read if read.keys() >= called.keys() else None

    received = eventually(all_read)
    return [received[ref] - at for ref, at in called.items()][WARM_UP:]


@contextmanager
def running(ground: Ground, name: str, argv: tuple[str, ...]) -> Iterator[None]:
    """A further process in the system's environment, ended afterwards."""
    system = ground.system
    process = spawn(argv, env=system.environment, log=system.folder.logs / f"{name}.log", cwd=BASE_DIR)
    try:
        yield
    finally:
        end(process)
