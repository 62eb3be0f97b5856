"""The writer thread of a session: the adapter's loop only appends to a queue, and this stores and applies.

It takes what is there, without waiting for more, and hands it to the applier in batches. While PostgreSQL is
away it holds the batch and tries again; what a crash loses from memory is recovered from the broker by the
next snapshot.
"""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections.abc import Callable

from brokers.inbox.applier import Applier, InboxItem
from brokers.inbox.parking import BATCH, apply_or_park, forget
from brokers.inbox.queue import InboxQueue
from brokers.market import LiveQuote, ProfitReport
from brokers.messages import HandedOver, PositionReport
from brokers.port import InboundMessage, Link
from brokers.postgres import database
from brokers.threads import RestartableThread, beat_here

log = logging.getLogger(__name__)

BEAT_EVERY = 1.0  # seconds
ANSWER_WAIT = 0.02  # seconds that our record of a hand-over waits for the broker's answer
VOLLEY_PAUSE, VOLLEY = 0.0005, 0.005  # seconds of silence that end a volley, and the longest volley
#: Messages that wait in memory while the database is away, packed to some 0.4 kB each; what is above is
#: dropped and asked for again on a new connection. That tells the whole day anew, three messages an order: a
#: limit below what a day holds would reconnect for ever.
MAX_WAITING = 400_000

Job = Callable[[], None]


class InboxWriter:
    """The writer thread of one session, and the Listener that feeds it."""

    def __init__(self, name: str, applier: Applier) -> None:
        self.applier = applier
        self.prices: dict[tuple[int, str], str] = {}
        self.quotes: dict[int, LiveQuote] = {}
        self.positions: dict[tuple[str, int], PositionReport] = {}
        self.profits: dict[tuple[str, int], ProfitReport] = {}
        self._queue: InboxQueue[InboxItem | Job | None] = InboxQueue()
        self._dropped = 0
        self._stored = 0  # batches and jobs that are over
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

    def quote_changed(self, con_id: int, quote: LiveQuote) -> None:
        self.quotes[con_id] = quote

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
        """Run `job` on the writer thread after all that came before; raises its error, or TimeoutError.

        What came before may be a whole day told anew: `timeout` seconds in which nothing of it is stored.
        """
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
        stored, ends_at = self._stored, time.monotonic() + timeout
        while not done.wait(BEAT_EVERY):
            beat_here()
            if self._stored > stored:
                stored, ends_at = self._stored, time.monotonic() + timeout
            elif time.monotonic() >= ends_at:
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
                self._stored += 1
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
                        forget(item)
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
