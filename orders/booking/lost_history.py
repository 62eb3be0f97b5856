"""A restored database: what the broker shows under a reference of ours that our books do not have.

It proves that history was lost, so the session is HALTED in the very transaction that books it: nothing new
goes out before a person has decided. Such an order is recorded as somebody else's, its executions with it;
`controls.books` rebuilds it as ours. Where the client has repeated its request since, and that is not
sent, the repeat is this order: the reference says so (`models.references.digest_of`).
"""

from __future__ import annotations

import logging

from brokers.messages import ExecutionReport, OrderReport
from brokers.postgres import clock
from orders.booking.working_set import OrderKeys, WorkingSet
from orders.models import (
    AlertKind,
    Cause,
    EventKind,
    LostOrder,
    Order,
    OutboxCommand,
    State,
    TradingState,
)
from orders.models.references import digest_of, order_id_of
from orders.notify.alerts import raise_alert
from orders.risk.scopes import ScopeKind, scope_text
from orders.store.states import put_state

log = logging.getLogger(__name__)

SHOWN = 20  # references in an alert
HALT = "The broker has orders of ours that our books do not know (a restored database?)"


def reference_lost(session: WorkingSet, report: OrderReport | ExecutionReport) -> str:
    """The reference without its attempt, if it has our form and no order of any session is behind it."""
    own = order_id_of(report.identity.order_ref) if report.identity.order_ref else None
    if own is None or own in session.orders or Order.objects.filter(pk=own).exists():
        return ""
    return report.identity.order_ref.split("-")[0]


def repeat_of(working_set: WorkingSet, order_ref: str, cause: Cause) -> Order | None:
    """The order that the client's repeat made since and that is not sent: from now on it is the lost one."""
    unsent = Order.objects.filter(
        session_id=working_set.session, state__in=(State.CREATED, State.FAILED), claimed_at=None
    )
    found = unsent.extra(where=["right(id::text, 17) = %s"], params=[digest_of(order_ref)]).first()
    if found is None:
        return None
    order = working_set.lock(OrderKeys(ids=[found.id]), found.id)
    if order.state not in (State.CREATED, State.FAILED):
        return None
    OutboxCommand.objects.filter(order=order, done_at=None).update(
        done_at=clock.now(), error="it is at the broker: placed before the history was lost"
    )
    text = f"found at the broker as {order_ref}: placed before the history was lost"
    order.record_event(EventKind.BROKER_NOTICE, cause.saying(text))
    return order


def record(working_set: WorkingSet, order_ref: str, order: Order, cause: Cause) -> None:
    """Keep the finding, halt the session, tell a person: one alert, whose text grows."""
    is_repeat = order.client_id is not None
    _, created = LostOrder.objects.get_or_create(
        session_id=working_set.session,
        order_ref=order_ref,
        defaults={
            "order": order,
            "digest": digest_of(order_ref),
            "found_at": cause.at,
            "claimed_at": cause.at if is_repeat else None,
            "rebuilt_at": cause.at if is_repeat else None,
        },
    )
    if not created:
        return
    log.error("lost history", extra={"session": working_set.session, "order_ref": order_ref})
    scope = scope_text(ScopeKind.SESSION, working_set.session)
    put_state(scope, TradingState.HALTED, by=cause.actor, reason=HALT)
    open_ones = LostOrder.objects.filter(session_id=working_set.session, decided_at=None)
    refs = list(open_ones.values_list("order_ref", flat=True))
    shown = ", ".join(refs[:SHOWN]) + (f" and {len(refs) - SHOWN} more" if len(refs) > SHOWN else "")
    text = (
        f"{len(refs)} order(s) at the broker carry references of ours that our books do not know: {shown}. "
        f"The session is HALTED: rebuild them (manage.py rebuild {working_set.session}), then release it."
    )
    raise_alert(AlertKind.LOST_HISTORY, session=working_set.session, text=text)
