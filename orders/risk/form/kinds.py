"""The kinds of orders: which fields each needs, may have, and in which times in force it lives.

The one place for these rules: the checks, the API's description and docs/order-kinds.md read them here.
"""

from __future__ import annotations

from dataclasses import dataclass

from brokers.fix import OrdType, SecType, TimeInForce
from brokers.order_attributes import AlgoStrategy, ConditionKind

DAY, GTC, GTD, IOC, FOK, OPG = TimeInForce
RESTING = (DAY, GTC, GTD)
IMMEDIATE = (IOC, FOK)


@dataclass(frozen=True, kw_only=True)
class OrderKind:
    """The rules of one order type; a field of KIND_FIELDS that is not named is forbidden."""

    description: str
    needs: tuple[str, ...] = ()
    one_of: tuple[str, ...] = ()  # exactly one
    may: tuple[str, ...] = ()
    times: tuple[TimeInForce, ...] = RESTING


#: The fields that only some order types have.
KIND_FIELDS = (
    "price",
    "stop_px",
    "trail_amount",
    "trail_percent",
    "limit_offset",
    "peg_offset",
    "peg_percent",
    "display_qty",
)
TRAILS = ("trail_amount", "trail_percent")
PEGS = ("peg_offset", "peg_percent")

KINDS: dict[OrdType, OrderKind] = {
    OrdType.MARKET: OrderKind(
        description="At the best price there is; with OPG, market on open", times=tuple(TimeInForce)
    ),
    OrdType.LIMIT: OrderKind(
        description="At `price` or better; with OPG, limit on open; with `display_qty`, an iceberg",
        needs=("price",),
        may=("display_qty",),
        times=tuple(TimeInForce),
    ),
    OrdType.STOP: OrderKind(
        description="A market order once the market trades at `stop_px`", needs=("stop_px",)
    ),
    OrdType.STOP_LIMIT: OrderKind(
        description="A limit order once the market trades at `stop_px`",
        needs=("price", "stop_px"),
        may=("display_qty",),
    ),
    OrdType.TRAIL: OrderKind(
        description="A stop that follows the market at a distance; `stop_px` is where it begins",
        one_of=TRAILS,
        may=("stop_px",),
    ),
    OrdType.TRAIL_LIMIT: OrderKind(
        description="A trailing stop that becomes a limit order, `limit_offset` from its stop",
        needs=("limit_offset",),
        one_of=TRAILS,
        may=("stop_px",),
    ),
    OrdType.MIT: OrderKind(
        description="A market order once the market touches `stop_px`, on the better side", needs=("stop_px",)
    ),
    OrdType.LIT: OrderKind(
        description="A limit order once the market touches `stop_px`, on the better side",
        needs=("price", "stop_px"),
        may=("display_qty",),
    ),
    OrdType.MOC: OrderKind(description="Market on close", times=(DAY,)),
    OrdType.LOC: OrderKind(description="Limit on close", needs=("price",), times=(DAY,)),
    OrdType.RELATIVE: OrderKind(
        description="Pegged to the best price of its side, more aggressive by an offset; `price` is its cap",
        one_of=PEGS,
        may=("price", "display_qty"),
    ),
    OrdType.MIDPRICE: OrderKind(
        description="Pegged to the middle of the market; `price` is its cap", may=("price",), times=(DAY,)
    ),
    OrdType.MARKET_TO_LIMIT: OrderKind(
        description="A market order whose rest becomes a limit order at the price of the first execution"
    ),
}
#: What may be ordered in a combination of several instruments.
COMBO_TYPES = (OrdType.MARKET, OrdType.LIMIT)
#: Order types that the broker works outside regular hours.
OUTSIDE_HOURS_TYPES = tuple(
    kind for kind in OrdType if kind not in (OrdType.MARKET, OrdType.MOC, OrdType.LOC, OrdType.MIDPRICE)
)
SHORT_SEC_TYPES = (SecType.STK,)


@dataclass(frozen=True, kw_only=True)
class Parameters:
    """Which fields a condition or an algorithm has; one that is not named is forbidden."""

    needs: tuple[str, ...] = ()
    may: tuple[str, ...] = ()


CONDITIONS: dict[ConditionKind, Parameters] = {
    ConditionKind.PRICE: Parameters(needs=("value", "con_id", "exchange")),
    ConditionKind.TIME: Parameters(needs=("time",)),
    ConditionKind.MARGIN: Parameters(needs=("value",)),
    ConditionKind.EXECUTION: Parameters(needs=("symbol", "sec_type", "exchange")),
    ConditionKind.VOLUME: Parameters(needs=("value", "con_id", "exchange")),
    ConditionKind.PERCENT_CHANGE: Parameters(needs=("value", "con_id", "exchange")),
}
CONDITION_FIELDS = ("value", "time", "con_id", "exchange", "symbol", "sec_type")

SCHEDULE = ("start_time", "end_time", "allow_past_end_time")
ALGOS: dict[AlgoStrategy, Parameters] = {
    AlgoStrategy.ADAPTIVE: Parameters(needs=("priority",)),
    AlgoStrategy.TWAP: Parameters(may=("trade_style", *SCHEDULE)),
    AlgoStrategy.VWAP: Parameters(
        may=("participation_rate", "avoid_taking_liquidity", "speed_up", *SCHEDULE)
    ),
    AlgoStrategy.ARRIVAL_PRICE: Parameters(
        needs=("risk_aversion",), may=("participation_rate", "force_completion", *SCHEDULE)
    ),
}
ALGO_FIELDS = (
    "priority",
    "trade_style",
    "participation_rate",
    "avoid_taking_liquidity",
    "speed_up",
    "risk_aversion",
    "force_completion",
    *SCHEDULE,
)
ALGO_TYPES, ALGO_TIMES = (OrdType.MARKET, OrdType.LIMIT), (DAY,)
PARTICIPATION = (1, 50)  # percent
