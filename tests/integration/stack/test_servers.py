"""The embedded servers, started for real."""

from __future__ import annotations

import os
import signal
import socket
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from tradedesk.stack.errors import StackError
from tradedesk.stack.local import kept_server
from tradedesk.stack.polling import eventually
from tradedesk.stack.processes.process import wait_until
from tradedesk.stack.processes.restarts import Death, Return
from tradedesk.stack.servers.postgres import EmbeddedPostgres
from tradedesk.stack.servers.redis import EmbeddedRedis


@pytest.fixture
def postgres(tmp_path: Path) -> Iterator[EmbeddedPostgres]:
    server = EmbeddedPostgres(tmp_path / "postgres", password="right", log=tmp_path / "postgres.log")
    server.start()
    yield server
    server.kill()


@pytest.fixture
def redis(tmp_path: Path) -> Iterator[EmbeddedRedis]:
    server = EmbeddedRedis(tmp_path / "redis", password="right", log=tmp_path / "redis.log")
    server.start()
    yield server
    server.kill()


def note(server: EmbeddedPostgres) -> None:
    with server.connect() as connection:
        connection.execute("CREATE TABLE noted AS SELECT 1 AS n")


def pending_events(server: EmbeddedPostgres) -> int:
    with server.connect() as connection:
        row = connection.execute("SELECT n FROM noted").fetchone()
    return int(row[0]) if row else 0


@pytest.mark.soak
def test_postgres_keeps_what_was_committed_before_an_immediate_restart(postgres: EmbeddedPostgres) -> None:
    note(postgres)
    postgres.restart_immediately()
    assert pending_events(postgres) == 1


def test_postgres_recovers_from_sigkill_on_the_same_url(postgres: EmbeddedPostgres) -> None:
    note(postgres)
    before = postgres.url
    postgres.kill()
    assert (postgres.folder / "postmaster.pid").exists()
    postgres.start()
    assert (pending_events(postgres), postgres.url) == (1, before)


def test_postgres_stops_in_order_and_starts_again(postgres: EmbeddedPostgres) -> None:
    note(postgres)
    postgres.stop()
    assert not (postgres.folder / "postmaster.pid").exists()
    postgres.start()
    assert pending_events(postgres) == 1


def test_postgres_refuses_a_wrong_password(postgres: EmbeddedPostgres) -> None:
    with pytest.raises(psycopg.OperationalError, match="password"):
        psycopg.connect(postgres.url.replace("right", "wrong"))


def test_postgres_is_durable_and_only_on_loopback(postgres: EmbeddedPostgres) -> None:
    with postgres.connect() as connection:
        row = connection.execute(
            "SELECT current_setting('fsync'), current_setting('listen_addresses'),"
            " current_setting('unix_socket_directories'), current_setting('timezone')"
        ).fetchone()
    assert row == ("on", "127.0.0.1", "", "UTC")


def test_postgres_starts_where_only_its_owner_may_enter(tmp_path: Path) -> None:
    """A fresh clone made by root in a private folder: the server runs as another account there."""
    private = tmp_path / "private"
    private.mkdir(mode=0o700)
    server = EmbeddedPostgres(private / "postgres", password="right", log=private / "log")
    server.start()
    try:
        assert private.stat().st_mode & 0o777 == 0o700
        assert (server.account is not None) == (os.geteuid() == 0)
        assert server.answers()
    finally:
        server.kill()


def test_the_server_of_a_dead_stack_is_replaced(postgres: EmbeddedPostgres) -> None:
    note(postgres)
    successor = EmbeddedPostgres(postgres.folder, password="right", log=postgres.log)
    successor.start()
    try:
        assert pending_events(successor) == 1
        assert wait_until(lambda: not postgres.alive, limit=60)
    finally:
        successor.kill()


def test_a_server_that_cannot_start_says_why(postgres: EmbeddedPostgres, tmp_path: Path) -> None:
    rival = EmbeddedPostgres(tmp_path / "rival", password="right", log=tmp_path / "rival.log")
    rival.port = postgres.port
    with pytest.raises(StackError, match=r"PostgreSQL did not start: .*rival\.log"):
        rival.start()


def test_redis_keeps_its_keys_when_killed(redis: EmbeddedRedis) -> None:
    with redis.client() as client:
        client.set("bell", "rung")
        # everysec: what is older than a second is on disk
        assert wait_until(lambda: client.info("persistence")["aof_pending_bio_fsync"] == 0, limit=60)
    redis.kill()
    redis.start()
    with redis.client() as client:
        assert client.get("bell") == b"rung"


def test_redis_never_evicts_and_listens_only_on_loopback(redis: EmbeddedRedis) -> None:
    with redis.client() as client:
        settings = client.config_get("*")
    assert settings["maxmemory-policy"] == "noeviction"
    assert (settings["appendonly"], settings["bind"]) == ("yes", "127.0.0.1")


def test_the_redis_password_is_in_a_file_only_we_read(redis: EmbeddedRedis) -> None:
    configuration = redis.folder / "valkey.conf"
    assert "requirepass right" in configuration.read_text()
    assert configuration.stat().st_mode & 0o077 == 0


@pytest.mark.soak
def test_a_server_that_fails_to_restart_is_tried_again(redis: EmbeddedRedis) -> None:
    said: list[Death | Return] = []
    kept = kept_server(redis)
    os.kill(redis.noted_pid() or 0, signal.SIGKILL)
    assert wait_until(lambda: not redis.alive, limit=60)
    with socket.create_server(("127.0.0.1", redis.port)):
        eventually(lambda: (kept.tend(said.append), len(said) == 3)[1], limit=120)
    assert [one.pause for one in said if isinstance(one, Death)] == [0, 1, 2]
    assert str(said[2]).startswith("Redis keeps dying, 3 times in a row: it ended by itself, exit code 1 (")
    eventually(lambda: (kept.tend(said.append), redis.alive)[1], limit=120)
    assert str(said[-1]) == f"Redis was started again, pid {redis.noted_pid()}."
