"""Orders that the gateway keeps back, and those that time concerns.

Kept back: children of an unfilled parent, orders with a time to come or conditions to be met, short sales
whose shares are being located. Concerned by time: orders with an end date, with conditions that cancel,
algorithms.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

from brokers.simulator.exchange.book import ZERO
from brokers.simulator.exchange.instruments import Instrument
from brokers.simulator.gateway.accounts.margin import signed
from brokers.simulator.gateway.memory.facts import OrderRecord, Status
from brokers.simulator.gateway.memory.state import State
from brokers.simulator.gateway.orders import adjustable, slicing
from brokers.simulator.gateway.orders.conditions import Conditions
from brokers.simulator.gateway.orders.terms import TRIGGERED
from brokers.simulator.gateway.texts.times import parse_moment
from brokers.simulator.wire.records import Order


def changes(order: Order) -> bool:
    """Whether the order as the market has it changes with time or with the market."""
    return slicing.is_sliced(order) or adjustable.is_adjustable(order)


#: How long an order in crypto currency for "Minutes" works.
MINUTES = timedelta(minutes=5)


class WaitingOrders:
    """Knows why an order is not in the market, and which orders the clock concerns."""

    def __init__(self, state: State, conditions: Conditions, clock: Callable[[], datetime]) -> None:
        self._state = state
        self._conditions = conditions
        self._clock = clock
        self.held: dict[int, OrderRecord] = {}
        self.timed: dict[int, OrderRecord] = {}
        self._children: dict[int, list[OrderRecord]] = {}

    def add(self, record: OrderRecord) -> bool:
        """Register a new order; return whether it is kept back."""
        if record.parent_perm_id:
            self._children.setdefault(record.parent_perm_id, []).append(record)
        self.retime(record)
        if record.released or not self.is_kept_back(record):
            return False
        self.held[record.perm_id] = record
        return True

    def hold(self, record: OrderRecord) -> None:
        """Keep an order back that was at work."""
        self.held[record.perm_id] = record

    def remove(self, record: OrderRecord) -> None:
        """Forget an order that is done; its children stay known to `children_of`."""
        self.held.pop(record.perm_id, None)
        self.timed.pop(record.perm_id, None)

    def forget(self, perm_ids: set[int]) -> None:
        """Forget whose children were known: nothing asks for orders that are done for long."""
        for parent in perm_ids & self._children.keys():
            del self._children[parent]

    def retime(self, record: OrderRecord) -> bool:
        """Apply modified terms; return whether the order is kept back still."""
        order = record.order
        if changes(order) or order.conditions_cancel_order or order.tif in ("GTD", "Minutes"):
            self.timed[record.perm_id] = record
        else:
            self.timed.pop(record.perm_id, None)
        return record.perm_id in self.held

    def has_children(self, record: OrderRecord) -> bool:
        """Whether orders were ever attached to this one."""
        return record.perm_id in self._children

    def children_of(self, record: OrderRecord) -> list[OrderRecord]:
        """Return the open orders that are attached to this one."""
        return [child for child in self._children.get(record.perm_id, []) if not child.is_done]

    def is_kept_back(self, record: OrderRecord) -> bool:
        """Whether something keeps the order out of the market now."""
        order = record.order
        if self._waits_for_parent(record):
            return True
        if record.blocked_until is not None and self._clock() < record.blocked_until:
            return True
        if order.good_after_time and self._clock() < parse_moment(order.good_after_time, record.received_at):
            return True
        if order.conditions and not order.conditions_cancel_order and not self._conditions.are_met(record):
            return True
        return record.why_held == "locate" and self._clock() < self._located_at(record)

    def may_be_released(self, record: OrderRecord) -> bool:
        """Whether an order that was kept back need not be any longer."""
        return record.perm_id in self.held and not record.is_done and not self.is_kept_back(record)

    def is_over(self, record: OrderRecord) -> bool:
        """Whether an order's end date or the condition that cancels it has come."""
        order = record.order
        if order.tif == "Minutes":
            return self._clock() >= record.received_at + MINUTES
        if order.tif == "GTD":
            return self._clock() >= parse_moment(order.good_till_date, record.received_at)
        return bool(order.conditions_cancel_order) and self._conditions.are_met(record)

    def why_held(self, record: OrderRecord, instrument: Instrument) -> str:
        """Return the reasons that orderStatus gives: child, trigger, locate."""
        if self._needs_locate(record, instrument):
            return "locate"
        reasons = ["child"] if self._waits_for_parent(record) else []
        reasons += ["trigger"] if record.order.order_type in TRIGGERED and not record.elected else []
        return ",".join(reasons)

    def _waits_for_parent(self, record: OrderRecord) -> bool:
        if not record.parent_perm_id or record.released:
            return False
        parent = self._state.orders[record.parent_perm_id]
        if record.order.hedge_type:
            return not (parent.is_done and parent.filled)
        return parent.status is not Status.FILLED

    def _needs_locate(self, record: OrderRecord, instrument: Instrument) -> bool:
        if not instrument.locate_seconds or record.order.action != "SELL" or record.released:
            return False
        position = self._state.accounts[record.account].positions.get(record.con_id)
        held = position.quantity if position else ZERO
        return held + signed(record.remaining, "SELL") < 0

    def _located_at(self, record: OrderRecord) -> datetime:
        seconds = self._state.universe[record.con_id].locate_seconds
        return record.received_at + timedelta(seconds=seconds)
