"""The pool's connections tell by their socket whether they live, and read times in UTC."""

from __future__ import annotations

import socket
from datetime import UTC, datetime

import psycopg
import pytest

from tradedesk.conf.pooled import UtcLoader, is_silent


def test_a_socket_is_silent_until_the_other_end_speaks_or_goes() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        assert is_silent(ours.fileno())
        theirs.send(b"E")
        assert not is_silent(ours.fileno())
        ours.recv(1)
        theirs.close()
        assert not is_silent(ours.fileno())


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        (b"2026-11-22 19:54:31.05+00", datetime(2026, 11, 22, 19, 54, 31, 50_000, UTC)),
        (b"2026-11-22 19:54:31+00", datetime(2026, 11, 22, 19, 54, 31, tzinfo=UTC)),
        (b"2026-11-23 01:24:31.000001+05:30", datetime(2026, 11, 22, 19, 54, 31, 1, UTC)),
    ],
)
def test_a_time_is_read_in_utc_whatever_the_session_shows(said: bytes, meant: datetime) -> None:
    read = UtcLoader(psycopg.postgres.types["timestamptz"].oid).load(said)
    assert (read, read.tzinfo) == (meant, UTC)


def test_a_time_beyond_all_years_is_an_error_of_the_data() -> None:
    with pytest.raises(psycopg.DataError):
        UtcLoader(psycopg.postgres.types["timestamptz"].oid).load(b"infinity")
