"""GET /api/v1/stream, served by a real process that reads what the tests commit."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest
from django.conf import settings
from django.contrib.auth.models import Permission, User
from django.db import connection
from django.test import Client

from orders.models import ApiToken, Order
from tests.integration.api.conftest import ACCOUNT, OTHER, placed
from tradedesk.env import BASE_DIR
from tradedesk.stack.polling import eventually
from tradedesk.stack.ports import free_port
from tradedesk.stack.processes.commands import stream as stream_process
from tradedesk.stack.processes.process import end, spawn
from tradedesk.stack.urls import answers

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.timeout(300)]
ORIGIN = "http://127.0.0.1:8000"


@contextmanager
def serving(log: Path) -> Iterator[str]:
    """A stream process on the test database; gives its URL."""
    port = free_port()
    database = settings.DATABASES["default"]
    address = "{HOST}:{PORT}/{NAME}".format(**database)
    url = f"postgresql://{database['USER']}:{database['PASSWORD']}@{address}"
    env = {
        **os.environ,
        "DATABASE_URL": url,
        "TRADEDESK_WEB_ORIGINS": ORIGIN,
        "SECRET_KEY": settings.SECRET_KEY,
    }
    process = spawn(stream_process(port).argv, env=env, log=log, cwd=BASE_DIR)
    base = f"http://127.0.0.1:{port}"
    try:
        eventually(lambda: answers(f"{base}/healthz"), limit=120)
        yield base
    finally:
        end(process)
    assert process.returncode == 0, "it had to be killed"


@pytest.fixture(scope="module")
def server(django_db_setup: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with serving(tmp_path_factory.mktemp("stream") / "log") as url:
        yield url


class Ear:
    """A listener in a thread; `heard` grows as blocks arrive, `ended` says that the server closed."""

    def __init__(self, base: str, headers: dict[str, str], query: str = "") -> None:
        self.heard: list[dict[str, str]] = []
        self.ended = False
        self._socket: socket.socket | None = None
        self._client = httpx.Client(timeout=60)
        self._url = f"{base}/api/v1/stream{query}"
        self._headers = headers
        self._thread = threading.Thread(target=self._listen, daemon=True)

    def __enter__(self) -> Ear:
        self._thread.start()
        eventually(lambda: self.heard)
        return self

    def __exit__(self, *exc: object) -> None:
        if self._socket is not None:
            with suppress(OSError):  # the server was first
                self._socket.shutdown(socket.SHUT_RDWR)
        self._thread.join(30)
        self._client.close()

    def _listen(self) -> None:
        try:
            with self._client.stream("GET", self._url, headers=self._headers) as answer:
                assert answer.status_code == 200, answer.read()
                self._socket = answer.extensions["network_stream"].get_extra_info("socket")
                block: dict[str, str] = {}
                for line in answer.iter_lines():
                    block = self._take(line, block)
        except httpx.TransportError:
            pass
        self.ended = True

    def _take(self, line: str, block: dict[str, str]) -> dict[str, str]:
        if line:
            name, _, value = line.partition(": ")
            block[name] = value
        elif block:
            self.heard.append(block)
            return {}
        return block

    @property
    def events(self) -> list[tuple[str, int]]:
        """(order id, version) of the order events so far."""
        data = [json.loads(block["data"]) for block in self.heard if block.get("event") == "order"]
        return [(told["order_id"], told["version"]) for told in data]

    @property
    def beats(self) -> int:
        """Heartbeats so far."""
        return sum(block.get("event") == "heartbeat" for block in self.heard)

    @property
    def last_id(self) -> str:
        return self.heard[-1]["id"]


@pytest.fixture
def headers(token: Callable[..., str]) -> dict[str, str]:
    placed("before")
    return {"Authorization": f"Token {token()}"}


def first(order: Order) -> tuple[str, int]:
    return str(order.id), 1


def test_changes_arrive_as_they_are_committed(server: str, headers: dict[str, str]) -> None:
    with Ear(server, headers) as ear:
        order = placed("a-1")
        eventually(lambda: ear.events == [first(order)])
    told = json.loads(ear.heard[-1]["data"])
    assert told.keys() == {"order_id", "cl_ord_id", "account", "symbol", "version", "kind", "state", "at"}
    assert (told["kind"], told["state"]) == ("RECORDED", "CREATED")


def test_a_listener_goes_on_where_it_was(server: str, headers: dict[str, str]) -> None:
    with Ear(server, headers) as ear:
        placed("a-1")
        eventually(lambda: ear.events)
    missed = [first(placed(f"missed-{number}")) for number in range(3)]
    with Ear(server, {**headers, "Last-Event-ID": ear.last_id}) as again:
        eventually(lambda: again.events == missed)
    with Ear(server, headers, f"?last_event_id={ear.last_id}") as by_query:
        assert eventually(lambda: by_query.events == missed)


def test_everything_can_be_replayed_from_the_start(server: str, headers: dict[str, str]) -> None:
    orders = [first(placed(f"a-{number}")) for number in range(5)]
    with Ear(server, {**headers, "Last-Event-ID": "0-0"}) as ear:
        assert eventually(lambda: ear.events[-5:] == orders)


def test_a_place_that_is_not_ours_is_reset(server: str, headers: dict[str, str]) -> None:
    for wanted in ("nonsense", "99999999999999-1"):
        with Ear(server, {**headers, "Last-Event-ID": wanted}) as ear:
            assert eventually(lambda ear=ear: ear.heard[0].get("event") == "reset")


@contextmanager
def writer() -> Iterator[psycopg.Connection]:
    """A connection of its own, to hold a transaction open."""
    with psycopg.connect(**{**connection.get_connection_params(), "autocommit": False}) as own:
        yield own


def note(own: psycopg.Connection, order: Order) -> None:
    own.execute(
        "INSERT INTO orders_orderevent"
        " (order_id, version, kind, from_state, to_state, cum_qty, avg_px, actor, text, data, at)"
        " VALUES (%s, 2, 'BROKER_NOTICE', '', 'CREATED', 0, 0, 'test', '', '{}', now())",
        [order.id],
    )


def test_no_event_is_lost_when_the_lower_id_is_committed_last(server: str, headers: dict[str, str]) -> None:
    early, late = placed("early"), placed("late")
    with Ear(server, headers) as ear, writer() as slow, writer() as quick:
        note(slow, early)  # takes the lower transaction id and the lower event id, and waits
        note(quick, late)
        quick.commit()
        beats = ear.beats
        eventually(lambda: ear.beats > beats + 1)
        assert ear.events == []
        slow.commit()
        eventually(lambda: ear.events == [(str(early.id), 2), (str(late.id), 2)])


def test_a_rolled_back_writer_holds_nothing_back(server: str, headers: dict[str, str]) -> None:
    early, late = placed("early"), placed("late")
    with Ear(server, headers) as ear, writer() as slow, writer() as quick:
        note(slow, early)
        note(quick, late)
        quick.commit()
        slow.rollback()
        assert eventually(lambda: ear.events == [(str(late.id), 2)])


def test_orders_of_other_accounts_are_not_reported(server: str, headers: dict[str, str]) -> None:
    with Ear(server, headers) as ear:
        placed("hidden", account=OTHER)
        mine = placed("mine")
        assert eventually(lambda: ear.events == [first(mine)])


def test_a_lost_database_connection_loses_no_event(server: str, headers: dict[str, str]) -> None:
    with Ear(server, headers) as ear:
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
        orders = [first(placed(f"a-{number}")) for number in range(3)]
        assert eventually(lambda: ear.events == orders)


@pytest.mark.parametrize(
    ("query", "heard"),
    [("symbol=MSFT", ["m"]), ("account=DU1234567&kind=RECORDED", ["a", "m"]), ("kind=FILLED", [])],
)
def test_a_listener_hears_what_it_asked_for(
    server: str, headers: dict[str, str], query: str, heard: list[str]
) -> None:
    with Ear(server, headers, f"?{query}") as ear, Ear(server, headers) as all_of_it:
        orders = {name: placed(name, symbol=symbol) for name, symbol in (("a", "AAPL"), ("m", "MSFT"))}
        eventually(lambda: len(all_of_it.events) == 2)
        assert eventually(lambda: ear.events == [first(orders[name]) for name in heard])


def test_a_listener_hears_one_order(server: str, headers: dict[str, str]) -> None:
    order = placed("mine")
    with Ear(server, {**headers, "Last-Event-ID": "0-0"}, f"?order_id={order.id}") as ear:
        assert eventually(lambda: ear.events == [first(order)])


@pytest.mark.parametrize("query", ["foo=1", "account=", "order_id=1", "kind=NOPE", "kind=FILLED&kind=FILLED"])
def test_a_wrong_wish_is_named(server: str, headers: dict[str, str], query: str) -> None:
    answer = httpx.get(f"{server}/api/v1/stream?{query}", headers=headers, timeout=60)
    assert (answer.status_code, answer.json()["code"]) == (400, "INVALID")
    assert answer.json()["errors"][0]["field"] == query.partition("=")[0]


def test_a_slow_reader_learns_why_it_is_dropped_and_resumes(
    server: str, headers: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from orders.api.stream import app

    async def scene() -> list[bytes]:
        sent: list[bytes] = []

        async def send(message: Any) -> None:
            sent.append(message.get("body", b""))
            await asyncio.sleep(0.02)

        stream = app.Stream()
        monkeypatch.setattr(app, "SLOW", 0.01)
        subscription = app.Subscription(last_event_id="0-0")
        access = await stream._authorise({**lower(headers), "host": "localhost"})
        await stream._write(lower(headers), subscription, access, send)
        return sent

    sent = asyncio.run(scene())
    assert b"SLOW_READER" in sent[-2]
    assert sent[1].startswith(b"retry: 1000\nid: 0-0")


def lower(headers: dict[str, str]) -> dict[str, str]:
    return {name.lower(): value for name, value in headers.items()}


def test_silence_is_filled_with_heartbeats(server: str, headers: dict[str, str]) -> None:
    with Ear(server, headers) as ear:
        assert eventually(lambda: ear.beats >= 2)


def test_a_revoked_token_ends_the_stream(server: str, headers: dict[str, str]) -> None:
    with Ear(server, headers) as ear:
        ApiToken.objects.all().delete()
        assert eventually(lambda: ear.ended)


@pytest.mark.parametrize(
    ("sent", "status"), [({}, 401), ({"Authorization": "Token nope"}, 401), ({"Host": "evil"}, 400)]
)
def test_strangers_are_refused(server: str, desk: None, sent: dict[str, str], status: int) -> None:
    answer = httpx.get(f"{server}/api/v1/stream", headers=sent, timeout=60)
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json")


def test_a_token_without_the_scope_is_refused(server: str, token: Callable[..., str]) -> None:
    answer = httpx.get(
        f"{server}/api/v1/stream", headers={"Authorization": f"Token {token(scopes=('trade',))}"}, timeout=60
    )
    assert (answer.status_code, answer.json()["code"]) == (403, "FORBIDDEN")


def login(**fields: Any) -> str:
    """The cookie of a person who has logged in to the admin."""
    user = User.objects.create_user("jo", password="x", is_staff=True, **fields)
    rights = Permission.objects.filter(codename__in=["view_order", "view_all_accounts"])
    user.user_permissions.add(*rights)
    client = Client()
    client.force_login(user)
    return f"{settings.SESSION_COOKIE_NAME}={client.cookies[settings.SESSION_COOKIE_NAME].value}"


def test_a_desk_login_listens_from_the_desks_pages(server: str, desk: None) -> None:
    placed("before")
    cookie = login()
    with Ear(server, {"Cookie": cookie, "Origin": ORIGIN}) as ear:
        order = placed("a-1", account=ACCOUNT)
        eventually(lambda: ear.events == [first(order)])
        User.objects.update(is_active=False)
        assert eventually(lambda: ear.ended)


@pytest.mark.parametrize("origin", [{"Origin": "http://evil.example"}, {"Origin": "null"}, {}])
def test_a_desk_login_does_not_listen_for_other_pages(
    server: str, desk: None, origin: dict[str, str]
) -> None:
    answer = httpx.get(f"{server}/api/v1/stream", headers={"Cookie": login(), **origin}, timeout=60)
    assert (answer.status_code, answer.json()["code"]) == (403, "FORBIDDEN")


def test_only_the_desks_origin_may_read_the_answer(server: str, desk: None) -> None:
    def allowed(origin: str) -> str | None:
        answer = httpx.options(f"{server}/api/v1/stream", headers={"Origin": origin})
        return answer.headers.get("access-control-allow-origin")

    assert allowed(ORIGIN) == ORIGIN
    assert allowed("http://evil.example") is None


def test_a_listener_does_not_hold_up_the_end(headers: dict[str, str], tmp_path: Path) -> None:
    with serving(tmp_path / "log") as base:
        ear = Ear(base, headers).__enter__()
        assert not ear.ended
    eventually(lambda: ear.ended)


def test_head_tells_of_a_stream_without_beginning_it(
    server: str, desk: None, headers: dict[str, str]
) -> None:
    answer = httpx.head(f"{server}/api/v1/stream", headers=headers, timeout=60)
    assert (answer.status_code, answer.content) == (200, b"")
    assert answer.headers["content-type"] == "text/event-stream; charset=utf-8"
    assert httpx.head(f"{server}/api/v1/stream", timeout=60).status_code == 401


def test_the_process_serves_nothing_else(server: str, desk: None) -> None:
    assert httpx.get(f"{server}/api/v1/orders", timeout=60).status_code == 404
    assert httpx.post(f"{server}/api/v1/stream", timeout=60).status_code == 405


# --- drop copy --------------------------------------------------------------------------------------------
def copies(ear: Ear) -> list[dict[str, Any]]:
    return [json.loads(block["data"]) for block in ear.heard if block.get("event") == "order"]


def test_who_watches_gets_whole_messages_and_after_a_cut_what_was_missed(
    server: str, token: Callable[..., str]
) -> None:
    placed("before")
    headers = {"Authorization": f"Token {token('watch', scopes=('audit',))}"}
    with Ear(server, headers) as ear:
        order = placed("a-1")
        placed("hidden", account=OTHER)
        eventually(lambda: ear.events == [first(order)])
    missed = [first(placed(f"missed-{number}")) for number in range(3)]
    with Ear(server, {**headers, "Last-Event-ID": ear.last_id}) as again:
        eventually(lambda: again.events == missed)
    told = copies(ear) + copies(again)
    assert [one["cl_ord_id"] for one in told] == ["a-1", "missed-0", "missed-1", "missed-2"]
    assert (told[0]["cum_qty"], told[0]["execution"], told[0]["account"]) == ("0", None, ACCOUNT)
    assert [block["id"] for block in ear.heard if block.get("event") == "order"] == [told[0]["sequence"]]


def test_whole_messages_are_only_for_those_who_may_watch(server: str, headers: dict[str, str]) -> None:
    answer = httpx.get(f"{server}/api/v1/stream?drop_copy=true", headers=headers, timeout=60)
    assert (answer.status_code, answer.json()["code"]) == (403, "FORBIDDEN")
