"""The slicer: works a parent order of ours as a row of children, and forgets nothing over a restart.

All it knows is in the database: the schedule, and what became of the children. The session's sweep lets
it look once a second. A slice is recorded in the transaction that counts it, under the parent's lock.
"""

from __future__ import annotations

import hashlib
import logging
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING
from uuid import UUID

import msgspec
from django.db import IntegrityError, transaction
from django.db.models import Count, Exists, Max, OuterRef, QuerySet
from django.db.models.functions import Coalesce

from brokers.formats import decimal_text
from brokers.postgres import clock, database
from orders.entry import second_person
from orders.entry.backlog import priority_now
from orders.entry.cancel import cancel_order
from orders.entry.limits.intentions import unasked_marks
from orders.entry.limits.rules import OrderContext, find_context, rules_cache, ruleset_in_force
from orders.entry.limits.use import reject_beyond_use, require_whole
from orders.entry.place import drafted, dry_run, require_form
from orders.entry.reading.ticket import Ticket
from orders.entry.resolution import price_tickets, resolve_ticket
from orders.errors import InstrumentUnknown, OrderError, OrderOver, TicketInvalid
from orders.models import (
    ALIVE,
    SLICING,
    AlertKind,
    IfLate,
    Order,
    OrderRequest,
    RequestKind,
    SlicedOrder,
    SliceState,
    Source,
    State,
)
from orders.models.reasons import reason
from orders.notify import wakeup
from orders.notify.alerts import raise_alert
from orders.risk.report import CheckResult
from orders.risk.slicing import LEAST_INTERVAL, Schedule, next_slice
from orders.store.orders import record_orders

if TYPE_CHECKING:
    from django.contrib.auth.models import User

log = logging.getLogger(__name__)

MAX_SLICES = 500
WAITS = "waits for a second person"
LONGEST = timedelta(days=1)
#: An execution of a slice that has just ended may still be on its way: its rest is not sent again before.
GRACE_PERIOD = timedelta(seconds=5)
CLOSED_BADLY = (State.REJECTED, State.FAILED)


class SlicedIdReused(OrderError):
    """The same cl_ord_id was used before for something else."""

    code = "CL_ORD_ID_REUSED"

    def __init__(self, cl_ord_id: str) -> None:
        super().__init__(f"cl_ord_id {cl_ord_id} already names another order or request; nothing was stored.")


class SlicedOver(OrderError):
    """The sliced order is over, or is not in a state in which this can be asked."""

    code = "ORDER_OVER"

    def __init__(self, parent: SlicedOrder, what: str) -> None:
        super().__init__(f"The sliced order is {parent.state}; it cannot be {what}.")


@dataclass(frozen=True, kw_only=True)
class Progress:
    """A parent's quantities, from its children."""

    cum_qty: Decimal
    open_qty: Decimal
    avg_px: Decimal


def progress(parent: SlicedOrder, *, now: datetime | None = None) -> Progress:
    """Executed, and still open at the broker or on the way; with `now`, what just ended counts as open."""
    cum = open_qty = value = Decimal(0)
    for child in parent.children.all():
        cum += child.cum_qty
        value += child.cum_qty * child.avg_px
        settling = now is not None and child.updated_at > now - GRACE_PERIOD
        if child.state in ALIVE or (settling and child.cum_qty < child.order_qty and child.claimed_at):
            open_qty += max(child.order_qty - child.cum_qty, Decimal(0))
    return Progress(cum_qty=cum, open_qty=open_qty, avg_px=value / cum if cum else Decimal(0))


# --- requests -------------------------------------------------------------------------------------------
def place_sliced(
    ticket: Ticket,
    *,
    slices: int,
    start_time: datetime | None,
    end_time: datetime,
    if_late: IfLate = IfLate.SPREAD,
    client: User,
    received_at: datetime,
) -> tuple[SlicedOrder, bool]:
    """Record a sliced order; (it, whether it is new). Without a start it begins at once.

    The limits are asked for all of it. Raises TicketInvalid, RefusedByCheck and SlicedIdReused.
    """
    how = f" {slices} {start_time} {end_time}"
    if if_late != IfLate.SPREAD:  # what is not given means the same as before there was a choice
        how += f" {if_late}"
    if known := _placed_before(ticket, client, how):
        return known, False
    start_time = start_time or received_at
    while True:
        context = _context(ticket, client.get_username())
        require_form(ticket, context)
        _require_schedule(ticket, context, slices, start_time, end_time, received_at)
        parent = SlicedOrder(
            client=client,
            cl_ord_id=ticket.cl_ord_id,
            request_hash=_hash(ticket, how),
            account=context.account,
            session=context.account.session,
            instrument=context.instrument,
            ticket=msgspec.to_builtins(ticket),
            order_qty=ticket.order_qty,
            slices=slices,
            start_time=start_time,
            end_time=end_time,
            if_late=if_late,
            received_at=received_at,
        )
        try:
            if _recorded(parent, ticket, context):
                return parent, True
        except IntegrityError:
            if known := _placed_before(ticket, client, how):
                return known, False
            raise SlicedIdReused(ticket.cl_ord_id) from None  # it names an order, a cancel or a replace


def _recorded(parent: SlicedOrder, ticket: Ticket, context: OrderContext) -> bool:
    """Check all of it and store it; False when the rules it was checked by are not in force any more."""
    user, at = parent.client.get_username(), parent.received_at
    parent.move(SliceState.RUNNING, actor=f"client:{user}", at=at)
    with transaction.atomic():
        rules = rules_cache.rules()
        report = require_whole(ticket, context, rules, user)
        if waits := second_person.whole_check(ticket, context, report):
            parent.approval = second_person.ask_for_sliced(parent, waits)
            parent.paused_at = at
            parent.move(SliceState.PAUSED, actor="checks", at=at, text=WAITS)
        parent.save(force_insert=True)
        stands = {context.ruleset_version, rules.ruleset_version} == {ruleset_in_force()}
        transaction.set_rollback(not stands)
    return stands


def preview_sliced(
    ticket: Ticket, *, slices: int, start_time: datetime | None, end_time: datetime, user: str, now: datetime
) -> list[CheckResult]:
    """What the checks say of all of it; nothing is stored or promised. Raises TicketInvalid."""
    report = dry_run(ticket, user)
    _require_schedule(ticket, find_context(ticket, user), slices, start_time or now, end_time, now)
    return report


def _hash(ticket: Ticket, how: str) -> str:
    return hashlib.sha256(f"{ticket.fingerprint()}{how}".encode()).hexdigest()


def _placed_before(ticket: Ticket, client: User, how: str) -> SlicedOrder | None:
    """The parent of this id; another wording of the same instrument is the same request."""
    known = SlicedOrder.objects.filter(client=client, cl_ord_id=ticket.cl_ord_id).first()
    if known and known.request_hash != _hash(ticket, how):
        first = msgspec.convert(known.ticket, Ticket)
        instrument = rules_cache.rules().instrument(ticket.instrument)
        in_its_words = msgspec.structs.replace(ticket, instrument=first.instrument)
        same = instrument is not None and instrument.pk == known.instrument_id
        if not same or known.request_hash != _hash(in_its_words, how):
            raise SlicedIdReused(ticket.cl_ord_id)
    return known


def _context(ticket: Ticket, user: str) -> OrderContext:
    try:
        context = find_context(ticket, user)
    except InstrumentUnknown:
        resolve_ticket(ticket)
        context = find_context(ticket, user)
    price_tickets([ticket], user)
    return context


def _require_schedule(
    ticket: Ticket, context: OrderContext, slices: int, start: datetime, end: datetime, now: datetime
) -> None:
    errors: dict[str, list[str]] = {}
    lot = context.instrument.size_increment
    if end <= max(start, now):
        errors["end_time"] = ["Must be after start_time and in the future."]
    elif end - start > LONGEST:
        errors["end_time"] = ["Must be within a day of start_time."]
    elif (end - start) / slices < LEAST_INTERVAL:
        errors["slices"] = [f"At least a second apart: {slices} do not fit between start and end."]
    if ticket.order_qty / slices < max(lot, context.instrument.min_size):
        errors["slices"] = [f"A slice must be at least {context.instrument.min_size.normalize():f}."]
    if errors:
        raise TicketInvalid(errors)


def pause(parent_id: UUID, *, actor: str, at: datetime, why: str = "") -> SlicedOrder:
    """No further slices until it is resumed; those that are out stay. Raises SlicedOver."""
    with transaction.atomic():
        parent = SlicedOrder.objects.select_for_update().get(pk=parent_id)
        if parent.state == SliceState.RUNNING:
            parent.paused_at = at
            parent.move(SliceState.PAUSED, actor=actor, at=at, text=f"paused: {why}" if why else "paused")
            parent.save()
        elif parent.state != SliceState.PAUSED:
            raise SlicedOver(parent, "paused")
    return parent


def resume(parent_id: UUID, *, actor: str, at: datetime, why: str = "") -> SlicedOrder:
    """Go on: a slice at once if one was due, the rest over what remains of its window. Raises SlicedOver."""
    with transaction.atomic():
        parent = SlicedOrder.objects.select_for_update().get(pk=parent_id)
        if parent.state == SliceState.PAUSED:
            if parent.awaits_approval:
                raise SlicedOver(parent, "resumed: it waits for a second person")
            parent.paused_at = None
            parent.move(SliceState.RUNNING, actor=actor, at=at, text=f"resumed: {why}" if why else "resumed")
            parent.save()
        elif parent.state != SliceState.RUNNING:
            raise SlicedOver(parent, "resumed")
    return parent


def end_unapproved(parent_id: UUID, code: str, *, at: datetime) -> None:
    """No slice is ever sent: a second person did not agree."""
    parent = SlicedOrder.objects.select_for_update().get(pk=parent_id)
    parent.paused_at = None
    parent.move(SliceState.CANCELED, actor="approvals", at=at, text=reason(code).text)
    parent.save()


def cancel_sliced(parent_id: UUID, *, actor: str, at: datetime) -> SlicedOrder:
    """No further slices, and those that are out are canceled. Raises SlicedOver."""
    with transaction.atomic():
        parent = SlicedOrder.objects.select_for_update().get(pk=parent_id)
        if parent.state not in SLICING:
            raise SlicedOver(parent, "canceled")
        if parent.state != SliceState.ENDING:
            parent.move(SliceState.ENDING, actor=actor, at=at, text="cancel requested")
            parent.save()
    _cancel(parent.children.all(), actor, at)
    return parent


def _cancel(children: QuerySet[Order], actor: str, at: datetime) -> None:
    for child in children.filter(state__in=ALIVE).values_list("id", flat=True):
        try:
            cancel_order(child, actor=actor, at=at)
        except OrderOver:
            continue


# --- the sweep ------------------------------------------------------------------------------------------
def work_slices(session: str) -> int:
    """Send what is due, and close what is over; how many parents were looked at. Harmless to repeat."""
    parents = SlicedOrder.objects.filter(session_id=session, state__in=SLICING).order_by("id")
    ids = list(parents.values_list("id", flat=True)[:500])
    for parent_id in ids:
        try:
            _work(parent_id)
        except OrderError as error:
            _stop(parent_id, str(error))
        except Exception as error:  # one that cannot be worked must not hold up the others
            if database.is_away(error):
                raise
            log.exception("sliced order not worked", extra={"parent": str(parent_id)})
    return len(ids)


def _work(parent_id: UUID) -> None:
    now = clock.now()
    with transaction.atomic():
        parent = SlicedOrder.objects.select_for_update(skip_locked=True).filter(pk=parent_id).first()
        if parent is None or parent.state not in SLICING:
            return
        has = progress(parent, now=now)
        if parent.state == SliceState.ENDING:  # a crash may have come before the cancels that follow its end
            transaction.on_commit(lambda: _cancel_unasked(parent, now))
        if _close(parent, has, now) or parent.state != SliceState.RUNNING:
            parent.save()
            return
        if why := _refusal(parent):
            parent.paused_at = now
            parent.move(SliceState.PAUSED, actor="slicer", at=now, text=why)
            parent.save()
            return
        sent, last_at = _sent(parent)
        schedule = schedule_of(parent)
        if parent.if_late == IfLate.END and schedule.is_late(now, sent, last_at):
            _end(parent, "a slice could not be sent in its time", now)
            parent.save()
            return
        if _waits(parent):
            return
        quantity = next_slice(
            schedule, now, sent=sent, last_at=last_at, executed=has.cum_qty, open_qty=has.open_qty
        )
        if quantity:
            _send(parent, quantity, now)
        parent.save()
    if quantity:
        wakeup.start_submission(parent.session_id)


def _waits(parent: SlicedOrder) -> bool:
    """Whether the newest slice has not left us: while nobody can send, no second one is put behind it."""
    return parent.children.filter(state=State.CREATED).exists()


def _sent(parent: SlicedOrder) -> tuple[int, datetime | None]:
    """(how many slices there were, when the last one left us); one that grew stale here was none."""
    slices = parent.children.exclude(state=State.FAILED, claimed_at=None)
    found = slices.aggregate(sent=Count("id"), last_at=Max(Coalesce("claimed_at", "received_at")))
    return found["sent"], found["last_at"]


def _refusal(parent: SlicedOrder) -> str:
    """Why the newest slice was refused or given up: sending more would meet the same.

    One that became stale while nobody could send is no refusal: what it did not get is due again.
    """
    last: Order | None = parent.children.order_by("-id").first()
    if (
        last is None
        or last.state not in CLOSED_BADLY
        or last.reason_code == "STALE"
        or last.updated_at <= _moved_at(parent)
    ):
        return ""
    return f"slice {last.cl_ord_id} is {last.state}: {last.reason_text}"


def _moved_at(parent: SlicedOrder) -> datetime:
    """When its state changed last: what was refused before a person let it go on is known to them."""
    return datetime.fromisoformat(parent.history[-1]["at"])


def schedule_of(parent: SlicedOrder) -> Schedule:
    """The parent's schedule, in lots of its instrument."""
    return Schedule(
        order_qty=parent.order_qty,
        lot=parent.instrument.size_increment,
        least=max(parent.instrument.size_increment, parent.instrument.min_size),
        slices=parent.slices,
        start=parent.start_time,
        end=parent.end_time,
    )


def _close(parent: SlicedOrder, has: Progress, now: datetime) -> bool:
    """Move to the end what is over; whether nothing is to be sent."""
    if has.cum_qty >= parent.order_qty:
        _finish(parent, has, now)
    elif parent.state == SliceState.ENDING and not has.open_qty:
        canceled = any(line["text"] == "cancel requested" for line in parent.history)
        end = SliceState.CANCELED if canceled else SliceState.ENDED
        parent.move(end, actor="slicer", at=now, text=_rest(parent, has))
    elif parent.state in (SliceState.RUNNING, SliceState.PAUSED) and now >= parent.end_time + GRACE_PERIOD:
        paused = f" ({parent.reason})" if parent.state == SliceState.PAUSED else ""
        _end(parent, f"its time is over{paused}", now)
    else:
        return False
    return True


def _finish(parent: SlicedOrder, has: Progress, now: datetime) -> None:
    """All of it has executed. A slice that is out all the same took the place of one that was filled late."""
    if has.open_qty and parent.state == SliceState.ENDING:
        return
    if has.open_qty:
        _end(parent, "all of it has executed", now)
        return
    over = has.cum_qty - parent.order_qty
    text = f"{decimal_text(over)} more than {decimal_text(parent.order_qty)} executed" if over else ""
    parent.move(SliceState.DONE, actor="slicer", at=now, text=text)
    if over and (last := parent.children.filter(cum_qty__gt=0).order_by("id").last()):
        raise_alert(AlertKind.OVERFILL, order=last, subject="slices", text=f"{parent.cl_ord_id}: {text}.")


def _end(parent: SlicedOrder, why: str, now: datetime) -> None:
    """No further slices; what is out is canceled. It is over once the broker has said so."""
    parent.paused_at = None
    parent.move(SliceState.ENDING, actor="slicer", at=now, text=why)
    transaction.on_commit(lambda: _cancel_unasked(parent, now))


def _cancel_unasked(parent: SlicedOrder, now: datetime) -> None:
    """Ask for the cancel of what is out, once: again only after a crash that came before it was asked."""
    asked = OrderRequest.objects.filter(
        order=OuterRef("pk"), kind=RequestKind.CANCEL, requested_at__gte=_moved_at(parent)
    )
    _cancel(parent.children.filter(~Exists(asked)), "slicer", now)


def _rest(parent: SlicedOrder, has: Progress) -> str:
    """Why it ended, and what it did not do."""
    sent = sum(child.order_qty for child in parent.children.all() if child.claimed_at)
    rest = parent.order_qty - has.cum_qty
    unsent = max(parent.order_qty - sent, Decimal(0))
    text = f"{decimal_text(rest)} of {decimal_text(parent.order_qty)} not executed"
    if unsent:
        text += f", {decimal_text(min(unsent, rest))} of it never sent"
    return f"{parent.reason}: {text}"


def _send(parent: SlicedOrder, quantity: Decimal, now: datetime) -> None:
    """Record the next slice under the parent's lock; a refused one pauses the parent for a person."""
    ticket = msgspec.convert(parent.ticket, Ticket)
    number = parent.made + 1
    ticket = msgspec.structs.replace(ticket, cl_ord_id=f"{parent.cl_ord_id}.{number}", order_qty=quantity)
    rules_cache.forget_outdated()
    rules = rules_cache.rules()
    order = drafted(ticket, rules, client=parent.client, source=Source.SLICER, received_at=now)
    order.parent = parent
    order.fresh_until = min(order.fresh_until, parent.end_time)  # nothing of it is sent after its window
    reject_beyond_use([[order]], rules)
    order.priority = priority_now(order)
    marks = unasked_marks([order], rules)
    if record_orders([order], ruleset=rules.ruleset_version, marks=marks) is None:
        return  # the next round takes the new rules
    parent.made = number
    if order.state == State.REJECTED:
        parent.paused_at = now
        parent.move(SliceState.PAUSED, actor="slicer", at=now, text=f"slice refused: {order.reason_text}")


def _stop(parent_id: UUID, why: str) -> None:
    """A slice could not be made at all: paused, with the reason, for a person."""
    log.warning("slice not made", extra={"parent": str(parent_id), "error": why})
    with transaction.atomic():
        parent = SlicedOrder.objects.select_for_update().get(pk=parent_id)
        if parent.state == SliceState.RUNNING:
            parent.paused_at = clock.now()
            parent.move(SliceState.PAUSED, actor="slicer", at=parent.paused_at, text=why)
            parent.save()
