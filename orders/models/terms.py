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

    def only_lowers_to(self, wanted: Terms) -> bool:
        """Whether a smaller quantity is all that is wanted: it takes back a part of the order, like a cancel.

        So it passes in every trading state and beside every limit (`only_lowers_sql` says the same).
        """
        return wanted.order_qty < self.order_qty and wanted == self._replace(order_qty=wanted.order_qty)

    def as_json(self) -> dict[str, str | None]:
        """As stored in events and on requests: decimals as plain text."""
        numbers = {name: decimal_or_none(getattr(self, name)) for name in ("order_qty", "price", "stop_px")}
        return {**numbers, "time_in_force": self.time_in_force}


def only_lowers_sql(order: str, request: str) -> str:
    """`Terms.only_lowers_to` for the rows of these aliases."""
    others = [name for name in Terms._fields if name != "order_qty"]
    ours, wanted = ([f"{row}.{name}" for name in others] for row in (order, request))
    return (
        f"({request}.order_qty < {order}.order_qty AND ({', '.join(wanted)}) "
        f"IS NOT DISTINCT FROM ({', '.join(ours)}))"
    )
