"""Quotes and order books for people who look: wanted by a key in Redis, shown by another.

A viewer's key lives for some seconds and is set anew by each look. The broker worker shows what somebody
looks at (`market_desk`) and lets go of the rest. Redis may lose all of it: then there is nothing to look at.
"""

from __future__ import annotations

import logging
from datetime import datetime

import msgspec
from django.conf import settings
from django.utils import timezone

from brokers.market import MarketView
from orders.notify.redis_client import REDIS_ERRORS, request_client

log = logging.getLogger(__name__)

WANTED_FOR = 8  # seconds that one look keeps a subscription
SHOWN_FOR = 120  # seconds that the last view is kept for whoever looks next
LATE = 4.0  # seconds after which a view that is not renewed is called stale


class PublishedView(msgspec.Struct, frozen=True, kw_only=True):
    """What the broker worker shows of one instrument, and whether it hears the broker itself."""

    view: MarketView
    link: str
    link_reason: str
    shown_at: datetime

    @property
    def is_late(self) -> bool:
        """Whether the broker worker has not renewed it in time."""
        return (timezone.now() - self.shown_at).total_seconds() > LATE


class NoMarket(Exception):
    """There is nothing to look at, and this is why."""


decoder = msgspec.json.Decoder(PublishedView)


def look(session: str, instrument_id: int) -> PublishedView | None:
    """Want this instrument's market for some seconds more; what is shown of it, None at first.

    Raises NoMarket when Redis does not answer.
    """
    try:
        with request_client().pipeline(transaction=False) as both:
            both.set(viewer_key(session, instrument_id), "1", ex=WANTED_FOR)
            both.sadd(viewed_key(session), instrument_id)
            both.get(view_key(session, instrument_id))
            body = both.execute()[-1]
    except REDIS_ERRORS as error:
        log.warning("market not looked at", extra={"session": session, "error": repr(error)})
        raise NoMarket("Redis does not answer, and live prices come through it.") from None
    return decoder.decode(body) if body else None


def viewed_key(session: str) -> str:
    """The set of instruments that somebody may be looking at."""
    return f"{settings.REDIS_KEY_PREFIX}looks:{session}"


def viewer_key(session: str, instrument_id: int) -> str:
    """The key that lives while somebody looks at an instrument."""
    return f"{settings.REDIS_KEY_PREFIX}looked:{session}:{instrument_id}"


def view_key(session: str, instrument_id: int) -> str:
    """Where an instrument's market is shown."""
    return f"{settings.REDIS_KEY_PREFIX}market:{session}:{instrument_id}"
