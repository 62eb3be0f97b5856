"""The threads of one session under supervision: what ends is started again, what hangs ends the process.

A thread that hangs cannot be ended from outside, and one that ends again and again is not helped by another
start: then the process ends, and whoever stands by, or the process started in its place, goes on.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from brokers.postgres import database
from brokers.threads import RestartableThread

log = logging.getLogger(__name__)

LOOK_EVERY = 0.25  # seconds
PAUSES = (0.0, 0.25, 0.5, 1.0, 2.0)  # seconds before a restart, by how often it ended within WINDOW
WINDOW = 60.0  # seconds
FROZEN_AFTER = 3.0  # seconds between two looks: the process itself did not run, and no thread is to blame
RECOVERED_AFTER = 10.0  # seconds that a restarted thread has to live until its alert goes
FAILURES_SHOWN = 3  # turns that failed in a row


class WorkerThread(RestartableThread):
    """A thread that works in turns on the database: errors end the turn, not the thread."""

    def __init__(self, name: str, work: Callable[[WorkerThread], None]) -> None:
        super().__init__(name, lambda: work(self), cleanup=database.discard_connection)
        self.failures = 0  # turns in a row

    @contextmanager
    def turn(self) -> Iterator[None]:
        """One turn: a database that is away is tried again in the next one, on a new connection."""
        self.beat()
        try:
            yield
            self.failures = 0
        except Exception as error:
            if database.is_away(error):
                log.warning("%s waits for the database", self.name, extra={"error": repr(error)})
            else:
                self.failures += 1
                self.error = repr(error)
                log.exception("%s failed", self.name)
            database.discard_connection()
        self.beat()


class Watched:
    """What the supervisor knows of one thread."""

    def __init__(self, label: str, thread: RestartableThread, silence: float) -> None:
        self.label = label
        self.thread = thread
        self.silence = silence
        self.restarts = 0
        self.ends: deque[float] = deque(maxlen=len(PAUSES) + 1)
        self.restart_at: float | None = None

    def problem(self) -> str:
        """What a person should know of it; empty while all is well."""
        if self.restart_at is not None or (self.ends and time.monotonic() - self.ends[-1] < RECOVERED_AFTER):
            return f"The thread {self.label!r} ended ({self.thread.error}) and is started again."
        failures = getattr(self.thread, "failures", 0)
        if failures >= FAILURES_SHOWN:
            return f"The thread {self.label!r} failed {failures} times in a row: {self.thread.error}"
        return ""


class Supervisor:
    """Watches threads from a thread of its own, which the sweep watches in turn."""

    def __init__(self, session: str, stopping: threading.Event, on_fatal: Callable[[str], None]) -> None:
        self.session = session
        self._stopping = stopping
        self._on_fatal = on_fatal
        self._fatal = self._started = False
        self._looked_at = time.monotonic()
        self._awake_since = 0.0
        own = RestartableThread(f"supervisor-{session}", self._watch_forever)
        self.own = Watched("supervisor", own, silence=0.0)
        #: After each look at all threads: the process is alive, and would end itself if one of them hung.
        self.on_look: Callable[[], None] = lambda: None
        self.watched: dict[str, Watched] = {}

    def watch(self, label: str, thread: RestartableThread, *, silence: float) -> None:
        """Watch a thread, which says at least every `silence` seconds that it lives."""
        self.watched[label] = Watched(label, thread, silence)

    def add(self, label: str, work: Callable[[WorkerThread], None], *, silence: float) -> WorkerThread:
        """Make a thread that works on the database, and watch it."""
        thread = WorkerThread(f"{label}-{self.session}", work)
        self.watch(label, thread, silence=silence)
        return thread

    def start(self) -> None:
        """Start all threads, in the order in which they were added."""
        for watched in self.watched.values():
            watched.thread.start()
        self.own.thread.start()
        self._started = True

    def join(self, timeout: float) -> None:
        """Wait until all have ended, but not longer than this for any."""
        for watched in self.all():
            watched.thread.join(timeout)

    def all(self) -> list[Watched]:
        """Every thread, the supervisor's own included."""
        return [*self.watched.values(), self.own]

    def look_after_itself(self) -> None:
        """Start the supervisor's own thread again if it has ended; called by the sweep."""
        if self._started and not self.own.thread.is_alive():
            self._look_at(self.own, time.monotonic())

    def _watch_forever(self) -> None:
        while not self._stopping.wait(LOOK_EVERY):
            self.own.thread.beat()
            now = time.monotonic()
            if now - self._looked_at > FROZEN_AFTER:
                self._awake_since = now
            self._looked_at = now
            for watched in self.watched.values():
                self._look_at(watched, now)
            self.on_look()

    def _look_at(self, watched: Watched, now: float) -> None:
        if self._stopping.is_set():
            return
        if not watched.thread.is_alive():
            self._restart(watched, now)
        elif watched.silence and now - max(watched.thread.beat_at, self._awake_since) > watched.silence:
            self._end_process(f"the thread {watched.label!r} has been silent for {watched.silence:g} s")

    def _restart(self, watched: Watched, now: float) -> None:
        """Start an ended thread again, after a pause that grows with each end within the window."""
        if watched.restart_at is None:
            watched.ends.append(now)
            recent = sum(now - end < WINDOW for end in watched.ends)
            if recent > len(PAUSES):
                self._end_process(f"the thread {watched.label!r} ended {recent} times in {WINDOW:g} s")
                return
            watched.restart_at = now + PAUSES[recent - 1]
        if now >= watched.restart_at:
            watched.restart_at = None
            watched.restarts += 1
            log.error("thread started again", extra={"which": watched.thread.name})
            watched.thread.start()

    def _end_process(self, reason: str) -> None:
        if not self._fatal:
            self._fatal = True
            log.critical("ending the process: %s", reason, extra={"session": self.session})
            self._on_fatal(reason)
