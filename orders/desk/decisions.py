"""What a person decides about an order that is held: absent, shown twice, or short of executions."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from uuid import UUID

from django.conf import settings
from django.db import transaction

from brokers.fix import Side
from brokers.messages import (
    BrokerEvent,
    CommissionReport,
    ExecutionReport,
    OrderIdentity,
    commission_key,
    execution_key,
)
from brokers.port import InboundMessage
from orders.booking import quantities
from orders.booking.apply import apply_items
from orders.booking.flags import SessionFlags
from orders.errors import OrderError
from orders.instruments.contracts import reference
from orders.models import AlertKind, Cause, Order, State
from orders.notify import wakeup
from orders.notify.alerts import clear_alert
from orders.sending.unknown_outcome import ROUNDS, fail_order, send_again
from orders.store.orders import store_orders


@dataclass(frozen=True, kw_only=True)
class FoundExecution:
    """An execution as the broker's statement has it; its id is that of the statement."""

    exec_id: str
    last_qty: Decimal
    last_px: Decimal
    transact_time: datetime
    commission: Decimal | None = None
    commission_currency: str = ""
    multiplier: Decimal = Decimal(1)


class NotHeld(OrderError):
    """Nothing is to be decided: the order is not held for the desk."""

    code = "NOT_HELD"

    def __init__(self, order: Order) -> None:
        super().__init__(f"The order is {order.state} and not held for the desk; nothing was changed.")


class NotProvenAbsent(OrderError):
    """The broker once had this order: sending it again could make a second one."""

    code = "NOT_PROVEN_ABSENT"

    def __init__(self, order: Order) -> None:
        super().__init__(
            "The broker has had this order, so it cannot be sent again; place a new one if it is wanted."
        )


def send_held_again(order_id: UUID, *, actor: str, at: datetime) -> Order:
    """Send an order that was proven never to have reached the broker; raises NotHeld, NotProvenAbsent.

    The desk decides anew, so the order is fresh from now on for the default of its type, whatever its client
    gave it.
    """
    with transaction.atomic():
        order = _held(order_id)
        if order.perm_id or order.cum_qty or order.absent_rounds < ROUNDS:
            raise NotProvenAbsent(order)
        cause = Cause(actor=actor, at=at, text="the desk sends it again")
        order.release(cause)
        order.fresh_until = at + timedelta(seconds=settings.MAX_AGE[order.ord_type])
        order.save(update_fields=["fresh_until"])
        send_again(order, cause)
        store_orders([order])
        transaction.on_commit(lambda: wakeup.start_submission(order.session_id), robust=True)
    wakeup.notify_readers()
    return order


def fail_held(order_id: UUID, *, actor: str, at: datetime) -> Order:
    """Give a held order up: nobody will send it any more. Raises NotHeld.

    FAILED, or CANCELED if some of it has executed: that much did reach the market.
    """
    with transaction.atomic():
        order = _held(order_id)
        cause = Cause(actor=actor, at=at)
        order.release(cause.saying("the desk gives it up"))
        fail_order(order, "GONE_AT_BROKER" if order.acknowledged_at else "NEVER_REACHED_BROKER", cause)
        store_orders([order])
    wakeup.notify_readers()
    return order


def _held(order_id: UUID) -> Order:
    order = Order.objects.select_for_update().get(pk=order_id)
    if order.state != State.UNCONFIRMED or not order.held_for_desk:
        raise NotHeld(order)
    return order


def release_held(order_id: UUID, *, actor: str, at: datetime, reason: str) -> Order:
    """A person has looked at an order that lives or is over, and says why nothing more is to be done.

    An overfilled one is completed then: what was executed too much is the account's.
    Raises NotHeld, also for an order in doubt: that is sent again or given up.
    """
    with transaction.atomic():
        order = Order.objects.select_for_update().get(pk=order_id)
        if not order.held_for_desk or order.state == State.UNCONFIRMED:
            raise NotHeld(order)
        cause = Cause(actor=actor, at=at, text=reason)
        order.release(cause)
        if order.overfilled:
            clear_alert(AlertKind.OVERFILL, order=order, by=actor)
            quantities.settle(order, order.executions.order_by("id"), cause)
        store_orders([order])
    wakeup.notify_readers()
    return order


def enter_execution(order_id: UUID, found: FoundExecution, *, actor: str, at: datetime, reason: str) -> Order:
    """Book an execution that a person found in the broker's statement, because its gateway shows it no more.

    It goes the way of every execution: kept in the inbox with who entered it and why, applied once by
    its id. Raises NotHeld: without a hold the broker is still the one to tell.
    """
    order = Order.objects.select_related("instrument").get(pk=order_id)
    if not order.held_for_desk:
        raise NotHeld(order)
    raw = {"entered_by": actor, "reason": reason}
    apply_items(
        order.session_id,
        [
            InboundMessage(event=event, dedup_key=key, raw=raw, received_at=at)
            for event, key in _as_told(order, found)
        ],
        SessionFlags(),
    )
    with transaction.atomic():
        order = Order.objects.select_for_update().get(pk=order_id)
        order.release(Cause(actor=actor, at=at, text=reason))
        store_orders([order])
    wakeup.notify_readers()
    return order


def _as_told(order: Order, found: FoundExecution) -> list[tuple[BrokerEvent, str]]:
    """The messages that the broker would have sent, with their inbox keys."""
    instrument = reference(order.instrument)
    report = ExecutionReport(
        identity=OrderIdentity(order_ref=order.order_ref, perm_id=order.perm_id or 0),
        exec_id=found.exec_id,
        account=order.account_id or "",
        instrument=instrument,
        side=Side(order.side),
        last_qty=found.last_qty,
        last_px=found.last_px,
        cum_qty=order.cum_qty + found.last_qty,
        transact_time=found.transact_time,
        sec_type=instrument.sec_type,
        multiplier=found.multiplier,
    )
    told: list[tuple[BrokerEvent, str]] = [(report, execution_key(report))]
    if found.commission is not None:
        cost = CommissionReport(
            exec_id=found.exec_id, commission=found.commission, currency=found.commission_currency
        )
        told.append((cost, commission_key(cost)))
    return told
