"""Scale orders: the quantity is given up level by level, each at a worse price for the other side."""

from __future__ import annotations

from decimal import Decimal

from brokers.simulator.exchange.book import Side
from brokers.simulator.gateway.memory.facts import OrderRecord
from brokers.simulator.wire.order_parts import is_scaled as has_increment
from brokers.simulator.wire.records import Order

ZERO = Decimal(0)


def is_scaled(order: Order) -> bool:
    """Whether the order is worked in levels."""
    return has_increment(order.scale_price_increment)


def level(record: OrderRecord) -> tuple[int, Decimal]:
    """Return the number of the level that is worked now, and how much of it is not filled.

    A level is worked when the one before is filled whole. Without a size for those after the first they
    are as large as the first.
    """
    order = record.order
    first = Decimal(order.scale_init_level_size or 0)
    size = Decimal(order.scale_subs_level_size or 0) or first
    if record.filled < first:
        return 0, first - record.filled
    number, done = divmod(record.filled - first, size)
    return int(number) + 1, size - done


def limit(record: OrderRecord) -> Decimal | None:
    """Return the price of the level that is worked now."""
    order = record.order
    if order.lmt_price is None or order.scale_price_increment is None:
        return order.lmt_price
    distance = level(record)[0] * order.scale_price_increment
    return order.lmt_price - Side(order.action).sign * distance
