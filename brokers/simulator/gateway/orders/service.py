"""Requests about orders: place, modify, cancel; `market_events.py` does what follows in the market."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime
from decimal import Decimal

from brokers.simulator.exchange.exchange import Exchange
from brokers.simulator.exchange.orders import Filled, MarketEvent
from brokers.simulator.faults.agenda import Agenda
from brokers.simulator.faults.armed import Faults
from brokers.simulator.faults.fault import Fault
from brokers.simulator.gateway.accounts.allocation import Allocations
from brokers.simulator.gateway.accounts.exposure import Exposure
from brokers.simulator.gateway.accounts.valuation import Valuation
from brokers.simulator.gateway.clients.link import Link
from brokers.simulator.gateway.memory.facts import (
    Adjusted,
    Blocked,
    Modified,
    Moved,
    OrderRecord,
    Placed,
    Released,
    Repeated,
    Status,
)
from brokers.simulator.gateway.memory.state import State
from brokers.simulator.gateway.orders import adjustable, intake
from brokers.simulator.gateway.orders.attached import Families, join_group
from brokers.simulator.gateway.orders.checks import (
    check_modifiable,
    check_modification,
    normalized,
    same_terms,
)
from brokers.simulator.gateway.orders.conditions import Conditions
from brokers.simulator.gateway.orders.echo import what_if
from brokers.simulator.gateway.orders.fills import Fills
from brokers.simulator.gateway.orders.hedges import Hedges
from brokers.simulator.gateway.orders.intake import Intake
from brokers.simulator.gateway.orders.market_events import BY_SYSTEM, MarketEventHandler
from brokers.simulator.gateway.orders.publisher import OrderPublisher
from brokers.simulator.gateway.orders.slicing import shown_quantity
from brokers.simulator.gateway.orders.terms import TRAILING, TRIGGERED, market_order, trailing_trigger
from brokers.simulator.gateway.orders.waiting import WaitingOrders, changes
from brokers.simulator.gateway.texts.notices import refusal_of
from brokers.simulator.gateway.texts.refusals import (
    CANCELED,
    DUPLICATE_ID,
    Refusal,
    Refused,
    cancel_too_late,
    cancel_unknown,
    unreadable,
)
from brokers.simulator.wire.client import CancelOrder
from brokers.simulator.wire.place_order import PlaceOrder

LARGEST_ID = 2**31 - 1
BY_TRADER = "Cancelled by Trader"


class OrderService:
    """Works orders."""

    def __init__(
        self,
        state: State,
        exchange: Exchange,
        valuation: Valuation,
        faults: Faults,
        agenda: Agenda,
        clock: Callable[[], datetime],
        publisher: OrderPublisher,
        exposure: Exposure,
        allocations: Allocations,
    ) -> None:
        self._state = state
        self._exchange = exchange
        self._valuation = valuation
        self._exposure = exposure
        self._faults = faults
        self._agenda = agenda
        self._clock = clock
        self._publisher = publisher
        self._waiting = WaitingOrders(state, Conditions(state, exchange, valuation, clock), clock)
        self._families = Families(state)
        self._hedges = Hedges(state, exchange, clock)
        self._intake = Intake(
            state, exchange, self._families, self._hedges, self._waiting, allocations, clock
        )
        self._event_handler = MarketEventHandler(
            state, self._publisher, Fills(state, clock), clock, self._ended
        )
        #: Orders whose cancel is under way, and takes its time.
        self._canceling: set[int] = set()
        #: Orders that are done since their children were last updated.
        self._done: list[OrderRecord] = []

    # -- requests --------------------------------------------------------------------------------

    def place(self, link: Link, message: PlaceOrder) -> None:
        """Take a new order in, or modify the open one that has this id."""
        try:
            self._place(link, message)
        except Refused as refused:
            link.error(message.order_id, *refused.refusal)

    def cancel(self, link: Link, message: CancelOrder) -> None:
        """Cancel an order of this client."""
        order_id = message.order_id
        if link.untransmitted.pop(order_id, None) is not None:
            link.error(order_id, *CANCELED)
            return
        record = self._state.order(self._client_id(link), order_id)
        if record is None:
            link.error(order_id, *cancel_unknown(order_id))
        elif record.is_done:
            link.error(order_id, *cancel_too_late(order_id, record.status))
        elif record.perm_id in self._canceling:
            link.error(order_id, *cancel_too_late(order_id, Status.PENDING_CANCEL))
        else:
            self._cancel_for_client(record)

    def cancel_late(self, link: Link, record: OrderRecord, delay: float) -> None:
        """Say that a cancel is under way already, as if it had been asked for before; it ends then."""

        def end() -> None:
            self._canceling.discard(record.perm_id)
            if not record.is_done:
                self._cancel_for_client(record)

        self._canceling.add(record.perm_id)
        link.error(record.order_id, *cancel_too_late(record.order_id, Status.PENDING_CANCEL))
        self._agenda.after(delay, end)

    def end_cancels(self) -> None:
        """What is being canceled is canceled now."""
        for perm_id in sorted(self._canceling):
            record = self._state.orders.get(perm_id)
            if record and not record.is_done:
                self._cancel_for_client(record)
        self._canceling.clear()

    def _cancel_for_client(self, record: OrderRecord) -> None:
        """A client's cancel takes the rest of a group along, until one of it trades; the system's does not.

        Children of one parent are such a group (IBKR's glossary, "One-Cancels-All").
        """
        others = self._exchange.oca.others(record.perm_id)
        self._cancel(record, BY_TRADER)
        for perm_id in others:
            other = self._state.orders[perm_id]
            if not other.is_done:
                self._cancel(other, BY_SYSTEM)

    def cancel_all(self) -> None:
        """Cancel every open order of every client (reqGlobalCancel)."""
        for record in self._state.open_orders():
            if not record.is_done:
                self._cancel_for_client(record)

    def expire(self, record: OrderRecord) -> None:
        """Take out an order whose day is over."""
        self._cancel(record, "Expired")

    def on_market_events(self, events: Iterable[MarketEvent]) -> None:
        """Handle what the market reports, and do what follows from it for attached orders."""
        self._event_handler.handle(events)
        while self._done:
            self._update_children(self._done.pop(0))

    def forget(self, perm_ids: set[int]) -> None:
        """Forget what is still known of orders that were done long ago."""
        self._waiting.forget(perm_ids)

    def pass_time(self) -> None:
        """Release whose time or condition has come, end what is over, show more of algorithms."""
        for record in list(self._waiting.held.values()):
            # Releasing one may have released, or ended, others.
            if self._waiting.may_be_released(record):
                self._release(record)
        for record in list(self._waiting.timed.values()):
            if record.is_done:
                continue
            if self._waiting.is_over(record):
                self._cancel(record, "Expired" if record.order.tif in ("GTD", "Minutes") else BY_SYSTEM)
            elif record.perm_id not in self._waiting.held and changes(record.order):
                self._change(record)

    def readmit(self) -> None:
        """Put the open orders that the journal knew back into the market, in their order of arrival."""
        for record in list(self._state.open_orders()):
            self._join_group(record)
            if not self._waiting.add(record):
                self._submit(record)

    # -- placing ----------------------------------------------------------------------------------

    def _place(self, link: Link, message: PlaceOrder) -> None:
        client_id, order_id = self._client_id(link), message.order_id
        if order_id > LARGEST_ID:
            raise Refused(unreadable(f"For input string: {order_id}"))  # Java's NumberFormatException
        order = normalized(message.order)
        if order.what_if:
            self._answer_what_if(link, client_id, message)
            return
        record = self._state.order(client_id, order_id)
        if record is not None:
            self._modify(record, message)
            return
        if order_id not in link.untransmitted and order_id < self._state.next_order_id(client_id):
            raise Refused(DUPLICATE_ID)
        instrument = self._intake.check(message)
        self._families.check_parent(link, client_id, message)
        self._hedges.check(order, instrument, self._families.parent_instrument(link, client_id, order))
        if not order.transmit:
            # Real gateways keep it to themselves: no openOrder, no orderStatus, gone with the session.
            link.untransmitted[order_id] = message
            return
        for member in self._families.released_by(link, message):
            self._admit(self._intake.record(client_id, member))

    def accept(
        self, client_id: int, message: PlaceOrder, told_as: tuple[int, int] | None = None
    ) -> OrderRecord:
        """Work an order whatever its id; raises Refused if it cannot be worked."""
        normalized(message.order)
        self._intake.check(message)
        record = self._intake.record(client_id, message)
        record.told_as = told_as
        self._admit(record)
        return record

    def _answer_what_if(self, link: Link, client_id: int, message: PlaceOrder) -> None:
        self._intake.check(message)
        record = self._intake.record(client_id, message)
        account = self._state.accounts[record.account]
        link.send(what_if(record, account, self._valuation, self._exposure))

    def _admit(self, record: OrderRecord) -> None:
        """Take a checked order in: reject it, keep it back, or send it to its market."""
        self._state.apply(Placed(record=record))
        fault = self._faults.strike("reject", record) or self._faults.strike("inactive", record)
        if fault and fault.delay_ms:
            self._agenda.after(fault.delay, lambda: self._reject_by_fault(record, fault))
        elif fault:
            self._reject_by_fault(record, fault)
            return
        refusal = intake.rejection(record, self._state, self._valuation, self._exposure)
        if refusal is not None:
            self._reject(record, refusal)
            return
        self._join_group(record)
        is_held = self._waiting.add(record)
        for notice in intake.notices(record, self._state.universe, self._exchange):
            self._publisher.publish_error(record, notice)
        if not is_held:
            self._start_trail(record)
        self._publisher.publish_order(record)
        if not is_held:
            self._submit(record)

    def resubmit(self, record: OrderRecord) -> None:
        """Have the market work what is left of an open order, which is not what it knows."""
        if self._exchange.has(record.con_id, record.perm_id):
            self._submit(record)

    def fill_elsewhere(self, fill: Filled) -> None:
        """Book a fill of an open order that was not made in its market."""
        record = self._state.orders[fill.order_id]
        was_working = self._exchange.has(record.con_id, record.perm_id)
        self._exchange.cancel(record.con_id, record.perm_id)
        self.on_market_events([fill])
        if was_working and not record.is_done:
            self._submit(record)

    def _join_group(self, record: OrderRecord) -> None:
        join_group(record, self._exchange.oca, self._state.universe)

    # -- into the market --------------------------------------------------------------------------

    def _submit(self, record: OrderRecord) -> None:
        quantity = self._shown(record)
        if not quantity:
            return
        order = market_order(record, self._exchange, quantity)
        again = self._exchange.has(record.con_id, record.perm_id)
        work = self._exchange.replace if again else self._exchange.submit
        self.on_market_events(work(record.con_id, order))

    def _start_trail(self, record: OrderRecord) -> None:
        """Record where a trailing order's trigger begins: behind the market of now."""
        if record.order.order_type not in TRAILING or record.elected:
            return
        instrument = self._state.universe[record.con_id]
        trigger = trailing_trigger(record.order, self._exchange.last_price(record.con_id), instrument)
        self._state.apply(Moved(perm_id=record.perm_id, trigger=trigger))

    def _shown(self, record: OrderRecord) -> Decimal:
        return shown_quantity(record, self._state.universe[record.con_id].lot, self._clock())

    def _change(self, record: OrderRecord) -> None:
        """Adjust an order whose market has come that far; show the next part of one in parts."""
        if adjustable.is_due(record.order, self._exchange.last_price(record.con_id)):
            self._state.apply(Adjusted(perm_id=record.perm_id, order=adjustable.adjusted(record.order)))
            self._waiting.retime(record)
            self._start_trail(record)
            self._publisher.publish_order(record)
            self._submit(record)
        elif self._shown(record) > self._exchange.working(record.con_id, record.perm_id):
            self._submit(record)

    def _release(self, record: OrderRecord) -> None:
        self._waiting.held.pop(record.perm_id, None)
        self._state.apply(Released(perm_id=record.perm_id))
        self._start_trail(record)
        why_held = "trigger" if record.order.order_type in TRIGGERED else ""
        if self._event_handler.change_status(record, Status.PRE_SUBMITTED, why_held=why_held):
            self._publisher.publish_order(record)
        self._submit(record)

    # -- modifying --------------------------------------------------------------------------------

    def _modify(self, record: OrderRecord, message: PlaceOrder) -> None:
        try:
            check_modifiable(record)
            instrument = self._intake.completed(message)
            check_modification(
                record,
                message.order,
                instrument,
                self._state.universe,
                self._clock(),
                parent=self._state.orders.get(record.parent_perm_id),
            )
        except Refused:
            self._state.apply(Repeated(perm_id=record.perm_id))
            raise
        if same_terms(record.order, message.order):
            self._state.apply(Repeated(perm_id=record.perm_id))
            self._publisher.publish_order(record)
            return
        message.order.oca_group = record.order.oca_group
        message.order.parent_id = record.order.parent_id
        if record.order.hedge_type:
            message.order.total_quantity = record.quantity
        self._state.apply(Modified(perm_id=record.perm_id, order=message.order))
        self._start_trail(record)
        self._publisher.publish_order(record)
        self._join_group(record)
        if not self._waiting.retime(record):
            self._submit(record)

    # -- ending -----------------------------------------------------------------------------------

    def _cancel(self, record: OrderRecord, completed_status: str) -> None:
        self._exchange.cancel(record.con_id, record.perm_id)
        self._event_handler.cancel(record, completed_status)
        self.on_market_events(())

    def _reject(self, record: OrderRecord, refusal: Refusal | None, status: Status = Status.INACTIVE) -> None:
        reason = refusal.text.partition("reason:")[2] if refusal else ""
        completed = f"Rejected by System:\n{reason}"
        self._event_handler.change_status(record, status, completed_status=completed)
        self._publisher.publish_order(record)
        if refusal is not None:
            self._publisher.publish_error(record, refusal)

    def _reject_by_fault(self, record: OrderRecord, fault: Fault) -> None:
        """Reject an order because a fault says so, at once or after it was taken."""
        if record.is_done or record.perm_id not in self._state.orders:
            return
        was_taken = bool(fault.delay_ms)
        if was_taken:
            self._exchange.cancel(record.con_id, record.perm_id)
        if fault.revives_ms:
            self._block(record, fault)
            return
        self._reject(record, refusal_of(fault), Status(fault.status))
        if was_taken:
            self._ended(record)
            self.on_market_events(())

    def _block(self, record: OrderRecord, fault: Fault) -> None:
        """Keep an order back as Inactive, as real ones do until a person or a locate lets it go."""
        if not fault.delay_ms:
            self._join_group(record)
            self._waiting.add(record)
        self._state.apply(Blocked(perm_id=record.perm_id, until=self._clock() + fault.lasting))
        self._waiting.hold(record)
        self._publisher.publish_order(record)
        refusal = refusal_of(fault)
        if refusal is not None:
            self._publisher.publish_error(record, refusal)

    def _ended(self, record: OrderRecord) -> None:
        self._exchange.oca.leave(record.perm_id)
        self._waiting.remove(record)
        if record.parent_perm_id or self._waiting.has_children(record):
            self._done.append(record)

    def _update_children(self, record: OrderRecord) -> None:
        """Children begin to work when their parent is filled, and go with it when it is cancelled."""
        is_filled = record.status is Status.FILLED
        for child in self._waiting.children_of(record):
            is_wanted = is_filled or bool(record.filled and child.order.hedge_type)
            if not (is_wanted and self._hedges.has_size(child, record)):
                self._cancel(child, BY_SYSTEM)
            elif self._waiting.may_be_released(child):
                self._release(child)
        parent = self._state.orders.get(record.parent_perm_id)
        if parent and not parent.is_done and record.order.auto_cancel_parent and not is_filled:
            self._cancel(parent, BY_SYSTEM)

    @staticmethod
    def _client_id(link: Link) -> int:
        assert link.client_id is not None  # noqa: S101 - the gateway dispatches nothing before START_API
        return link.client_id
