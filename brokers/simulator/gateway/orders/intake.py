"""What becomes of a placeOrder: completed, checked, made into a record, and admitted or not."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime

from brokers.simulator.exchange.exchange import Exchange
from brokers.simulator.exchange.instruments import Instrument, Universe
from brokers.simulator.gateway.accounts.allocation import Allocations
from brokers.simulator.gateway.accounts.exposure import Exposure
from brokers.simulator.gateway.accounts.margin import margin_shortfall
from brokers.simulator.gateway.accounts.valuation import Valuation
from brokers.simulator.gateway.memory.facts import OrderRecord, Status
from brokers.simulator.gateway.memory.state import State
from brokers.simulator.gateway.orders import pegging
from brokers.simulator.gateway.orders.attached import Families
from brokers.simulator.gateway.orders.checks import check_new
from brokers.simulator.gateway.orders.hedges import ZERO, Hedges
from brokers.simulator.gateway.orders.terms import NIGHT_VENUES, works_at_night
from brokers.simulator.gateway.orders.waiting import WaitingOrders
from brokers.simulator.gateway.reference.contracts import resolve, resolve_for_order
from brokers.simulator.gateway.texts.refusals import (
    LOCATING,
    NO_CASH_QUANTITY,
    OUTSIDE_RTH_IGNORED,
    UNSUPPORTED_TYPE,
    Refusal,
    Refused,
    not_yet_at_the_exchange,
    rejected,
)
from brokers.simulator.wire.place_order import PlaceOrder
from brokers.simulator.wire.records import Order


class Intake:
    """Reads new orders; nothing is known of them before they are admitted."""

    def __init__(
        self,
        state: State,
        exchange: Exchange,
        families: Families,
        hedges: Hedges,
        waiting: WaitingOrders,
        allocations: Allocations,
        clock: Callable[[], datetime],
    ) -> None:
        self._state = state
        self._exchange = exchange
        self._families = families
        self._hedges = hedges
        self._waiting = waiting
        self._allocations = allocations
        self._clock = clock

    def check(self, message: PlaceOrder) -> Instrument:
        """Return the instrument of an order that may be taken in; raises Refused."""
        instrument = self.completed(message)
        check_new(message.order, instrument, self._state.accounts, self._state.universe, self._clock())
        return instrument

    def completed(self, message: PlaceOrder) -> Instrument:
        """Fill in what the order leaves open, and return its instrument; raises Refused."""
        instrument = resolve_for_order(self._state.universe, message.contract)
        is_for_night = message.contract.exchange in NIGHT_VENUES or message.order.include_overnight
        if is_for_night and message.order.order_type != "LMT":
            raise Refused(UNSUPPORTED_TYPE)
        if instrument.is_tradable:
            _complete_cash_quantity(message.order, instrument, self._exchange)
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
            exchange=contract.exchange,
            account=order.account or next(iter(self._state.accounts)),
            order=order,
            received_at=self._clock(),
            parent_perm_id=parent.perm_id if parent else 0,
            combo_symbol=contract.symbol if contract.combo_legs else "",
            combo_legs=contract.combo_legs,
            allocation=self._allocations.weights(order, instrument.con_id),
        )
        record.why_held = self._waiting.why_held(record, instrument)
        return record


def _complete_cash_quantity(order: Order, instrument: Instrument, exchange: Exchange) -> None:
    """Turn the cash quantity into whole lots at the limit, or at the last price; raises Refused (10244)."""
    if not order.cash_qty:
        return
    if "CASHQTY" not in instrument.order_types or order.cash_qty < 0:
        raise Refused(NO_CASH_QUANTITY)
    price = order.lmt_price or exchange.last_price(instrument.con_id)
    if not order.total_quantity and price > 0:
        order.total_quantity = order.cash_qty / price // instrument.lot * instrument.lot


def rejection(record: OrderRecord, state: State, valuation: Valuation, exposure: Exposure) -> Refusal | None:
    """Return why a well-formed order ends at once: its parent is gone, or the account cannot carry it."""
    parent = state.orders.get(record.parent_perm_id)
    if parent is not None and parent.is_done and parent.status is not Status.FILLED:
        return rejected("Parent order is being cancelled.")
    return margin_shortfall(record, state, valuation, exposure)


def notices(record: OrderRecord, universe: Universe, exchange: Exchange) -> Iterator[Refusal]:
    """Yield the notices that go with an order that is taken, in the order of real gateways."""
    order = record.order
    if order.outside_rth and order.order_type == "MKT":
        yield OUTSIDE_RTH_IGNORED
    if record.why_held == "locate":
        yield LOCATING
    outside_rth = bool(order.outside_rth) and order.order_type != "MKT"
    opens = exchange.next_opening(
        record.con_id,
        outside_rth=outside_rth,
        at_night=works_at_night(record),
        by_day=record.exchange not in NIGHT_VENUES,
    )
    if opens is not None:
        what = f"{order.action} {record.quantity:f} {universe[record.con_id].symbol} {record.exchange}"
        yield not_yet_at_the_exchange(what, opens)
