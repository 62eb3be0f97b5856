"""The order desk: takes orders in, follows them through the market, tells their owners.

Message order is that of real gateways (tws-wire 6.3 and 8); every change is in the state, and so in the
journal, before a word of it is said.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime
from decimal import Decimal

from brokers.simulator.exchange import market as m
from brokers.simulator.exchange.book import BookOrder, Side
from brokers.simulator.exchange.exchange import Exchange
from brokers.simulator.exchange.instruments import Instrument
from brokers.simulator.gateway import echo
from brokers.simulator.gateway.checks import (
    Refused,
    check_modification,
    check_new,
    normalized,
    resolve,
)
from brokers.simulator.gateway.faults import Faults
from brokers.simulator.gateway.link import Link
from brokers.simulator.gateway.state import (
    Elected,
    Executed,
    Modified,
    OrderRecord,
    Placed,
    Repeated,
    State,
    Status,
    StatusChanged,
)
from brokers.simulator.gateway.texts import (
    ALREADY_FILLED,
    CANCELED,
    DUPLICATE_ID,
    Refusal,
    cancel_too_late,
    cancel_unknown,
    rejected,
)
from brokers.simulator.gateway.valuation import Valuation
from brokers.simulator.gateway.what_if import what_if
from brokers.simulator.wire.client import CancelOrder
from brokers.simulator.wire.place_order import PlaceOrder
from brokers.simulator.wire.records import Record
from brokers.simulator.wire.server import ErrMsg

BY_TRADER = "Cancelled by Trader"
BY_SYSTEM = "Cancelled by System:\n"


class OrderDesk:
    """Works orders. `owners` names the links that are told about a client's orders."""

    def __init__(
        self,
        state: State,
        exchange: Exchange,
        valuation: Valuation,
        faults: Faults,
        clock: Callable[[], datetime],
        owners: Callable[[int], Iterable[Link]],
    ) -> None:
        self._state = state
        self._exchange = exchange
        self._valuation = valuation
        self._faults = faults
        self._clock = clock
        self._owners = owners
        #: (client id, order id) of which nothing is told, while a no_ack fault is at work.
        self._muted: tuple[int, int] | None = None
        self._handlers: dict[type[m.MarketEvent], Callable[..., None]] = {
            m.Filled: self._filled,
            m.Resting: self._resting,
            m.Elected: self._elected,
            m.Killed: self._killed,
        }

    # -- requests --------------------------------------------------------------------------------

    def place(self, link: Link, message: PlaceOrder) -> None:
        """Take a new order in, or modify the open one that has this id."""
        if self._faults.take("drop_place"):
            return
        self._muted = (self._client_id(link), message.order_id) if self._faults.take("no_ack") else None
        try:
            self._place(link, message)
        except Refused as refused:
            if self._muted is None:
                link.error(message.order_id, *refused.refusal)
        finally:
            self._muted = None

    def cancel(self, link: Link, message: CancelOrder) -> None:
        """Cancel an order of this client."""
        order_id = message.order_id
        if order_id in link.held_orders:
            link.held_orders.discard(order_id)
            link.error(order_id, *CANCELED)
            return
        record = self._state.order(self._client_id(link), order_id)
        if record is None:
            link.error(order_id, *cancel_unknown(order_id))
        elif record.is_done:
            link.error(order_id, *cancel_too_late(order_id, record.status))
        else:
            self._cancel(record, BY_TRADER)

    def cancel_all(self) -> None:
        """Cancel every open order of every client (reqGlobalCancel)."""
        for record in self._state.open_orders():
            self._cancel(record, BY_TRADER)

    def expire_day_orders(self, midnight: datetime) -> None:
        """Take out the day orders that were received before `midnight`."""
        for record in self._state.open_orders():
            if record.order.tif == "DAY" and record.received_at < midnight:
                self._cancel(record, "Expired")

    def what_happened(self, events: Iterable[m.MarketEvent]) -> None:
        """Follow what the market reports."""
        for event in events:
            self._handlers[type(event)](self._state.orders[event.order_id], event)

    def readmit(self) -> None:
        """Put the open orders that the journal knew back into the market, in their order of arrival."""
        for record in list(self._state.open_orders()):
            self.what_happened(self._exchange.submit(record.con_id, _market_order(record)))

    # -- placing and modifying ---------------------------------------------------------------------

    def _place(self, link: Link, message: PlaceOrder) -> None:
        client_id, order_id = self._client_id(link), message.order_id
        order = normalized(message.order)
        if order.what_if:
            self._answer_what_if(link, client_id, message)
            return
        record = self._state.order(client_id, order_id)
        if record is not None:
            self._modify(link, record, message)
            return
        if order_id < self._state.next_order_id(client_id):
            raise Refused(DUPLICATE_ID)
        instrument = resolve(self._state.universe, message.contract)
        check_new(order, instrument, self._state.accounts)
        if not order.transmit:
            # Real gateways keep it to themselves: no openOrder, no orderStatus, gone with the session.
            link.held_orders.add(order_id)
            return
        link.held_orders.discard(order_id)
        self._admit(self._new_record(client_id, message, instrument))

    def _new_record(self, client_id: int, message: PlaceOrder, instrument: Instrument) -> OrderRecord:
        order = message.order
        return OrderRecord(
            perm_id=self._state.next_perm_id(),
            client_id=client_id,
            order_id=message.order_id,
            con_id=instrument.con_id,
            exchange=message.contract.exchange or instrument.exchange,
            account=order.account or next(iter(self._state.accounts)),
            order=order,
            received_at=self._clock(),
            why_held="trigger" if order.order_type in ("STP", "STP LMT") else "",
        )

    def _answer_what_if(self, link: Link, client_id: int, message: PlaceOrder) -> None:
        instrument = resolve(self._state.universe, message.contract)
        check_new(message.order, instrument, self._state.accounts)
        record = self._new_record(client_id, message, instrument)
        link.send(what_if(record, instrument, self._state.accounts[record.account], self._valuation))

    def _admit(self, record: OrderRecord) -> None:
        self._state.apply(Placed(record=record))
        if self._faults.take("reject"):
            self._reject(record, rejected(self._faults.reason("reject")))
            return
        self._tell_order(record)
        self.what_happened(self._exchange.submit(record.con_id, _market_order(record)))

    def _modify(self, link: Link, record: OrderRecord, message: PlaceOrder) -> None:
        try:
            self._check_modifiable(record)
            instrument = resolve(self._state.universe, message.contract)
            check_modification(record, message.order, instrument, instrument.con_id)
        except Refused:
            self._state.apply(Repeated(perm_id=record.perm_id))
            raise
        if _same_terms(record, message):
            self._state.apply(Repeated(perm_id=record.perm_id))
            self._tell_order(record)
            return
        self._state.apply(Modified(perm_id=record.perm_id, order=message.order))
        self._tell_order(record)
        self.what_happened(self._exchange.replace(record.con_id, _market_order(record)))

    @staticmethod
    def _check_modifiable(record: OrderRecord) -> None:
        if record.status is Status.FILLED:
            raise Refused(ALREADY_FILLED)
        if record.is_done:
            raise Refused(DUPLICATE_ID)

    # -- what the market reports -------------------------------------------------------------------

    def _filled(self, record: OrderRecord, event: m.Filled) -> None:
        fact = self._executed(record, event)
        self._state.apply(fact)
        instrument = self._state.universe[record.con_id]
        for link in self._audience(record):
            link.tell(echo.execution_data(fact, record, instrument, -1, link.version))
        if record.remaining:
            self._change_status(record, Status.SUBMITTED)
            self._tell_order(record)
        else:
            completed = f"Filled Size: {echo.plain(record.filled):f}"
            self._change_status(record, Status.FILLED, completed_status=completed)
            self._tell_order(record)
            self._tell_order(record, with_commission=True)
        self._tell(record, echo.commission_report(fact))

    def _executed(self, record: OrderRecord, event: m.Filled) -> Executed:
        instrument = self._state.universe[record.con_id]
        filled = record.filled + event.quantity
        value = record.value + event.quantity * event.price
        # The plan speaks of the whole order: an execution is charged what the order owes more than before.
        total = instrument.commission.total(filled, value * instrument.multiplier)
        return Executed(
            exec_id=self._state.next_exec_id(),
            perm_id=record.perm_id,
            con_id=record.con_id,
            account=record.account,
            side=record.order.action,
            shares=event.quantity,
            price=event.price,
            at=self._clock(),
            venue=self._venue(record, instrument),
            liquidity=1 if event.added_liquidity else 2,
            cum_qty=filled,
            avg_price=round(value / filled, 8).normalize(),
            commission=max(total - record.commission, Decimal(0)),
            currency=instrument.currency,
        )

    def _venue(self, record: OrderRecord, instrument: Instrument) -> str:
        """SMART is no venue: such an order executes at one after the other."""
        venues = [venue for venue in instrument.venues if venue != "SMART"]
        if record.exchange != "SMART" or not venues:
            return record.exchange
        return venues[self._state.exec_count % len(venues)]

    def _resting(self, record: OrderRecord, event: m.Resting) -> None:
        if record.status is Status.PRE_SUBMITTED:
            self._change_status(record, Status.SUBMITTED)
            self._tell_order(record)

    def _elected(self, record: OrderRecord, event: m.Elected) -> None:
        self._state.apply(Elected(perm_id=record.perm_id))
        self._change_status(record, Status.SUBMITTED)
        self._tell_order(record)

    def _killed(self, record: OrderRecord, event: m.Killed) -> None:
        if event.time_in_force is m.TimeInForce.FOK:
            self._change_status(record, Status.INACTIVE, completed_status=BY_SYSTEM)
            self._tell_order(record)
            return
        self._tell(record, echo.order_status(record, Status.PENDING_CANCEL))
        self._change_status(record, Status.CANCELLED, completed_status=BY_SYSTEM)
        self._tell(record, echo.order_status(record))

    def _cancel(self, record: OrderRecord, completed_status: str) -> None:
        self._exchange.cancel(record.con_id, record.perm_id)
        self._tell(record, echo.order_status(record, Status.PENDING_CANCEL))
        self._change_status(record, Status.CANCELLED, completed_status=completed_status)
        self._tell(record, echo.order_status(record))
        self._tell_error(record, CANCELED)

    def _reject(self, record: OrderRecord, refusal: Refusal) -> None:
        reason = refusal.text.partition("reason:")[2]
        self._change_status(record, Status.INACTIVE, completed_status=f"Rejected by System:\n{reason}")
        self._tell_order(record)
        self._tell_error(record, refusal)

    def _change_status(self, record: OrderRecord, status: Status, *, completed_status: str = "") -> None:
        if status is record.status and not record.why_held:
            return
        at = self._clock() if completed_status else None
        self._state.apply(
            StatusChanged(perm_id=record.perm_id, status=status, at=at, completed_status=completed_status)
        )

    # -- telling ------------------------------------------------------------------------------------

    def _audience(self, record: OrderRecord) -> Iterable[Link]:
        if self._muted == (record.client_id, record.order_id):
            return ()
        return self._owners(record.client_id)

    def _tell(self, record: OrderRecord, *messages: Record) -> None:
        for link in self._audience(record):
            for message in messages:
                link.tell(message)

    def _tell_order(self, record: OrderRecord, *, with_commission: bool = False) -> None:
        instrument = self._state.universe[record.con_id]
        self._tell(
            record,
            echo.open_order(record, instrument, with_commission=with_commission),
            echo.order_status(record),
        )

    def _tell_error(self, record: OrderRecord, refusal: Refusal) -> None:
        self._tell(record, ErrMsg(req_id=record.order_id, code=refusal.code, text=refusal.text))

    @staticmethod
    def _client_id(link: Link) -> int:
        assert link.client_id is not None  # noqa: S101 - the gateway dispatches nothing before START_API
        return link.client_id


def _market_order(record: OrderRecord) -> m.MarketOrder:
    order = record.order
    is_stop = order.order_type in ("STP", "STP LMT") and not record.elected
    return m.MarketOrder(
        BookOrder(
            record.perm_id,
            Side(order.action),
            record.remaining,
            order.lmt_price if order.order_type in ("LMT", "STP LMT") else None,
        ),
        m.TimeInForce(order.tif),
        order.aux_price if is_stop else None,
    )


def _same_terms(record: OrderRecord, message: PlaceOrder) -> bool:
    old, new = record.order, message.order
    return (old.total_quantity, old.lmt_price, old.aux_price, old.tif) == (
        new.total_quantity,
        new.lmt_price,
        new.aux_price,
        new.tif,
    )
