"""An execution that a person found in the broker's statement: it is booked when a second person agrees."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.utils import timezone

from brokers.formats import decimal_text
from orders.controls.persons.approvals import Act, needs_two, propose
from orders.controls.persons.people import Actor, NotAllowed
from orders.desk.decisions import FoundExecution, NotHeld, enter_execution
from orders.models import Approval, ApprovalKind, Execution, Order

RIGHT = "orders.resolve_order"


def request_execution(
    order_id: UUID, found: FoundExecution, *, actor: Actor, reason: str
) -> Order | Approval:
    """Book it, or let it wait for a second person. Raises Order.DoesNotExist, NotHeld and NotAllowed."""
    order = Order.objects.select_related("instrument").get(pk=order_id)
    if not actor.user.has_perm(RIGHT):
        raise NotAllowed(f"{actor.name} may not decide about held orders.")
    if not needs_two(ApprovalKind.EXECUTION):
        return enter_execution(order_id, found, actor=actor.name, at=timezone.now(), reason=reason)
    if not order.held_for_desk:
        raise NotHeld(order)
    payload = {name: _text(value) for name, value in asdict(found).items()}
    lines = {name: text for name, text in payload.items() if text is not None}
    return propose(
        ApprovalKind.EXECUTION,
        title=f"Execution {found.exec_id} of {order.cl_ord_id} ({order.side} {order.instrument})",
        diff=[{"what": name, "old": "", "new": text} for name, text in lines.items()],
        payload={"order": str(order_id), "found": payload},
        accounts=[order.account_id] if order.account_id else [],
        actor=actor,
        reason=reason,
    )


def _text(value: object) -> str | None:
    if isinstance(value, datetime):
        return value.isoformat()
    return decimal_text(value) if isinstance(value, Decimal) else value  # type: ignore[return-value]


def _found(payload: dict[str, Any]) -> FoundExecution:
    numbers = ("last_qty", "last_px", "commission", "multiplier")
    values: dict[str, Any] = {
        name: Decimal(value) if name in numbers and value is not None else value
        for name, value in payload.items()
    }
    return FoundExecution(**{**values, "transact_time": datetime.fromisoformat(payload["transact_time"])})


class ExecutionAct(Act):
    """A manual execution."""

    kind = ApprovalKind.EXECUTION
    lifetime = timedelta(hours=8)

    def why_outdated(self, approval: Approval) -> str:
        """The order must still be held, and the broker must not have told the execution meanwhile."""
        order = Order.objects.get(pk=approval.payload["order"])
        exec_id = approval.payload["found"]["exec_id"]
        if not order.held_for_desk:
            return "the order is not held any more."
        if Execution.objects.filter(account=order.account_id, exec_id=exec_id).exists():
            return f"the execution {exec_id} is booked already."
        return ""

    def carry_out(self, approval: Approval) -> str:
        """Book it in the name of who found it."""
        order = enter_execution(
            UUID(approval.payload["order"]),
            _found(approval.payload["found"]),
            actor=approval.made_by,
            at=timezone.now(),
            reason=f"{approval.reason} (approved by {approval.decided_by})",
        )
        return f"{order.cl_ord_id} is {order.state}, {decimal_text(order.cum_qty)} executed."
