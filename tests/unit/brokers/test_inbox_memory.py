"""While the database is away callbacks wait in bounded memory, and what is dropped is said."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from threading import Event

import pytest
from django.db import OperationalError

from brokers import database, inbox
from brokers.inbox import InboxWriter, Note
from brokers.messages import OrderAbsent
from brokers.port import InboundMessage, Link


class Books:
    """An Applier whose database comes back when it is told to."""

    def __init__(self) -> None:
        self.back = Event()
        self.applied: list[str] = []
        self.dropped: list[int] = []
        self.told = Event()

    def apply(self, notes: Sequence[Note]) -> None:
        if not self.back.is_set():
            raise OperationalError("away")
        self.applied += [note.dedup_key for note in notes if isinstance(note, InboundMessage)]

    def on_overflow(self, count: int) -> None:
        self.dropped.append(count)
        self.told.set()

    def park(self, note: InboundMessage, error: Exception) -> None:
        raise AssertionError(error)

    def link_changed(self, link: Link, reason: str) -> None:
        pass

    def connection_failed(self) -> None:
        pass

    def next_valid_id(self, broker_order_id: int) -> None:
        pass

    def alarm(self, subject: str, text: str) -> None:
        pass


@pytest.fixture
def books(monkeypatch: pytest.MonkeyPatch) -> Books:
    monkeypatch.setattr(inbox, "MAX_WAITING", 50)
    monkeypatch.setattr(database, "RETRY_PAUSE", 0.01)
    monkeypatch.setattr(database, "discard_connection", lambda: None)
    return Books()


def heard(number: int) -> InboundMessage:
    event = OrderAbsent(order_id=str(number), snapshot_id="s")
    return InboundMessage(event=event, dedup_key=str(number), raw={}, received_at=datetime.now(UTC))


def test_what_waited_is_applied_in_order_and_what_was_dropped_is_told(books: Books) -> None:
    writer = InboxWriter("main", books)
    writer.start()
    for number in range(500):
        writer.on_message(heard(number))
    books.back.set()
    assert books.told.wait(60)
    writer.stop(timeout=60)
    assert books.applied == [str(number) for number in range(len(books.applied))]
    assert len(books.applied) + sum(books.dropped) == 500


def test_as_long_as_there_is_room_nothing_is_dropped(books: Books) -> None:
    writer = InboxWriter("main", books)
    writer.start()
    for number in range(40):
        writer.on_message(heard(number))
    books.back.set()
    writer.stop(timeout=60)
    assert (len(books.applied), books.dropped) == (40, [])
