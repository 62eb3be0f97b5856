"""Doubt and its end: what follows when the broker does not show an order that may be there.

Two complete snapshots (open orders, completed orders, executions; end markers seen, link up) that both
miss an order prove its absence, if `absence` has no doubt about either. Only then may it be sent again or
given up; anything less stays UNCONFIRMED and visible, or is a person's.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from brokers.postgres import clock
from orders.models import (
    OPEN_REQUESTS,
    Cause,
    CommandKind,
    EventKind,
    OnUnconfirmed,
    Order,
    OutboxCommand,
    RequestKind,
    State,
)
from orders.models.reasons import reason
from orders.sending import refusals

ROUNDS = 2
MAX_BACKOFF = 10.0  # seconds


def mark_unconfirmed(order: Order, cause: Cause) -> None:
    """UNCONFIRMED from now on; rounds of looking start at zero."""
    order.unconfirmed_at, order.absent_rounds, order.absent_snapshot = cause.at, 0, ""
    order.doubt(cause)


def mark_absent(
    order: Order, snapshot_id: str, cause: Cause, *, at_broker: bool = False, unproven: str = ""
) -> None:
    """A complete snapshot did not show the order: count the round, and decide after the second.

    `at_broker`: the broker has named the order in a message that could not be applied. `unproven`: why its
    absence does not prove that it is not there.
    """
    if order.absent_snapshot == snapshot_id or order.held_for_desk:
        return
    if order.state != State.UNCONFIRMED:
        mark_unconfirmed(order, cause)
    order.absent_rounds += 1
    order.absent_snapshot = snapshot_id
    order.record_event(
        EventKind.ABSENT,
        cause.saying(f"not shown by the broker, snapshot {order.absent_rounds} of {ROUNDS}"),
    )
    if order.absent_rounds >= ROUNDS:
        _decide(order, cause, at_broker=at_broker, unproven=unproven)


def _decide(order: Order, cause: Cause, *, at_broker: bool, unproven: str) -> None:
    """Missed twice, which proves its absence unless `unproven` says why not.

    Without proof a person decides, and about an order that the broker once had, or one that is to be held.

    Unless the broker refused it in so many words (`refusals`), or its client wants it canceled: then absent
    is where it should be, and the request is closed like those of any order that is over (`late_requests`).
    """
    had = order.perm_id or order.cum_qty or order.acknowledged_at
    if had and not (at_broker or unproven) and (words := _rejected_then(order, cause)):
        refusals.reject_refused(order, words, cause)
    elif at_broker or had:
        order.hold(cause.saying("the broker had this order and does not show it any more"))
    elif unproven:
        order.hold(cause.saying(f"not shown by the broker, but it may be there: {unproven}"))
    elif words := refusals.refused_by(order):
        refusals.reject_refused(order, words, cause)
    elif cancel_wanted(order):
        cancel_unsent(order, cause)
    elif order.on_unconfirmed == OnUnconfirmed.HOLD:
        order.hold(cause.saying("proven not at the broker; to be decided by the desk"))
    elif order.fresh_until <= clock.now():
        fail_order(order, "STALE", cause)
    else:
        send_again(order, cause.saying("proven not at the broker; sent again"))


def _rejected_then(order: Order, cause: Cause) -> str:
    """Why the broker rejected an order that it had, just before it was not shown any more."""
    if order.first_fill_at:
        return ""
    return refusals.rejected_by(order, order.unconfirmed_at or cause.at)


def cancel_wanted(order: Order) -> bool:
    """Whether a cancel request of the order is open."""
    return order.requests.filter(kind=RequestKind.CANCEL, state__in=OPEN_REQUESTS).exists()


def cancel_unsent(order: Order, cause: Cause) -> None:
    """CANCELED: nothing of it is at the broker, so the cancel is ours to grant."""
    order.reason_code, order.reason_text = "CANCELED_BEFORE_SENDING", reason("CANCELED_BEFORE_SENDING").text
    order.cancel(cause)


def send_again(order: Order, cause: Cause) -> None:
    """Back to CREATED; the claim decides whether it keeps its broker order id or gets a new attempt."""
    order.resend(cause)
    order.queued_at, order.ack_deadline, order.unconfirmed_at = cause.at, None, None
    requeue_command(order, "proven absent", clock.now())


def reject_order(order: Order, code: str, cause: Cause) -> None:
    """REJECTED with this reason, by us: nothing of it has left."""
    order.reason_code, order.reason_text = code, reason(code).text
    order.reject(cause.saying(order.reason_text))


def fail_order(order: Order, code: str, cause: Cause) -> None:
    """Given up with this reason: FAILED, or CANCELED when some of it has executed."""
    order.reason_code, order.reason_text = code, reason(code).text
    executed = order.first_fill_at and order.executions.filter(superseded=False, last_qty__gt=0).exists()
    give_up = order.cancel if executed else order.fail
    give_up(cause.saying(order.reason_text))


def requeue_command(order: Order, why: str, now: datetime) -> None:
    """Let the order's NEW command wait again; the more tries it had, the longer."""
    command = OutboxCommand.objects.filter(order=order, kind=CommandKind.NEW).latest("id")
    command.done_at, command.error = None, why
    command.not_before = now + timedelta(seconds=min(MAX_BACKOFF, 0.125 * 2**command.attempts))
    command.save(update_fields=["done_at", "error", "not_before"])
