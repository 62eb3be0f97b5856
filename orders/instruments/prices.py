"""Last prices of instruments: stored as the broker tells them, read by whoever values an order."""

from __future__ import annotations

import time
from decimal import Decimal

import msgspec

from brokers import prepared
from brokers.inbox import InboxWriter
from brokers.models import Instrument

PRICES_KEPT_FOR = 1.0  # seconds; the broker worker writes them as often

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


class LastPrices:
    """Last prices of the instruments that orders name, read all at once and kept for a second.

    A combination has none: it is valued by its legs.
    """

    def __init__(self) -> None:
        self._prices: dict[int, Decimal | None] = {}
        self._read_at = 0.0

    def of(self, instrument: Instrument) -> Decimal | None:
        """The last price of an instrument; None when none is known."""
        if instrument.legs:
            return legs_value(instrument)
        if instrument.pk not in self._prices or time.monotonic() - self._read_at > PRICES_KEPT_FOR:
            wanted = Instrument.objects.filter(pk__in=[*self._prices, instrument.pk])
            self._prices = dict(wanted.values_list("pk", "last_px"))
            self._read_at = time.monotonic()
        return self._prices.get(instrument.pk)


def legs_value(instrument: Instrument) -> Decimal | None:
    """What one combination's legs are worth, all added up: a bound for its value; None without prices."""
    total = Decimal(0)
    for leg in instrument.legs:
        last = Instrument.objects.filter(con_id=leg["con_id"]).values_list("last_px", flat=True).first()
        if last is None:
            return None
        total += last * leg["ratio"]
    return total


last_prices = LastPrices()
