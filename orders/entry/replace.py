"""Asking for other terms: replace an order's quantity, prices or time in force."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from uuid import UUID

import msgspec
from django.conf import settings
from django.db import IntegrityError, transaction

from brokers.fix import OrdType, Side, TimeInForce
from brokers.order_attributes import ATTRIBUTE_FIELDS, OrderAttributes
from brokers.postgres import clock
from orders.entry import second_person
from orders.entry.limits.checks import check_report, order_facts
from orders.entry.limits.intentions import is_exit, user_of
from orders.entry.limits.rules import find_context, rules_cache
from orders.entry.limits.use import replace_report
from orders.entry.place import require_form
from orders.entry.reading.ticket import InstrumentKey, Ticket
from orders.errors import (
    CancelPending,
    ClOrdIdReused,
    NotOurs,
    OrderFrozen,
    OrderOver,
    TicketInvalid,
    VersionMoved,
)
from orders.models import (
    DEAD,
    EXECUTED,
    OPEN_REQUESTS,
    Cause,
    CommandKind,
    EventKind,
    GroupKind,
    Order,
    OrderRequest,
    OutboxCommand,
    RequestKind,
    RequestState,
    Source,
    State,
    Terms,
)
from orders.models.reasons import reason
from orders.models.reconciliation.lost import MORE
from orders.models.requests import accept_replace
from orders.notify import wakeup
from orders.risk.exits import covered_qty, exit_of, total_qty
from orders.risk.report import first_failed
from orders.sending.claim import raisable
from orders.store.orders import store_orders

#: Types of which a broker's report of the order tells every term.
SHOWN_WHOLE = frozenset(
    {
        *(OrdType.MARKET, OrdType.LIMIT, OrdType.STOP, OrdType.STOP_LIMIT, OrdType.MIT, OrdType.LIT),
        *(OrdType.MOC, OrdType.LOC, OrdType.MARKET_TO_LIMIT),
    }
)


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """The terms wanted; None leaves one as the last request that was not refused wanted it."""

    cl_ord_id: str
    order_qty: Decimal | None = None
    price: Decimal | None = None
    stop_px: Decimal | None = None
    time_in_force: TimeInForce | None = None

    def on(self, terms: Terms) -> Terms:
        """These terms with the wanted changes."""
        wanted = {name: value for name in Terms._fields if (value := getattr(self, name)) is not None}
        return terms._replace(**wanted)


@dataclass(frozen=True, kw_only=True)
class RecordedRequest:
    """The recorded request; `created` False when this very one had been recorded before."""

    request: OrderRequest
    created: bool


def replace_order(
    order_id: UUID, change: Change, *, actor: str, at: datetime, version: int | None = None
) -> RecordedRequest:
    """Ask for other terms of an order; the same cl_ord_id with the same change gives the first request.

    `version`: the order's as the caller saw it; None guards nothing. An order that has not left us is
    changed at once. A breach of a limit records the request as REFUSED with its report.
    Raises Order.DoesNotExist, VersionMoved, ClOrdIdReused, OrderOver, OrderFrozen, CancelPending,
    NotOurs and TicketInvalid; nothing is stored then.
    """
    try:
        with transaction.atomic():
            order = (
                Order.objects.select_for_update(of=("self",))
                .select_related("instrument", "client")
                .get(pk=order_id)
            )
            asked = _replace(order, change, Cause(actor=actor, at=at), version)
    except IntegrityError as error:
        # Another order of this client took the id between our look and our write.
        raise ClOrdIdReused(order, change.cl_ord_id) from error
    wakeup.notify_readers()
    return asked


def _replace(order: Order, change: Change, cause: Cause, version: int | None) -> RecordedRequest:
    if known := _asked_before(order, change):
        return RecordedRequest(request=known, created=False)
    if version is not None and version != order.version:
        raise VersionMoved(order)
    request = _draft(order, change, cause)
    _require_replaceable(order, request)
    order.record_event(EventKind.REPLACE_REQUESTED, cause.saying(data=request.asked))
    _check(order, request, cause)
    request.save(force_insert=True)
    if request.is_open:
        _queue(order, request, cause)
    store_orders([order])
    return RecordedRequest(request=request, created=True)


def _asked_before(order: Order, change: Change) -> OrderRequest | None:
    """The request of this id; raises ClOrdIdReused when the id names another request or an order."""
    named = {"client_id": order.client_id, "cl_ord_id": change.cl_ord_id}
    request = OrderRequest.objects.filter(**named).first()
    taken = request is None and Order.objects.filter(**named).exists()
    same_order = request and request.order_id == order.id and request.kind == RequestKind.REPLACE
    if taken or (request and not (same_order and change.on(request.terms) == request.terms)):
        raise ClOrdIdReused(order, change.cl_ord_id)
    return request


def _draft(order: Order, change: Change, cause: Cause) -> OrderRequest:
    """The request with all the terms wanted, hung on the last request that was not refused."""
    before = (
        order.requests.filter(kind=RequestKind.REPLACE)
        .exclude(state=RequestState.REFUSED)
        .order_by("id")
        .last()
    )
    base = before.terms if before and before.is_open else order.terms
    terms = change.on(base)
    return OrderRequest(
        order=order,
        client_id=order.client_id,
        kind=RequestKind.REPLACE,
        cl_ord_id=change.cl_ord_id,
        orig_cl_ord_id=before.cl_ord_id if before else order.cl_ord_id,
        requested_by=cause.actor,
        requested_at=cause.at,
        fresh_until=cause.at + timedelta(seconds=settings.MAX_AGE[order.ord_type]),
        **terms._asdict(),
    )


def _require_replaceable(order: Order, request: OrderRequest) -> None:
    if order.source == Source.EXTERNAL:
        raise NotOurs(order)
    if order.held_for_desk or order.awaits_approval:
        raise OrderFrozen(order)
    raised = order.state in raisable(order.session_id) and request.terms.order_qty > order.cum_qty
    if order.state in (*DEAD, *EXECUTED) and not raised:
        raise OrderOver(order)
    if order.parent_id and request.terms.order_qty > order.order_qty:  # its parent was checked as a whole
        raise TicketInvalid({"order_qty": ["A slice cannot become larger than what its parent gave it."]})
    _require_known_terms(order)
    _require_covered(order, request)
    if order.requests.filter(kind=RequestKind.CANCEL, state__in=OPEN_REQUESTS).exists():
        raise CancelPending(order)
    waiting = order.requests.filter(kind=RequestKind.REPLACE, state__in=OPEN_REQUESTS).exists()
    if not waiting and not order.terms.changes_to(request.terms):
        raise TicketInvalid({"": ["Nothing would change: these are the order's terms already."]})


def _require_known_terms(order: Order) -> None:
    """An order that was rebuilt is changed only where the broker has shown all of its terms.

    A replace sends an order whole: what we do not know of it would be taken away.
    """
    if order.client_id is not None or order.state == State.CREATED or order.attempts.exists():
        return
    shown = order.events.filter(data__has_key=MORE).values_list("data", flat=True).first()
    unknown = [*(shown[MORE] if shown else ()), *({order.ord_type} - SHOWN_WHOLE)]
    if unknown or order.broker_order_id is None:
        words = ", ".join(unknown) or "its order id"
        text = f"It was rebuilt after lost history, and not all of it is known ({words}): it can be canceled."
        raise TicketInvalid({"": [text]})


def _require_covered(order: Order, request: OrderRequest) -> None:
    """An exit is raised to no more than its entry has executed and may still execute, with its other legs."""
    if not order.group_rank or request.terms.order_qty <= order.order_qty:
        return
    members = Order.objects.filter(group=order.group_id, group__kind=GroupKind.BRACKET).order_by("group_rank")
    entry, *exits = members or [order]
    cover = covered_qty(entry)
    wanted = [exit_of(one, request.terms.order_qty if one.pk == order.pk else one.order_qty) for one in exits]
    if exits and total_qty(wanted) > cover:
        text = (
            f"Exits are for no more than the entry has executed and may still execute: {cover.normalize():f}."
        )
        raise TicketInvalid({"order_qty": [text]})


def _check(order: Order, request: OrderRequest, cause: Cause) -> None:
    """Rules of form raise; a limit that the new terms break refuses the request in memory."""
    ticket = ticket_of(order, request.terms)
    context = find_context(ticket, user_of(order))
    require_form(ticket, context)
    report = []
    if not order.terms.only_lowers_to(request.terms):
        report = [
            *check_report(order_facts(ticket, context), context),
            *([] if is_exit(order) else second_person.larger_check(order, ticket, context)),
            *replace_report(order, ticket, rules_cache.rules()),
        ]
    request.check_report = [result.as_json() for result in report]
    request.ruleset, request.checked_at = context.ruleset_version, clock.now()
    if broken := first_failed(report):
        request.answer(RequestState.REFUSED, cause.at, broken.code, reason(broken.code).text)
        order.record_event(EventKind.REPLACE_REFUSED, cause.saying(request.reason_text, request.asked))


def ticket_of(order: Order, terms: Terms) -> Ticket:
    """The ticket that would place this order with these terms; `order.instrument` must be loaded."""
    special = msgspec.convert(order.special, OrderAttributes)
    given = {
        **{name: getattr(special, name) for name in ATTRIBUTE_FIELDS},
        **terms._asdict(),
        "cl_ord_id": order.cl_ord_id,
        "account": order.account_id,
        "instrument": InstrumentKey.of(order.instrument),
        "side": Side(order.side),
        "strategy": order.strategy,
        "reduce_only": order.reduce_only,
        "ord_type": OrdType(order.ord_type),
        "time_in_force": TimeInForce(terms.time_in_force),
    }
    return Ticket(**given)


def _queue(order: Order, request: OrderRequest, cause: Cause) -> None:
    if order.state == State.CREATED:
        _apply_here(order, cause)
        request.refresh_from_db()
        return
    OutboxCommand.objects.create(
        session_id=order.session_id, order=order, request=request, kind=CommandKind.REPLACE
    )
    transaction.on_commit(lambda: wakeup.start_submission(order.session_id), robust=True)


def _apply_here(order: Order, cause: Cause) -> None:
    """Nothing has left us: this request, and any that waited for the order to be sent, is ours to grant."""
    waiting = order.requests.filter(kind=RequestKind.REPLACE, state=RequestState.REQUESTED).order_by("id")
    for request in waiting:
        accept_replace(order, request, cause)
        request.save()
        OutboxCommand.objects.filter(request=request, done_at=None).update(
            done_at=cause.at, error="changed before the order was sent"
        )
