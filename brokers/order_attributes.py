"""What an order may carry beyond its plain terms: trails, pegs, sizes shown, times, conditions, algorithms.

One struct for the request, the stored order and the frozen message, so that a field exists in one place.
"""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from enum import StrEnum

import msgspec


class ConditionKind(StrEnum):
    """What a condition looks at."""

    PRICE = "PRICE"
    TIME = "TIME"
    MARGIN = "MARGIN"  # the account's cushion, in percent
    EXECUTION = "EXECUTION"  # any execution of ours in that symbol
    VOLUME = "VOLUME"
    PERCENT_CHANGE = "PERCENT_CHANGE"  # against yesterday's close


class Direction(StrEnum):
    """Which side of the value makes a condition true."""

    ABOVE = "ABOVE"
    BELOW = "BELOW"


class Join(StrEnum):
    """How a condition is joined to the next one; AND binds closer."""

    AND = "AND"
    OR = "OR"


class ConditionsAction(StrEnum):
    """What the conditions do when they hold."""

    ACTIVATE = "ACTIVATE"
    CANCEL = "CANCEL"


class Condition(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One condition; which fields a kind has: `orders.risk.kinds.CONDITIONS`."""

    kind: ConditionKind
    direction: Direction = Direction.ABOVE
    value: Decimal | None = None
    time: datetime | None = None
    con_id: int = 0
    exchange: str = ""
    symbol: str = ""
    sec_type: str = ""
    join: Join = Join.AND


class AlgoStrategy(StrEnum):
    """The broker's algorithms."""

    ADAPTIVE = "ADAPTIVE"
    TWAP = "TWAP"
    VWAP = "VWAP"
    ARRIVAL_PRICE = "ARRIVAL_PRICE"


class Priority(StrEnum):
    """How much an ADAPTIVE order hurries."""

    URGENT = "URGENT"
    NORMAL = "NORMAL"
    PATIENT = "PATIENT"


class RiskAversion(StrEnum):
    """How much an ARRIVAL_PRICE order fears that the market moves away."""

    GET_DONE = "GET_DONE"
    AGGRESSIVE = "AGGRESSIVE"
    NEUTRAL = "NEUTRAL"
    PASSIVE = "PASSIVE"


class TradeStyle(StrEnum):
    """What a TWAP order trades at."""

    MARKETABLE = "MARKETABLE"
    MATCHING = "MATCHING"
    MIDPOINT = "MIDPOINT"
    MATCHING_SAME_SIDE = "MATCHING_SAME_SIDE"
    MATCHING_LAST = "MATCHING_LAST"


class Algo(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One of the broker's algorithms; which parameters it has: `orders.risk.kinds.ALGOS`."""

    strategy: AlgoStrategy
    priority: Priority | None = None
    trade_style: TradeStyle | None = None
    start_time: datetime | None = None
    end_time: datetime | None = None
    allow_past_end_time: bool | None = None
    participation_rate: Decimal | None = None  # percent of the market's volume, 1 to 50
    avoid_taking_liquidity: bool | None = None
    speed_up: bool | None = None
    risk_aversion: RiskAversion | None = None
    force_completion: bool | None = None


class OrderAttributes(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Optional terms of an order; prices and quantities are finite Decimals, percents are 0 to 100."""

    trail_amount: Decimal | None = None
    trail_percent: Decimal | None = None
    limit_offset: Decimal | None = None
    peg_offset: Decimal | None = None
    peg_percent: Decimal | None = None
    display_qty: Decimal | None = None
    min_qty: Decimal | None = None
    all_or_none: bool = False
    outside_regular_hours: bool = False
    effective_time: datetime | None = None
    expire_time: datetime | None = None
    conditions: tuple[Condition, ...] = ()
    conditions_action: ConditionsAction = ConditionsAction.ACTIVATE
    conditions_outside_hours: bool = False
    algo: Algo | None = None
    locate_broker: str = ""  # who holds the shares of a short sale, when it is not the broker


ATTRIBUTE_FIELDS = OrderAttributes.__struct_fields__
