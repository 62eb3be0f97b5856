"""Last prices of instruments: stored as the broker tells them, read by whoever values an order."""

from __future__ import annotations

import logging
import time
from collections.abc import Collection
from datetime import datetime, timedelta
from decimal import Decimal
from threading import BoundedSemaphore
from typing import NamedTuple

import msgspec
from django.conf import settings

from brokers import clock, prepared
from brokers.formats import decimal_text
from brokers.inbox.writer import InboxWriter
from brokers.models import Instrument
from orders.errors import BrokerSilent
from orders.instruments import market_views
from orders.notify import questions

log = logging.getLogger(__name__)

PRICES_KEPT_FOR = 1.0  # seconds; the broker worker writes them as often
PRICE_TIMEOUT = 4.0  # seconds that an order waits for its instrument's first price
PRICE_PAUSE = 0.1  # seconds
#: A web process has a few threads; those who wait must not take them all from those who do not.
_seats = BoundedSemaphore(4)

#: One statement, and so one flush to disk, however many instruments have moved.
STORE_PRICES = f"""
    UPDATE brokers_instrument i SET last_px = seen.last_px, last_px_at = now()
    FROM {prepared.json_to_recordset({"con_id": "bigint", "last_px": "numeric"}, "seen")}
    WHERE i.con_id = seen.con_id
"""  # noqa: S608 - our own column names


def store_prices(writer: InboxWriter) -> None:
    """Write the latest prices seen since the last call; at most one row per instrument and second."""
    prices, writer.prices = writer.prices, {}
    if prices:
        seen = [{"con_id": con_id, "last_px": price} for con_id, price in prices.items()]
        try:
            prepared.rows(STORE_PRICES, [msgspec.json.encode(seen).decode()])
        except Exception:
            writer.prices = prices | writer.prices  # those seen meanwhile are newer
            raise


class LastPrice(NamedTuple):
    """A price that the broker told, and when; a time that is not known makes it useless."""

    px: Decimal
    at: datetime | None


class LastPrices:
    """Last prices of the instruments that orders name, read all at once and kept for a second."""

    def __init__(self) -> None:
        self._prices: dict[int, LastPrice | None] = {}
        self._read_at = 0.0

    def of(self, instrument: Instrument) -> LastPrice | None:
        """The last price, of a combination what its legs are worth; None when none is known."""
        if instrument.legs:
            return legs_value(instrument)
        if instrument.pk not in self._prices or time.monotonic() - self._read_at > PRICES_KEPT_FOR:
            wanted = Instrument.objects.filter(pk__in=[*self._prices, instrument.pk])
            rows = wanted.values_list("pk", "last_px", "last_px_at")
            self._prices = {pk: LastPrice(px, at) if px is not None else None for pk, px, at in rows}
            self._read_at = time.monotonic()
        return self._prices.get(instrument.pk)

    def forget(self) -> None:
        """Read them anew when they are next asked for."""
        self._read_at = 0.0


def legs_value(instrument: Instrument) -> LastPrice | None:
    """What one combination's legs are worth, all added up: a bound for its value, as old as the oldest."""
    total, times = Decimal(0), list[datetime]()
    for leg in instrument.legs:
        row = Instrument.objects.filter(con_id=leg["con_id"]).values_list("last_px", "last_px_at").first()
        if row is None or row[0] is None:
            return None
        total += row[0] * leg["ratio"]
        times += [row[1]] if row[1] else []
    return LastPrice(total, min(times) if len(times) == len(instrument.legs) else None)


last_prices = LastPrices()


def why_useless(price: LastPrice | None) -> str:
    """Why nothing may be valued at this price: there is none, or it is too old; empty when it may."""
    if price is None:
        return "no price known"
    limit = timedelta(hours=settings.MAX_PRICE_AGE_HOURS)
    age = clock.now() - price.at if price.at else None
    if age is not None and age <= limit:
        return ""
    old = "of unknown age" if age is None else f"{age / timedelta(hours=1):.0f} hours old"
    most = f"{settings.MAX_PRICE_AGE_HOURS:g}"
    return f"the last price {decimal_text(price.px)} is {old}, at most {most} are allowed"


def await_prices(session: str, instruments: Collection[Instrument], timeout: float = PRICE_TIMEOUT) -> None:
    """Have the broker tell prices of these, and wait for them; never call it in a transaction.

    Nothing is waited for while the session's worker or its link is away, nor when too many wait already.
    """
    legs = [leg["con_id"] for instrument in instruments for leg in instrument.legs]
    ids = {one.pk for one in instruments if not one.legs}
    ids |= set(Instrument.objects.filter(con_id__in=legs).values_list("pk", flat=True))
    if not _seats.acquire(blocking=False):
        return
    try:
        questions.require_link(session)
        for pk in ids:
            market_views.look(session, pk)  # the worker subscribes to what somebody looks at
        _wait_for(ids, time.monotonic() + timeout)
    except (BrokerSilent, market_views.NoMarket) as error:
        log.info("no price asked for", extra={"session": session, "error": str(error)})
    finally:
        _seats.release()
        last_prices.forget()


def _wait_for(ids: Collection[int], deadline: float) -> None:
    oldest = clock.now() - timedelta(hours=settings.MAX_PRICE_AGE_HOURS)
    fresh = Instrument.objects.filter(pk__in=ids, last_px__isnull=False, last_px_at__gt=oldest)
    while fresh.count() < len(ids) and time.monotonic() < deadline:
        time.sleep(PRICE_PAUSE)
