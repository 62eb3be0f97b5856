"""The inbox: all that the broker says is stored, once, and applied in the transaction that stores it.

The adapter's loop only appends to a queue; one writer thread takes what is there, without waiting
for more, and hands it to the applier in batches. Rows of snapshots go the same way. What cannot be applied
is bisected out and parked with its error; its neighbours are applied. While PostgreSQL is away the writer
holds the batch and tries again; what a crash loses from memory is recovered from the broker by the next
snapshot.
"""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections.abc import Callable, Sequence
from typing import Protocol

from brokers import database, storable
from brokers.inbox_queue import InboxQueue
from brokers.market import ProfitReport
from brokers.messages import HandedOver, PositionReport
from brokers.port import InboundMessage, Link
from brokers.threads import RestartableThread

log = logging.getLogger(__name__)

#: More in one transaction would make the first of them wait for the last.
BATCH = 150
BEAT_EVERY = 1.0  # seconds
ANSWER_WAIT = 0.02  # seconds that our record of a hand-over waits for the broker's answer
VOLLEY_PAUSE, VOLLEY = 0.0005, 0.005  # seconds of silence that end a volley, and the longest volley
#: Messages that wait in memory while the database is away, some 2 kB each; what is above is dropped and asked
#: for again on a new connection.
MAX_WAITING = 100_000

InboxItem = InboundMessage | HandedOver
Job = Callable[[], None]


class Applier(Protocol):
    """What the order domain does with a batch, in its own transaction."""

    def apply(self, items: Sequence[InboxItem]) -> None:
        """Store and apply the batch as a whole; raises when any part of it cannot be applied."""

    def park(self, message: InboundMessage, error: Exception) -> None:
        """Store a message that could not be applied, with its error, and alert."""

    def link_changed(self, link: Link, reason: str) -> None:
        """The link opened or closed."""

    def connection_failed(self) -> None:
        """A connection was refused or lost."""

    def on_overflow(self, count: int) -> None:
        """So many callbacks were dropped because the database was away for too long."""

    def next_valid_id(self, broker_order_id: int) -> None:
        """The lowest order id the gateway takes."""

    def alarm(self, subject: str, text: str) -> None:
        """Something that a person should know."""


class InboxWriter:
    """The writer thread of one session, and the Listener that feeds it."""

    def __init__(self, name: str, applier: Applier) -> None:
        self.applier = applier
        self.prices: dict[tuple[int, str], str] = {}
        self.positions: dict[tuple[str, int], PositionReport] = {}
        self.profits: dict[tuple[str, int], ProfitReport] = {}
        self._queue: InboxQueue[InboxItem | Job | None] = InboxQueue()
        self._dropped = 0
        #: Started again, it goes on with the first that was not stored; twice stored is as once.
        self.thread = RestartableThread(f"inbox-{name}", self._run, cleanup=database.discard_connection)

    # --- Listener: called on the adapter's loop, only enqueues -----------------------------------
    def on_message(self, message: InboundMessage) -> None:
        if self._queue.qsize() >= MAX_WAITING:
            self._dropped += 1
            message.forget()
            return
        self._queue.put(message)

    def connection_failed(self) -> None:
        self._queue.put(self.applier.connection_failed)

    def handed_over(self, note: HandedOver) -> None:
        self._queue.put(note)

    def link_changed(self, link: Link, reason: str) -> None:
        self._queue.put(lambda: self.applier.link_changed(link, reason))

    def next_valid_id(self, broker_order_id: int) -> None:
        self._queue.put(lambda: self.applier.next_valid_id(broker_order_id))

    def alarm(self, subject: str, text: str) -> None:
        self._queue.put(lambda: self.applier.alarm(subject, text))

    def price_seen(self, con_id: int, name: str, value: str) -> None:
        self.prices[(con_id, name)] = value

    def position_seen(self, report: PositionReport) -> None:
        self.positions[(report.account, report.instrument.con_id)] = report

    def profit_seen(self, report: ProfitReport) -> None:
        self.profits[(report.account, report.con_id)] = report

    # --- life ------------------------------------------------------------------------------------
    def start(self) -> None:
        """Start the thread."""
        self.thread.start()

    def stop(self, timeout: float) -> None:
        """Apply what is there and end the thread."""
        self._queue.put(None)
        self.thread.join(timeout)

    @property
    def waiting(self) -> int:
        """How many items wait in memory."""
        return self._queue.qsize()

    def do(self, job: Job, timeout: float) -> None:
        """Run `job` on the writer thread after all that came before; raises its error, or TimeoutError."""
        done = threading.Event()
        errors: list[Exception] = []

        def run() -> None:
            try:
                job()
            except Exception as error:
                if database.is_away(error):
                    raise
                errors.append(error)
            done.set()

        self._queue.put(run)
        if not done.wait(timeout):
            raise TimeoutError("the inbox writer did not get to it in time")
        if errors:
            raise errors[0]

    # --- the thread ------------------------------------------------------------------------------
    def _run(self) -> None:
        self._queue.rewind()
        while True:
            batch, stop = self._take()
            for part in _runs(batch):
                self._until_stored(part)
                self._queue.remove(1 if callable(part) else len(part))
            if self._dropped and self._queue.empty():
                self._report_dropped()
            if stop:
                return

    def _take(self) -> tuple[list[InboxItem | Job], bool]:
        """Wait for one item, then take what is there or about to come, so that one transaction stores it all.

        The gateway tells what happened to an order in a volley of messages: stored one by one, the last
        would wait for the transactions of all before it.
        """
        items, message_at = [self._first()], 0.0
        begin = time.monotonic()
        while len(items) < BATCH:
            if isinstance(items[-1], InboundMessage):
                message_at = message_at or time.monotonic()
                wait = min(VOLLEY_PAUSE, message_at + VOLLEY - time.monotonic())
            else:
                wait = begin + ANSWER_WAIT - time.monotonic() if isinstance(items[-1], HandedOver) else 0.0
            try:
                items.append(self._queue.get(timeout=max(wait, 0.0)))
            except queue.Empty:
                break
        return [item for item in items if item is not None], None in items

    def _first(self) -> InboxItem | Job | None:
        while True:
            self.thread.beat()
            try:
                return self._queue.get(timeout=BEAT_EVERY)
            except queue.Empty:
                continue

    def _report_dropped(self) -> None:
        """What came before is stored: now what was dropped can be asked for again."""
        count = self._dropped
        log.error("callbacks were dropped", extra={"count": count})
        self._until_stored(lambda: self.applier.on_overflow(count))
        self._dropped -= count

    def _until_stored(self, part: list[InboxItem] | Job) -> None:
        """Try until PostgreSQL has it: nothing is dropped because the database is away."""
        while True:
            self.thread.beat()
            try:
                if callable(part):
                    part()
                else:
                    apply_or_park(self.applier, part)
                return
            except Exception as error:
                if not database.is_away(error):
                    log.exception("a job of the inbox writer failed")
                    for item in [] if callable(part) else part:
                        _forget(item)
                    return
                log.warning("database away, the batch waits", extra={"error": repr(error)})
                database.discard_connection()
                time.sleep(database.RETRY_PAUSE)


def _runs(items: list[InboxItem | Job]) -> list[list[InboxItem] | Job]:
    """Items in batches, jobs by themselves, in order."""
    runs: list[list[InboxItem] | Job] = []
    for item in items:
        if callable(item):
            runs.append(item)
        elif runs and isinstance(runs[-1], list):
            runs[-1].append(item)
        else:
            runs.append([item])
    return runs


# --- what cannot be applied --------------------------------------------------------------------------
def apply_in_batches(applier: Applier, items: Sequence[InboxItem]) -> list[InboxItem]:
    """The same for any number of items, on the writer's thread."""
    parts = [items[at : at + BATCH] for at in range(0, len(items), BATCH)]
    return [parked for part in parts for parked in apply_or_park(applier, part)]


def apply_or_park(applier: Applier, items: Sequence[InboxItem]) -> list[InboxItem]:
    """Apply all that can be applied, in order; what cannot is parked, each by itself, and returned.

    Raises only while the database is away: then the whole is to be tried again, and what was stored already
    is left out by its key.
    """
    if not items:
        return []
    try:
        applier.apply(items)
    except Exception as error:
        if database.is_away(error):
            raise
        if len(items) == 1:
            return _apply_alone(applier, items[0], error)
        middle = len(items) // 2
        return [*apply_or_park(applier, items[:middle]), *apply_or_park(applier, items[middle:])]
    return []


def _apply_alone(applier: Applier, item: InboxItem, error: Exception) -> list[InboxItem]:
    """Once more in words that any column takes: a text or a key may be all that was wrong."""
    if isinstance(item, InboundMessage) and (storable_one := storable.message(item)) is not item:
        try:
            applier.apply([storable_one])
        except Exception as again:
            if database.is_away(again):
                raise
            error = again
        else:
            return []
    _park(applier, item, error)
    return [item]


def _park(applier: Applier, item: InboxItem, error: Exception) -> None:
    """Park it; as the last resort it is logged and alerted, and is news when the broker says it again."""
    log.warning("not applied, parked", extra={"item": storable.shown(item, 2000), "error": describe(error)})
    if isinstance(item, HandedOver):
        return
    try:
        applier.park(item, error)
    except Exception as error:
        if database.is_away(error):
            raise
        log.exception("not parked either", extra={"item": storable.shown(item, 2000)})
        _forget(item)
        _alarm(applier, f"A message of the broker could be neither applied nor parked: {describe(error)}")


def _alarm(applier: Applier, text: str) -> None:
    try:
        applier.alarm("lost message", storable.text(text))
    except Exception as error:
        if database.is_away(error):
            raise
        log.exception("no alert either")


def _forget(item: InboxItem) -> None:
    if isinstance(item, InboundMessage):
        item.forget()


def describe(error: Exception) -> str:
    """An error as text of bounded length."""
    return f"{type(error).__name__}: {storable.shown(error, 2000)}"
