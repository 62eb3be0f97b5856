"""How long the gateway remembers orders that are done: what bounds its memory and its journal."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

from brokers.simulator.gateway.memory.facts import Forgotten, OrderRecord
from brokers.simulator.gateway.memory.state import State

#: Finished orders kept at most; about 3.5 kB each with one execution.
MAX_FINISHED = 200_000
#: Finished orders are kept for the rest of their day and for the next one.
RETENTION = timedelta(days=1)
#: Forgetting goes through everything, so it is done for many at a time.
_BATCH_DIVISOR = 20


class Retention:
    """Forgets finished orders and their executions, oldest first. Open orders and their parents stay."""

    def __init__(self, state: State, most: int, forgotten: Callable[[set[int]], None]) -> None:
        self._state = state
        self._most = most
        self._forgotten = forgotten

    def keep_within_bounds(self) -> None:
        """Forget the oldest finished orders once there are a twentieth more than may be kept."""
        surplus = len(self._state.orders) - len(self._state.open) - self._most
        if surplus > self._most // _BATCH_DIVISOR:
            self._forget(self._finished()[:surplus])

    def end_day(self, midnight: datetime) -> None:
        """Forget, at the end of a day, the orders that were done before it began."""
        before = midnight - RETENTION
        self._forget([record for record in self._finished() if (record.done_at or midnight) < before])

    def _finished(self) -> list[OrderRecord]:
        needed = {record.parent_perm_id for record in self._state.open.values()}
        return [
            record
            for record in self._state.orders.values()
            if record.is_done and record.perm_id not in needed
        ]

    def _forget(self, records: list[OrderRecord]) -> None:
        if records:
            perm_ids = [record.perm_id for record in records]
            self._state.apply(Forgotten(perm_ids=perm_ids))
            self._forgotten(set(perm_ids))
