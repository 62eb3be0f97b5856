"""Faults on the way in: what becomes of a client's request before, instead of and after its answer."""

from __future__ import annotations

from collections.abc import Callable

from brokers.simulator.faults.agenda import Agenda
from brokers.simulator.faults.armed import Faults
from brokers.simulator.faults.callbacks import CallbackFaults
from brokers.simulator.faults.fault import Fault
from brokers.simulator.faults.kinds import KINDS, Site, message_name
from brokers.simulator.faults.orders import OrderFaults
from brokers.simulator.gateway.clients.link import Link
from brokers.simulator.gateway.memory.facts import OrderRecord, Repeated, Status
from brokers.simulator.gateway.memory.state import State
from brokers.simulator.gateway.texts.notices import order_notice
from brokers.simulator.wire.client import CancelOrder
from brokers.simulator.wire.place_order import PlaceOrder
from brokers.simulator.wire.records import Record

Serve = Callable[[Link, Record], None]
_KINDS = [name for name, kind in KINDS.items() if kind.site is Site.REQUEST]
_MODIFY_TOO_EARLY, _NOT_CANCELLABLE, _SET_TO_DAY, _NO_CASH_QUANTITY = 2102, 161, 10349, 10289


class RequestFaults:
    """Stands between the clients and whoever serves them."""

    def __init__(
        self,
        state: State,
        faults: Faults,
        agenda: Agenda,
        callbacks: CallbackFaults,
        order_faults: OrderFaults,
        serve: Serve,
    ) -> None:
        self._state = state
        self._faults = faults
        self._agenda = agenda
        self._callbacks = callbacks
        self._order_faults = order_faults
        self._serve = serve

    def pass_on(self, link: Link, message: Record) -> None:
        """Have a request served, unless a fault makes something else of it."""
        if not self._faults.is_armed(_KINDS):
            self._serve(link, message)
            return
        cut = self._strike("cut_in", link, message)
        if cut is not None and cut.where != "after":
            # Half a message is none: what a gateway has read of it is thrown away with the connection.
            link.drop(f"a fault was asked for: {cut.where} a request")
            return
        self._pass_on(link, message)
        if cut is not None:
            link.drop("a fault was asked for: after a request")

    def _pass_on(self, link: Link, message: Record) -> None:
        if any(self._strike(kind, link, message) for kind in ("drop_place", "drop_request")):
            return
        if self._is_refused(link, message):
            return
        late = self._strike("late_request", link, message)
        if late is not None:
            self._agenda.after(late.delay, lambda: self._serve(link, message))
            return
        self._serve_with_trouble(link, message)

    def _serve_with_trouble(self, link: Link, message: Record) -> None:
        order_id = message.order_id if isinstance(message, (PlaceOrder, CancelOrder)) else None
        notice = self._strike("order_notice", link, message) if order_id is not None else None
        if notice and notice.where == "before":
            self._notify(link, order_id or 0, notice)
        if order_id is not None and self._strike("no_ack", link, message):
            self._callbacks.silence(link, order_id)
        if isinstance(message, CancelOrder):
            self._cancel(link, message)
        else:
            self._serve(link, message)
        if notice and notice.where != "before":
            self._notify(link, order_id or 0, notice)

    def _cancel(self, link: Link, message: CancelOrder) -> None:
        record = self._open_order(link, message)
        overtaken = self._strike("fill_on_cancel", link, message) if record else None
        if record and overtaken:
            self._order_faults.fill_first(record, overtaken.fraction)
        under_way = self._strike("cancel_pending", link, message) if record and not record.is_done else None
        if record and under_way:
            self._order_faults.cancel_late(link, record, under_way.delay)
            return
        self._serve(link, message)
        if record and record.status is Status.CANCELLED:
            late = self._strike("fill_after_cancel", link, message)
            if late:
                self._agenda.after(late.delay, lambda: self._order_faults.late_fill(record, late.fraction))

    def _is_refused(self, link: Link, message: Record) -> bool:
        """Refuse a change of an order that lives on."""
        record = self._open_order(link, message)
        if record is None and isinstance(message, PlaceOrder):
            return self._is_unknown(link, message)
        if record is None or not isinstance(message, (PlaceOrder, CancelOrder)):
            return False
        is_cancel = isinstance(message, CancelOrder)
        kind = "cancel_reject" if is_cancel else "modify_reject"
        refused = self._strike(kind, link, message)
        if refused is None:
            return False
        if not is_cancel:
            self._state.apply(Repeated(perm_id=record.perm_id))
        code = refused.code or (_NOT_CANCELLABLE if is_cancel else _MODIFY_TOO_EARLY)
        link.error(message.order_id, *order_notice(code, message.order_id, refused.text))
        return True

    def _is_unknown(self, link: Link, message: PlaceOrder) -> bool:
        """Refuse a new order before there is one."""
        refused = self._strike("refuse_place", link, message)
        if refused is not None:
            code = refused.code or _NO_CASH_QUANTITY
            link.error(message.order_id, *order_notice(code, message.order_id, refused.text))
        return refused is not None

    def _notify(self, link: Link, order_id: int, fault: Fault) -> None:
        notice = order_notice(fault.code or _SET_TO_DAY, order_id, fault.text)
        if fault.delay_ms:
            self._agenda.after(fault.delay, lambda: link.error(order_id, *notice))
        else:
            link.error(order_id, *notice)

    def _open_order(self, link: Link, message: Record) -> OrderRecord | None:
        if link.client_id is None or not isinstance(message, (PlaceOrder, CancelOrder)):
            return None
        record = self._state.order(link.client_id, message.order_id)
        return record if record and not record.is_done else None

    def _strike(self, kind: str, link: Link, message: Record) -> Fault | None:
        what = message if isinstance(message, PlaceOrder) else None
        if isinstance(message, CancelOrder) and link.client_id is not None:
            found = self._state.order(link.client_id, message.order_id)
            return self._faults.strike(
                kind, found, client_id=link.client_id, message=message_name(type(message))
            )
        return self._faults.strike(kind, what, client_id=link.client_id, message=message_name(type(message)))
