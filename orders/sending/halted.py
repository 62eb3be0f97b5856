"""What a trading state stops after it was recorded: what waits, and what is claimed and not yet sent.

The claim moves nothing that was checked by an older ruleset, so what is asked here is told to its client at
once instead of when it would have been claimed.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from functools import reduce
from operator import or_

from django.db import transaction
from django.db.models import Q

from brokers.postgres import clock, prepared
from orders.models import Cause, Order, OrderRequest, RequestKind, RequestState, State, TradingState
from orders.models.controls.ruleset import NO_RULESET
from orders.models.reasons import reason
from orders.models.requests import refuse_request
from orders.risk.report import CheckResult
from orders.risk.scopes import ScopeKind, parse_scope
from orders.risk.states import InForce, States, state_check
from orders.sending.claim import ORDER_SCOPES
from orders.sending.replaces import store_rows, with_orders
from orders.sending.unknown_outcome import fail_order
from orders.store.orders import store_orders

AT_ONCE = 500
#: A state is set a moment before its transaction commits, and an order's check may come in between.
SET_AFTER_CHECK = f"""s.set_at >= o.checked_at - interval '10 seconds'
        AND o.ruleset IS DISTINCT FROM COALESCE((SELECT edition FROM orders_rulebook), '{NO_RULESET}')"""  # noqa: S608
#: Which of these orders a state stops that came after their checks; where several do, one of them.
STOPPED = f"""
    SELECT o.id::text, min(s.scope || ' is ' || s.state || ': ' || s.reason)
    FROM orders_order o JOIN orders_scopestate s ON s.scope IN {ORDER_SCOPES}
    WHERE o.id = ANY(%s::uuid[]) AND (s.state = 'HALTED' OR s.state = 'REDUCING' AND {SET_AFTER_CHECK})
    GROUP BY o.id
"""  # noqa: S608 - our own words


def stopped(order_ids: Collection[str]) -> dict[str, str]:
    """Which of these claimed orders must not be handed over any more, and why."""
    return dict(prepared.rows(STOPPED, [list(order_ids)]))


def give_up_halted(session: str, states: States) -> int:
    """End what waits in a scope that is HALTED, and replaces that are older than a state; how many."""
    if not states.by_scope:
        return 0
    return _fail_orders(session, states) + _refuse_replaces(session, states)


def _fail_orders(session: str, states: States) -> int:
    halted = _orders_in(session, states, TradingState.HALTED)
    if halted is None:
        return 0
    waiting = Order.objects.filter(halted, session_id=session, state=State.CREATED)
    with transaction.atomic():
        orders = list(waiting.select_for_update(skip_locked=True).order_by("id")[:AT_ONCE])
        by_state: dict[InForce, list[Order]] = {}
        for order in orders:
            if in_force := _in_force(order, states):
                by_state.setdefault(in_force, []).append(order)
        for in_force, ended in by_state.items():
            _fail(ended, state_check(in_force))
        store_orders(orders)
    return len(orders)


def _fail(orders: Sequence[Order], check: CheckResult) -> None:
    report = check.as_json()
    for order in orders:
        fail_order(order, check.code, Cause(actor="checks", at=clock.now(), data=report))
    Order.objects.filter(pk__in=[order.pk for order in orders]).update(check_report=[report])


def _refuse_replaces(session: str, states: States) -> int:
    """Replaces that wait, but for those that only lower a quantity, as the claim lets them go (`claim`)."""
    found = _orders_in(session, states, *TradingState)
    if found is None:
        return 0
    orders = Order.objects.filter(found, session_id=session)
    waiting = OrderRequest.objects.filter(
        order__in=orders, kind=RequestKind.REPLACE, state=RequestState.REQUESTED
    )
    if not waiting.exists():
        return 0
    with transaction.atomic():
        rows = with_orders(waiting)
        for order, request in rows:
            if code := _why_refused(order, request, states):
                text = f"{reason(code).text} {_in_force(order, states)}"
                refuse_request(order, request, code, Cause(actor="checks", at=clock.now(), text=text))
        store_rows(rows)
    return sum(not request.is_open for _, request in rows)


def _why_refused(order: Order, request: OrderRequest, states: States) -> str:
    in_force = _in_force(order, states)
    if in_force is None or order.terms.only_lowers_to(request.terms):
        return ""
    if in_force.state == TradingState.HALTED:
        return "TRADING_HALTED"
    return "REDUCING_ONLY" if request.requested_at <= in_force.set_at else ""


def _in_force(order: Order, states: States) -> InForce | None:
    return states.of_order(order.account_id or "", order.strategy, order.session_id)


def _orders_in(session: str, states: States, *wanted: TradingState) -> Q | None:
    """The session's orders in scopes of these states, the session's own HALTED left out; None for none."""
    found: list[Q] = []
    for in_force in states.by_scope.values():
        kind, name = parse_scope(in_force.scope)
        if in_force.state not in wanted:
            continue
        if kind == ScopeKind.FIRM:
            found.append(Q(session_id=session))
        elif kind == ScopeKind.ACCOUNT:
            found.append(Q(account_id=name))
        elif kind == ScopeKind.STRATEGY:
            found.append(Q(strategy=name))
        elif name == session and in_force.state == TradingState.REDUCING:
            found.append(Q(session_id=session))
    return reduce(or_, found) if found else None
