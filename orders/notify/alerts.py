"""Alerts: the one place where something is put before a person and taken away again.

An alert is raised in the caller's transaction, so it exists exactly when what it tells of does. Raising
what is open already only counts; so callers need not remember what they said before.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from datetime import timedelta
from uuid import UUID

from django.contrib.auth.models import User
from django.db import connection, transaction
from django.db.models import Exists, OuterRef

from brokers.models import GatewaySession
from brokers.postgres import clock
from orders.models import Alert, AlertKind, EventKind, Order, OrderEvent, State

log = logging.getLogger(__name__)

RAISE = """
    INSERT INTO orders_alert (kind, order_id, session_id, subject, text, times, raised_at, last_raised_at,
                              cleared_by, cleared_note)
    VALUES (%(kind)s, %(order)s, %(session)s, %(subject)s, %(text)s, 1, %(at)s, %(at)s, '', '')
    ON CONFLICT (kind, order_id, session_id, subject) WHERE cleared_at IS NULL
    DO UPDATE SET times = orders_alert.times + 1, text = EXCLUDED.text,
                  last_raised_at = EXCLUDED.last_raised_at
    RETURNING id, times
"""


def raise_alert(
    kind: AlertKind,
    *,
    text: str,
    order: Order | None = None,
    session: GatewaySession | str | None = None,
    subject: str = "",
) -> int:
    """Put something before a person; the alert's id. An order's session is its own."""
    name = session.name if isinstance(session, GatewaySession) else session
    name = order.session_id if order else name
    facts = {
        "kind": kind.value,
        "order": order.pk if order else None,
        "session": name,
        "subject": subject,
        "text": text,
        "at": clock.now(),
    }
    with connection.cursor() as cursor:
        cursor.execute(RAISE, facts)
        alert_id, times = cursor.fetchone()
    if times == 1:
        said = {"alert": kind.value, "session": name, "order": str(order.pk) if order else "", "text": text}
        transaction.on_commit(lambda: log.warning("alert raised", extra=said), robust=True)
    return int(alert_id)


def clear_alert(
    kind: AlertKind,
    *,
    order: Order | None = None,
    session: GatewaySession | str | None = None,
    subject: str = "",
    by: str = "system",
) -> bool:
    """What the alert told of is over; whether one was open."""
    name = session.name if isinstance(session, GatewaySession) else session
    open_ones = Alert.objects.filter(kind=kind, order=order, subject=subject, cleared_at=None)
    if order is None:
        open_ones = open_ones.filter(session_id=name)
    return bool(open_ones.update(cleared_at=clock.now(), cleared_by=by))


def see_alert(alert_id: int, *, user: User) -> Alert:
    """A person has read it; the first one counts. Raises Alert.DoesNotExist."""
    Alert.objects.filter(pk=alert_id, seen_at=None).update(seen_at=clock.now(), seen_by=user)
    return Alert.objects.get(pk=alert_id)


def clear_by_hand(alert_id: int, *, user: User, note: str) -> Alert:
    """A person has dealt with it and says how. Raises Alert.DoesNotExist, ValueError for an empty note.

    An alert whose cause goes on is raised anew the next time it shows.
    """
    if not note.strip():
        raise ValueError("Please say what was done about it.")
    now = clock.now()
    with transaction.atomic():
        see_alert(alert_id, user=user)
        Alert.objects.filter(pk=alert_id, cleared_at=None).update(
            cleared_at=now, cleared_by=f"desk:{user.get_username()}", cleared_note=note.strip()
        )
    return Alert.objects.get(pk=alert_id)


#: An order in doubt is usually resolved by two snapshots within seconds; one that is not is shown.
DOUBT_SHOWN_AFTER = timedelta(seconds=15)


def follow_unconfirmed(session: str, unproven: Mapping[UUID, str]) -> None:
    """Orders that stay UNCONFIRMED get an alert, orders that are not any more lose it.

    `unproven`: of some, why the snapshots that missed them prove nothing.
    """
    resolved = Alert.objects.filter(kind=AlertKind.IN_DOUBT, session_id=session, cleared_at=None)
    resolved.exclude(order__state=State.UNCONFIRMED).update(cleared_at=clock.now(), cleared_by="system")
    since = clock.now() - DOUBT_SHOWN_AFTER
    doubtful = Order.objects.filter(session_id=session, state=State.UNCONFIRMED, unconfirmed_at__lt=since)
    known = Alert.objects.filter(kind=AlertKind.IN_DOUBT, order=OuterRef("pk"), cleared_at=None)
    for order in doubtful.filter(~Exists(known), held_for_desk=False).order_by("id")[:500]:
        text = "It may be at the broker; snapshots of the broker have not shown it yet."
        if why := unproven.get(order.id):
            text = f"It may be at the broker: it is not shown, which proves nothing, because {why}."
        raise_alert(AlertKind.IN_DOUBT, order=order, text=text)


def follow_holds(orders: Iterable[Order], events: Iterable[OrderEvent]) -> None:
    """Orders that were just held get an alert, orders that were released lose it."""
    by_id = {order.id: order for order in orders}
    for event in events:
        if event.kind == EventKind.HELD_FOR_DESK:
            raise_alert(AlertKind.HELD_ORDER, order=by_id[event.order_id], text=event.text)
        elif event.kind == EventKind.RELEASED:
            clear_alert(AlertKind.HELD_ORDER, order=by_id[event.order_id], by=event.actor)
