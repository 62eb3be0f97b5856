"""What the layouts of placeOrder, openOrder and completedOrder share: gates, legs, conditions, scale, algo.

Gates are TWS server versions (`server_versions.py` of IB's client); ranges read `since <= version < until`.
"""

from __future__ import annotations

from brokers.simulator.wire.layout import Field, Item, Repeat, When, fields
from brokers.simulator.wire.records import (
    ComboLeg,
    Condition,
    LegPrice,
    Number,
    TagValue,
)
from brokers.simulator.wire.values import (
    FLAG,
    ID,
    INTEGER,
    NUMBER,
    TEXT,
    UNSET_DOUBLE,
    ValueCodec,
)

PRICE_MGMT, DURATION, POST_TO_ATS, AUTO_CANCEL_PARENT = 151, 158, 160, 162
REJECT_JSON, MANUAL_TIME, PEG_OFFSETS, FA_PROFILE_GONE = 166, 169, 170, 177
CUSTOMER_ACCOUNT, PROFESSIONAL_CUSTOMER, ACCRUED_INTEREST = 183, 184, 185
#: Requests for quotes came and went again: two or three fields that nobody fills.
QUOTE_REQUESTS, QUOTE_REQUESTS_GONE = 187, 190
OVERNIGHT, CME_TAGS, CME_TAGS_ECHOED, PREVIEW = 189, 192, 193, 195
SUBMITTER, IMBALANCE_ONLY = 198, 199


def _is_pegged_to(*names: str) -> frozenset[str]:
    return frozenset(name.replace(" ", separator) for name in names for separator in (" ", ""))


PEG_BENCH = _is_pegged_to("PEG BENCH")
PEG_BEST = _is_pegged_to("PEG BEST")
PEG_MID = _is_pegged_to("PEG MID")


def is_scaled(increment: Number) -> bool:
    """Whether the increment says that the scale fields follow."""
    return increment is not None and 0 < increment < UNSET_DOUBLE


LEG: list[Item] = [
    *fields("", ID, "con_id ratio"),
    *fields("", TEXT, "action exchange"),
    *fields("", INTEGER, "open_close short_sale_slot"),
    Field("designated_location", TEXT),
    Field("exempt_code", INTEGER),
]
TAG_VALUE = fields("", TEXT, "tag value")
DELTA_NEUTRAL: list[Item] = [Field("con_id", INTEGER), *fields("", NUMBER, "delta price")]
CONDITION: list[Item] = [
    Field("kind", ID),
    Field("conjunction", TEXT),
    # 1 price, 3 time, 4 margin, 6 volume, 7 percent change; 5 is an execution in some instrument
    When("kind", {1, 3, 4, 6, 7}.__contains__, [Field("is_more", FLAG), Field("value", TEXT)]),
    When("kind", {1, 6, 7}.__contains__, [Field("con_id", INTEGER), Field("exchange", TEXT)]),
    When("kind", {1}.__contains__, [Field("trigger_method", INTEGER)]),
    When("kind", {5}.__contains__, fields("", TEXT, "sec_type exchange symbol")),
]


COMBO: list[Item] = [
    Repeat("contract.combo_legs", ComboLeg, LEG),
    Repeat("order.leg_prices", LegPrice, [Field("price", NUMBER)]),
    Repeat("order.smart_params", TagValue, TAG_VALUE),
]


def scale(number: ValueCodec, integer: ValueCodec, flag: ValueCodec) -> list[Item]:
    """The scale fields; seven more if an increment is set."""
    return [
        *fields("order", integer, "scale_init_level_size scale_subs_level_size"),
        Field("order.scale_price_increment", number),
        When(
            "order.scale_price_increment",
            is_scaled,
            [
                Field("order.scale_price_adjust_value", number),
                Field("order.scale_price_adjust_interval", integer),
                Field("order.scale_profit_offset", number),
                Field("order.scale_auto_reset", flag),
                *fields("order", integer, "scale_init_position scale_init_fill_qty"),
                Field("order.scale_random_percent", flag),
            ],
        ),
    ]


HEDGE: list[Item] = [
    Field("order.hedge_type", TEXT),
    When("order.hedge_type", bool, [Field("order.hedge_param", TEXT)]),
]
ALGO: list[Item] = [
    Field("order.algo_strategy", TEXT),
    When("order.algo_strategy", bool, [Repeat("order.algo_params", TagValue, TAG_VALUE)]),
]
CONDITIONS: list[Item] = [
    Repeat("order.conditions", Condition, CONDITION),
    When("order.conditions", bool, fields("order", FLAG, "conditions_ignore_rth conditions_cancel_order")),
]


def peg_bench(number: ValueCodec, integer: ValueCodec, flag: ValueCodec) -> Item:
    """The fields of an order pegged to a benchmark."""
    return When(
        "order.order_type",
        PEG_BENCH.__contains__,
        [
            Field("order.reference_contract_id", integer),
            Field("order.is_pegged_change_amount_decrease", flag),
            *fields("order", number, "pegged_change_amount reference_change_amount"),
            Field("order.reference_exchange_id", TEXT),
        ],
    )
