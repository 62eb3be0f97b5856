"""What the market reports, recorded and published: a change is in the state before any message about it.

Message order is that of real gateways (tws-wire 6.3 and 8).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any

from brokers.simulator.exchange import orders as m
from brokers.simulator.gateway.memory.facts import (
    Elected,
    Executed,
    Moved,
    OrderRecord,
    Reduced,
    Status,
    StatusChanged,
)
from brokers.simulator.gateway.memory.state import State
from brokers.simulator.gateway.orders import echo
from brokers.simulator.gateway.orders.fills import Fills
from brokers.simulator.gateway.orders.publisher import OrderPublisher
from brokers.simulator.gateway.texts.numbers import plain
from brokers.simulator.gateway.texts.refusals import CANCELED

BY_SYSTEM = "Cancelled by System:\n"


class MarketEventHandler:
    """Turns market events into facts and messages; `ended` is called with each order that is done."""

    def __init__(
        self,
        state: State,
        publisher: OrderPublisher,
        fills: Fills,
        clock: Callable[[], datetime],
        ended: Callable[[OrderRecord], None],
    ) -> None:
        self._state = state
        self._publisher = publisher
        self._fills = fills
        self._clock = clock
        self._ended = ended
        self._handlers: dict[type[m.MarketEvent], Callable[[OrderRecord, Any], None]] = {
            m.Filled: self._filled,
            m.ComboFilled: self._combo_filled,
            m.Resting: self._resting,
            m.StopElected: self._elected,
            m.Trailed: self._trailed,
            m.Repriced: self._repriced,
            m.Parked: self._parked,
            m.Killed: self._killed,
            m.Expired: lambda record, event: self.cancel(record, "Expired"),
            m.QuantityReduced: self._reduced,
            m.Displaced: self._displaced,
        }

    def handle(self, events: Iterable[m.MarketEvent]) -> None:
        """Record and publish what happened, in order."""
        for event in events:
            self._handlers[type(event)](self._state.orders[event.order_id], event)

    def cancel(self, record: OrderRecord, completed_status: str) -> None:
        """End an order that the market no longer has."""
        self._publisher.publish(record, echo.order_status(record, Status.PENDING_CANCEL))
        self.change_status(record, Status.CANCELLED, completed_status=completed_status)
        self._publisher.publish(record, echo.order_status(record))
        self._publisher.publish_error(record, CANCELED)
        self._ended(record)

    def change_status(
        self, record: OrderRecord, status: Status, *, why_held: str = "", completed_status: str = ""
    ) -> bool:
        """Record another status or another reason to be held; False if both are as they were."""
        if status is record.status and why_held == record.why_held:
            return False
        at = self._clock() if completed_status else None
        self._state.apply(
            StatusChanged(
                perm_id=record.perm_id,
                status=status,
                why_held=why_held,
                at=at,
                completed_status=completed_status,
            )
        )
        return True

    # -- fills ------------------------------------------------------------------------------------

    def _filled(self, record: OrderRecord, event: m.Filled) -> None:
        whole, shares = self._fills.book(record, event)
        self._publisher.publish_execution(record, whole)
        self._progressed(record)
        self._publisher.publish(record, echo.commission_report(whole))
        # An advisor's login hears the master's execution and its cost first, then each account's share.
        for share in shares:
            self._publisher.publish_execution(record, share)
        for share in shares:
            self._publisher.publish(record, echo.commission_report(share))
        self._end_if_filled(record)

    def _combo_filled(self, record: OrderRecord, event: m.ComboFilled) -> None:
        whole, legs = self._fills.book_combo(record, event)
        facts: list[Executed] = [whole, *legs]
        for fact in facts:
            self._publisher.publish_execution(record, fact)
        self._progressed(record)
        for fact in facts:
            self._publisher.publish(record, echo.commission_report(fact))
        self._end_if_filled(record)

    def _progressed(self, record: OrderRecord) -> None:
        if record.remaining:
            self.change_status(record, Status.SUBMITTED)
            self._publisher.publish_order(record)
            return
        completed = f"Filled Size: {plain(record.filled):f}"
        self.change_status(record, Status.FILLED, completed_status=completed)
        self._publisher.publish_order(record)
        self._publisher.publish_order(record, with_commission=True)

    def _end_if_filled(self, record: OrderRecord) -> None:
        if record.is_done:
            self._ended(record)

    # -- on the way -------------------------------------------------------------------------------

    def _resting(self, record: OrderRecord, event: m.Resting) -> None:
        if self.change_status(record, Status.SUBMITTED):
            self._publisher.publish_order(record)

    def _parked(self, record: OrderRecord, event: m.Parked) -> None:
        if self.change_status(record, Status.PRE_SUBMITTED, why_held=record.why_held):
            self._publisher.publish_order(record)

    def _elected(self, record: OrderRecord, event: m.StopElected) -> None:
        self._state.apply(Elected(perm_id=record.perm_id))
        self.change_status(record, Status.SUBMITTED)
        self._publisher.publish_order(record)

    def _trailed(self, record: OrderRecord, event: m.Trailed) -> None:
        self._state.apply(Moved(perm_id=record.perm_id, trigger=event.trigger, limit=event.limit))
        self._publisher.publish_order(record)

    def _repriced(self, record: OrderRecord, event: m.Repriced) -> None:
        self._state.apply(Moved(perm_id=record.perm_id, limit=event.price))

    # -- ends that nobody asked for ---------------------------------------------------------------

    def _killed(self, record: OrderRecord, event: m.Killed) -> None:
        if event.time_in_force is m.TimeInForce.FOK:
            self.change_status(record, Status.INACTIVE, completed_status=BY_SYSTEM)
            self._publisher.publish_order(record)
        else:
            self._publisher.publish(record, echo.order_status(record, Status.PENDING_CANCEL))
            self.change_status(record, Status.CANCELLED, completed_status=BY_SYSTEM)
            self._publisher.publish(record, echo.order_status(record))
        self._ended(record)

    def _reduced(self, record: OrderRecord, event: m.QuantityReduced) -> None:
        quantity = min(event.quantity, record.remaining)
        if record.is_done:
            return
        if quantity == record.remaining:
            self.cancel(record, BY_SYSTEM)
            return
        self._state.apply(Reduced(perm_id=record.perm_id, quantity=quantity))
        self._publisher.publish_order(record)

    def _displaced(self, record: OrderRecord, event: m.Displaced) -> None:
        if not record.is_done:
            self.cancel(record, BY_SYSTEM)
