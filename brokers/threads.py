"""A thread that says that it lives and can be started again; `orders.session.supervisor` watches it."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable

log = logging.getLogger(__name__)

_here = threading.local()


def beat_here() -> None:
    """Say that the thread on which this is called lives, if it is a `RestartableThread`.

    For waits that may last, on what another thread that is watched itself is seen to do.
    """
    thread: RestartableThread | None = getattr(_here, "thread", None)
    if thread is not None:
        thread.beat()


class RestartableThread:
    """Runs `work` until it returns or fails. Started again, it is a new thread over the same objects.

    So whatever `work` must not lose lives in objects, not in its local variables.
    """

    def __init__(
        self, name: str, work: Callable[[], None], cleanup: Callable[[], None] | None = None
    ) -> None:
        self.name = name
        self._work = work
        self._cleanup = cleanup
        self._thread: threading.Thread | None = None
        self.beat_at = time.monotonic()
        self.error = ""  # what ended it last

    def start(self) -> None:
        """Start it, for the first time or again."""
        self.beat()
        self._thread = threading.Thread(target=self._run, name=self.name, daemon=True)
        self._thread.start()

    def beat(self) -> None:
        """It lives; to be called at least every few seconds."""
        self.beat_at = time.monotonic()

    def is_alive(self) -> bool:
        return self._thread is not None and self._thread.is_alive()

    @property
    def ident(self) -> int | None:
        """The interpreter's number of the thread, while it lives."""
        return self._thread.ident if self._thread and self._thread.is_alive() else None

    def join(self, timeout: float) -> None:
        """Wait until it has ended; one that was never started has."""
        if self._thread is not None:
            self._thread.join(timeout)

    def _run(self) -> None:
        _here.thread = self
        try:
            self._work()
            self.error = "it returned"
        except BaseException as error:  # also what is no Exception must not end a thread unseen
            self.error = repr(error)
            log.critical("thread ended", extra={"which": self.name}, exc_info=True)
        finally:
            if self._cleanup:
                self._cleanup()
