"""The sweep: named steps, each guarded, timed and counted, so that one that fails stops no other."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable, Sequence

from brokers.postgres import database

log = logging.getLogger(__name__)

FAILURES_SHOWN = 3  # in a row


class Step:
    """One step of the sweep: harmless to repeat, done at most every so many seconds."""

    def __init__(self, name: str, run: Callable[[], object], every: float = 0.0) -> None:
        self.name = name
        self.every = every
        self._run = run
        self._ran_at = -math.inf
        self.runs = self.failures = self.failing = 0  # `failing`: in a row
        self.seconds = 0.0
        self.error = ""

    def is_due(self) -> bool:
        """Whether it is its time; a step that failed is due again at once."""
        return bool(self.failing) or time.monotonic() - self._ran_at >= self.every

    def run(self) -> Exception | None:
        """Do it; its error, which has been logged."""
        self._ran_at = time.monotonic()
        self.runs += 1
        try:
            self._run()
            self.failing, self.error = 0, ""
            return None
        except Exception as error:
            self.failures += 1
            self.failing += 1
            self.error = repr(error)
            if database.is_away(error):
                log.warning("the step %r waits for the database", self.name, extra={"error": repr(error)})
            else:
                log.exception("the step %r of the sweep failed", self.name)
            database.discard_connection()
            return error
        finally:
            self.seconds += time.monotonic() - self._ran_at

    def problem(self) -> str:
        """What a person should know of it; empty while it works."""
        if self.failing < FAILURES_SHOWN:
            return ""
        return f"The step {self.name!r} of the sweep failed {self.failing} times in a row: {self.error}"


class Sweep:
    """All steps, in their order."""

    def __init__(self, steps: Sequence[Step]) -> None:
        self.steps = tuple(steps)
        self._first = 0

    def round(self, beat: Callable[[], None]) -> None:
        """Do every step that is due.

        Two in a row that find the database away end the round: waiting for it once is enough. The next
        round begins behind them, so that two that always fail do not keep the others from their turn.
        """
        order = [*range(self._first, len(self.steps)), *range(self._first)]
        self._first, away = 0, 0
        for number in order:
            step = self.steps[number]
            if not step.is_due():
                continue
            beat()
            error = step.run()
            away = away + 1 if error and database.is_away(error) else 0
            if away == 2:
                self._first = (number + 1) % len(self.steps)
                return
