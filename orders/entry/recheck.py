"""Checked again before the wire: limits, rules and positions that have changed while an order waited.

Comes in: a session. Goes out: the orders to be claimed next, checked by the rules in force now, with all that
is at the broker and in the order in which they came. What breaks a limit is FAILED with the new report;
nothing of it goes out.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Iterable, Iterator
from datetime import timedelta
from uuid import UUID

from django.contrib.postgres.functions import TransactionNow
from django.db import transaction
from django.db.models import Q

from brokers.postgres import clock
from orders.entry import repeats
from orders.entry.limits.checks import check_report, order_facts, warned_report
from orders.entry.limits.intentions import Orders, account_of, by_intention, is_exit, user_of
from orders.entry.limits.rules import OrderContext, Rules, context_by, rules_cache
from orders.entry.limits.use import lock_replaces, recheck_use, replace_report
from orders.entry.place import require_form
from orders.entry.reading.ticket import Ticket
from orders.entry.replace import ticket_of
from orders.errors import TicketInvalid
from orders.models import Cause, Order, OrderRequest, RequestKind, RequestState, State, Terms
from orders.models.reasons import reason
from orders.models.requests import refuse_request
from orders.notify import wakeup
from orders.risk.report import CheckResult, first_failed
from orders.risk.states import state_check
from orders.sending.replaces import store_rows, with_orders
from orders.sending.unknown_outcome import fail_order
from orders.sending.waiting import CHECKED_WITHIN, unchecked_orders
from orders.store.orders import store_orders

log = logging.getLogger(__name__)


def recheck_waiting(session: str) -> int:
    """Check again those to be claimed next whose checks hold no longer; how many that were."""
    ids = unchecked_orders(session)
    if not ids:
        return 0
    rules_cache.forget_outdated()
    rules = rules_cache.rules()
    with transaction.atomic():
        waiting = _locked(ids)
        failed = fail_unfit(waiting, rules)
        store_orders(waiting)
        keep_checked((order for order in waiting if order.state == State.CREATED), rules)
    if failed:
        wakeup.notify_readers()
    return len(waiting)


def keep_checked(orders: Iterable[Order], rules: Rules) -> None:
    """Store that these were checked by these rules in this transaction: as of when it began."""
    by_snapshot: dict[str | None, list[UUID]] = {}
    for order in orders:
        by_snapshot.setdefault(order.checked_snapshot, []).append(order.id)
    for snapshot, ids in by_snapshot.items():
        Order.objects.filter(id__in=ids).update(
            ruleset=rules.ruleset_version, checked_at=TransactionNow(), checked_snapshot=snapshot
        )


def recheck_replaces(session: str) -> int:
    """The same for replaces that wait for their order, for each other or for the link; how many that were."""
    rules_cache.forget_outdated()
    rules = rules_cache.rules()
    oldest = clock.now() - timedelta(seconds=CHECKED_WITHIN / 2)
    waiting = OrderRequest.objects.filter(
        Q(checked_at=None) | Q(checked_at__lt=oldest) | ~Q(ruleset=rules.ruleset_version) | Q(ruleset=None),
        order__session_id=session,
        kind=RequestKind.REPLACE,
        state=RequestState.REQUESTED,
    )
    if not waiting.exists():
        return 0
    with transaction.atomic():
        rows = with_orders(waiting)
        lock_replaces([order for order, _ in rows], rules)
        for order, request in rows:
            report = _replace_report(order, request, rules)
            if broken := first_failed(report):
                # The report of when it was asked stays; the event and the words tell the new one.
                words = f"{reason(broken.code).text} Now {broken.value} against {broken.limit}."
                cause = _cause(broken).saying(words)
                refuse_request(order, request, broken.code, cause)
            request.ruleset, request.checked_at = rules.ruleset_version, clock.now()
        store_rows(rows)
    wakeup.notify_readers()
    return len(rows)


def _replace_report(order: Order, request: OrderRequest, rules: Rules) -> list[CheckResult]:
    """What the rules say now of the terms that it asks for; a lower quantity alone is always taken."""
    if order.terms.only_lowers_to(request.terms):
        return []

    def ask(ticket: Ticket, context: OrderContext) -> list[CheckResult]:
        return [
            *check_report(order_facts(ticket, context), context),
            *replace_report(order, ticket, rules, recorded=True),
        ]

    return _again(order, request.terms, rules, ask)


def _again(
    order: Order,
    terms: Terms,
    rules: Rules,
    ask: Callable[[Ticket, OrderContext], list[CheckResult]],
) -> list[CheckResult]:
    """The report on these terms; where they cannot be checked they fail, and stop no other."""
    try:
        ticket = ticket_of(order, terms)
        context = context_by(rules, ticket, user_of(order))
        require_form(ticket, context)
        return ask(ticket, context)
    except TicketInvalid as error:
        return [_not_valid("; ".join(error.texts))]
    except Exception as error:
        log.exception("an order could not be checked again", extra={"order": str(order.id)})
        return [_not_valid(f"the check itself failed: {error!r}")]


def _locked(ids: Collection[UUID]) -> list[Order]:
    """These with what else waits of their groups, which are checked whole, and of the same exits.

    Of exits that share a position the first has the room, whichever of them is to be checked again.
    """
    orders = Order.objects.select_for_update(of=("self",)).select_related("instrument", "group", "client")
    groups = Order.objects.filter(id__in=ids, group__isnull=False).values("group")
    exits = Order.objects.filter(id__in=ids, reduce_only=True).values("account")
    waiting = orders.filter(
        Q(id__in=ids) | Q(group__in=groups) | Q(reduce_only=True, account__in=exits), state=State.CREATED
    )
    return list(waiting.order_by("id"))


def fail_unfit(waiting: Iterable[Order], rules: Rules) -> int:
    """Give up in memory what breaks a rule now; how many orders. Each intention counts for those after it.

    For who holds the locks of these rows, stores them and keeps that they were checked (`keep_checked`).
    """
    waiting, failed = list(waiting), 0
    for order in waiting:
        order.checked_snapshot = ""
    good: list[Orders] = []
    lost = repeats.lost_orders(waiting)
    for orders in by_intention(waiting):
        report = [lost[o] for o in orders if o in lost] or _refusing_report(orders, rules)
        if broken := first_failed(report):
            _give_up(orders, broken, report)
            failed += len(orders)
        else:
            good.append(orders)
    for intention, report in recheck_use(good, rules):
        if broken := first_failed(report):
            _give_up(intention, broken, report)
            failed += len(intention)
    return failed


def _refusing_report(orders: Orders, rules: Rules) -> list[CheckResult]:
    """The report of the first order that may not be placed now; empty when all may.

    Exits of an entry that is at the broker already protect a position: they go, whatever the limits, unless
    trading is HALTED.
    """
    if all(is_exit(order) for order in orders):
        return next((report for report in _state_reports(orders, rules) if first_failed(report)), [])
    reports = (_report(order, rules) for order in orders)
    return next((report for report in reports if first_failed(report)), [])


def _state_reports(orders: Orders, rules: Rules) -> Iterator[list[CheckResult]]:
    for order in orders:
        in_force = rules.states.of_order(account_of(order), order.strategy, order.session_id)
        if in_force:
            yield [state_check(in_force)]


def _report(order: Order, rules: Rules) -> list[CheckResult]:
    """One order's report, with the overrides that were recorded with it."""

    def ask(ticket: Ticket, context: OrderContext) -> list[CheckResult]:
        order.overrides = order.recorded_overrides()
        return warned_report(order_facts(ticket, context), context, order.overrides)

    return _again(order, order.terms, rules, ask)


def _not_valid(text: str) -> CheckResult:
    return CheckResult(
        check="rules", passed=False, value=text, limit="the rules in force", code="RULES_CHANGED"
    )


def _cause(broken: CheckResult) -> Cause:
    told = {"check": broken.check, "value": broken.value, "limit": broken.limit}
    return Cause(actor="checks", at=clock.now(), data=told)


def _give_up(orders: Orders, broken: CheckResult, report: list[CheckResult]) -> None:
    cause = _cause(broken)
    stored = [check.as_json() for check in report]
    for order in orders:
        fail_order(order, broken.code, cause)
    Order.objects.filter(id__in=[order.id for order in orders]).update(check_report=stored)
