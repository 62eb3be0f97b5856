"""While an old and a new version record beside each other, both get together what one may."""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import psycopg
import pytest
from django.contrib.auth.models import User
from django.db import connection

from orders.entry import place as place_module
from orders.entry.limits.use import contention
from orders.models import Order, State, UseMark
from orders.store.use import snapshot_before

from .test_use_limits import ACCOUNT, desk, limit, place, ticket

__all__ = ["desk"]
LOCK = "SELECT pg_advisory_xact_lock(7411, hashtext(%s))"
COUNT = "SELECT count(*) FROM orders_order WHERE state = 'CREATED'"


@contextmanager
def old_process() -> Iterator[psycopg.Connection[Any]]:
    """A connection of a process of the version before."""
    with psycopg.connect(**connection.get_connection_params(), autocommit=False) as raw:
        yield raw


def record(raw: psycopg.Connection[Any]) -> None:
    """An order as the version before writes it: it knows nothing of the column that is new."""
    known = [f.column for f in Order._meta.concrete_fields if f.column != "checked_snapshot"]
    own = dict.fromkeys(("cl_ord_id", "order_ref"), "gen_random_uuid()::text") | {"id": "gen_random_uuid()"}
    values = ", ".join(own.get(name, name) for name in known)
    raw.execute(f"INSERT INTO orders_order ({', '.join(known)}) SELECT {values} FROM orders_order LIMIT 1")


def place_by_old(most: int) -> bool:
    """One order within the limit, as the version before does it."""
    with old_process() as raw:
        raw.execute(LOCK, [ACCOUNT])
        ((works,),) = raw.execute(COUNT).fetchall()
        if works < most:
            record(raw)
        return works < most


@pytest.fixture
def marked(desk: User) -> User:
    """One order works and its account has a mark, so that the next one goes without waiting in line."""
    limit(max_open_orders=2)
    assert place(desk, ticket()) == [""]
    contention._until = 0.0
    return desk


def test_an_order_of_the_old_version_on_its_way_is_waited_for(marked: User) -> None:
    found = list[list[str]]()
    waits = threading.Thread(target=lambda: (found.append(place(marked, ticket())), connection.close()))
    with old_process() as raw:
        raw.execute(LOCK, [ACCOUNT])  # and has read that one more may come
        waits.start()
        time.sleep(0.3)
        record(raw)
    waits.join(60)
    assert found == [["OPEN_ORDERS_ABOVE_LIMIT"]]


def test_an_order_of_the_old_version_between_read_and_record_counts(
    marked: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    recording: Callable[..., Any] = place_module.record_orders
    others = iter([lambda: place_by_old(2)])

    def after_old(*given: Any, **more: Any) -> Any:
        next(others, lambda: False)()
        return recording(*given, **more)

    monkeypatch.setattr(place_module, "record_orders", after_old)
    assert place(marked, ticket()) == ["OPEN_ORDERS_ABOVE_LIMIT"]
    assert Order.objects.filter(state=State.CREATED).count() == 2


def test_both_versions_at_once_pass_no_limit_together(marked: User) -> None:
    most = 10
    limit(max_open_orders=most)

    def by_new(_: int) -> bool:
        try:
            return place(marked, ticket(cl_ord_id=uuid.uuid4().hex)) == [""]
        finally:
            connection.close()

    with ThreadPoolExecutor(8) as pool:
        new = [pool.submit(by_new, number) for number in range(16)]
        old = [pool.submit(place_by_old, most) for _ in range(16)]
        granted = sum(one.result(60) for one in (*new, *old))
    assert granted == most - 1
    assert Order.objects.filter(state=State.CREATED).count() == most


@pytest.mark.parametrize(
    ("snapshot", "own", "seen"),
    [
        ("7:9:", "", "7:9:"),
        ("7:9:7", "8", "7:9:7,8"),
        ("8:9:", "8", "8:9:8"),
        ("7:7:", "8", "7:7:"),
        ("7:12:9,11", "10", "7:12:9,10,11"),
    ],
)
def test_a_check_does_not_see_what_its_own_transaction_records(snapshot: str, own: str, seen: str) -> None:
    assert snapshot_before(snapshot, own) == seen


def test_orders_of_this_version_move_each_mark_once(marked: User) -> None:
    before = UseMark.objects.get(owner=ACCOUNT).version
    assert place(marked, ticket()) == [""]
    assert UseMark.objects.get(owner=ACCOUNT).version == before + 1
