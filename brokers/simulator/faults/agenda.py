"""What is to be done later, by the gateway's clock."""

from __future__ import annotations

import heapq
from collections.abc import Callable
from datetime import datetime, timedelta
from itertools import count

Task = Callable[[], None]


class Agenda:
    """Tasks and their moments; whoever has the clock calls `run_due`."""

    def __init__(self, clock: Callable[[], datetime]) -> None:
        self._clock = clock
        self._tasks: list[tuple[datetime, int, Task]] = []
        self._numbers = count()  # keeps tasks of one moment apart, and keeps their order

    def after(self, seconds: float, task: Task) -> None:
        """Do a task so many seconds from now; with 0 at the next `run_due`."""
        due = self._clock() + timedelta(seconds=seconds)
        heapq.heappush(self._tasks, (due, next(self._numbers), task))

    def run_due(self) -> None:
        """Do what is due, in order of time."""
        while self._tasks and self._tasks[0][0] <= self._clock():
            heapq.heappop(self._tasks)[2]()

    def clear(self) -> None:
        """Forget everything."""
        self._tasks.clear()
