"""/healthz, /readyz, /metrics and the schema."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
import redis
from celery import Celery
from django.contrib.staticfiles import finders
from django.core.management import call_command
from django.db import OperationalError, connections, transaction
from django.test import Client
from django.utils import timezone

from brokers.models import GatewaySession, InboxMessage
from brokers.postgres import clock, room
from orders.api.problems import problem_of
from orders.models import Alert
from orders.models.references import first_id_at
from orders.notify import queues, redis_client
from tests.integration.api.conftest import placed
from tests.integration.api.test_read import executed, sent
from tradedesk import clock_watch, health
from tradedesk.celery import app
from tradedesk.doctor import database
from tradedesk.doctor.findings import Level
from tradedesk.stack.servers.redis import EmbeddedRedis


@pytest.fixture(autouse=True)
def patience(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """What is judged by seconds or less is judged by what a slow machine takes for longer than that."""
    monkeypatch.setattr(health, "SLOW_DATABASE", 60.0)
    monkeypatch.setattr(health, "HEARTBEAT_LIMIT", timedelta(seconds=50))
    with redis_client.client() as patient:
        monkeypatch.setattr(redis_client, "request_client", lambda: patient)
        yield


def ready(**fields: Any) -> None:
    """A session whose worker is there and whose link is open, unless the fields say otherwise."""
    GatewaySession.objects.update(**{"link": "READY", "heartbeat_at": timezone.now(), **fields})


def readyz() -> tuple[int, dict[str, Any]]:
    answer = Client().get("/readyz")
    return answer.status_code, answer.json()


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/metrics"])
def test_what_is_only_read_tells_a_stranger_which_methods_it_has(path: str) -> None:
    answer = Client(enforce_csrf_checks=True).post(path)
    assert (answer.status_code, answer["Allow"]) == (405, "GET, HEAD")


def test_healthz_needs_nothing() -> None:
    assert Client().get("/healthz").json() == {"status": "alive"}


def test_ready_when_orders_reach_the_broker(desk: None, no_tasks: None) -> None:
    ready()
    status, told = readyz()
    assert (status, told["status"]) == (200, "ready")
    assert set(told["checks"]) == {
        *(
            "database",
            "database_room",
            "database_speed",
            "clock",
            "redis",
            "default_queue",
            "trading_states",
            "session:main",
        )
    }


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"heartbeat_at": None}, "No broker worker"),
        ({"heartbeat_at": timezone.now() - timedelta(seconds=60)}, "last heard of"),
        ({"link": "BROKER_LOST", "link_reason": "1100"}, "BROKER_LOST: 1100"),
    ],
)
def test_not_ready_without_a_broker_session(desk: None, fields: dict[str, Any], said: str) -> None:
    ready(**fields)
    status, told = readyz()
    assert (status, told["status"]) == (503, "not ready")
    assert said in told["checks"]["session:main"]["reason"]


def test_without_redis_only_degraded(desk: None, monkeypatch: pytest.MonkeyPatch) -> None:
    ready()
    nobody = redis.Redis(port=1, retry=None, socket_connect_timeout=1)
    monkeypatch.setattr(redis_client, "request_client", lambda: nobody)
    status, told = readyz()
    assert (status, told["status"]) == (200, "degraded")
    assert told["checks"]["redis"]["reason"]


@pytest.fixture
def own_redis(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[redis.Redis]:
    """A Redis that this test alone may spoil."""
    server = EmbeddedRedis(tmp_path / "redis", password="x" * 20, log=tmp_path / "redis.log")
    server.start()
    client = server.client()
    monkeypatch.setattr(redis_client, "request_client", lambda: client)
    yield client
    client.close()
    server.kill()


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (("CONFIG", "SET", "maxmemory", "1"), "Redis is full"),
        (("REPLICAOF", "127.0.0.1", "1"), "Redis is read-only"),
    ],
)
def test_a_redis_that_takes_no_writes_is_degraded(
    desk: None, own_redis: redis.Redis, spoil: tuple[str, ...], said: str
) -> None:
    ready()
    own_redis.execute_command(*spoil)
    status, told = readyz()
    assert (status, told["status"]) == (200, "degraded")
    assert said in told["checks"]["redis"]["reason"]


def test_a_worker_that_is_behind_is_degraded(desk: None, own_redis: redis.Redis) -> None:
    ready()
    for seconds in (5, 90):  # the newest is added at the left
        message = {"headers": {"published_at": timezone.now().timestamp() - seconds}}
        own_redis.rpush("tradedesk:default", json.dumps(message))
    status, told = readyz()
    assert (status, told["status"]) == (200, "degraded")
    assert "oldest of 2 tasks waits for 9" in told["checks"]["default_queue"]["reason"]


def test_a_database_that_is_slow_to_answer_is_degraded(
    desk: None, no_tasks: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    ready()
    monkeypatch.setattr(health, "SLOW_DATABASE", 0.0)
    status, told = readyz()
    assert (status, told["status"]) == (200, "degraded")
    assert "The database takes 0." in told["checks"]["database_speed"]["reason"]


def test_a_clock_that_is_wrong_is_degraded(desk: None, no_tasks: None, settings: Any) -> None:
    ready()
    settings.CLOCK_OFFSET = 30
    clock.measure()
    status, told = readyz()
    settings.CLOCK_OFFSET = 0
    clock.measure()
    assert (status, told["status"]) == (200, "degraded")
    assert "The clock of this process is +30.0 s off" in told["checks"]["clock"]["reason"]


def test_readyz_and_doctor_say_whose_clock_is_wrong(desk: None, no_tasks: None) -> None:
    ready()
    clock_watch.tell("beat", -30.0)
    clock_watch.tell("worker", 0.4)
    said = readyz()[1]["checks"]["clock"]["reason"]
    assert re.fullmatch(r"The clock of beat@\S+ is -30.0 s off the database's: .+", said)
    assert (database.process_clocks().level, database.process_clocks().text) == (Level.WARN, said)
    assert Alert.objects.get(kind="CLOCK").text == said
    clock_watch.tell("beat", -0.2)
    assert readyz()[1]["status"] == "ready"
    assert database.process_clocks().level == Level.OK


NO_ROOM = "DO $$ BEGIN RAISE EXCEPTION 'no space left' USING ERRCODE = 'disk_full'; END $$"


def test_a_full_disk_of_the_database_is_said_at_every_door(
    desk: None, no_tasks: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    ready()
    assert room.has_room()
    monkeypatch.setattr(room, "PROBE", NO_ROOM)
    monkeypatch.setattr(health, "_room", None)
    status, told = readyz()
    assert (status, told["checks"]["database_room"]["reason"]) == (503, room.FULL_TEXT)
    assert (database.room().level, database.room().text) == (Level.FAIL, room.FULL_TEXT)
    with (
        pytest.raises(OperationalError) as full,
        transaction.atomic(),
        connections["default"].cursor() as cursor,
    ):
        cursor.execute(NO_ROOM)
    problem = problem_of(full.value)
    assert problem is not None
    assert (problem.kind, room.FULL_TEXT in str(problem.detail)) == ("UNAVAILABLE", True)


def test_a_wrong_clock_of_a_process_that_is_gone_is_forgotten(desk: None) -> None:
    clock_watch.tell("beat", 30.0)
    Alert.objects.update(last_raised_at=timezone.now() - clock_watch.GONE_AFTER)
    clock_watch.tell("worker", 0.0)
    assert clock_watch.told() == []


def test_a_task_expires_by_the_databases_clock(db: None, settings: Any) -> None:
    """Beat half a minute behind: its messages, good for seconds, are not over when they are published."""
    settings.CLOCK_OFFSET = -30
    clock.measure()
    published = app.now()
    settings.CLOCK_OFFSET = 0
    clock.measure()
    assert abs(published - timezone.now()) < timedelta(seconds=10)


def test_a_published_task_says_when(own_redis: redis.Redis) -> None:
    with Celery(broker=redis_url(own_redis), set_as_current=False) as app:
        app.conf.broker_transport_options = {"global_keyprefix": "tradedesk:"}
        app.send_task("orders.tasks.tidy", queue="default", ignore_result=True)
    (found,) = queues.waiting(["default"])
    assert found.messages == 1
    assert 0 < found.oldest < 60


def redis_url(client: redis.Redis) -> str:
    facts = client.get_connection_kwargs()
    return f"redis://:{facts['password']}@{facts['host']}:{facts['port']}/0"


def test_what_an_open_transaction_holds_back_shows_as_stream_lag(desk: None) -> None:
    """The test's own transaction is the one that stays open."""
    assert metrics()["tradedesk_stream_lag_seconds"] == 0
    placed("a")
    assert metrics()["tradedesk_stream_lag_seconds"] > 0


def test_not_ready_without_a_database(desk: None, monkeypatch: pytest.MonkeyPatch) -> None:
    def away() -> None:
        raise OperationalError("connection refused\nmore")

    with monkeypatch.context() as patched:
        patched.setattr(connections["default"], "cursor", away)
        status, told = readyz()
    assert (status, told["checks"]["database"]) == (503, {"ok": False, "reason": "connection refused"})


def metrics() -> dict[str, float]:
    """Every sample by its name and labels, as exposed."""
    text = Client().get("/metrics").content.decode()
    lines = (line.rpartition(" ") for line in text.splitlines() if not line.startswith("#"))
    return {name: float(value) for name, _, value in lines}


def test_metrics_count_what_is_there(desk: None) -> None:
    placed("a")
    executed(sent("b"), 1)
    ready(lease_until=timezone.now() + timedelta(seconds=400), lease_epoch=3)
    found = metrics()
    assert found["tradedesk_database_up"] == 1
    assert found['tradedesk_orders_open{state="CREATED"}'] == 1
    assert found['tradedesk_orders_open{state="SENT"}'] == 1
    assert found['tradedesk_orders_open{state="PENDING"}'] == 0
    assert found['tradedesk_orders_today{state="SENT"}'] == 1
    assert found["tradedesk_executions"] == 1
    assert found['tradedesk_session_link{link="READY",session="main"}'] == 1
    assert found['tradedesk_session_lease_epoch{session="main"}'] == 3
    assert 0 < found['tradedesk_session_lease_left_seconds{session="main"}'] < 400


def test_metrics_show_what_waits(desk: None) -> None:
    placed("a")
    now = timezone.now()
    for number, error in enumerate(("", "boom")):
        InboxMessage.objects.create(
            session_id="main",
            dedup_key=str(number),
            kind="x",
            event={},
            raw={},
            error=error,
            received_at=now - timedelta(seconds=30),
        )
    found = metrics()
    assert (found["tradedesk_outbox_waiting"], found["tradedesk_inbox_waiting"]) == (1, 2)
    assert found["tradedesk_inbox_errors"] == 1
    assert 30 <= found["tradedesk_inbox_oldest_seconds"] < 60


def test_metrics_say_when_the_database_is_away(desk: None, monkeypatch: pytest.MonkeyPatch) -> None:
    def away() -> None:
        raise OperationalError("connection refused")

    with monkeypatch.context() as patched:
        patched.setattr(connections["default"], "cursor", away)
        assert metrics() == {"tradedesk_database_up": 0}


def test_ids_of_orders_hold_their_time(desk: None) -> None:
    order = placed("a")
    at = order.received_at
    assert (
        first_id_at(at - timedelta(seconds=1)) < UUID(str(order.id)) < first_id_at(at + timedelta(seconds=60))
    )


def test_the_schema_has_no_warnings(capsys: pytest.CaptureFixture[str]) -> None:
    call_command("spectacular", "--validate", "--fail-on-warn")
    schema = capsys.readouterr().out
    for path in ("/api/v1/orders", "/api/v1/orders/{order_id}/cancel", "/api/v1/sessions"):
        assert f"{path}:" in schema
    assert "openapi: 3.1.0" in schema


def test_the_docs_page_asks_nobody_else_for_anything(db: None) -> None:
    answer = Client().get("/api/v1/docs")
    page = answer.content.decode()
    assert "//" not in page
    assets = re.findall(r'(?:src|href)="([^"]+)"', page)
    static = [path.removeprefix("/static/") for path in assets if path.startswith("/static/")]
    assert len(static) == 4
    assert all(finders.find(path) for path in static)
    (script,) = [path for path in assets if not path.startswith("/static/")]
    assert script == "/api/v1/docs?script="
    assert not re.search(r'["\']https?://', Client().get(script).content.decode())
    assert "default-src 'self'" in answer["Content-Security-Policy"]
    assert Client().get("/api/v1/schema").status_code == 200
