"""Each thread of the broker worker is killed while orders flow: it is cured, and every order is true."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from typing import Any

import pytest
from django.db import connection
from django.test import Client

from brokers.models import GatewaySession, SessionHealth
from brokers.port import Link
from orders.models import Alert, AlertKind, State
from orders.session.runtime import SILENCE, SessionRuntime
from orders.session.sweep import Step
from tests.examples import more_in_soak
from tests.integration.broker.conftest import Desk
from tests.integration.broker.gateway import Gateway
from tests.integration.broker.outages import assert_once_each, kill, seconds_until_sent
from tradedesk.env import BASE_DIR
from tradedesk.stack.polling import eventually

#: What books, what sends, what speaks to the broker, and who watches them all; the others in `make soak`.
KILLED = ("inbox", "submit", "broker", "supervisor")


@pytest.mark.parametrize(
    "label", more_in_soak(KILLED, [label for label in [*SILENCE, "supervisor"] if label not in KILLED])
)
def test_a_killed_thread_is_restarted_and_orders_stay_true(
    desk: Desk, gateway: Gateway, runtime: SessionRuntime, label: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("orders.session.supervisor.RECOVERED_AFTER", 5.0)
    watched = next(one for one in runtime.supervisor.all() if one.label == label)
    orders = [desk.rest() for _ in range(10)]
    runtime.look_soon()
    killed = time.monotonic()
    kill(watched.thread)
    orders += [desk.rest() for _ in range(10)]
    runtime.look_soon()
    eventually(lambda: watched.restarts, limit=60, pause=0.01)
    cured = time.monotonic() - killed
    gap = seconds_until_sent(desk, gateway, killed)
    for order in orders:
        desk.wait(order, State.PENDING)
    assert watched.restarts == 1
    assert [row["place_count"] for row in gateway.control.orders()] == [1] * 21
    raised = Alert.objects.filter(kind=AlertKind.SESSION, subject=f"thread {label}")
    eventually(lambda: raised.exclude(cleared_at=None).exists())
    print(
        f"\n{label} killed: started again after {cured:.2f} s, a new order at the gateway after {gap:.2f} s"
    )


def test_messages_received_while_a_thread_is_killed_are_booked(
    desk: Desk, gateway: Gateway, runtime: SessionRuntime
) -> None:
    orders = [desk.wait(desk.rest(), State.PENDING) for _ in range(10)]
    gateway.control.post("/prices", json={"symbol": "AAPL", "price": "0.50"}).raise_for_status()
    kill(runtime.writer.thread)
    kill(runtime.session.thread)
    for order in orders:
        desk.wait(order, State.COMPLETED)
        assert order.cum_qty == order.order_qty
    assert_once_each(gateway, orders)
    eventually(lambda: runtime.session.link is Link.READY)


def test_a_failing_step_stops_no_other_and_raises_an_alert(
    desk: Desk, gateway: Gateway, runtime: SessionRuntime
) -> None:
    broken: list[bool] = [True]

    def fail() -> None:
        if broken:
            raise ValueError("as the test wants it")

    runtime.sweep_steps.steps = (Step("broken", fail), *runtime.sweep_steps.steps)
    desk.wait(desk.rest(), State.PENDING)  # nobody but the sweep rings
    raised = Alert.objects.filter(kind=AlertKind.SESSION, subject="step broken")
    eventually(lambda: raised.filter(cleared_at=None).exists())
    broken.clear()
    assert eventually(lambda: not raised.filter(cleared_at=None).exists())


def test_the_negotiated_server_version_is_seen_while_connected(desk: Desk, runtime: SessionRuntime) -> None:
    row = GatewaySession.objects.filter(name=runtime.name)
    eventually(lambda: row.get().server_version == 178)
    row.update(link="DOWN")
    assert row.get().server_version is None


def test_metrics_show_each_threads_heartbeat_and_each_steps_work(desk: Desk, runtime: SessionRuntime) -> None:
    eventually(SessionHealth.objects.exists)
    text = Client().get("/metrics").content.decode()
    for label in [*SILENCE, "supervisor"]:
        assert f'tradedesk_thread_heartbeat_seconds{{session="main",thread="{label}"}}' in text
        assert f'tradedesk_thread_restarts_total{{session="main",thread="{label}"}} 0.0' in text
    for step in runtime.sweep_steps.steps:
        assert f'tradedesk_sweep_step_runs_total{{session="main",step="{step.name}"}}' in text
        assert f'tradedesk_sweep_step_failing{{session="main",step="{step.name}"}} 0.0' in text


HANGING = """
import sys, time
import django
django.setup()
from django.conf import settings
from orders.session import runtime as rooms
from orders.session.sweep import Step
from tradedesk.workers import broker_worker
rooms.SILENCE["sweep"] = 1.0
lease = rooms.take_lease("main", 1)
session = rooms.SessionRuntime(
    lease, adapter="brokers.ib.session.IBSession", host="127.0.0.1", port=int(sys.argv[1]), client_id=1
)
session.sweep_steps.steps = (Step("hanging", lambda: time.sleep(600)),)
sys.exit(broker_worker.run(session))
"""


def test_a_worker_with_a_hung_thread_exits_with_code_three(desk: Desk, gateway: Gateway) -> None:
    facts: dict[str, Any] = connection.settings_dict
    url = f"postgresql://{facts['USER']}:{facts['PASSWORD']}@{facts['HOST']}:{facts['PORT']}/{facts['NAME']}"
    environment = os.environ | {"DATABASE_URL": url, "DJANGO_SETTINGS_MODULE": "tradedesk.settings"}
    argv = [sys.executable, "-c", HANGING, str(gateway.port)]
    worker = subprocess.run(
        argv, env=environment, cwd=BASE_DIR, capture_output=True, timeout=120, check=False
    )
    assert worker.returncode == 3, worker.stderr
    assert b"has been silent" in worker.stderr + worker.stdout
