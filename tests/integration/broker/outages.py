"""PostgreSQL that does not write for a while, threads that are killed, and what that costs in seconds."""

from __future__ import annotations

import ctypes
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
from django.db import connection

from brokers.postgres import database
from brokers.threads import RestartableThread
from orders.models import Order, State
from orders.session.runtime import SessionRuntime
from tests.integration.broker.conftest import Desk
from tests.integration.broker.gateway import Gateway
from tradedesk.stack.polling import eventually

#: How PostgreSQL becomes read-only. ALTER SYSTEM: for every connection, the present ones too. ALTER DATABASE:
#: for connections made meanwhile, and those stay so afterwards. Terminated: all are made meanwhile.
WAYS = ("system", "database", "terminated")


@contextmanager
def read_only(way: str) -> Iterator[None]:
    """PostgreSQL refuses to write until the end of the block."""
    with own_connection() as control:
        name = connection.settings_dict["NAME"]
        which = "SYSTEM" if way == "system" else f'DATABASE "{name}"'
        control.execute(f"ALTER {which} SET default_transaction_read_only = on")
        control.execute("SELECT pg_reload_conf()")
        if way == "terminated":
            others = "datname = current_database() AND pid <> pg_backend_pid()"
            control.execute(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE {others}")
        try:
            yield
        finally:
            control.execute(f"ALTER {which} RESET default_transaction_read_only")
            control.execute("SELECT pg_reload_conf()")


def own_connection() -> psycopg.Connection[Any]:
    """A connection that may always write."""
    facts = connection.settings_dict
    return psycopg.connect(
        host=facts["HOST"],
        port=facts["PORT"],
        user=facts["USER"],
        password=facts["PASSWORD"],
        dbname=facts["NAME"],
        options="-c default_transaction_read_only=off",
        autocommit=True,
    )


def until_written(write: Callable[[], Order]) -> Order:
    """Place an order as soon as PostgreSQL takes it, as a client that is answered 503 does."""

    def try_it() -> Order | None:
        try:
            return write()
        except Exception as error:
            if not database.is_away(error):
                raise
            database.discard_connection()
            return None

    return eventually(try_it, limit=60, pause=0.05)


def seconds_until_sent(desk: Desk, gateway: Gateway, since: float) -> float:
    """From `since` until an order placed now is at the gateway."""
    order = until_written(desk.rest)
    eventually(lambda: gateway.orders_of(order), limit=60, pause=0.02)
    took = time.monotonic() - since
    desk.wait(order, State.PENDING)
    return took


def kill(thread: RestartableThread) -> None:
    """End a thread by SystemExit, wherever it is; once more if a destructor ran just then and took it.

    The thread that is started next may get the same number: only the object tells them apart.
    """
    victim = thread._thread
    assert victim and victim.ident

    def ended() -> bool:
        if not victim.is_alive():
            return True
        asked = ctypes.pythonapi.PyThreadState_SetAsyncExc
        asked(ctypes.c_ulong(victim.ident or 0), ctypes.py_object(SystemExit))
        return eventually_not(victim.is_alive)

    eventually(ended, limit=60, pause=0)


def eventually_not(still: Callable[[], bool]) -> bool:
    """Whether it is over within the longest wait of any thread, with room."""
    until = time.monotonic() + 3
    while still() and time.monotonic() < until:
        time.sleep(0.005)
    return not still()


def assert_once_each(gateway: Gateway, orders: list[Order]) -> None:
    """Every order is at the gateway, placed once, and nothing else is."""
    placed = {row["order_ref"].split("-")[0]: row["place_count"] for row in gateway.control.orders()}
    assert placed == {order.order_ref.split("-")[0]: 1 for order in orders}
    assert len(gateway.control.orders()) == len(orders)


def assert_survives(desk: Desk, gateway: Gateway, runtime: SessionRuntime, way: str, seconds: float) -> float:
    """Orders fill while PostgreSQL is read-only and none is lost. Seconds until orders are sent again."""
    orders = [desk.wait(desk.rest(), State.PENDING) for _ in range(3)]
    with read_only(way):
        began = time.monotonic()
        gateway.control.post("/prices", json={"symbol": "AAPL", "price": "0.50"}).raise_for_status()
        eventually(lambda: {row["status"] for row in gateway.control.orders()} == {"Filled"})
        time.sleep(max(0.0, began + seconds - time.monotonic()))
        gateway.control.post("/prices", json={"symbol": "AAPL", "price": "230"}).raise_for_status()
    gap = seconds_until_sent(desk, gateway, time.monotonic())
    for order in orders:
        desk.wait(order, State.COMPLETED)
        assert order.cum_qty == order.order_qty
    return gap
