"""Placing orders: one, or many at once, by the same steps for the API, the desk and baskets.

Comes in: tickets. Goes out: recorded orders, or an error for each ticket that is none. Drafting is in
memory, recording is one statement for all of them (`store.orders`), and it is refused when the rules have
changed since they were looked at. Asking the broker (an instrument that nobody knows here) happens between
two tries, never in a transaction.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from django.db import transaction

from brokers.models import BrokerAccount, GatewaySession
from brokers.postgres import clock
from orders.entry import backlog, repeats, second_person
from orders.entry.allocation import allocation_errors
from orders.entry.limits.checks import order_facts, warned_report
from orders.entry.limits.intentions import unasked_marks
from orders.entry.limits.rules import OrderContext, Rules, context_by, rules_cache
from orders.entry.limits.use import (
    Grant,
    dry_report,
    follow_unlimited,
    grant_unlocked,
    reject_beyond_use,
)
from orders.entry.reading.ticket import Ticket
from orders.entry.resolution import Questions, price_tickets, resolve_ticket
from orders.errors import ClOrdIdReused, InstrumentUnknown, OrderError, TicketInvalid
from orders.instruments.prices import last_prices
from orders.models import Cause, EventKind, IfBrokerDown, Order, Source, State
from orders.models.references import order_ids, order_ref_of
from orders.notify import wakeup
from orders.risk.form.validity import form_errors
from orders.risk.report import CheckResult, first_failed
from orders.sending.unknown_outcome import reject_order
from orders.store.orders import Recorded, record_orders

if TYPE_CHECKING:
    from django.contrib.auth.models import User

#: The broker may tell the price that is missing.
UNPRICED = ("NO_REFERENCE_PRICE", "PRICE_TOO_OLD")
HEARTBEAT_LIMIT = timedelta(seconds=10)
MAX_ORDERS = 1000


class NotPlaced(OrderError):
    """Nothing is wrong with this order; others of its all-or-none bulk were refused."""

    code = "NOT_PLACED"


@dataclass(frozen=True, kw_only=True)
class Placed:
    """The recorded order; `created` False when this very request had been recorded before."""

    order: Order
    created: bool


@dataclass(kw_only=True)
class Line:
    """What became of one ticket: its order, or why there is none."""

    ticket: Ticket | None
    order: Order | None = None
    created: bool = False  # by this call
    stored: bool = False  # whether the order is in the database
    error: Exception | None = None
    settled: bool = False  # its error stands, whatever the rules: it could not be read, or not be resolved
    name: str | None = None  # the cl_ord_id that was given, where no ticket could be read

    @property
    def wants_broker(self) -> bool:
        """Whether what the broker can tell may save it: an instrument, or a price to value it at."""
        unpriced = self.order is not None and self.order.reason_code in UNPRICED
        return not self.settled and (unpriced or isinstance(self.error, InstrumentUnknown))

    def reset(self) -> None:
        """Be as before an attempt."""
        if not self.settled:
            self.order, self.error = None, None
            self.created = self.stored = False

    @property
    def failed(self) -> bool:
        """Whether it is not an order on its way (or past it) to the broker."""
        return self.error is not None or (self.order is not None and self.order.is_refused_here)


def place_order(ticket: Ticket, *, client: User, source: Source, received_at: datetime) -> Placed:
    """Check and record an order; what happens next is the broker worker's.

    A breach of a limit records the order as REJECTED with its report. Raises TicketInvalid (nothing
    is stored) and ClOrdIdReused. The same request again gives the first order, whatever the rules
    and limits say by now.
    """
    line = Line(ticket=ticket)
    place_orders([line], client=client, source=source, received_at=received_at)
    if line.error:
        raise line.error
    assert line.order is not None  # noqa: S101 - an order, or an error
    return Placed(order=line.order, created=line.created)


def place_orders(
    lines: Sequence[Line],
    *,
    client: User,
    source: Source,
    received_at: datetime,
    all_or_none: bool = False,
    ask_broker: bool = True,
) -> None:
    """Record the orders of these lines and say in each line what became of it.

    Lines may come with an error already (what was asked could not be read). A cl_ord_id that was placed
    before gives its first order again. `all_or_none`: nothing is recorded unless every line is good.
    `ask_broker` must be False in a transaction; `resolve_lines` does the asking before it then.
    """
    while True:
        rules = rules_cache.rules()
        for line in lines:
            if line.ticket is None or line.settled:
                continue
            try:
                line.order = drafted(
                    line.ticket, rules, client=client, source=source, received_at=received_at
                )
                line.created = True
            except OrderError as error:
                line.error = error
        if failed := [line for line in lines if line.failed]:
            _replay(failed, client)
            failed = [line for line in failed if line.failed]
        unknown = [line for line in failed if line.wants_broker]
        if failed and rules_cache.forget_outdated():
            pass  # they may be good by the rules that are in force now
        elif unknown and ask_broker:
            resolve_lines(unknown, client.get_username())
            ask_broker = False
        elif failed and all_or_none:
            _drop_all(lines)
            return
        elif _record(lines, rules, client, all_or_none=all_or_none):
            return
        else:
            rules_cache.forget_outdated()
        for line in lines:
            line.reset()


def resolve_lines(lines: Iterable[Line], user: str) -> None:
    """Have the broker name the instruments that no rule knows, and tell prices that are missing or too old.

    The error of a line without an instrument is final.
    """
    asked, found = Questions(), list[Ticket]()
    for line in lines:
        try:
            if line.ticket and not line.settled:
                resolve_ticket(line.ticket, asked)
                found.append(line.ticket)
        except OrderError as error:
            line.error, line.settled = error, True
    price_tickets(found, user)


def _record(lines: Sequence[Line], rules: Rules, client: User, *, all_or_none: bool) -> bool:
    """Record the drafts; False when the rules or the use by which they were checked do not stand any more.

    Whose id was taken meanwhile, or earlier in this very list, is a replay.
    """
    drafts = [line.order for line in lines if line.order and line.created]
    if all_or_none:  # one intention; without it each line is an order by itself, as if it came alone
        second_person.add_up(drafts)
    unasked = unasked_marks(drafts, rules)
    limited = unasked is None
    # An overridden warning may come with the use, which is read below: what waits for it is one transaction.
    whole = all_or_none or any(order.overrides or second_person.needs_second(order) for order in drafts)
    grant = grant_unlocked([[order] for order in drafts], rules) if limited and not whole else None
    with transaction.atomic() if whole or (limited and grant is None) else nullcontext():
        if limited and grant is None:
            reject_beyond_use([[order] for order in drafts], rules)
        approval = second_person.hold(drafts, whole=all_or_none)
        backlog.rank(drafts)
        marks = grant.marks if grant else unasked
        done = record_orders(drafts, ruleset=rules.ruleset_version, marks=marks)
        if done is None:
            if grant:
                grant.fell()
            return False
        recorded = set(done.ids)
        if late := [order for order in drafts if order.waits_too_long and order.id not in recorded]:
            backlog.refuse_waiting(late)
            refused = record_orders(late)
            recorded |= set(refused.ids if refused else ())
        for line in lines:
            line.stored = line.stored or bool(line.order and line.order.id in recorded)
        if taken := [line for line in lines if line.created and not line.stored]:
            _replay(taken, client)
        if all_or_none and any(line.failed for line in lines):
            transaction.set_rollback(True)  # somebody else took one of the ids meanwhile
            _drop_all(lines)
            return True
        if approval and any(order.approval_id for order in drafts if order.id in recorded):
            approval.save(force_insert=True)  # none where all of them were there before
    _wake(order for order in drafts if order.id in recorded)
    _count(drafts, rules, grant, done)
    return True


def _count(drafts: Sequence[Order], rules: Rules, grant: Grant | None, done: Recorded) -> None:
    """What is known of the use goes on with what was recorded, if all of that is counted in it.

    After the commit: marks that are rolled back are given out again, to others.
    """
    if len(done.ids) < len(drafts):
        return
    if grant and len(grant.intentions) == sum(order.state == State.CREATED for order in drafts):
        transaction.on_commit(lambda: grant.stood(done.marks), robust=True)
    elif grant is None and done.marks:
        transaction.on_commit(lambda: follow_unlimited(drafts, rules, done.marks), robust=True)


def _replay(lines: Sequence[Line], client: User) -> None:
    """Give these lines the orders that were placed before under their ids, as far as there are any."""
    asked = [(line, line.ticket) for line in lines if line.ticket]
    ids = {ticket.cl_ord_id for _, ticket in asked}
    found = Order.objects.filter(client=client, cl_ord_id__in=ids)
    known = {
        order.cl_ord_id: order for order in found.select_related("instrument").prefetch_related("requests")
    }
    for line, ticket in asked:
        first = known.get(ticket.cl_ord_id)
        if first is None and line.order and line.created and not line.failed:
            first = repeats.adopt(line.order, client)
        if first is None and line.order and line.created and not line.failed:
            line.error = ClOrdIdReused(line.order)  # it names a cancel, a replace or a sliced order
            line.order, line.created = None, False
        elif first is not None:
            same = repeats.asks_for(first, ticket)
            line.order, line.error = (first, None) if same else (None, ClOrdIdReused(first))
            line.created, line.stored = False, True


def _drop_all(lines: Sequence[Line]) -> None:
    """Say of the good lines that they were not placed because of the others."""
    for line in (line for line in lines if line.created):
        if not line.failed:
            line.error = NotPlaced("Others of this bulk were refused, so this one was not placed.")
        line.created = line.stored = False


def _wake(recorded: Iterable[Order]) -> None:
    """After commit: the workers of what is to be sent, and the readers of what was refused."""
    orders = list(recorded)
    sendable = [order for order in orders if order.state == State.CREATED and not order.approval_id]
    for session in {str(order.session_id) for order in sendable}:
        transaction.on_commit(lambda session=session: wakeup.start_submission(session), robust=True)  # type: ignore[misc]
    if len(sendable) < len(orders):
        transaction.on_commit(wakeup.notify_readers, robust=True)


def drafted(ticket: Ticket, rules: Rules, *, client: User, source: Source, received_at: datetime) -> Order:
    """The order in memory, with its check report; a breach has rejected it. Raises TicketInvalid.

    A failed limit check rejects it, and so does a broker that is down where the order wants to be refused
    then. Whoever records it requires the version of these rules to be in force.
    """
    context = context_by(rules, ticket, client.get_username())
    require_form(ticket, context)
    order = _draft(ticket, context, client=client, source=source, received_at=received_at)
    order.overrides = ticket.overrides(client.get_username())
    facts = order_facts(ticket, context)
    order.worth = facts.worth
    report = warned_report(facts, context, order.overrides)
    if source != Source.SLICER and (large := second_person.large_check(ticket, context, order.worth)):
        report = [*report, large]
    order.check_report = [result.as_json() for result in report]
    broken = first_failed(report)
    failed = broken.code if broken else ""
    if not failed and order.if_broker_down == IfBrokerDown.REJECT and not _reachable(context.account):
        failed = "BROKER_DOWN"
    if failed:
        reject_order(order, failed, Cause(actor="checks", at=clock.now()))
    return order


def dry_run(ticket: Ticket, user: str) -> list[CheckResult]:
    """What the checks say about an order that nobody has placed; raises TicketInvalid, stores nothing."""
    rules = rules_cache.rules()
    context = context_by(rules, ticket, user)
    require_form(ticket, context)
    own = warned_report(order_facts(ticket, context), context, ticket.overrides(user))
    wait = backlog.backlog_check(ticket, context.instrument, str(context.account.session_id))
    return [*own, *dry_report(ticket, context.instrument, rules, user), wait]


def dry_run_many(tickets: Iterable[Ticket], client: User) -> list[Order]:
    """Orders that nobody has placed, as they would be recorded one after the other; what is granted to one
    counts for the next. Raises TicketInvalid, stores and promises nothing.
    """
    rules_cache.forget_outdated()
    rules, at = rules_cache.rules(), clock.now()
    drafts = [drafted(one, rules, client=client, source=Source.DESK, received_at=at) for one in tickets]
    reject_beyond_use([[order] for order in drafts], rules, lock=False)
    return drafts


def require_form(ticket: Ticket, context: OrderContext) -> None:
    """Raise TicketInvalid when the ticket is no order that could be placed."""
    errors = form_errors(ticket, context.instrument, clock.now())
    if ticket.allocation is not None:
        errors |= allocation_errors(ticket, ticket.allocation, context.account, context.instrument)
    if errors:
        raise TicketInvalid(errors)


def _draft(
    ticket: Ticket, context: OrderContext, *, client: User, source: Source, received_at: datetime
) -> Order:
    order_id = order_ids.make(client.get_username(), ticket.cl_ord_id)
    last = last_prices.of(context.instrument)
    order = Order(
        id=order_id,
        client=client,
        source=source,
        cl_ord_id=ticket.cl_ord_id,
        request_hash=ticket.fingerprint(),
        order_ref=order_ref_of(order_id),
        account=context.account,
        session=context.account.session,
        instrument=context.instrument,
        side=ticket.side,
        order_qty=ticket.order_qty,
        ord_type=ticket.ord_type,
        price=ticket.price,
        stop_px=ticket.stop_px,
        time_in_force=ticket.time_in_force,
        special=ticket.special(),
        on_unconfirmed=ticket.on_unconfirmed,
        if_broker_down=ticket.if_broker_down,
        if_backlog=ticket.backlog_policy,
        strategy=ticket.strategy,
        reduce_only=ticket.reduce_only,
        fresh_until=received_at + timedelta(seconds=ticket.fresh_for),
        received_at=received_at,
        arrival_px=last.px if last else None,
        ruleset=context.ruleset_version,
    )
    order.record_event(
        EventKind.RECORDED, Cause(actor=f"client:{client.get_username()}", at=received_at), from_state=""
    )
    return order


def _reachable(account: BrokerAccount) -> bool:
    session = GatewaySession.objects.get(pk=account.session_id)
    fresh = session.heartbeat_at and clock.now() - session.heartbeat_at < HEARTBEAT_LIMIT
    return session.link == "READY" and session.breaker != "OPEN" and bool(fresh)
