"""A database that is frozen, read-only or gone: 503 within three seconds, for programs and for people."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.utils import timezone

from tests.integration.api.conftest import body
from tests.integration.api.test_web import headers, server
from tradedesk.stack.polling import eventually

__all__ = ["headers", "server"]
pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.timeout(300)]
LIMIT = 3.0  # seconds


def asked(sql: str, *parameters: Any) -> list[Any]:
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        return [row[0] for row in cursor.fetchall()] if cursor.description else []


def backends() -> list[int]:
    """The server processes of the web process' connections."""
    others = "datname = current_database() AND pid <> pg_backend_pid()"
    return asked(f"SELECT pid FROM pg_stat_activity WHERE {others}")


@contextmanager
def frozen() -> Iterator[None]:
    """PostgreSQL as the web process sees it: its connections and whoever would make new ones stand still."""
    own = asked("SELECT pg_backend_pid()")[0]
    postmaster = int(Path(f"/proc/{own}/stat").read_text().rsplit(")", 1)[1].split()[1])
    pids = [*backends(), postmaster]
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in pids:
            os.kill(pid, signal.SIGCONT)


@contextmanager
def read_only() -> Iterator[None]:
    name = connection.settings_dict["NAME"]
    asked(f'ALTER DATABASE "{name}" SET default_transaction_read_only = on')
    asked("SELECT pg_terminate_backend(pid) FROM unnest(%s::int[]) AS one(pid)", backends())
    try:
        yield
    finally:
        asked(f'ALTER DATABASE "{name}" RESET default_transaction_read_only')
        asked("SELECT pg_terminate_backend(pid) FROM unnest(%s::int[]) AS one(pid)", backends())


@contextmanager
def gone() -> Iterator[None]:
    """No connection is taken."""
    database, others = connection.settings_dict, backends()
    url = "postgresql://{USER}:{PASSWORD}@{HOST}:{PORT}/postgres".format(**database)
    with psycopg.connect(url, autocommit=True) as admin:
        admin.execute(f'ALTER DATABASE "{database["NAME"]}" ALLOW_CONNECTIONS false')
        admin.execute("SELECT pg_terminate_backend(pid) FROM unnest(%s::int[]) AS one(pid)", [others])
        try:
            yield
        finally:
            admin.execute(f'ALTER DATABASE "{database["NAME"]}" ALLOW_CONNECTIONS true')


@pytest.fixture
def cookies(desk: None) -> dict[str, str]:
    client = Client()
    client.force_login(User.objects.create(username="boss", is_staff=True, is_superuser=True))
    return {"sessionid": client.cookies["sessionid"].value}


def timed(method: str, url: str, **more: Any) -> httpx.Response:
    began = time.monotonic()
    answer = httpx.request(method, url, timeout=30, **more)
    assert time.monotonic() - began < LIMIT, answer
    return answer


@pytest.mark.parametrize("outage", [frozen, gone])
def test_without_a_database_everybody_is_told_within_three_seconds(
    server: str, headers: dict[str, str], cookies: dict[str, str], outage: Callable[[], Any]
) -> None:
    desk = server.replace("/api/v1/orders", "/admin/")
    assert httpx.get(server, headers=headers, timeout=60).status_code == 200
    assert httpx.get(desk, cookies=cookies, timeout=60).status_code == 200
    with outage():
        for method, sent in (("GET", None), ("POST", body())):
            answer = timed(method, server, headers=headers, json=sent)
            assert (answer.status_code, answer.json()["code"]) == (503, "UNAVAILABLE")
            assert answer.headers["content-type"] == "application/problem+json"
            assert int(answer.headers["retry-after"]) <= 2
        page = timed("GET", desk, cookies=cookies)
        assert (page.status_code, page.headers["retry-after"]) == (503, "2")
        assert "The database does not answer" in page.text
    eventually(lambda: httpx.post(server, headers=headers, json=body("later")).status_code == 201, limit=60)


LISTS = ["orders", "executions", "positions", "account-values", "limits", "breaks", "sessions", "slices"]


def changes() -> dict[str, Any]:
    """What changes something, by path; there is nothing to cancel, but a key is kept for it."""
    later = (timezone.now() + timedelta(hours=1)).isoformat()
    pair = [body("g-1"), body("g-2", instrument={"symbol": "MSFT"})]
    return {
        "orders": body(),
        "orders/bulk": {"orders": [body()]},
        "groups": {"list_id": "g", "kind": "OCA", "orders": pair},
        "slices": {**body("s-1"), "slices": 2, "end_time": later},
    }


def test_a_read_only_database_is_read_and_says_that_it_takes_no_changes(
    server: str, headers: dict[str, str], cookies: dict[str, str]
) -> None:
    desk = server.replace("/api/v1/orders", "/admin/")
    with read_only():
        eventually(lambda: httpx.get(server, headers=headers).status_code == 200, limit=30)
        for name in LISTS:
            path = server.replace("orders", name)
            eventually(lambda path=path: httpx.get(path, headers=headers).status_code == 200, limit=30)  # type: ignore[misc]
        for key in ({"Idempotency-Key": "k"}, {}):
            for path, sent in changes().items():
                answer = timed("POST", server.replace("orders", path), headers={**headers, **key}, json=sent)
                assert (answer.status_code, answer.json()["code"]) == (503, "UNAVAILABLE"), path
        page = timed("POST", f"{desk}login/", cookies=cookies, data={"username": "x"})
        assert (page.status_code, page.headers["retry-after"]) == (503, "2")
        assert "Whether what you sent has taken effect is not known" in page.text
    eventually(lambda: httpx.post(server, headers=headers, json=body("later")).status_code == 201, limit=60)
