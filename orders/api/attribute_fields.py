"""The optional terms of an order, as clients send them."""

from __future__ import annotations

from typing import Any

from brokers.fix import SecType
from brokers.order_attributes import (
    Algo,
    AlgoStrategy,
    Condition,
    ConditionKind,
    ConditionsAction,
    Direction,
    Join,
    Priority,
    RiskAversion,
    TradeStyle,
)
from orders.api.fields import Field, boolean, built, decimal, integer, listed, moment, reads, text, word
from orders.risk.kinds import MAX_CONDITIONS

symbol = text(r"[\x21-\x7e](?:[\x20-\x7e]{0,30}[\x21-\x7e])?", "1 to 32 printable ASCII characters")
exchange = text(r"[A-Z0-9._-]{1,16}", "an exchange in capital letters, such as SMART")
con_id = integer(1, 2**31 - 1)
CONDITION_FIELDS = {
    "kind": Field(word(ConditionKind), required=True),
    "direction": Field(word(Direction)),
    "value": Field(decimal, description="A price, a volume or a percentage."),
    "time": Field(moment),
    "con_id": Field(con_id),
    "exchange": Field(exchange),
    "symbol": Field(symbol),
    "sec_type": Field(word(SecType)),
    "join": Field(word(Join), description="How it is joined to the next one; AND binds closer."),
}
ALGO_FIELDS = {
    "strategy": Field(word(AlgoStrategy), required=True),
    "priority": Field(word(Priority)),
    "trade_style": Field(word(TradeStyle)),
    "start_time": Field(moment),
    "end_time": Field(moment),
    "allow_past_end_time": Field(boolean),
    "participation_rate": Field(decimal, description="Percent of the market's volume, 1 to 50."),
    "avoid_taking_liquidity": Field(boolean),
    "speed_up": Field(boolean),
    "risk_aversion": Field(word(RiskAversion)),
    "force_completion": Field(boolean),
}
_condition_list = listed(built(Condition, CONDITION_FIELDS), most=MAX_CONDITIONS)


@reads(**_condition_list.schema)
def conditions(raw: Any) -> tuple[Condition, ...]:
    """Conditions in the order in which they are joined."""
    return tuple(_condition_list(raw))


ATTRIBUTE_FIELDS = {
    "trail_amount": Field(
        decimal, description="How far a trailing stop stays behind the market, as a price."
    ),
    "trail_percent": Field(decimal, description="The same in percent."),
    "limit_offset": Field(decimal, description="How far the limit of a TRAIL_LIMIT order is from its stop."),
    "peg_offset": Field(decimal, description="How much better than the best price of its side RELATIVE is."),
    "peg_percent": Field(decimal, description="The same in percent."),
    "display_qty": Field(decimal, description="What the market is shown: an iceberg."),
    "min_qty": Field(decimal, description="The least that is executed at first."),
    "all_or_none": Field(boolean),
    "outside_regular_hours": Field(boolean),
    "effective_time": Field(moment, description="Not worked before this time."),
    "expire_time": Field(moment, description="When a GTD order ends."),
    "conditions": Field(conditions),
    "conditions_action": Field(word(ConditionsAction)),
    "conditions_outside_hours": Field(boolean),
    "algo": Field(built(Algo, ALGO_FIELDS)),
    "locate_broker": Field(
        text(r"[\x21-\x7e]{1,32}", "1 to 32 printable ASCII characters without spaces"),
        description="Who holds the shares of a short sale, when it is not the broker.",
    ),
}
