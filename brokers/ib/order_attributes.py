"""The optional terms of an order in IB's words.

Sources: IB's order type pages, order conditions, IBALGO parameters (TWS API documentation). Percents
are whole percents in `trailingPercent` and fractions in `percentOffset` and `maxPctVol`.
"""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from ib_async import (
    ExecutionCondition,
    MarginCondition,
    OrderCondition,
    PercentChangeCondition,
    PriceCondition,
    TagValue,
    TimeCondition,
    VolumeCondition,
)
from ib_async import Order as IBOrder

from brokers.fix import OrdType, Side
from brokers.messages import NewOrder
from brokers.order_attributes import (
    Algo,
    AlgoStrategy,
    ConditionKind,
    ConditionsAction,
    Direction,
    Join,
    Priority,
    RiskAversion,
    TradeStyle,
    TradingCondition,
)

TRAILING = (OrdType.TRAIL, OrdType.TRAIL_LIMIT)
STRATEGIES = {
    AlgoStrategy.ADAPTIVE: "Adaptive",
    AlgoStrategy.TWAP: "Twap",
    AlgoStrategy.VWAP: "Vwap",
    AlgoStrategy.ARRIVAL_PRICE: "ArrivalPx",
}
PRIORITIES = {Priority.URGENT: "Urgent", Priority.NORMAL: "Normal", Priority.PATIENT: "Patient"}
AVERSIONS = {
    RiskAversion.GET_DONE: "Get Done",
    RiskAversion.AGGRESSIVE: "Aggressive",
    RiskAversion.NEUTRAL: "Neutral",
    RiskAversion.PASSIVE: "Passive",
}
STYLES = {
    TradeStyle.MARKETABLE: "Marketable",
    TradeStyle.MATCHING: "Matching",
    TradeStyle.MIDPOINT: "Midpoint",
    TradeStyle.MATCHING_SAME_SIDE: "Matching Same Side",
    TradeStyle.MATCHING_LAST: "Matching Last",
}
#: An order that shows one of these has terms that no `ReportedTerms` tells.
BEYOND = frozenset({
    "displaySize", "minQty", "allOrNone", "shortSaleSlot", "outsideRth", "goodAfterTime", "goodTillDate",
    "conditions", "algoStrategy", "ocaGroup", "parentId", "trailingPercent", "lmtPriceOffset",
    "percentOffset", "hidden", "sweepToFill", "blockOrder", "discretionaryAmt", "cashQty", "hedgeType",
    "scaleInitLevelSize",
})  # fmt: skip
#: Where the shares of a short sale are: with a third party (`shortSaleSlot`).
ELSEWHERE = 2


def number_text(value: Decimal) -> str:
    """A number as plain text: the client library would print a float as 0.30000000000000004 or 1e-05."""
    return f"{value.normalize():f}"


def time_text(moment: datetime) -> str:
    """IB's form of a time in UTC."""
    return f"{moment.astimezone(UTC):%Y%m%d-%H:%M:%S}"


def add_special(wire: IBOrder, order: NewOrder) -> None:
    """Write the optional terms of the order on the wire order."""
    texts: dict[str, Decimal | None] = {
        "trailingPercent": order.trail_percent,
        "lmtPriceOffset": order.limit_offset,
        "percentOffset": order.peg_percent / 100 if order.peg_percent is not None else None,
        ("trailStopPrice" if order.ord_type in TRAILING else "auxPrice"): order.stop_px,
    }
    distance = order.trail_amount if order.trail_amount is not None else order.peg_offset
    if distance is not None:
        texts["auxPrice"] = distance
    for name, value in texts.items():
        if value is not None:
            setattr(wire, name, number_text(value))
    if order.display_qty is not None:
        wire.displaySize = int(order.display_qty)
    if order.min_qty is not None:
        wire.minQty = int(order.min_qty)
    wire.allOrNone = order.all_or_none
    if order.side is Side.SELL_SHORT and order.locate_broker:
        wire.shortSaleSlot, wire.designatedLocation = ELSEWHERE, order.locate_broker
    wire.outsideRth = order.outside_regular_hours
    if order.effective_time:
        wire.goodAfterTime = time_text(order.effective_time)
    if order.expire_time:
        wire.goodTillDate = time_text(order.expire_time)
    if order.conditions:
        wire.conditions = [_condition(condition) for condition in order.conditions]
        wire.conditionsCancelOrder = order.conditions_action is ConditionsAction.CANCEL
        wire.conditionsIgnoreRth = order.conditions_outside_hours
    if order.algo:
        wire.algoStrategy = STRATEGIES[order.algo.strategy]
        wire.algoParams = _algo_parameters(order.algo)


def _condition(condition: TradingCondition) -> OrderCondition:
    more = condition.direction is Direction.ABOVE
    common: dict[str, Any] = {"conjunction": "a" if condition.join is Join.AND else "o"}
    where: dict[str, Any] = {"conId": condition.con_id, "exch": condition.exchange}
    value: Any = number_text(condition.value) if condition.value is not None else ""
    match condition.kind:
        case ConditionKind.PRICE:
            return PriceCondition(isMore=more, price=value, **where, **common)
        case ConditionKind.VOLUME:
            return VolumeCondition(isMore=more, volume=value, **where, **common)
        case ConditionKind.PERCENT_CHANGE:
            return PercentChangeCondition(isMore=more, changePercent=value, **where, **common)
        case ConditionKind.MARGIN:
            return MarginCondition(isMore=more, percent=value, **common)
        case ConditionKind.EXECUTION:
            names: dict[str, Any] = {
                "secType": condition.sec_type or "",
                "exch": condition.exchange,
                "symbol": condition.symbol,
            }
            return ExecutionCondition(**names, **common)
        case ConditionKind.TIME:
            assert condition.time is not None  # noqa: S101 - a rule of form
            return TimeCondition(isMore=more, time=time_text(condition.time), **common)


def _algo_parameters(algo: Algo) -> list[TagValue]:
    rate = algo.participation_rate
    texts: dict[str, str | None] = {
        "adaptivePriority": algo.priority and PRIORITIES[algo.priority],
        "strategyType": algo.trade_style and STYLES[algo.trade_style],
        "riskAversion": algo.risk_aversion and AVERSIONS[algo.risk_aversion],
        "startTime": time_text(algo.start_time) if algo.start_time else None,
        "endTime": time_text(algo.end_time) if algo.end_time else None,
        "maxPctVol": None if rate is None else number_text(rate / 100),
        "allowPastEndTime": _flag(algo.allow_past_end_time),
        "noTakeLiq": _flag(algo.avoid_taking_liquidity),
        "speedUp": _flag(algo.speed_up),
        "forceCompletion": _flag(algo.force_completion),
    }
    return [TagValue(tag, text) for tag, text in texts.items() if text is not None]


def _flag(value: bool | None) -> str | None:
    return None if value is None else str(int(value))
