"""How much of an order is in the market: algorithms and scale orders show one slice after the other.

An algorithm's order is shown by the clock, a twentieth of the quantity at least. What a strategy does beyond
that (models, venues) is IB's secret; its parameters are checked as IB names them. A scale order is given up
level by level, each at a worse price for the other side.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import NamedTuple

from brokers.simulator.exchange.book import ZERO, Side
from brokers.simulator.gateway.memory.facts import OrderRecord
from brokers.simulator.gateway.texts.refusals import Refusal
from brokers.simulator.gateway.texts.times import parse_moment
from brokers.simulator.wire.order_parts import is_scaled as has_increment
from brokers.simulator.wire.records import Order

_SLICES = 20
#: How long an Adaptive order takes by its priority, an ArrivalPx order by its risk aversion.
_PATIENCE = {"Urgent": 2, "Normal": 10, "Patient": 30}
_AVERSION = {"Get Done": 2, "Aggressive": 10, "Neutral": 30, "Passive": 60}
#: How long a scheduled order without an end works.
_DEFAULT = timedelta(minutes=5)

Check = Callable[[str], bool]


def _is_flag(text: str) -> bool:
    return text in ("0", "1", "true", "false")


def _is_time(text: str) -> bool:
    try:
        parse_moment(text, datetime(2000, 1, 1, tzinfo=UTC))
    except ValueError:
        return not text
    return True


def _is_share(text: str) -> bool:
    """IB takes 1 to 50 percent of the volume."""
    try:
        return 0.01 <= float(text) <= 0.5
    except ValueError:
        return False


_SCHEDULE: dict[str, Check] = {"startTime": _is_time, "endTime": _is_time, "allowPastEndTime": _is_flag}
STRATEGIES: dict[str, dict[str, Check]] = {
    "Adaptive": {"adaptivePriority": _PATIENCE.__contains__},
    "Twap": {
        **_SCHEDULE,
        "strategyType": {
            "Marketable",
            "Matching",
            "Midpoint",
            "Matching Same Side",
            "Matching Last",
        }.__contains__,
    },
    "Vwap": {
        **_SCHEDULE,
        "maxPctVol": _is_share,
        "noTakeLiq": _is_flag,
        "speedUp": _is_flag,
        "monetaryValue": lambda text: True,
    },
    "ArrivalPx": {
        **_SCHEDULE,
        "maxPctVol": _is_share,
        "riskAversion": _AVERSION.__contains__,
        "forceCompletion": _is_flag,
        "monetaryValue": lambda text: True,
    },
}
_REQUIRED = {"Adaptive": "adaptivePriority", "ArrivalPx": "riskAversion"}


def algo_refusal(order: Order) -> Refusal | None:
    """Return why an order's algorithm cannot be worked, None if it can or has none."""
    if not order.algo_strategy:
        return None
    known = STRATEGIES.get(order.algo_strategy)
    if known is None:
        return Refusal(439, "Order processing failed. Algorithm definition not found.")
    if order.order_type not in ("MKT", "LMT") or order.tif != "DAY":
        return Refusal(442, "Specified algorithm is not allowed for this order.")
    return _refusal_of_values(order, known)


def _refusal_of_values(order: Order, known: dict[str, Check]) -> Refusal | None:
    values = {param.tag: param.value for param in order.algo_params}
    if not values.keys() <= known.keys():
        return Refusal(443, "Order processing failed. Unknown algo attribute.")
    required = _REQUIRED.get(order.algo_strategy)
    wrong = [tag for tag, value in values.items() if not known[tag](value)]
    if required and required not in values:
        wrong.append(required)
    return Refusal(441, f"Algo attributes validation failed: {', '.join(wrong)}") if wrong else None


class Schedule(NamedTuple):
    """When an algorithm works."""

    start: datetime
    end: datetime

    def share(self, now: datetime) -> Decimal:
        """Return how much of the order may have been shown by now, in whole slices."""
        if now < self.start:
            return ZERO
        if now >= self.end:
            return Decimal(1)
        passed = (now - self.start) / (self.end - self.start)
        return Decimal(int(passed * _SLICES) + 1) / _SLICES


def schedule(record: OrderRecord) -> Schedule:
    """Return when the order's algorithm works; an end before the start is no end."""
    values = {param.tag: param.value for param in record.order.algo_params}
    received = record.received_at
    start = max(_moment(values.get("startTime"), received, received), received)
    seconds = _PATIENCE.get(values.get("adaptivePriority", "")) or _AVERSION.get(
        values.get("riskAversion", "")
    )
    length = timedelta(seconds=seconds) if seconds else _DEFAULT
    end = _moment(values.get("endTime"), received, start + length)
    return Schedule(start, end if end > start else start + length)


def _algo_quantity(record: OrderRecord, lot: Decimal, now: datetime) -> Decimal:
    """Return how much of what remains may be in the market now, in whole lots."""
    allowed = record.quantity * schedule(record).share(now)
    whole = -(-allowed // lot) * lot
    return max(min(whole, record.quantity) - record.filled, ZERO)


def _moment(text: str | None, now: datetime, default: datetime) -> datetime:
    return parse_moment(text, now) if text else default


# -- scale orders ----------------------------------------------------------------------------------


def is_scaled(order: Order) -> bool:
    """Whether the order is worked in levels."""
    return has_increment(order.scale_price_increment)


def scale_level(record: OrderRecord) -> tuple[int, Decimal]:
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


def scale_limit(record: OrderRecord) -> Decimal | None:
    """Return the price of the level that is worked now."""
    order = record.order
    if order.lmt_price is None or order.scale_price_increment is None or not is_scaled(order):
        return order.lmt_price
    distance = scale_level(record)[0] * order.scale_price_increment
    return order.lmt_price - Side(order.action).sign * distance


# -- what the market sees --------------------------------------------------------------------------


def is_sliced(order: Order) -> bool:
    """Whether the market gets to see the order in slices."""
    return bool(order.algo_strategy) or is_scaled(order)


def shown_quantity(record: OrderRecord, lot: Decimal, now: datetime) -> Decimal:
    """Return how much of what remains may be in the market now."""
    if record.order.algo_strategy:
        return min(_algo_quantity(record, lot, now), record.remaining)
    if is_scaled(record.order):
        return min(scale_level(record)[1], record.remaining)
    return record.remaining
