"""What becomes of a placeOrder: completed, checked, and made into the record of an order."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from brokers.simulator.exchange.exchange import Exchange
from brokers.simulator.exchange.instruments import Instrument
from brokers.simulator.gateway.accounts.allocation import Allocations
from brokers.simulator.gateway.memory.facts import OrderRecord
from brokers.simulator.gateway.memory.state import State
from brokers.simulator.gateway.orders import cash, pegging
from brokers.simulator.gateway.orders.attached import Families
from brokers.simulator.gateway.orders.checks import check_new
from brokers.simulator.gateway.orders.hedges import ZERO, Hedges
from brokers.simulator.gateway.orders.waiting import WaitingRoom
from brokers.simulator.gateway.reference.contracts import resolve
from brokers.simulator.wire.place_order import PlaceOrder


class Intake:
    """Reads new orders; nothing is known of them before the desk admits them."""

    def __init__(
        self,
        state: State,
        exchange: Exchange,
        families: Families,
        hedges: Hedges,
        room: WaitingRoom,
        allocations: Allocations,
        clock: Callable[[], datetime],
    ) -> None:
        self._state = state
        self._exchange = exchange
        self._families = families
        self._hedges = hedges
        self._room = room
        self._allocations = allocations
        self._clock = clock

    def check(self, message: PlaceOrder) -> Instrument:
        """Return the instrument of an order that may be taken in; raises Refused."""
        instrument = self.completed(message)
        check_new(message.order, instrument, self._state.accounts, self._state.universe, self._clock())
        return instrument

    def completed(self, message: PlaceOrder) -> Instrument:
        """Fill in what the order leaves open, and return its instrument; raises Refused."""
        instrument = resolve(self._state.universe, message.contract)
        if instrument.is_tradable:
            cash.complete(message.order, instrument, self._exchange)
            pegging.complete(message.order, instrument, self._exchange)
        return instrument

    def record(self, client_id: int, message: PlaceOrder) -> OrderRecord:
        """Return the order as it begins; raises Refused if it cannot be allocated."""
        order, contract = message.order, message.contract
        instrument = resolve(self._state.universe, contract)
        parent = self._families.parent(client_id, order)
        if parent is not None and order.hedge_type:
            order.total_quantity = (
                self._hedges.quantity(order, instrument, parent) if parent.is_done else ZERO
            )
        elif parent is not None:
            order.oca_group = order.oca_group or str(parent.perm_id)
        record = OrderRecord(
            perm_id=self._state.next_perm_id(),
            client_id=client_id,
            order_id=message.order_id,
            con_id=instrument.con_id,
            exchange=contract.exchange or instrument.exchange,
            account=order.account or next(iter(self._state.accounts)),
            order=order,
            received_at=self._clock(),
            parent_perm_id=parent.perm_id if parent else 0,
            combo_symbol=contract.symbol if contract.combo_legs else "",
            combo_legs=contract.combo_legs,
            allocation=self._allocations.weights(order, instrument.con_id),
        )
        record.why_held = self._room.why_held(record, instrument)
        return record
