"""The feed of order events: places, what is kept, what is read again."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine

import pytest
from django.contrib.auth.models import User
from django.db import OperationalError
from hypothesis import given
from hypothesis import strategies as st

from orders.api.authentication import Access
from orders.api.stream import feed as module
from orders.api.stream import listener
from orders.api.stream.feed import Feed, Item
from orders.api.stream.listener import Subscriber, start
from orders.api.stream.subscription import Subscription
from orders.notify.wakeup import EVENTS, SESSIONS
from orders.selectors import Cursor, parse_cursor

ids = st.integers(min_value=0, max_value=2**63 - 1)


@given(ids, ids)
def test_a_place_survives_its_text(txid: int, number: int) -> None:
    assert parse_cursor(str(Cursor(txid, number))) == (txid, number)


@pytest.mark.parametrize(
    "text", ["", "-", "1", "1-", "-1", "a-1", "1-1-1", "1-٣", "9" * 40 + "-1", f"{2**63}-1"]
)
def test_other_texts_are_no_place(text: str) -> None:
    assert parse_cursor(text) is None


def test_a_place_ahead_of_the_newest_event_is_reset() -> None:
    head = Cursor(5, 5)
    assert start("5-4", head)[0] == (5, 4)
    assert start("", head)[0] == head
    assert start("5-6", head)[0] == head
    assert b"event: reset" in start("5-6", head)[1]


class Table:
    """Events in a list, read in pages, as the database would."""

    def __init__(self, count: int) -> None:
        self.rows = [Item(Cursor(number, number), "A", b"") for number in range(1, count + 1)]
        self.reads = 0
        self.away = False

    async def read(self, after: Cursor) -> list[Item]:
        self.reads += 1
        if self.away:
            raise OperationalError
        return [row for row in self.rows if row.cursor > after][: module.PAGE]

    async def newest(self) -> Cursor:
        return Cursor(0, 0)


async def follow(feed: Feed, until: Cursor) -> list[Item]:
    """What a listener from the start gets."""
    cursor, seen = Cursor(0, 0), list[Item]()
    while cursor < until:
        page = await feed.after(cursor)
        seen += page
        cursor = page[-1].cursor if page else cursor
        await feed.wait(cursor, 0.01)
    return seen


def test_every_event_comes_once_whatever_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "KEPT", 20)
    monkeypatch.setattr(module, "PAGE", 7)
    table = Table(100)

    async def scenario() -> list[Item]:
        feed = Feed(table.read, table.newest)
        running = asyncio.create_task(feed.run())
        seen = await follow(feed, Cursor(100, 100))
        running.cancel()
        assert feed.floor is not None
        assert len(feed._items) <= 40
        return seen

    assert asyncio.run(scenario()) == table.rows


def test_who_is_not_far_behind_reads_from_memory() -> None:
    table = Table(10)

    async def scenario() -> int:
        feed = Feed(table.read, table.newest)
        running = asyncio.create_task(feed.run())
        await feed.wait(Cursor(9, 9), 5)
        before = table.reads
        await feed.after(Cursor(3, 3))
        running.cancel()
        return table.reads - before

    assert asyncio.run(scenario()) == 0


def test_a_feed_without_database_is_not_fresh_and_recovers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "POLL", 0.01)
    table = Table(3)
    table.away = True

    async def scenario() -> None:
        feed = Feed(table.read, table.newest)
        running = asyncio.create_task(feed.run())
        await feed.wait(Cursor(0, 0), 0.05)
        assert not feed.fresh
        table.away = False
        await feed.wait(Cursor(2, 2), 5)
        assert feed.head == (3, 3)
        running.cancel()

    asyncio.run(scenario())


async def next_beat(feed: Feed) -> bytes:
    """The first heartbeat that one hears who has another account than the events."""
    access = Access(user=User(), scopes=frozenset(), accounts=frozenset({"QUIET"}))

    async def same() -> Access:
        return access

    async for block in Subscriber(feed, access, same, Subscription()).blocks():
        if b"event: heartbeat" in block:
            return block
    return b""


def first_beat(feed: Feed, *also: Coroutine[None, None, None]) -> bytes:
    """The first heartbeat, at the latest after five seconds."""

    async def scenario() -> bytes:
        running = [asyncio.create_task(each) for each in (feed.run(), *also)]
        try:
            return await asyncio.wait_for(next_beat(feed), 5)
        finally:
            for task in running:
                task.cancel()

    return asyncio.run(scenario())


def test_who_has_a_quiet_account_hears_the_heartbeat_on_a_busy_day(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listener, "HEARTBEAT", 0.05)
    table = Table(1)
    feed = Feed(table.read, table.newest)

    async def flow() -> None:
        while True:
            number = len(table.rows) + 1
            table.rows.append(Item(Cursor(number, number), "BUSY", b""))
            feed.heard(EVENTS)
            await asyncio.sleep(0.005)

    assert first_beat(feed, flow())


def test_a_session_that_changes_is_told_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listener, "HEARTBEAT", 3600)
    table = Table(0)
    feed = Feed(table.read, table.newest)

    async def change() -> None:
        await asyncio.sleep(0.05)
        feed.heard(SESSIONS)

    assert first_beat(feed, change())


def test_a_change_while_the_database_is_away_is_told_once_it_is_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listener, "HEARTBEAT", 3600)
    table = Table(0)
    feed = Feed(table.read, table.newest)

    async def told() -> None:
        await feed._advance()
        beat = asyncio.create_task(next_beat(feed))
        await asyncio.sleep(0.05)
        feed.read_at -= 3600
        feed.heard(SESSIONS)
        await asyncio.sleep(0.05)
        assert not beat.done()
        async with asyncio.timeout(60):
            while not beat.done():
                await feed._advance()
                await asyncio.sleep(0.01)

    asyncio.run(told())
