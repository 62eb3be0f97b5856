"""The one door for requests: place and cancel, for the API and the desk alike."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING
from uuid import UUID

import uuid_utils.compat as uuid_utils
from django.conf import settings
from django.db import IntegrityError, transaction
from django.utils import timezone

from brokers.models import BrokerAccount, GatewaySession, Instrument
from orders.models import (
    ALIVE,
    OPEN_REQUESTS,
    Cause,
    CommandKind,
    EventKind,
    IfBrokerDown,
    Order,
    OrderRequest,
    OutboxCommand,
    RequestKind,
    RequestState,
    Source,
    State,
)
from orders.models.order import order_ref_of
from orders.models.reasons import reason
from orders.risk.checks import CheckResult, Exposure, run_checks
from orders.risk.validity import form_errors
from orders.services import book, doorbell
from orders.services.absence import cancel_unsent
from orders.services.book import Recording
from orders.services.errors import ClOrdIdReused, InstrumentUnknown, NotOurs, OrderOver, TicketInvalid
from orders.services.resolution import resolve_ticket
from orders.services.ticket import Ticket
from orders.services.venue import Rules, Venue, last_prices, library, venue_by

if TYPE_CHECKING:
    from django.contrib.auth.models import User

HEARTBEAT_LIMIT = timedelta(seconds=10)


@dataclass(frozen=True, kw_only=True)
class Placed:
    """The recorded order; `created` False when this very request had been recorded before."""

    order: Order
    created: bool


def place_order(ticket: Ticket, *, client: User, source: Source, received_at: datetime) -> Placed:
    """Check and record an order; what happens next is the broker worker's.

    A breach of a limit records the order as REJECTED with its report. Raises TicketInvalid (nothing
    is stored) and ClOrdIdReused. The same request again gives the first order, whatever the rules
    and limits say by now.
    """
    asked = False
    while True:
        rules = library.rules()
        try:
            order = drafted(ticket, rules, client=client, source=source, received_at=received_at)
        except TicketInvalid as error:
            if replayed := _placed_before(ticket, client):
                return replayed
            if library.forget_outdated():
                continue
            if isinstance(error, InstrumentUnknown) and not asked:
                asked = True
                resolve_ticket(ticket)
                continue
            raise
        if placed := _record(order, ticket, rules):
            return placed
        library.forget_outdated()


def drafted(ticket: Ticket, rules: Rules, *, client: User, source: Source, received_at: datetime) -> Order:
    """The order in memory, with its check report; a breach has rejected it. Raises TicketInvalid.

    Whoever records it requires the edition of these rules to be in force.
    """
    venue = venue_by(rules, ticket)
    require_form(ticket, venue)
    order = _draft(ticket, venue, client=client, source=source, received_at=received_at)
    _check(order, ticket, venue)
    return order


def _record(order: Order, ticket: Ticket, rules: Rules) -> Placed | None:
    """Record a checked order and ring; None when the rules have changed since it was checked."""
    command = CommandKind.NEW if order.state == State.CREATED else None
    outcome = book.insert(order, command=command, edition=rules.edition)
    if outcome is Recording.TAKEN:
        replayed = _placed_before(ticket, order.client)
        if replayed is None:
            raise ClOrdIdReused(order)  # it names a cancel, a replace or a sliced order
        return replayed
    if outcome is Recording.OUTDATED:
        return None
    if command:
        transaction.on_commit(lambda: _ring(order.session_id), robust=True)
    return Placed(order=order, created=True)


def dry_run(ticket: Ticket) -> list[CheckResult]:
    """What the checks say about an order that nobody has placed; raises TicketInvalid, stores nothing."""
    venue = venue_by(library.rules(), ticket)
    require_form(ticket, venue)
    return check_report(ticket, venue)


def cancel_order(order_id: UUID, *, actor: str, at: datetime, cl_ord_id: str = "") -> OrderRequest:
    """Ask for the cancel of an order; asking again, or while one is open, returns the first.

    An order that never left us is canceled at once. Raises Order.DoesNotExist, ClOrdIdReused, OrderOver
    and NotOurs.
    """
    try:
        with transaction.atomic():
            order = Order.objects.select_for_update().get(pk=order_id)
            request = _cancel(order, Cause(actor=actor, at=at), cl_ord_id)
    except IntegrityError as error:
        raise ClOrdIdReused(order, cl_ord_id) from error
    doorbell.tell_readers()
    return request


def _cancel(order: Order, cause: Cause, cl_ord_id: str) -> OrderRequest:
    if known := _asked_before(order, cl_ord_id):
        return known
    if order.state not in ALIVE:
        raise OrderOver(order)
    if order.source == Source.EXTERNAL and not _placed_under_our_id(order):
        raise NotOurs(order)
    request = _record_cancel(order, cause, cl_ord_id)
    book.store([order])
    if request.state == RequestState.REQUESTED:
        transaction.on_commit(lambda: _ring(order.session_id), robust=True)
    return request


def _placed_under_our_id(order: Order) -> bool:
    """IB lets a client cancel what was placed under its client id, by whichever program."""
    return bool(order.broker_order_id) and order.broker_client_id == order.session.client_id


def _asked_before(order: Order, cl_ord_id: str) -> OrderRequest | None:
    """The request of this id, answered or not, else one that is still open."""
    cancels = order.requests.filter(kind=RequestKind.CANCEL)
    named = cancels.filter(cl_ord_id=cl_ord_id).first() if cl_ord_id else None
    return named or cancels.filter(state__in=OPEN_REQUESTS).first()


def require_form(ticket: Ticket, venue: Venue) -> None:
    """Raise TicketInvalid when the ticket is no order that could be placed."""
    if errors := form_errors(ticket, venue.instrument, timezone.now()):
        raise TicketInvalid(errors)


def _placed_before(ticket: Ticket, client: User | None) -> Placed | None:
    order = Order.objects.filter(client=client, cl_ord_id=ticket.cl_ord_id).first()
    if order is None:
        return None
    if order.request_hash != ticket.fingerprint():
        raise ClOrdIdReused(order)
    return Placed(order=order, created=False)


def _draft(ticket: Ticket, venue: Venue, *, client: User, source: Source, received_at: datetime) -> Order:
    order_id = uuid_utils.uuid7()
    max_age = float(ticket.max_age) if ticket.max_age is not None else settings.MAX_AGE[ticket.ord_type]
    order = Order(
        id=order_id,
        client=client,
        source=source,
        cl_ord_id=ticket.cl_ord_id,
        request_hash=ticket.fingerprint(),
        order_ref=order_ref_of(order_id),
        account=venue.account,
        session=venue.account.session,
        instrument=venue.instrument,
        side=ticket.side,
        order_qty=ticket.order_qty,
        ord_type=ticket.ord_type,
        price=ticket.price,
        stop_px=ticket.stop_px,
        time_in_force=ticket.time_in_force,
        special=ticket.special(),
        on_unconfirmed=ticket.on_unconfirmed,
        if_broker_down=ticket.if_broker_down,
        fresh_until=received_at + timedelta(seconds=max_age),
        received_at=received_at,
        arrival_px=last_prices.of(venue.instrument),
    )
    order.note(EventKind.RECORDED, Cause(actor=_actor(client), at=received_at), from_state="")
    return order


def _check(order: Order, ticket: Ticket, venue: Venue) -> None:
    """Run the limit checks and the broker-down policy; a failed one rejects the order in memory."""
    report = check_report(ticket, venue)
    order.check_report = [result.as_json() for result in report]
    failed = next((result.code for result in report if not result.passed), "")
    if not failed and order.if_broker_down == IfBrokerDown.REJECT and not _reachable(venue.account):
        failed = "BROKER_DOWN"
    if failed:
        order.reason_code, order.reason_text = failed, reason(failed).text
        order.reject(Cause(actor="checks", at=timezone.now(), text=order.reason_text))


def check_report(ticket: Ticket, venue: Venue) -> list[CheckResult]:
    """Every limit check on these terms, passed or not."""
    return run_checks(_exposure(ticket, venue)) if venue.limit else [_no_limits(venue.account)]


def _exposure(ticket: Ticket, venue: Venue) -> Exposure:
    source, px = reference_price(ticket, venue.instrument)
    limit = venue.limit
    assert limit is not None  # noqa: S101 - only called with limits
    return Exposure(
        order_qty=ticket.order_qty,
        reference_px=px,
        reference_source=source,
        instrument=str(venue.instrument),
        instrument_allowed=venue.instrument_allowed,
        multiplier=venue.instrument.multiplier / venue.instrument.price_magnifier,
        max_order_qty=limit.max_order_qty,
        max_notional=limit.max_notional,
    )


def reference_price(ticket: Ticket, instrument: Instrument) -> tuple[str, Decimal | None]:
    """(where it is from, the price one unit is valued at): limit, else stop, else the last known price."""
    if ticket.price is not None:
        return "price", ticket.price
    if ticket.stop_px is not None:
        return "stop_px", ticket.stop_px
    return "last_px", last_prices.of(instrument)


def _no_limits(account: BrokerAccount) -> CheckResult:
    return CheckResult(check="limits", passed=False, value=account.code, limit="none set", code="NO_LIMITS")


def _reachable(account: BrokerAccount) -> bool:
    session = GatewaySession.objects.get(pk=account.session_id)
    fresh = session.heartbeat_at and timezone.now() - session.heartbeat_at < HEARTBEAT_LIMIT
    return session.link == "READY" and session.breaker != "OPEN" and bool(fresh)


def _record_cancel(order: Order, cause: Cause, cl_ord_id: str) -> OrderRequest:
    last = order.requests.exclude(state=RequestState.REFUSED).filter(kind=RequestKind.REPLACE).last()
    request = OrderRequest(
        order=order,
        client_id=order.client_id,
        kind=RequestKind.CANCEL,
        orig_cl_ord_id=last.cl_ord_id if last else order.cl_ord_id,
        requested_by=cause.actor,
        requested_at=cause.at,
    )
    request.cl_ord_id = cl_ord_id or f"cancel-{request.id}"
    order.note(EventKind.CANCEL_REQUESTED, cause)
    if order.state == State.CREATED:
        _cancel_here(order, request, cause)
        request.save(force_insert=True)
    else:
        request.save(force_insert=True)
        OutboxCommand.objects.create(
            session_id=order.session_id, order=order, request=request, kind=CommandKind.CANCEL
        )
    return request


def _cancel_here(order: Order, request: OrderRequest, cause: Cause) -> None:
    """Nothing has left us: the cancel is ours to grant."""
    cancel_unsent(order, cause)
    request.state = RequestState.ACCEPTED
    request.answered_at = cause.at


def _actor(client: User) -> str:
    return f"client:{client.get_username()}"


def _ring(session: str) -> None:
    doorbell.ring(session)
