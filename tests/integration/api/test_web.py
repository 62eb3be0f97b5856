"""What only a real web server and real connections show."""

from __future__ import annotations

import json
import os
import socket
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress

import httpx
import pytest
from django.conf import settings

from orders.models import Order
from tests.integration.api.conftest import body
from tradedesk.env import BASE_DIR
from tradedesk.stack.polling import eventually
from tradedesk.stack.ports import free_port
from tradedesk.stack.processes.commands import web as web_process
from tradedesk.stack.processes.process import end, spawn
from tradedesk.stack.urls import answers

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.timeout(300)]


@pytest.fixture(scope="module")
def server(django_db_setup: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A web process on the test database."""
    port = free_port()
    database = settings.DATABASES["default"]
    url = "postgresql://{USER}:{PASSWORD}@{HOST}:{PORT}/{NAME}".format(**database)
    env = {**os.environ, "DATABASE_URL": url, "SECRET_KEY": settings.SECRET_KEY}
    env["TRADEDESK_BODY_TIME"] = "3"
    log = tmp_path_factory.mktemp("web") / "log"
    process = spawn(web_process(port).argv, env=env, log=log, cwd=BASE_DIR)
    try:
        eventually(lambda: answers(f"http://127.0.0.1:{port}/healthz"), limit=120)
        yield f"http://127.0.0.1:{port}/api/v1/orders"
    finally:
        end(process)


@pytest.fixture
def headers(token: Callable[..., str]) -> dict[str, str]:
    return {"Authorization": f"Token {token()}", "Content-Type": "application/json"}


def chunks(data: bytes) -> Iterator[bytes]:
    """A body whose length httpx does not know, so it is sent in chunks."""
    for start in range(0, len(data), 1000):
        yield data[start : start + 1000]


def test_a_body_in_chunks_is_read(server: str, headers: dict[str, str]) -> None:
    data = json.dumps(body()).encode()
    assert httpx.post(server, headers=headers, content=chunks(data), timeout=60).status_code == 201


@pytest.mark.parametrize("send", [bytes, chunks])
def test_a_long_body_is_413(server: str, headers: dict[str, str], send: Callable[[bytes], bytes]) -> None:
    data = json.dumps(body()).encode() + b" " * 1_500_000
    answer = httpx.post(server, headers=headers, content=send(data), timeout=60)
    assert (answer.status_code, answer.json()["code"]) == (413, "BODY_TOO_LARGE")
    assert not Order.objects.exists()


def test_a_host_that_is_not_ours_is_400(server: str, headers: dict[str, str]) -> None:
    answer = httpx.get(server, headers={**headers, "Host": "evil.example"}, timeout=60)
    assert (answer.status_code, answer.headers["content-type"]) == (400, "application/problem+json")


@pytest.mark.parametrize("charset", ["hex", "undefined", "rot13", "utf-16", "nonsense"])
def test_a_charset_that_is_none_is_no_500(server: str, headers: dict[str, str], charset: str) -> None:
    claimed = {**headers, "Content-Type": f"application/json; charset={charset}"}
    assert httpx.get(f"{server}?symbol=%C3%A9", headers=claimed, timeout=60).status_code == 400
    assert httpx.get(server, headers=claimed, timeout=60).status_code == 200
    answer = httpx.post(server, headers=claimed, json=body(), timeout=60)
    assert (answer.status_code, answer.json()["code"]) == (415, "UNSUPPORTED_MEDIA_TYPE")


@pytest.mark.parametrize("path", ["", ".csv"])
def test_a_head_has_the_headers_of_its_get_and_no_body(
    server: str, headers: dict[str, str], path: str
) -> None:
    asked = httpx.head(server + path, headers=headers, timeout=60)
    got = httpx.get(server + path, headers=headers, timeout=60)
    assert (asked.status_code, asked.content) == (200, b"")
    same = ("content-type", "etag", "cache-control", "content-disposition")
    assert [asked.headers.get(name) for name in same] == [got.headers.get(name) for name in same]


def test_the_same_order_sent_at_once_is_one_order(server: str, headers: dict[str, str]) -> None:
    def send(_: int) -> httpx.Response:
        return httpx.post(server, headers=headers, json=body(), timeout=60)

    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(send, range(50)))
    assert sorted(answer.status_code for answer in answers) == [200] * 49 + [201]
    assert len({answer.json()["id"] for answer in answers}) == 1
    assert Order.objects.count() == 1


def raw(server: str, head: str, data: bytes = b"") -> str:
    """What comes back until the server closes the connection, or has nothing to say for a while."""
    host, port = server.split("/")[2].split(":")
    with socket.create_connection((host, int(port)), timeout=20) as connection:
        connection.sendall(f"{head}\r\nHost: {host}\r\n\r\n".encode("latin-1") + data)
        return until_closed(connection)


def until_closed(connection: socket.socket) -> str:
    received = b""
    with suppress(ConnectionResetError):
        while part := connection.recv(65_536):
            received += part
    return received.decode()


TO_ORDERS = "POST /api/v1/orders HTTP/1.1\r\nTOKEN\r\nContent-Type: application/json\r\n"
TO_LOGIN = (
    "POST /admin/login/ HTTP/1.1\r\nCookie: csrftoken=12345678901234567890123456789012\r\n"
    "Content-Type: application/x-www-form-urlencoded\r\n"
)
DRIPPING = {
    "orders": f"{TO_ORDERS}Content-Length: 500",
    "orders in chunks": f"{TO_ORDERS}Transfer-Encoding: chunked",
    "login": f"{TO_LOGIN}Content-Length: 500",
    "login in chunks": f"{TO_LOGIN}Transfer-Encoding: chunked",
}


@pytest.mark.parametrize("kind", DRIPPING)
def test_bodies_that_drip_hold_nobody_up_and_end(server: str, headers: dict[str, str], kind: str) -> None:
    host, port = server.split("/")[2].split(":")
    head = DRIPPING[kind].replace("TOKEN", f"Authorization: {headers['Authorization']}")
    drop = b"1\r\n \r\n" if "chunked" in head else b" "
    with ExitStack() as stack:
        slow = [stack.enter_context(socket.create_connection((host, int(port)), 30)) for _ in range(24)]
        for connection in slow:
            connection.sendall(f"{head}\r\nHost: {host}\r\n\r\n".encode() + drop)
        for number in range(8):  # the server waits for bodies meanwhile
            assert httpx.get(f"http://{host}:{port}/healthz", timeout=2).status_code == 200
            placed = httpx.post(server, headers=headers, json=body(f"beside-{number}"), timeout=2)
            assert placed.status_code == 201
            for connection in slow:
                with suppress(OSError):  # answered and closed: the machine took longer than a body may
                    connection.sendall(drop)
        answers = [until_closed(connection) for connection in slow]
    assert {each.split("\r\n")[0] for each in answers} == {"HTTP/1.1 408 Request Timeout"}
    assert all("connection: close" in each.lower() and "BODY_TOO_SLOW" in each for each in answers)


def test_a_crowd_of_dripping_bodies_holds_nobody_up(server: str, headers: dict[str, str]) -> None:
    host, port = server.split("/")[2].split(":")
    head = DRIPPING["orders"].replace("TOKEN", f"Authorization: {headers['Authorization']}")
    with ExitStack() as stack:
        for _ in range(120):
            connection = stack.enter_context(socket.create_connection((host, int(port)), 30))
            connection.sendall(f"{head}\r\nHost: {host}\r\n\r\n{{".encode())
        assert httpx.get(f"http://{host}:{port}/healthz", timeout=2).status_code == 200
        assert httpx.post(server, headers=headers, json=body(), timeout=2).status_code == 201


def test_a_body_that_comes_late_but_in_time_is_read(server: str, headers: dict[str, str]) -> None:
    def slowly() -> Iterator[bytes]:
        data = json.dumps(body()).encode()
        yield data[:50]
        time.sleep(0.3)
        yield data[50:]

    assert httpx.post(server, headers=headers, content=slowly(), timeout=60).status_code == 201


LONG = "Content-Length: 5000000"


@pytest.mark.parametrize(
    ("head", "status"),
    [
        (f"POST /api/v1/orders HTTP/1.1\r\n{LONG}", 401),
        ("POST /api/v1/orders HTTP/1.1\r\nTransfer-Encoding: chunked", 401),
        (f"POST /api/v1/nothing HTTP/1.1\r\n{LONG}", 404),
        (f"PUT /api/v1/orders HTTP/1.1\r\nTOKEN\r\n{LONG}", 405),
        (f"POST /api/v1/orders HTTP/1.1\r\nTOKEN\r\nContent-Type: application/json\r\n{LONG}", 413),
        (f"POST /api/v1/orders HTTP/1.1\r\nTOKEN\r\nContent-Type: text/plain\r\n{LONG}", 415),
    ],
)
def test_an_answer_before_the_body_closes_the_connection_and_says_so(
    server: str, headers: dict[str, str], head: str, status: int
) -> None:
    told = raw(server, head.replace("TOKEN", f"Authorization: {headers['Authorization']}"), b"{")
    assert told.startswith(f"HTTP/1.1 {status} ")
    assert "\r\nconnection: close\r\n" in told.lower()
