"""The inbox: every raw callback is kept, once, and applied in the transaction that keeps it.

The adapter's loop only appends to a queue; one writer thread takes what is there, without waiting
for more, and hands it to the applier in batches. While PostgreSQL is away the writer keeps the batch
and tries again; what a crash loses from memory is recovered from the broker by the next snapshot.
"""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Protocol

import msgspec

from brokers import database, prepared
from brokers.inbox_queue import InboxQueue
from brokers.market import ProfitReport
from brokers.messages import HandedOver, PositionReport, encode
from brokers.models import InboxMessage
from brokers.port import InboundMessage, Link
from brokers.threads import RestartableThread

log = logging.getLogger(__name__)

#: More in one transaction would make the first of them wait for the last.
BATCH = 150
BEAT_EVERY = 1.0  # seconds
ANSWER_WAIT = 0.02  # seconds that our note of a hand-over waits for the broker's answer
VOLLEY_PAUSE, VOLLEY = 0.0005, 0.005  # seconds of silence that end a volley, and the longest volley
#: Callbacks kept in memory while the database is away, some 2 kB each; what is above is dropped and asked
#: for again on a new connection.
MAX_WAITING = 100_000

Note = InboundMessage | HandedOver
Job = Callable[[], None]


class Applier(Protocol):
    """What the order domain does with a batch, in its own transaction."""

    def apply(self, notes: Sequence[Note]) -> None:
        """Keep and apply the batch as a whole; raises when any part of it can not be applied."""

    def park(self, note: InboundMessage, error: Exception) -> None:
        """Keep a callback that could not be applied, with its error, to be retried."""

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
        self.prices: dict[int, str] = {}
        self.positions: dict[tuple[str, int], PositionReport] = {}
        self.profits: dict[tuple[str, int], ProfitReport] = {}
        self._queue: InboxQueue[Note | Job | None] = InboxQueue()
        self._dropped = 0
        #: Started again, it goes on with the first that was not stored; twice stored is as once.
        self.thread = RestartableThread(f"inbox-{name}", self._run, cleanup=database.discard_connection)

    # --- Listener: called on the adapter's loop, only enqueues -----------------------------------
    def on_message(self, message: InboundMessage) -> None:
        if self._queue.qsize() >= MAX_WAITING:
            self._dropped += 1
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

    def price_seen(self, con_id: int, price: str) -> None:
        self.prices[con_id] = price

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
        """How many notes wait in memory."""
        return self._queue.qsize()

    def do(self, job: Job, timeout: float) -> None:
        """Run `job` on the writer thread after all heard before; raises its error, or TimeoutError."""
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
                self._tell_dropped()
            if stop:
                return

    def _take(self) -> tuple[list[Note | Job], bool]:
        """Wait for one item, then take what is there or about to come, so that one transaction stores it all.

        The gateway tells what happened to an order in a volley of messages: stored one by one, the last
        would wait for the transactions of all before it.
        """
        items, heard_at = [self._first()], 0.0
        begin = time.monotonic()
        while len(items) < BATCH:
            if isinstance(items[-1], InboundMessage):
                heard_at = heard_at or time.monotonic()
                wait = min(VOLLEY_PAUSE, heard_at + VOLLEY - time.monotonic())
            else:
                wait = begin + ANSWER_WAIT - time.monotonic() if isinstance(items[-1], HandedOver) else 0.0
            try:
                items.append(self._queue.get(timeout=max(wait, 0.0)))
            except queue.Empty:
                break
        return [item for item in items if item is not None], None in items

    def _first(self) -> Note | Job | None:
        while True:
            self.thread.beat()
            try:
                return self._queue.get(timeout=BEAT_EVERY)
            except queue.Empty:
                continue

    def _tell_dropped(self) -> None:
        """What was heard before is stored: now what was not heard can be asked for again."""
        count = self._dropped
        log.error("callbacks were dropped", extra={"count": count})
        self._until_stored(lambda: self.applier.on_overflow(count))
        self._dropped -= count

    def _until_stored(self, part: list[Note] | Job) -> None:
        """Try until PostgreSQL has it: what was heard is never dropped because the database is away."""
        while True:
            self.thread.beat()
            try:
                if callable(part):
                    part()
                else:
                    self._apply(part)
                return
            except Exception as error:
                if not database.is_away(error):
                    log.exception("a job of the inbox writer failed")
                    return
                log.warning("database away, keeping what was heard", extra={"error": repr(error)})
                database.discard_connection()
                time.sleep(database.RETRY_PAUSE)

    def _apply(self, notes: list[Note]) -> None:
        """Apply the batch; when a note in it can not be applied, bisect until that one stands alone."""
        try:
            self.applier.apply(notes)
        except Exception as error:
            if database.is_away(error):
                raise
            if len(notes) > 1:
                middle = len(notes) // 2
                self._apply(notes[:middle])
                self._apply(notes[middle:])
            else:
                self._park(notes[0], error)

    def _park(self, note: Note, error: Exception) -> None:
        log.warning("not applied, parked", extra={"note": repr(note), "error": repr(error)})
        if isinstance(note, InboundMessage):
            self.applier.park(note, error)


def _runs(items: list[Note | Job]) -> list[list[Note] | Job]:
    """Notes in batches, jobs by themselves, in order."""
    runs: list[list[Note] | Job] = []
    for item in items:
        if callable(item):
            runs.append(item)
        elif runs and isinstance(runs[-1], list):
            runs[-1].append(item)
        else:
            runs.append([item])
    return runs


HEARD = {"dedup_key": "text", "kind": "text", "event": "jsonb", "raw": "jsonb", "received_at": "timestamptz"}
KEEP = f"""
    INSERT INTO brokers_inboxmessage
        (session_id, {", ".join(HEARD)}, applied_at, attempts, error)
    SELECT %s, h.*, now(), 0, '' FROM {prepared.json_to_recordset(HEARD, "h")}
    ON CONFLICT (session_id, dedup_key) DO NOTHING
    RETURNING id, dedup_key
"""  # noqa: S608 - our own column names


def keep(session: str, messages: Sequence[InboundMessage]) -> prepared.Statement:
    """Insert-or-ignore, marked as applied, as a statement: `kept` reads its rows.

    Runs in the caller's transaction: if applying fails, the rows go with it.
    """
    document = msgspec.json.encode([_record(message) for message in _unique(messages).values()]).decode()
    return KEEP, [session, document]


def kept(
    messages: Sequence[InboundMessage], rows: Sequence[prepared.Row]
) -> list[tuple[int, InboundMessage]]:
    """(inbox id, message) of those that were new, in the order heard."""
    new = {key: row_id for row_id, key in rows}
    return [(new[key], message) for key, message in _unique(messages).items() if key in new]


def _unique(messages: Sequence[InboundMessage]) -> dict[str, InboundMessage]:
    """The first of each key."""
    unique: dict[str, InboundMessage] = {}
    for message in messages:
        unique.setdefault(message.dedup_key, message)
    return unique


def _record(message: InboundMessage) -> dict[str, object]:
    return {
        "dedup_key": message.dedup_key,
        "kind": kind_of(message),
        "event": msgspec.Raw(encode(message.event)),
        "raw": message.raw,
        "received_at": message.received_at,
    }


def kind_of(message: InboundMessage) -> str:
    """The kind of a message, as stored."""
    return str(type(message.event).__struct_config__.tag)


def _event_json(message: InboundMessage) -> object:
    return msgspec.json.decode(encode(message.event))


def park_message(session: str, message: InboundMessage, error: Exception, retry_at: datetime) -> None:
    """Keep a message that could not be applied, waiting for its retry."""
    InboxMessage.objects.get_or_create(
        session_id=session,
        dedup_key=message.dedup_key,
        defaults={
            "kind": kind_of(message),
            "event": _event_json(message),
            "raw": message.raw,
            "received_at": message.received_at,
            "attempts": 1,
            "retry_at": retry_at,
            "error": f"{type(error).__name__}: {error}",
        },
    )


def retry_delay(attempts: int) -> timedelta:
    """How long a parked message waits after its n-th failure."""
    return timedelta(seconds=min(60.0, 0.5 * 2**attempts))
