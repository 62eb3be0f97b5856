"""A request has a turn from its beginning to its end, and gives it back whatever became of it."""

from __future__ import annotations

from collections.abc import Iterator
from queue import SimpleQueue
from threading import Event
from typing import Any

import pytest
from django.conf import LazySettings

from tradedesk.http.bodies import make_turns, with_bodies


class Streamed:
    """An answer that is made while it is sent."""

    streaming = True

    def __iter__(self) -> Iterator[bytes]:
        yield b"rows"

    def close(self) -> None:
        """As every answer."""


class Slow:
    """A client that does not send its body."""

    def __init__(self) -> None:
        self.gone = Event()

    def read(self, size: int) -> bytes:
        """Nothing, until it hangs up."""
        self.gone.wait(60)
        return b""


@pytest.fixture
def turns() -> SimpleQueue[None]:
    return make_turns(1)


def answered(turns: SimpleQueue[None], environ: dict[str, Any]) -> Any:
    application = with_bodies(lambda environ, start: Streamed(), 100, "/api/", turns)
    return application({"PATH_INFO": "/export", **environ}, lambda *told: lambda data: None)


def test_an_answer_that_is_streamed_keeps_its_turn_until_it_is_closed(turns: SimpleQueue[None]) -> None:
    answer = answered(turns, {"wsgi.input": None})
    assert turns.empty()
    assert b"".join(answer) == b"rows"
    for _ in range(2):
        answer.close()
        assert turns.qsize() == 1


def test_a_body_that_is_late_leaves_no_turn_taken(turns: SimpleQueue[None], settings: LazySettings) -> None:
    settings.BODY_TIME = 0.1
    client = Slow()
    environ = {"wsgi.input": client, "HTTP_TRANSFER_ENCODING": "chunked"}
    assert b"".join(answered(turns, environ)).startswith(b"{")
    assert turns.qsize() == 1
    client.gone.set()
