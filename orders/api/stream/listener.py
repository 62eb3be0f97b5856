"""One listener: where it stands, what it may see, what it is told next."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Sequence
from contextlib import suppress
from dataclasses import replace

import msgspec
from django.db import Error
from django.utils import timezone

from brokers.formats import time_text
from orders.api.authentication import Access
from orders.api.problems import Problem
from orders.api.stream.feed import Feed, Item
from orders.api.stream.subscription import Subscription
from orders.selectors import Cursor, parse_cursor

HEARTBEAT = 2.0  # seconds
Copies = Callable[[Sequence[Item], Collection[str]], Awaitable[bytes]]
CHECK_ACCESS_EVERY = 5.0  # seconds: so long may a revoked token still listen


class Subscriber:
    """Follows the feed for one client; `authorise` gives its access anew, or raises Problem."""

    def __init__(
        self,
        feed: Feed,
        access: Access,
        authorise: Callable[[], Awaitable[Access]],
        subscription: Subscription,
        copies: Copies | None = None,
    ) -> None:
        """`copies` gives the drop copy of events; None: the listener gets notices."""
        self._feed = feed
        self._copies = copies
        self._subscription = subscription
        self._access = access
        self._authorise = authorise
        self._checked_at = self._told_at = time.monotonic()
        self._changes = feed.changes

    async def blocks(self) -> AsyncIterator[bytes]:
        """What is sent, until the access ends.

        No heartbeat is sent while the database cannot be read: silence then says so.
        """
        cursor, first = start(self._subscription.last_event_id, await self._feed.newest_place())
        yield first
        while True:
            try:
                await self._check_access()
            except Problem as problem:
                yield dropped("ACCESS_ENDED", problem.detail)
                return
            items = await self._news(cursor)
            if items:
                try:
                    seen = await self._told(items)
                except Error:  # the database is away: asked again from the same place
                    await asyncio.sleep(HEARTBEAT)
                    continue
                cursor = items[-1].cursor
                if seen:
                    self._told_at = time.monotonic()
                    yield seen
            if self._feed.fresh and self._beat_is_due(anything=bool(items)):
                yield heartbeat(cursor)

    def _beat_is_due(self, *, anything: bool) -> bool:
        """After silence, which may be that of one account on a busy day, and when a session has changed."""
        now = time.monotonic()
        due = not anything or self._changes != self._feed.changes or now - self._told_at >= HEARTBEAT
        if due:
            self._told_at, self._changes = now, self._feed.changes
        return due

    async def _told(self, items: list[Item]) -> bytes:
        """What the listener is told of these events. Raises Error where their messages cannot be read."""
        wanted, mine = self._subscription, self._access.accounts
        if self._copies is None:
            return b"".join(item.block for item in items if item.account in mine and wanted.fits(item))
        of_all = replace(wanted, account=None)  # an execution may be of another than its order
        chosen = [item for item in items if of_all.fits(item)]
        accounts = [code for code in mine if wanted.account in (None, code)]
        return await self._copies(chosen, accounts) if chosen else b""

    async def _check_access(self) -> None:
        if time.monotonic() - self._checked_at < CHECK_ACCESS_EVERY:
            return
        with suppress(Error):  # the database is away: nothing is told meanwhile, so nothing can leak
            self._access = await self._authorise()
            self._checked_at = time.monotonic()

    async def _news(self, cursor: Cursor) -> list[Item]:
        """The next events; none after HEARTBEAT seconds of silence, when a session has changed, or while the
        database is away: a change is told once it is back."""
        try:
            if items := await self._feed.after(cursor):
                return items
            if self._changes == self._feed.changes or not self._feed.fresh:
                await self._feed.wait(cursor, HEARTBEAT)
            return await self._feed.after(cursor)
        except Error:
            await asyncio.sleep(HEARTBEAT)
            return []


def heartbeat(cursor: Cursor) -> bytes:
    """An event, because browsers do not show comments to their scripts.

    Its id is the listener's place, which moves on with what others hear: resuming skips that too.
    """
    return f'id: {cursor}\nevent: heartbeat\ndata: {{"at":"{time_text(timezone.now())}"}}\n\n'.encode()


def dropped(reason: str, detail: str) -> bytes:
    """The last block: why the stream ends. The client may come back with its last event id."""
    told = msgspec.json.encode({"reason": reason, "detail": detail})
    return b"event: dropped\ndata: %s\n\n" % told


def start(subscription: str, head: Cursor) -> tuple[Cursor, bytes]:
    """Where to start, and the first block: it sets the id, so that even a short visit can be resumed.

    A place that is not ours, or of a database that has gone back in time, starts from now with a
    `reset`: the client must read its orders anew.
    """
    cursor = parse_cursor(subscription) if subscription else head
    if cursor is None or cursor > head:
        return head, f"retry: 1000\nid: {head}\nevent: reset\ndata: {{}}\n\n".encode()
    return cursor, f"retry: 1000\nid: {cursor}\n\n".encode()
