"""Last prices of instruments: stored as the broker tells them, read by whoever values an order."""

from __future__ import annotations

import logging
import time
from collections.abc import Collection
from datetime import timedelta
from decimal import Decimal
from threading import BoundedSemaphore
from typing import Any

import msgspec
from django.conf import settings
from django.db.models import Q

from brokers.fix import LegSide
from brokers.inbox.writer import InboxWriter
from brokers.market import FIGURES, LiveQuote
from brokers.models import Instrument
from brokers.postgres import clock, prepared
from orders.errors import BrokerSilent
from orders.instruments import market_views
from orders.notify import questions
from orders.risk.market import NO_MARKET, Ages, Leg, Market, Price, worst

log = logging.getLogger(__name__)

PRICES_KEPT_FOR = 1.0  # seconds; the broker worker writes them as often
MARKETS_KEPT = 500  # contracts, beside those of one list: each read is of all that are kept
PRICE_TIMEOUT = 4.0  # seconds that an order waits for its instrument's first price
PRICE_PAUSE = 0.1  # seconds
#: A web process has a few threads; those who wait must not take them all from those who do not.
_seats = BoundedSemaphore(4)

TIMED = ("last_px", "bid_px", "ask_px", "close_px")
#: What is not told now stays as it is, an empty text says that there is none any more.
_SET = ", ".join(
    [
        f"{name} = CASE WHEN seen.{name} IS NULL THEN i.{name} ELSE NULLIF(seen.{name}, '')::numeric END"
        for name in FIGURES
    ]
    + [f"{name}_at = CASE WHEN seen.{name} IS NULL THEN i.{name}_at ELSE now() END" for name in TIMED]
)
_QUOTE = ("bid_px", "ask_px", "last_px", "bid_size", "ask_size", "last_size")
_TICK = {"con_id": "bigint", "at": "timestamptz", **dict.fromkeys(_QUOTE, "numeric"), "source": "text"}
#: One statement, and so one flush to disk, however many instruments have moved: their figures, and the quotes
#: as they are now, which costs of trading are computed from later.
STORE_PRICES = f"""
    WITH kept AS (
        INSERT INTO orders_markettick ({", ".join(_TICK)})
        SELECT {", ".join(_TICK)} FROM {prepared.json_to_recordset(_TICK, "told")}
    )
    UPDATE brokers_instrument i SET {_SET}
    FROM {prepared.json_to_recordset({"con_id": "bigint", **dict.fromkeys(FIGURES, "text")}, "seen")}
    WHERE i.con_id = seen.con_id
"""  # noqa: S608 - our own column names


def store_prices(writer: InboxWriter) -> None:
    """Write the latest figures seen since the last call; at most one row per instrument and second."""
    prices, writer.prices = writer.prices, {}
    quotes, writer.quotes = writer.quotes, {}
    if prices or quotes:
        figures: dict[int, dict[str, str]] = {}
        for (con_id, name), value in list(prices.items()):
            figures.setdefault(con_id, {})[name] = value
        seen = [{"con_id": con_id, **told} for con_id, told in figures.items()]
        ticks = [_tick(con_id, quote) for con_id, quote in list(quotes.items()) if quote.at]
        try:
            prepared.rows(STORE_PRICES, [msgspec.json.encode(rows).decode() for rows in (ticks, seen)])
        except Exception:
            # Those seen meanwhile are newer.
            writer.prices, writer.quotes = prices | writer.prices, quotes | writer.quotes
            raise


def _tick(con_id: int, quote: LiveQuote) -> dict[str, Any]:
    px = {f"{name}_px": getattr(quote, name) for name in ("bid", "ask", "last")}
    sizes = {name: getattr(quote, name) for name in ("bid_size", "ask_size", "last_size")}
    return {"con_id": con_id, "at": quote.at, **px, **sizes, "source": quote.feed or ""}


_FIGURES = tuple(name for timed in TIMED for name in (timed, f"{timed}_at"))
_FACTS = ("average_volume", "shortable_shares", "halted")


class LastPrices:
    """The markets of the instruments that orders name, read all at once and kept for a second."""

    def __init__(self) -> None:
        self._markets: dict[int, Market] = {}
        self._read_at = float("-inf")

    def of(self, instrument: Instrument) -> Price | None:
        """The last price, whatever its age; of a combination what its legs are worth now, all added up."""
        if not instrument.legs:
            return self.market(instrument.con_id).last_px
        known = worst(self.legs(instrument), ages())
        return None if known is None else Price(known.px, clock.now() - (known.age or timedelta(0)))

    def market(self, con_id: int | None) -> Market:
        """What was last told of a contract."""
        if con_id is None:
            return NO_MARKET
        known = self._markets.get(con_id)  # most often: an order asks four times within a moment
        if known is not None and time.monotonic() - self._read_at <= PRICES_KEPT_FOR:
            return known
        return self.markets([con_id])[con_id]

    def markets(self, contracts: Collection[int]) -> dict[int, Market]:
        """The same of several contracts, at most one read for all of them."""
        lacking = any(con_id not in self._markets for con_id in contracts)
        if lacking or (contracts and time.monotonic() - self._read_at > PRICES_KEPT_FOR):
            others = self._markets if len(self._markets) < MARKETS_KEPT else ()
            self._markets = read_markets({*others, *contracts})
            self._read_at = time.monotonic()
        known = self._markets
        return {con_id: known.get(con_id, NO_MARKET) for con_id in contracts}

    def legs(self, instrument: Instrument) -> list[Leg]:
        """The markets of what is ordered: of a combination those of its legs."""
        if not instrument.legs:
            return [Leg(market=self.market(instrument.con_id))]
        return [
            Leg(
                market=self.market(leg["con_id"]),
                ratio=Decimal(leg["ratio"]) * (1 if leg["side"] == LegSide.BUY else -1),
            )
            for leg in instrument.legs
        ]

    def forget(self) -> None:
        """Read them anew when they are next asked for."""
        self._read_at = float("-inf")


def read_markets(contracts: Collection[int]) -> dict[int, Market]:
    """What was last told of these contracts; nothing is known of the others."""
    rows = Instrument.objects.filter(con_id__in=contracts).values("con_id", *_FIGURES, *_FACTS)
    found = dict.fromkeys(contracts, NO_MARKET)
    for row in rows.order_by("pk"):
        told: dict[str, Any] = {name: row[name] for name in _FACTS}
        for name in TIMED:
            told[name] = Price(row[name], row[f"{name}_at"]) if row[name] is not None else None
        found[row["con_id"]] = Market(**told)
    return found


last_prices = LastPrices()


def max_price_age() -> timedelta:
    """How old a price may be where no limit asks for a younger one."""
    return timedelta(hours=settings.MAX_PRICE_AGE_HOURS)


def ages() -> Ages:
    """How old prices may be now where no limit asks for younger ones."""
    oldest = max_price_age()
    return Ages(now=clock.now(), market=oldest, close=oldest)


def await_prices(
    session: str, instruments: Collection[Instrument], *, max_age: timedelta, timeout: float = PRICE_TIMEOUT
) -> None:
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
        _wait_for(ids, max_age, time.monotonic() + timeout)
    except (BrokerSilent, market_views.NoMarket) as error:
        log.info("no price asked for", extra={"session": session, "error": str(error)})
    finally:
        _seats.release()
        last_prices.forget()


def _wait_for(ids: Collection[int], max_age: timedelta, deadline: float) -> None:
    while time.monotonic() < deadline:
        oldest = clock.now() - max_age
        young = Q(last_px_at__gt=oldest) | Q(bid_px_at__gt=oldest) | Q(ask_px_at__gt=oldest)
        if Instrument.objects.filter(young, pk__in=ids).count() == len(ids):
            return
        time.sleep(PRICE_PAUSE)
