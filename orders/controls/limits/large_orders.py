"""Deciding about orders that wait for a second person (`entry.second_person` lets them wait).

Approving checks everything again: the limits and trading states in force now, and the age of prices.
What still fits goes out like any other order, fresh from the decision on; what does not is FAILED with the
new report, and of orders that go whole or not at all the rest with it.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from functools import partial
from uuid import UUID

from django.db import transaction
from django.db.models import QuerySet

from brokers.postgres import clock
from orders.controls.persons.approvals import Act
from orders.entry.backlog import priority_now
from orders.entry.limits.intentions import user_of
from orders.entry.limits.rules import rules_cache
from orders.entry.recheck import fail_unfit, keep_checked
from orders.entry.replace import ticket_of
from orders.entry.resolution import price_tickets
from orders.entry.second_person import LIFETIME
from orders.entry.slicer import end_unapproved, resume
from orders.models import (
    Approval,
    ApprovalKind,
    Cause,
    CommandKind,
    EventKind,
    Order,
    OutboxCommand,
    SlicedOrder,
    SliceState,
    State,
)
from orders.notify import wakeup
from orders.sending.unknown_outcome import fail_order
from orders.store.orders import store_orders


class OrderAct(Act):
    """Orders and sliced orders above a value, and orders that override a warning where that needs two."""

    kind = ApprovalKind.ORDER
    lifetime = LIFETIME

    def prepare(self, approval_id: UUID) -> None:
        """Have the broker tell the prices that the checks will need: never in a transaction."""
        for order in _waiting(approval_id).select_related("instrument", "client"):
            price_tickets([ticket_of(order, order.terms)], user_of(order))

    def why_outdated(self, approval: Approval) -> str:
        """Something must still wait."""
        sliced = _sliced(approval).exists()
        return "" if sliced or _waiting(approval.pk).exists() else "none of its orders waits any more."

    def carry_out(self, approval: Approval) -> str:
        """Check again, let go what fits, and say what became of each."""
        for parent in _sliced(approval):
            resume(parent.pk, actor=approval.decided_by, at=clock.now())
        orders = _locked(approval)
        rules_cache.forget_outdated()
        rules = rules_cache.rules()
        fail_unfit(orders, rules)
        failed = [order for order in orders if order.state != State.CREATED]
        failed += Order.objects.filter(approval=approval.pk, state=State.FAILED)  # while they waited
        if failed and approval.payload.get("whole"):
            _fail(orders, "GROUP_BROKEN", approval.decided_by)
        going = [order for order in orders if order.state == State.CREATED]
        _let_go(going, approval)
        store_orders(orders)
        keep_checked(going, rules)
        transaction.on_commit(wakeup.notify_readers, robust=True)
        return _outcome(orders, failed, going)

    def drop(self, approval: Approval) -> None:
        """None of it will be sent."""
        late = approval.expires_at <= clock.now()
        code = "APPROVAL_EXPIRED" if late else "APPROVAL_REJECTED"
        orders = _locked(approval)
        _fail(orders, code, "approvals")
        store_orders(orders)
        for parent in _sliced(approval):
            end_unapproved(parent.pk, code, at=clock.now())
        transaction.on_commit(wakeup.notify_readers, robust=True)


def _waiting(approval_id: UUID) -> QuerySet[Order]:
    return Order.objects.filter(approval=approval_id, state=State.CREATED, queued_at=None).order_by("id")


def _locked(approval: Approval) -> list[Order]:
    rows = _waiting(approval.pk).select_for_update(of=("self",))
    return list(rows.select_related("instrument", "group", "client"))


def _sliced(approval: Approval) -> QuerySet[SlicedOrder]:
    return SlicedOrder.objects.filter(approval=approval, state=SliceState.PAUSED)


def _fail(orders: Sequence[Order], code: str, actor: str) -> None:
    for order in orders:
        if order.state == State.CREATED:
            fail_order(order, code, Cause(actor=actor, at=clock.now()))


def _let_go(orders: Sequence[Order], approval: Approval) -> None:
    """Give each its command, and as long as its client gave it, from now on."""
    now = clock.now()
    spans = approval.payload.get("fresh_for", {})
    for order in orders:
        order.queued_at = now
        order.fresh_until = now + timedelta(seconds=spans[str(order.id)])
        text = f"approved by {approval.decided_by}: {approval.decision}"
        order.record_event(EventKind.RELEASED, Cause(actor=approval.decided_by, at=now, text=text))
    Order.objects.bulk_update(orders, ["fresh_until"])
    OutboxCommand.objects.bulk_create(
        OutboxCommand(
            session_id=order.session_id, order=order, kind=CommandKind.NEW, priority=priority_now(order)
        )
        for order in orders
    )
    for session in sorted({order.session_id for order in orders}):
        transaction.on_commit(partial(wakeup.start_submission, session), robust=True)


def _outcome(orders: Sequence[Order], failed: Sequence[Order], going: Sequence[Order]) -> str:
    if not orders:
        return "It goes on in slices."
    refused = "; ".join(f"{order.cl_ord_id}: {order.reason_text}" for order in failed[:10])
    told = [f"{len(going)} sent on their way."] if going else []
    return " ".join([*told, *([f"Not sent: {refused}"] if refused else [])])
