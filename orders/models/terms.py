"""The terms of an order that a replace may change."""

from __future__ import annotations

from decimal import Decimal
from typing import NamedTuple

from brokers.formats import decimal_or_none


class Terms(NamedTuple):
    """Quantity (the total over the order's life), prices in the instrument's currency, time in force."""

    order_qty: Decimal
    price: Decimal | None
    stop_px: Decimal | None
    time_in_force: str

    def changes_to(self, wanted: Terms) -> dict[str, Decimal | str | None]:
        """The terms that differ, with their wanted values."""
        pairs = zip(self._fields, self, wanted, strict=True)
        return {name: new for name, old, new in pairs if new != old}

    def as_json(self) -> dict[str, str | None]:
        """As stored in events and on requests: decimals as plain text."""
        numbers = {name: decimal_or_none(getattr(self, name)) for name in ("order_qty", "price", "stop_px")}
        return {**numbers, "time_in_force": self.time_in_force}
