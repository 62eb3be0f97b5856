"""What open orders may do to positions: kept up with every fact, so that asking costs the same always."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from decimal import Decimal
from typing import NamedTuple

from brokers.simulator.gateway.memory.facts import (
    Adjusted,
    Cleared,
    Corrected,
    Executed,
    Fact,
    Modified,
    OrderRecord,
    Placed,
    Reduced,
    Snapshot,
    StatusChanged,
)
from brokers.simulator.gateway.memory.state import State

ZERO = Decimal(0)
#: Facts after which an order may still buy or sell another quantity.
_CHANGING = (Modified, Adjusted, Reduced, Executed, StatusChanged)


class Working(NamedTuple):
    """How much of an instrument open orders may still buy and sell."""

    buys: Decimal = ZERO
    sells: Decimal = ZERO

    def largest(self, held: Decimal) -> Decimal:
        """Return the largest position, long or short, that these orders may make of `held`."""
        return max(abs(held), abs(held + self.buys), abs(held - self.sells))

    def plus(self, quantity: Decimal) -> Working:
        """Return this with a signed quantity more."""
        if quantity > 0:
            return Working(self.buys + quantity, self.sells)
        return Working(self.buys, self.sells - quantity)


_NOTHING = Working()


class Exposure:
    """The open orders of each account by instrument.

    Only orders that stand for themselves count: of a bracket or an OCA group most would never trade. Neither
    do combinations, whose legs cover each other.
    """

    def __init__(self) -> None:
        self._working: defaultdict[str, dict[int, Working]] = defaultdict(dict)
        self._counted: dict[int, tuple[str, int, Decimal]] = {}

    def update(self, record: OrderRecord) -> None:
        """Count the order as it stands now."""
        self._count(self._counted.pop(record.perm_id, None), -1)
        if record.is_done or record.parent_perm_id or record.order.oca_group or record.combo_legs:
            return
        quantity = record.remaining if record.order.action == "BUY" else -record.remaining
        counted = self._counted[record.perm_id] = (record.account, record.con_id, quantity)
        self._count(counted, 1)

    def on_fact(self, fact: Fact, state: State) -> None:
        """Keep up with a fact that was made."""
        if isinstance(fact, (Snapshot, Cleared)):
            self._working.clear()
            self._counted.clear()
            for record in state.open.values():
                self.update(record)
        elif isinstance(fact, Placed):
            self.update(fact.record)
        elif isinstance(fact, _CHANGING):
            self.update(state.orders[fact.perm_id])
        elif isinstance(fact, Corrected) and (execution := state.execution(fact.exec_id)):
            self.update(state.orders[execution.perm_id])

    def without(self, record: OrderRecord) -> Working:
        """Return what the other orders may still buy and sell of the order's instrument."""
        known = self._working[record.account].get(record.con_id, _NOTHING)
        own = self._counted.get(record.perm_id)
        if own is None:
            return known
        quantity = own[2]
        return Working(known.buys - max(quantity, ZERO), known.sells - max(-quantity, ZERO))

    def of(self, account: str) -> Iterator[tuple[int, Working]]:
        """Yield what may still be bought and sold for an account, by con_id."""
        yield from self._working[account].items()

    def _count(self, counted: tuple[str, int, Decimal] | None, sign: int) -> None:
        if counted is None:
            return
        account, con_id, quantity = counted
        known = self._working[account].get(con_id, _NOTHING)
        buys = known.buys + sign * max(quantity, ZERO)
        sells = known.sells + sign * max(-quantity, ZERO)
        if buys or sells:
            self._working[account][con_id] = Working(buys, sells)
        else:
            self._working[account].pop(con_id, None)
