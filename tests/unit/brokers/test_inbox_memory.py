"""Messages wait in bounded memory while the database is away; what is lost is said, and may be told again."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from threading import Event
from typing import Any

import pytest
from django.db import OperationalError
from hypothesis import given
from hypothesis import strategies as st

from brokers.inbox import parking, writer
from brokers.inbox.applier import InboxItem
from brokers.inbox.writer import InboxWriter
from brokers.messages import OrderAbsent
from brokers.port import InboundMessage, Link
from brokers.postgres import database


class Books:
    """An Applier whose database comes back when it is told to."""

    def __init__(self) -> None:
        self.back = Event()
        self.applied: list[str] = []
        self.parked: list[str] = []
        self.alarms: list[str] = []
        self.dropped: list[int] = []
        self.told = Event()

    def apply(self, items: Sequence[InboxItem]) -> None:
        if not self.back.is_set():
            raise OperationalError("away")
        if poisoned := [item for item in items if isinstance(item, InboundMessage) and item.raw]:
            raise ValueError(poisoned[0].raw)
        self.applied += [item.dedup_key for item in items if isinstance(item, InboundMessage)]

    def on_overflow(self, count: int) -> None:
        self.dropped.append(count)
        self.told.set()

    def park(self, message: InboundMessage, error: Exception) -> None:
        if message.raw.get("unparkable"):
            raise ValueError("parking failed")
        self.parked.append(message.dedup_key)

    def link_changed(self, link: Link, reason: str) -> None:
        pass

    def connection_failed(self) -> None:
        pass

    def next_valid_id(self, broker_order_id: int) -> None:
        pass

    def alarm(self, subject: str, text: str) -> None:
        self.alarms.append(text)


@pytest.fixture
def books(monkeypatch: pytest.MonkeyPatch) -> Books:
    monkeypatch.setattr(writer, "MAX_WAITING", 50)
    monkeypatch.setattr(database, "RETRY_PAUSE", 0.01)
    monkeypatch.setattr(database, "discard_connection", lambda: None)
    return Books()


def received(number: int, forget: Callable[[], None] = lambda: None, **raw: Any) -> InboundMessage:
    event = OrderAbsent(order_id=str(number), snapshot_id="s")
    return InboundMessage(
        event=event, dedup_key=str(number), raw=raw, received_at=datetime.now(UTC), forget=forget
    )


def test_waiting_messages_apply_in_order_and_dropped_are_reported(books: Books) -> None:
    writer = InboxWriter("main", books)
    writer.start()
    for number in range(500):
        writer.on_message(received(number))
    books.back.set()
    assert books.told.wait(60)
    writer.stop(timeout=60)
    assert books.applied == [str(number) for number in range(len(books.applied))]
    assert len(books.applied) + sum(books.dropped) == 500


def test_what_is_dropped_may_be_reported_again(books: Books) -> None:
    forgotten: list[int] = []
    writer = InboxWriter("main", books)
    for number in range(60):
        writer.on_message(received(number, forget=lambda number=number: forgotten.append(number)))
    assert forgotten == list(range(50, 60))


@given(bad=st.lists(st.booleans(), max_size=40))
def test_only_bad_messages_are_parked_others_apply_in_order(bad: list[bool]) -> None:
    books = Books()
    books.back.set()
    items = [received(number, **({"bad": 1} if one else {})) for number, one in enumerate(bad)]
    parked = parking.apply_in_batches(books, items)
    assert books.parked == [str(number) for number, one in enumerate(bad) if one]
    assert books.applied == [str(number) for number, one in enumerate(bad) if not one]
    assert parked == [item for item in items if item.raw]


def test_an_unparkable_message_raises_an_alert_and_may_repeat(books: Books) -> None:
    forgotten: list[int] = []
    books.back.set()
    lost = received(2, forget=lambda: forgotten.append(2), unparkable=True)
    parking.apply_or_park(books, [received(1), lost, received(3)])
    assert (books.applied, books.parked, forgotten) == (["1", "3"], [], [2])
    assert "neither applied nor parked" in books.alarms[0]


def test_as_long_as_there_is_room_nothing_is_dropped(books: Books) -> None:
    writer = InboxWriter("main", books)
    writer.start()
    for number in range(40):
        writer.on_message(received(number))
    books.back.set()
    writer.stop(timeout=60)
    assert (len(books.applied), books.dropped) == (40, [])


def test_a_job_waits_while_a_day_before_it_is_stored(books: Books, monkeypatch: pytest.MonkeyPatch) -> None:
    """It was given up after its time although all that came before it was being stored."""
    monkeypatch.setattr(writer, "BEAT_EVERY", 0.01)
    inbox, rest, done = InboxWriter("main", books), Event(), list[str]()
    for number in range(300):
        inbox.link_changed(Link.DOWN, str(number))
    monkeypatch.setattr(books, "link_changed", lambda *_: rest.wait(0.005))
    inbox.start()
    inbox.do(lambda: done.append("it"), 0.5)
    inbox.stop(30)
    assert done == ["it"]


def test_a_job_is_given_up_when_nothing_is_stored(books: Books, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writer, "BEAT_EVERY", 0.01)
    inbox = InboxWriter("main", books)
    inbox.on_message(received(1))
    inbox.start()
    with pytest.raises(TimeoutError, match="did not get to it"):
        inbox.do(lambda: None, 0.1)
    books.back.set()
    inbox.stop(30)
