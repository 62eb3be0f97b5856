"""How much of an order is in the market: algorithms and scale orders show one part after the other."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

from brokers.simulator.gateway.memory.facts import OrderRecord
from brokers.simulator.gateway.orders import algos, scales
from brokers.simulator.wire.records import Order


def is_portioned(order: Order) -> bool:
    """Whether the market gets to see the order in parts."""
    return bool(order.algo_strategy) or scales.is_scaled(order)


def shown(record: OrderRecord, lot: Decimal, now: datetime) -> Decimal:
    """Return how much of what remains may be in the market now."""
    if record.order.algo_strategy:
        return min(algos.shown(record, lot, now), record.remaining)
    if scales.is_scaled(record.order):
        return min(scales.level(record)[1], record.remaining)
    return record.remaining
