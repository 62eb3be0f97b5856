"""Order events in commit order: read once per process, kept for a while, given to every listener.

Ids are given out before commit, so an event may become visible after one with a higher id. Events are
therefore followed by (txid, id), and only below the oldest transaction that still runs: nothing that
is committed later can come before what was read.
"""

from __future__ import annotations

import asyncio
import logging
import time
from bisect import bisect_right
from collections.abc import Awaitable, Callable, Collection, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import msgspec
from django.db import Error

from orders import selectors
from orders.notify.event_feed import notice
from orders.notify.wakeup import SESSIONS
from orders.reports import drop_copy
from orders.selectors import Cursor, FeedEvent

log = logging.getLogger(__name__)

POLL = 1.0  # seconds between two looks when nobody publishes
FIRST_PAUSE = 0.01  # after a ring: an older transaction may still hold the news back
PAGE = 500
KEPT = 10_000  # events; who is further behind reads from the database


@dataclass(frozen=True, slots=True)
class Item:
    """One event: where it stands, whose it is, and the block that is sent."""

    cursor: Cursor
    account: str
    block: bytes
    symbol: str = ""
    order_id: str = ""
    kind: str = ""


def read_items(after: Cursor) -> list[Item]:
    """The next page of events whose order is final, from the database."""
    return [item(event) for event in selectors.events_after(after, PAGE)]


def item(event: FeedEvent) -> Item:
    """An event as it is sent (WHATWG HTML, 9.2.6)."""
    block = _block(str(event.cursor), notice(event))
    return Item(event.cursor, event.account, block, event.symbol, str(event.order_id), event.kind)


def _block(place: str, told: dict[str, Any]) -> bytes:
    return b"id: %s\nevent: order\ndata: %s\n\n" % (place.encode(), msgspec.json.encode(told))


def read_copies(items: Sequence[Item], accounts: Collection[str]) -> bytes:
    """The blocks of the drop copy: these events as whole messages, those that concern the accounts."""
    events = [one.cursor.id for one in items]
    return b"".join(
        _block(told["sequence"], told) for told in drop_copy.messages_at(events, drop_copy.scope_of(accounts))
    )


def newest() -> Cursor:
    """The place of the newest event whose order is final."""
    return selectors.newest_settled_event()


class Feed:
    """The newest events of this process; `run` keeps them up to date until it is cancelled."""

    def __init__(
        self,
        read: Callable[[Cursor], Awaitable[list[Item]]],
        newest: Callable[[], Awaitable[Cursor]],
    ) -> None:
        self._read = read
        self._newest = newest
        self._items: list[Item] = []
        self._bell = asyncio.Event()
        self._news = asyncio.Event()
        #: Everything after `floor` and up to `head` is kept.
        self.floor: Cursor | None = None
        self.head = Cursor(0, 0)
        self.read_at = 0.0
        #: How often a session or a trading state has changed: each time every listener is told at once.
        self.changes = 0

    @property
    def fresh(self) -> bool:
        """Whether the database was read lately, so that silence means that nothing happened."""
        return time.monotonic() - self.read_at < 3 * POLL

    async def newest_place(self) -> Cursor:
        """The place of the newest event now, from the database; waits while that is away."""
        while True:
            try:
                return await self._newest()
            except Error:
                await asyncio.sleep(POLL)

    def heard(self, said: bytes) -> None:
        """What Redis says: look now, and where sessions have changed have everybody told."""
        if said == SESSIONS:
            self.changes += 1
            self._wake()
        self._bell.set()

    async def run(self) -> None:
        """Follow the events for good; while the database is away, try again every second."""
        pause = POLL
        while True:
            try:
                found = await self._advance()
            except Error as error:
                log.warning("order events not read", extra={"error": str(error)})
                found = False
            except Exception:  # a feed that ended would be silent for good
                log.exception("order events not read")
                found = False
            try:
                await asyncio.wait_for(self._bell.wait(), pause)
                self._bell.clear()
                pause = FIRST_PAUSE
            except TimeoutError:
                pause = FIRST_PAUSE if found else min(2 * pause, POLL)

    async def _advance(self) -> bool:
        if self.floor is None:
            self.head = self.floor = await self._newest()
        before = self.head
        page = None
        while page is None or len(page) == PAGE:
            if page := await self._read(self.head):
                self._items += page
                self.head = page[-1].cursor
                if len(self._items) > 2 * KEPT:
                    self.floor = self._items[-KEPT - 1].cursor
                    del self._items[:-KEPT]
                self._wake()
        is_back = bool(self.read_at) and not self.fresh
        self.read_at = time.monotonic()
        if is_back:
            self._wake()  # for what nobody could be told meanwhile
        return self.head > before

    def _wake(self) -> None:
        news, self._news = self._news, asyncio.Event()
        news.set()

    async def after(self, cursor: Cursor) -> list[Item]:
        """The next events after a place, none when there is no news; old ones are read from the database."""
        if self.floor is None or cursor < self.floor:
            return await self._read(cursor)
        return self._items[bisect_right(self._items, cursor, key=lambda item: item.cursor) :][:PAGE]

    async def wait(self, cursor: Cursor, timeout: float) -> None:
        """Return when there may be events after this place, at the latest after `timeout` seconds."""
        news = self._news
        if self.head > cursor:
            return
        with suppress(TimeoutError):  # wait_for would make a task for each listener and each event
            async with asyncio.timeout(timeout):
                await news.wait()
