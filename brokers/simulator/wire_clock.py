"""When executions went out on the wire: what a measurement of the client's side begins with."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from itertools import takewhile

from brokers.simulator.gateway.memory.facts import Executed

KEPT = 200_000  # executions; the oldest half is forgotten above it


class WireClock:
    """When each execution's messages were about to be given to the sockets, for as many as are kept."""

    def __init__(self, earlier: Iterable[Executed] = ()) -> None:
        self._sent_at: dict[str, datetime | None] = dict.fromkeys(fact.exec_id for fact in earlier)

    def record(self, executions: Sequence[Executed], now: datetime) -> None:
        """All of these are sent now; those recorded before keep their time."""
        new = list(takewhile(lambda fact: fact.exec_id not in self._sent_at, reversed(executions)))
        self._sent_at.update((fact.exec_id, now) for fact in reversed(new))
        if len(self._sent_at) > KEPT:
            self._sent_at = dict(list(self._sent_at.items())[KEPT // 2 :])

    def sent_at(self, exec_id: str) -> datetime | None:
        """When it was sent; None for one of an earlier run, or forgotten."""
        return self._sent_at.get(exec_id)
