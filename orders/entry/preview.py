"""What-if: what an order would do to the account, and which checks it would pass. Nothing is placed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

import msgspec
from django.db import transaction
from django.db.models import F

from brokers.errors import BrokerUnavailable
from brokers.gate.lease import Lease
from brokers.gate.order_ids import USED_UP_FROM
from brokers.messages import InstrumentRef, NewOrder, Preview
from brokers.models import GatewaySession, QuestionKind
from brokers.order_attributes import OrderAttributes
from brokers.port import BrokerSession
from orders.entry.backlog import backlog_check
from orders.entry.limits.rules import rules_cache
from orders.entry.limits.use import reject_beyond_use
from orders.entry.place import UNPRICED, drafted
from orders.entry.reading.ticket import Ticket
from orders.entry.resolution import price_tickets, resolve_ticket
from orders.errors import InstrumentUnknown
from orders.instruments.contracts import reference
from orders.models import Order, Source, State
from orders.notify import questions

if TYPE_CHECKING:
    from django.contrib.auth.models import User

PREVIEW_TIMEOUT = 6.0  # seconds


@dataclass(frozen=True, kw_only=True)
class Previewed:
    """Our checks, and what the broker says; `broker` None when our checks would have refused the order."""

    passed: bool
    checks: list[dict[str, Any]]
    broker: Preview | None


def preview_order(ticket: Ticket, *, client: User, received_at: datetime) -> Previewed:
    """Check the order as if it were placed, and ask the broker for margin and commission.

    Raises TicketInvalid, InstrumentAmbiguous, BrokerSilent, and BrokerRefusedPreview with the broker's words.
    """
    order = _draft(ticket, client, received_at)
    wait = backlog_check(ticket, order.instrument, str(order.session_id))
    checks = [*order.check_report, wait.as_json()]
    if order.state == State.REJECTED or wait.refuses:
        return Previewed(passed=False, checks=checks, broker=None)
    body = msgspec.to_builtins(_payload(order, ticket))
    answer = questions.ask(order.session_id, QuestionKind.PREVIEW, body)
    return Previewed(passed=True, checks=checks, broker=msgspec.convert(answer, Preview))


def _draft(ticket: Ticket, client: User, received_at: datetime) -> Order:
    rules_cache.forget_outdated()
    try:
        order = _drafted(ticket, client, received_at)
    except InstrumentUnknown:
        resolve_ticket(ticket)
        order = _drafted(ticket, client, received_at)
    if order.reason_code in UNPRICED:
        price_tickets([ticket], client.get_username())
        order = _drafted(ticket, client, received_at)
    reject_beyond_use([[order]], rules_cache.rules(), lock=False)
    return order


def _drafted(ticket: Ticket, client: User, received_at: datetime) -> Order:
    return drafted(ticket, rules_cache.rules(), client=client, source=Source.API, received_at=received_at)


def _payload(order: Order, ticket: Ticket) -> NewOrder:
    special = msgspec.convert(order.special, OrderAttributes)
    instrument: InstrumentRef = reference(order.instrument)
    return NewOrder(
        order_id=str(order.id),
        order_ref="",
        broker_order_id=0,
        account=ticket.account,
        instrument=instrument,
        side=ticket.side,
        order_qty=ticket.order_qty,
        ord_type=ticket.ord_type,
        time_in_force=ticket.time_in_force,
        price=ticket.price,
        stop_px=ticket.stop_px,
        **msgspec.structs.asdict(special),
    )


def answer_preview(session: BrokerSession, lease: Lease, body: dict[str, Any]) -> Any:
    """Answer a question (PREVIEW) in the broker worker: a what-if order needs a fresh order id."""
    order = msgspec.convert(body, NewOrder)
    numbered = msgspec.structs.replace(order, broker_order_id=_next_order_id(lease))
    return msgspec.to_builtins(session.preview(numbered, PREVIEW_TIMEOUT))


def _next_order_id(lease: Lease) -> int:
    """An id of its own from the session's durable counter; fenced like every claim."""
    held = GatewaySession.objects.filter(name=lease.name, lease_owner=lease.owner, lease_epoch=lease.epoch)
    with transaction.atomic():
        session = held.select_for_update().first()
        if session is None:
            raise BrokerUnavailable("another process holds the session")
        if session.order_ids_used_up or session.next_broker_order_id >= USED_UP_FROM:
            raise BrokerUnavailable("the order ids of this session are used up")
        held.update(next_broker_order_id=F("next_broker_order_id") + 1)
    return session.next_broker_order_id
