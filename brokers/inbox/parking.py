"""Applying a batch so that what cannot be applied stops none of its neighbours: bisected out and parked."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from brokers.inbox.applier import Applier, InboxItem
from brokers.messages import HandedOver
from brokers.port import InboundMessage
from brokers.postgres import database, storable

log = logging.getLogger(__name__)

#: More in one transaction would make the first of them wait for the last.
BATCH = 150


def apply_in_batches(applier: Applier, items: Sequence[InboxItem]) -> list[InboxItem]:
    """The same for any number of items, on the writer's thread."""
    parts = [items[at : at + BATCH] for at in range(0, len(items), BATCH)]
    return [parked for part in parts for parked in apply_or_park(applier, part)]


def apply_or_park(applier: Applier, items: Sequence[InboxItem]) -> list[InboxItem]:
    """Apply all that can be applied, in order; what cannot is parked, each by itself, and returned.

    Raises only while the database is away: then the whole is to be tried again, and what was stored already
    is left out by its key.
    """
    if not items:
        return []
    try:
        applier.apply(items)
    except Exception as error:
        if database.is_away(error):
            raise
        if len(items) == 1:
            return _apply_alone(applier, items[0], error)
        middle = len(items) // 2
        return [*apply_or_park(applier, items[:middle]), *apply_or_park(applier, items[middle:])]
    return []


def _apply_alone(applier: Applier, item: InboxItem, error: Exception) -> list[InboxItem]:
    """Once more in words that any column takes: a text or a key may be all that was wrong."""
    if isinstance(item, InboundMessage) and (storable_one := storable.message(item)) is not item:
        try:
            applier.apply([storable_one])
        except Exception as again:
            if database.is_away(again):
                raise
            error = again
        else:
            return []
    _park(applier, item, error)
    return [item]


def _park(applier: Applier, item: InboxItem, error: Exception) -> None:
    """Park it; as the last resort it is logged and alerted, and is news when the broker says it again."""
    log.warning("not applied, parked", extra={"item": storable.shown(item, 2000), "error": describe(error)})
    if isinstance(item, HandedOver):
        return
    try:
        applier.park(item, error)
    except Exception as error:
        if database.is_away(error):
            raise
        log.exception("not parked either", extra={"item": storable.shown(item, 2000)})
        forget(item)
        _alarm(applier, f"A message of the broker could be neither applied nor parked: {describe(error)}")


def _alarm(applier: Applier, text: str) -> None:
    try:
        applier.alarm("lost message", storable.text(text))
    except Exception as error:
        if database.is_away(error):
            raise
        log.exception("no alert either")


def forget(item: InboxItem) -> None:
    """What was not stored is news when the broker says it again."""
    if isinstance(item, InboundMessage):
        item.forget()


def describe(error: Exception) -> str:
    """An error as text of bounded length."""
    return f"{type(error).__name__}: {storable.shown(error, 2000)}"
