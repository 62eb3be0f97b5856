"""Messages that could not be applied: kept with their error, tried again, closed by a later snapshot."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import msgspec
from django.db import transaction

from brokers.inbox import rows as inbox_rows
from brokers.inbox.parking import describe
from brokers.messages import BrokerEvent, CommissionReport, decode_event
from brokers.models import InboxMessage
from brokers.port import InboundMessage
from brokers.postgres import clock, database, storable
from orders.booking.apply import Applying, NotYet
from orders.booking.flags import SessionFlags
from orders.booking.working_set import WorkingSet
from orders.models import AlertKind
from orders.notify import wakeup
from orders.notify.alerts import clear_alert, raise_alert

#: A message that matches nothing is tried this often, then left in the inbox with its error.
MAX_ATTEMPTS = 8
#: What it belongs to should have come by then: a full look at the broker tells it, once then and once before
#: it is left. Else a status whose order's own message was lost waits until something else asks for a look.
LOOKS_AT = (3, MAX_ATTEMPTS)
#: What rows of snapshots are parked under: the next snapshot says them anew, so they are never tried again.
SNAPSHOT_TOPIC = "snapshot:"
COMMISSION = str(CommissionReport.__struct_config__.tag)


def park(session: str, message: InboundMessage, error: Exception) -> None:
    """Store a message that could not be applied; one that merely came too early raises no alert yet."""
    retry_at = clock.now() + inbox_rows.retry_delay(0)
    with transaction.atomic():
        row = inbox_rows.park_message(session, message, error, retry_at)
        if message.topic or not isinstance(error, NotYet):
            _alert_stuck(row, message.event)


def retry_parked(session: str, flags: SessionFlags) -> int:
    """Try the parked messages again that are due; how many could be applied.

    Commissions wait for executions, and of several the newest counts: what an older one knows beyond it is
    taken after it.
    """
    due = list(
        InboxMessage.objects.filter(session_id=session, applied_at=None, retry_at__lte=clock.now()).order_by(
            "id"
        )[:100]
    )
    costs = [row for row in due if row.kind == COMMISSION]
    costs.sort(key=lambda row: row.received_at, reverse=True)
    return sum(_retry(row, flags) for row in [*(r for r in due if r.kind != COMMISSION), *costs])


def _retry(row: InboxMessage, flags: SessionFlags) -> bool:
    asked = SessionFlags()
    try:
        event = decode_event(msgspec.json.encode(row.event))
        message = InboundMessage(
            event=event, dedup_key=row.dedup_key, raw=row.raw, received_at=row.received_at
        )
        with transaction.atomic():
            applying = Applying(WorkingSet(row.session_id, [event]), asked)
            applying.apply(message, row.pk)
            applying.finish()
            _set_applied(row)
    except NotYet as error:
        _postpone(row, error)
        flags.snapshot_wanted |= row.attempts in LOOKS_AT
        return False
    except Exception as error:
        if database.is_away(error):
            raise
        _postpone(row, error)
        flags.snapshot_wanted |= row.retry_at is not None  # not for ever: a snapshot lets it be tried again
        return False
    flags.add(asked)
    wakeup.notify_readers()
    return True


def _set_applied(row: InboxMessage) -> None:
    row.applied_at, row.error = clock.now(), ""
    row.save(update_fields=["applied_at", "error"])
    clear_alert(AlertKind.INBOX_STUCK, session=row.session_id, subject=_subject(row))


def _postpone(row: InboxMessage, error: Exception) -> None:
    row.attempts += 1
    row.error = describe(error)
    again = row.attempts < MAX_ATTEMPTS
    row.retry_at = clock.now() + inbox_rows.retry_delay(row.attempts) if again else None
    row.save(update_fields=["attempts", "error", "retry_at"])
    if row.attempts == MAX_ATTEMPTS:
        _alert_stuck(row, row.event)


def rearm_parked(session: str) -> None:
    """What was given up for want of its order or execution gets another chance after each snapshot."""
    waiting = InboxMessage.objects.filter(session_id=session, applied_at=None, retry_at=None)
    waiting.exclude(dedup_key__startswith=SNAPSHOT_TOPIC).update(retry_at=clock.now())


def close_parked_rows(session: str, topics: Iterable[str], is_over: Callable[[str], bool]) -> None:
    """A later snapshot's rows about the same are in our books: those that were parked are over.

    So are those whose own topic is: the absence of what it shows.
    """
    waiting = InboxMessage.objects.filter(
        session_id=session, applied_at=None, dedup_key__startswith=SNAPSHOT_TOPIC
    )
    parked = {row.dedup_key: row for row in waiting}
    for key in map(storable.key, topics if parked else ()):
        if row := parked.pop(key, None):
            _set_applied(row)
    for key, row in parked.items():
        if is_over(key):
            _set_applied(row)


def _alert_stuck(row: InboxMessage, event: BrokerEvent | dict[str, Any]) -> None:
    text = f"A {row.kind} of the broker could not be applied ({_about(event)}): {row.error}"
    raise_alert(AlertKind.INBOX_STUCK, session=row.session_id, subject=_subject(row), text=text)


def _subject(row: InboxMessage) -> str:
    return storable.key(row.dedup_key, 120)


def _about(event: BrokerEvent | dict[str, Any]) -> str:
    """Whose message it is, for a person."""
    facts = event if isinstance(event, dict) else msgspec.to_builtins(event)
    said = {**facts.get("identity", {}), **{k: facts[k] for k in ("exec_id", "order_id") if k in facts}}
    return storable.text(", ".join(f"{name} {value}" for name, value in said.items()), 500)
