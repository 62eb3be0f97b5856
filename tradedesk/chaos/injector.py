"""Making the faults of a plan at their moments, and noting when each was healed."""

from __future__ import annotations

import heapq
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from tradedesk.chaos.ground import Ground
from tradedesk.chaos.kinds import KINDS
from tradedesk.chaos.plan import Plan, PlannedFault
from tradedesk.demo.orders import MOVE, Quote, market_moves, signed

TICK = 0.05  # seconds
LATER = 0.3  # seconds
Task = Callable[[], None]


@dataclass(kw_only=True)
class MadeFault:
    """A fault as it was made: when it began and when its last step was done (UTC)."""

    planned: PlannedFault
    began_at: datetime
    healed_at: datetime


class Injector:
    """Walks through a plan; the thread that calls `run` starts the processes and must live on."""

    def __init__(self, ground: Ground, plan: Plan, quotes: list[Quote]) -> None:
        self.ground = ground
        self.plan = plan
        self.quotes = quotes
        self.made: list[MadeFault] = []
        self._harmed: set[str] = set()
        self._agenda: list[tuple[float, int, Task]] = []
        self._count = 0

    def run(self) -> None:
        """Make all faults and heal them, supervise meanwhile; returns when the plan is over."""
        started = time.monotonic()
        for planned in self.plan.faults:
            self._at(started + planned.at, self._beginning_of(planned))
        self._at(started + self.plan.moves_at, self._move_markets)
        while self._agenda or time.monotonic() < started + self.plan.duration:
            while self._agenda and self._agenda[0][0] <= time.monotonic():
                heapq.heappop(self._agenda)[2]()
            self.ground.supervise()
            time.sleep(TICK)

    def _at(self, moment: float, task: Task) -> None:
        self._count += 1  # tells tasks of one moment apart
        heapq.heappush(self._agenda, (moment, self._count, task))

    def _beginning_of(self, planned: PlannedFault) -> Task:
        target = KINDS[planned.kind].target

        def begin() -> None:
            if target in self._harmed:  # the fault before took longer than planned
                self._at(time.monotonic() + LATER, begin)
                return
            self._harmed.add(target)
            now = datetime.now(UTC)
            made = MadeFault(planned=planned, began_at=now, healed_at=now)
            self.made.append(made)
            self._step(made, 0)

        return begin

    def _step(self, made: MadeFault, number: int) -> None:
        """One step; the pause before the next one counts from its end, however long it took."""
        planned = made.planned
        KINDS[planned.kind].steps[number].act(self.ground, planned.fields)
        if number < len(planned.pauses):
            self._at(time.monotonic() + planned.pauses[number], lambda: self._step(made, number + 1))
        else:
            made.healed_at = datetime.now(UTC)
            self._harmed.remove(KINDS[planned.kind].target)

    def _move_markets(self) -> None:
        """Elect the stops that wait for it, each market in its direction, once the gateway can be asked."""
        if "simgateway" in self._harmed:
            self._at(time.monotonic() + LATER, self._move_markets)
            return
        moves = market_moves(self.quotes)
        for quote in self.quotes:
            price = quote.at(signed(MOVE, moves[quote.symbol]))
            self.ground.move_market(quote.symbol, f"{price:f}")
