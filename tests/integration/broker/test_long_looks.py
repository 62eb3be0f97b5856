"""Looks at the broker that take long, as late on a day of many orders, leave its time to orders."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import Any

import pytest
from django.db import connection

from orders.models import ReconciliationRun, State
from orders.session import rounds
from orders.session.runtime import SessionRuntime
from tests.integration.broker.conftest import Desk
from tradedesk.stack.polling import eventually


@pytest.fixture
def long_day(runtime: SessionRuntime, monkeypatch: pytest.MonkeyPatch) -> SessionRuntime:
    """Every look counts as a long one, after which comparisons rest for as long as they ever do."""
    monkeypatch.setattr(rounds, "LONG_LOOK", 0.0)
    monkeypatch.setattr(rounds, "REST", 10**6)
    return runtime


def test_a_comparison_that_took_long_rests_before_the_next_of_its_kind(long_day: SessionRuntime) -> None:
    assert long_day.reconcile(full=False)
    assert long_day.reconcile(full=False) is None
    assert long_day.reconcile_positions()
    assert long_day.reconcile_positions() == []


def test_a_doubt_is_looked_into_while_comparisons_rest(long_day: SessionRuntime) -> None:
    assert long_day.reconcile(full=True)
    before = ReconciliationRun.objects.count()
    long_day.flags.snapshot_wanted = True
    eventually(lambda: ReconciliationRun.objects.count() > before)


def test_one_look_waits_for_the_other(runtime: SessionRuntime, monkeypatch: pytest.MonkeyPatch) -> None:
    look, under_way, most = runtime.session.snapshot, threading.Semaphore(0), []

    def counted(*args: Any, **wanted: Any) -> Any:
        under_way.release()
        most.append(under_way._value)
        try:
            return look(*args, **wanted)
        finally:
            under_way.acquire()

    def compared() -> bool:
        with closing(connection):
            return runtime.reconcile(full=False) is not None

    monkeypatch.setattr(runtime.session, "snapshot", counted)
    with ThreadPoolExecutor(4) as pool:
        found = [pool.submit(compared) for _ in range(4)]
    assert all(one.result() for one in found)
    assert max(most) == 1


def test_orders_flow_while_a_look_of_another_is_under_way(desk: Desk, runtime: SessionRuntime) -> None:
    with runtime.rounds._looking:
        runtime.flags.snapshot_wanted = True
        assert desk.wait(desk.place(), State.COMPLETED).cum_qty == 100
