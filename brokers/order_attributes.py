"""What an order may carry beyond its plain terms: trails, pegs, sizes shown, times, conditions, algorithms.

One struct for the request, the stored order and the frozen message, so that a field exists in one place: its
type, its bounds, its description, and its label on forms where that is not its name.
`orders.entry.reading.fields` makes readers and descriptions of it; `must_be` completes "This must be ..."
when a text does not fit.
"""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Annotated

import msgspec
from msgspec import Meta

from brokers.fix import SecType

MAX_CONDITIONS = 10

Symbol = Annotated[
    str,
    Meta(
        pattern=r"^[\x21-\x7e](?:[\x20-\x7e]{0,30}[\x21-\x7e])?$",
        extra={"must_be": "1 to 32 printable ASCII characters"},
    ),
]
Exchange = Annotated[
    str,
    Meta(pattern=r"^[A-Z0-9._-]{1,16}$", extra={"must_be": "an exchange in capital letters, such as SMART"}),
]
ConId = Annotated[int, Meta(ge=1, le=2**31 - 1)]


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


class TradingCondition(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One condition; which fields a kind has: `orders.risk.form.kinds.CONDITIONS`."""

    kind: ConditionKind
    direction: Direction = Direction.ABOVE
    value: Annotated[Decimal | None, Meta(description="A price, a volume or a percentage.")] = None
    time: datetime | None = None
    con_id: ConId = 0
    exchange: Exchange = ""
    symbol: Symbol = ""
    sec_type: SecType | None = None
    join: Annotated[Join, Meta(description="How it is joined to the next one; AND binds closer.")] = Join.AND


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
    """One of the broker's algorithms; which parameters it has: `orders.risk.form.kinds.ALGOS`."""

    strategy: AlgoStrategy
    priority: Priority | None = None
    trade_style: TradeStyle | None = None
    start_time: datetime | None = None
    end_time: datetime | None = None
    allow_past_end_time: bool | None = None
    participation_rate: Annotated[
        Decimal | None, Meta(description="Percent of the market's volume, 1 to 50.")
    ] = None
    avoid_taking_liquidity: bool | None = None
    speed_up: bool | None = None
    risk_aversion: RiskAversion | None = None
    force_completion: bool | None = None


class AllocationMethod(StrEnum):
    """How an advisor's group shares an order; the broker's own names.

    The first three are worked out by the broker, the others go by the amounts that the group's list has.
    """

    EQUAL = "Equal"
    NET_LIQ = "NetLiq"
    AVAILABLE_EQUITY = "AvailableEquity"
    CONTRACTS_OR_SHARES = "ContractsOrShares"
    RATIO = "Ratio"
    PERCENT = "Percent"
    MONETARY_AMOUNT = "MonetaryAmount"


class Allocation(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The accounts of an advisor that share an order, and how."""

    group: Annotated[
        str,
        Meta(
            pattern=r"^[\x21-\x7e](?:[\x20-\x7e]{0,62}[\x21-\x7e])?$",
            title="Group",
            description="One of the advisor's groups, as the gateway names it.",
            extra={"must_be": "the name of a group, 1 to 64 printable ASCII characters"},
        ),
    ]
    method: Annotated[
        AllocationMethod | None,
        Meta(title="Method", description="Instead of the group's own; where the gateway takes one."),
    ] = None


class OrderAttributes(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Optional terms of an order; prices and quantities are finite Decimals, percents are 0 to 100."""

    trail_amount: Annotated[
        Decimal | None,
        Meta(title="Trail by", description="How far a trailing stop stays behind the market, as a price."),
    ] = None
    trail_percent: Annotated[
        Decimal | None,
        Meta(title="Trail by %", description="The same in percent."),
    ] = None
    limit_offset: Annotated[
        Decimal | None,
        Meta(description="How far the limit of a TRAIL_LIMIT order is from its stop."),
    ] = None
    peg_offset: Annotated[
        Decimal | None,
        Meta(description="How much better than the best price of its side RELATIVE is."),
    ] = None
    peg_percent: Annotated[Decimal | None, Meta(title="Peg %", description="The same in percent.")] = None
    display_qty: Annotated[
        Decimal | None,
        Meta(title="Shown quantity", description="What the market is shown: an iceberg."),
    ] = None
    min_qty: Annotated[Decimal | None, Meta(description="The least that is executed at first.")] = None
    all_or_none: bool = False
    outside_regular_hours: bool = False
    effective_time: Annotated[datetime | None, Meta(description="Not worked before this time.")] = None
    expire_time: Annotated[datetime | None, Meta(description="When a GTD order ends.")] = None
    conditions: Annotated[tuple[TradingCondition, ...], Meta(max_length=MAX_CONDITIONS)] = ()
    conditions_action: ConditionsAction = ConditionsAction.ACTIVATE
    conditions_outside_hours: bool = False
    algo: Algo | None = None
    locate_broker: Annotated[
        str,
        Meta(
            pattern=r"^[\x21-\x7e]{1,32}$",
            description="Who holds the shares of a short sale, when it is not the broker.",
            extra={"must_be": "1 to 32 printable ASCII characters without spaces"},
        ),
    ] = ""
    allocation: Annotated[
        Allocation | None,
        Meta(description="Of an order on an advisor's master account: the accounts that share it."),
    ] = None


ATTRIBUTE_FIELDS = OrderAttributes.__struct_fields__
