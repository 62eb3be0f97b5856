"""The one policy for what dies: started again, at once the first time, then after growing pauses."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tradedesk.stack.processes.reasons import last_words

#: Seconds before the first, second ... start in a row; the last one is kept to.
PAUSES = (0, 1, 2, 4, 8, 16, 30)
STEADY = 30  # seconds of life after which the pauses begin anew
KEEPS_DYING = 3  # deaths in a row


@dataclass(frozen=True, kw_only=True)
class Death:
    """Somebody died: by exit code or negative signal `code`, to be started again in `pause` seconds."""

    who: str
    code: int
    in_a_row: int
    pause: int
    reason: str
    log: str

    @property
    def how(self) -> str:
        """Killed by which signal, or ended with which exit code."""
        if self.code < 0:
            return f"was killed by {signal.Signals(-self.code).name}"
        return f"ended by itself, exit code {self.code}"

    def __str__(self) -> str:
        often = f"{self.who} keeps dying, {self.in_a_row} times in a row: it"
        who = often if self.in_a_row >= KEEPS_DYING else self.who
        words = f" ({self.reason})" if self.reason else ""
        return f"{who} {self.how}{words}. It is started again {in_words(self.pause)}. Log: {self.log}"


@dataclass(frozen=True, kw_only=True)
class Return:
    """Who died is there again."""

    who: str
    pid: int

    def __str__(self) -> str:
        return f"{self.who} was started again, pid {self.pid}."


def in_words(pause: int) -> str:
    """When the next start is."""
    return f"in {pause} s" if pause else "at once"


class Restarts:
    """How often one process has died in a row, and so how long it pauses."""

    def __init__(self) -> None:
        self.in_a_row = 0
        self.started_at = time.monotonic()

    def started(self) -> None:
        """It runs from now on."""
        self.started_at = time.monotonic()

    def died(self, who: str, code: int, log: Path, reason: str = "") -> Death:
        """Count this death. Without a reason it is the last words of the log, so call this at once.

        What was killed had no say in it, and its last words are about something else.
        """
        if time.monotonic() - self.started_at >= STEADY:
            self.in_a_row = 0
        self.in_a_row += 1
        pause = PAUSES[min(self.in_a_row, len(PAUSES)) - 1]
        return Death(
            who=who,
            code=code,
            in_a_row=self.in_a_row,
            pause=pause,
            reason=reason or (last_words(log) if code >= 0 else ""),
            log=str(log),
        )


class Kept:
    """What `up` itself starts again: a server, or the supervisor of the processes.

    `ended` gives the exit code of one that is gone, `start` starts it and returns its pid once it serves.
    """

    def __init__(
        self, who: str, log: Path, *, ended: Callable[[], int | None], start: Callable[[], int]
    ) -> None:
        self.who = who
        self.log = log
        self.ended = ended
        self.start = start
        self.restarts = Restarts()
        self.due: float | None = None  # monotonic; None while it runs

    def tend(self, say: Callable[[Death | Return], None]) -> None:
        """Take notice of its death, and start it again when the pause is over. Says both."""
        if self.due is None and (code := self.ended()) is not None:
            self._pause(code, say)
        if self.due is None or time.monotonic() < self.due:
            return
        try:
            pid = self.start()
        except Exception as error:  # whatever hinders it (ports, disk, rights), it is tried again
            self.restarts.started()  # it has not lived at all
            self._pause(1, say, str(error))
        else:
            self.due = None
            self.restarts.started()
            say(Return(who=self.who, pid=pid))

    def _pause(self, code: int, say: Callable[[Death | Return], None], reason: str = "") -> None:
        death = self.restarts.died(self.who, code, self.log, reason)
        self.due = time.monotonic() + death.pause
        say(death)
