"""Rows of the inbox: messages stored in the transaction that applies them, and those that are parked."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import msgspec
from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from brokers.inbox.parking import describe
from brokers.messages import encode
from brokers.models import InboxMessage
from brokers.port import InboundMessage
from brokers.postgres import database, prepared, storable

log = logging.getLogger(__name__)

COLUMNS = {
    "dedup_key": "text",
    "kind": "text",
    "event": "jsonb",
    "raw": "jsonb",
    "received_at": "timestamptz",
}
STORE = f"""
    INSERT INTO brokers_inboxmessage
        (session_id, {", ".join(COLUMNS)}, applied_at, attempts, error)
    SELECT %s, h.*, now(), 0, '' FROM {prepared.json_to_recordset(COLUMNS, "h")}
    ON CONFLICT (session_id, dedup_key) DO NOTHING
    RETURNING id, dedup_key
"""  # noqa: S608 - our own column names


# --- stored and applied -------------------------------------------------------------------------------
def by_key(messages: Iterable[InboundMessage]) -> dict[str, InboundMessage]:
    """The first message of each key, which is that of its row."""
    unique: dict[str, InboundMessage] = {}
    for message in messages:
        unique.setdefault(storable.key(message.dedup_key), message)
    return unique


def store(session: str, messages: Mapping[str, InboundMessage]) -> prepared.Statement:
    """Insert-or-ignore, marked as applied, as a statement: its rows are (id, key) of those that were new.

    Runs in the caller's transaction: if applying fails, the rows go with it.
    """
    rows = [
        {
            "dedup_key": key,
            "kind": kind_of(message),
            "event": msgspec.Raw(encode(message.event)),
            "raw": message.raw,
            "received_at": message.received_at,
        }
        for key, message in messages.items()
    ]
    return STORE, [session, msgspec.json.encode(rows).decode()]


def kind_of(message: InboundMessage) -> str:
    """The kind of a message, as stored."""
    return str(type(message.event).__struct_config__.tag)


# --- parked -------------------------------------------------------------------------------------------
def park_message(
    session: str, message: InboundMessage, error: Exception, retry_at: datetime | None
) -> InboxMessage:
    """Store a message that could not be applied: in storable words, else as what Python shows of it.

    A row of a snapshot takes the place of an earlier one about the same, and waits for the next snapshot.
    """
    said = {"event": storable.plain(msgspec.to_builtins(message.event)), "raw": storable.plain(message.raw)}
    try:
        return _store_parked(session, message, said, error, retry_at)
    except Exception as refused:
        if database.is_away(refused):
            raise
        log.warning("parked as text only", extra={"error": describe(refused)})
    identity = said["event"].get("identity", {})
    shown = {"event": {"identity": identity, "text": storable.shown(message.event)}, "raw": {}}
    return _store_parked(session, message, shown, error, None)


def _store_parked(
    session: str, message: InboundMessage, said: dict[str, Any], error: Exception, retry_at: datetime | None
) -> InboxMessage:
    facts = {
        **said,
        "kind": kind_of(message),
        "received_at": message.received_at,
        "applied_at": None,
        "attempts": 1,
        "retry_at": None if message.topic else retry_at,
        "error": describe(error),
    }
    rows = InboxMessage.objects
    write = rows.update_or_create if message.topic else rows.get_or_create
    with transaction.atomic():
        row, _ = write(session_id=session, dedup_key=parked_key(message), defaults=facts)
    return row


def renew(session: str, again: Sequence[InboundMessage]) -> None:
    """Messages that were told again word for word while they wait count from now."""
    keys = [storable.key(message.dedup_key) for message in again]
    waiting = InboxMessage.objects.filter(session_id=session, dedup_key__in=keys, applied_at=None)
    waiting.update(received_at=timezone.now())


def parked_key(message: InboundMessage) -> str:
    """The key under which a message is parked."""
    return storable.key(message.topic or message.dedup_key)


def is_parked(
    session: str, *, order_ref: str, perm_id: int | None, client_id: int | None, broker_order_id: int | None
) -> bool:
    """Whether a message waits that names the order: by the first attempt's reference, or by a number."""
    names = Q(event__identity__order_ref__startswith=order_ref)
    if perm_id:
        names |= Q(event__identity__perm_id=perm_id)
    if client_id and broker_order_id:
        names |= Q(event__identity__client_id=client_id, event__identity__broker_order_id=broker_order_id)
    return InboxMessage.objects.filter(names, session_id=session, applied_at=None).exists()


def retry_delay(attempts: int) -> timedelta:
    """How long a parked message waits after its n-th failure."""
    return timedelta(seconds=min(60.0, 0.5 * 2**attempts))
