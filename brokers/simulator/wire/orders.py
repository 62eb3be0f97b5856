"""Layouts of the three big messages: placeOrder, openOrder, completedOrder, and the parts they share.

Gates are TWS server versions (`server_versions.py` of IB's client); ranges read `since <= version < until`.
"""

from __future__ import annotations

from brokers.simulator.wire.layout import Const, Field, Item, Layout, Repeat, When, fields
from brokers.simulator.wire.records import (
    ComboLeg,
    Condition,
    Contract,
    DeltaNeutral,
    LegPrice,
    Number,
    Order,
    OrderState,
    Record,
    TagValue,
)
from brokers.simulator.wire.values import (
    CLIENT_FLAG,
    CLIENT_INTEGER,
    CLIENT_NUMBER,
    ESCAPED,
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


class PlaceOrder(Record):
    """A new order, or a modification of the open one with this id."""

    order_id: int
    contract: Contract
    order: Order


class OpenOrder(Record):
    """The gateway's view of an order, sent on every change and on request."""

    order_id: int
    contract: Contract
    order: Order
    state: OrderState


class CompletedOrder(Record):
    """An order that can no longer change; it has no order id."""

    contract: Contract
    order: Order
    state: OrderState


def _is_pegged_to(*names: str) -> frozenset[str]:
    return frozenset(name.replace(" ", separator) for name in names for separator in (" ", ""))


_PEG_BENCH = _is_pegged_to("PEG BENCH")
_PEG_BEST = _is_pegged_to("PEG BEST")
_PEG_MID = _is_pegged_to("PEG MID")


def _is_scaled(increment: Number) -> bool:
    return increment is not None and 0 < increment < UNSET_DOUBLE


LEG: list[Item] = [
    *fields("", INTEGER, "con_id ratio"),
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


def _scale(number: ValueCodec, integer: ValueCodec, flag: ValueCodec) -> list[Item]:
    return [
        *fields("order", integer, "scale_init_level_size scale_subs_level_size"),
        Field("order.scale_price_increment", number),
        When(
            "order.scale_price_increment",
            _is_scaled,
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


def _peg_bench(number: ValueCodec, integer: ValueCodec, flag: ValueCodec) -> Item:
    return When(
        "order.order_type",
        _PEG_BENCH.__contains__,
        [
            Field("order.reference_contract_id", integer),
            Field("order.is_pegged_change_amount_decrease", flag),
            *fields("order", number, "pegged_change_amount reference_change_amount"),
            Field("order.reference_exchange_id", TEXT),
        ],
    )


# -- client to gateway -------------------------------------------------------------------------------

_OFFSETS = fields("order", CLIENT_NUMBER, "mid_offset_at_whole mid_offset_at_half")

PLACE_ORDER = Layout(
    PlaceOrder,
    Const("3"),
    Field("order_id", ID),
    Field("contract.con_id", ID),
    *fields("contract", TEXT, "symbol sec_type last_trade_date"),
    Field("contract.strike", CLIENT_NUMBER),
    *fields("contract", TEXT, "right multiplier exchange primary_exchange currency local_symbol"),
    *fields("contract", TEXT, "trading_class sec_id_type sec_id"),
    Field("order.action", TEXT),
    Field("order.total_quantity", CLIENT_NUMBER),
    Field("order.order_type", TEXT),
    *fields("order", CLIENT_NUMBER, "lmt_price aux_price"),
    *fields("order", TEXT, "tif oca_group account open_close"),
    Field("order.origin", CLIENT_INTEGER),
    Field("order.order_ref", TEXT),
    Field("order.transmit", CLIENT_FLAG),
    Field("order.parent_id", CLIENT_INTEGER),
    *fields("order", CLIENT_FLAG, "block_order sweep_to_fill"),
    *fields("order", CLIENT_INTEGER, "display_size trigger_method"),
    *fields("order", CLIENT_FLAG, "outside_rth hidden"),
    When("contract.sec_type", "BAG".__eq__, COMBO),
    Field("order.shares_allocation", TEXT),
    Field("order.discretionary_amt", CLIENT_NUMBER),
    *fields("order", TEXT, "good_after_time good_till_date fa_group fa_method fa_percentage"),
    Field("order.fa_profile", TEXT, until=FA_PROFILE_GONE),
    Field("order.model_code", TEXT),
    Field("order.short_sale_slot", CLIENT_INTEGER),
    Field("order.designated_location", TEXT),
    *fields("order", CLIENT_INTEGER, "exempt_code oca_type"),
    *fields("order", TEXT, "rule_80a settling_firm"),
    Field("order.all_or_none", CLIENT_FLAG),
    Field("order.min_qty", CLIENT_INTEGER),
    Field("order.percent_offset", CLIENT_NUMBER),
    *fields("order", CLIENT_FLAG, "etrade_only firm_quote_only"),
    Field("order.nbbo_price_cap", CLIENT_NUMBER),
    Field("order.auction_strategy", CLIENT_INTEGER),
    *fields(
        "order", CLIENT_NUMBER, "starting_price stock_ref_price delta stock_range_lower stock_range_upper"
    ),
    Field("order.override_percentage_constraints", CLIENT_FLAG),
    Field("order.volatility", CLIENT_NUMBER),
    Field("order.volatility_type", CLIENT_INTEGER),
    Field("order.delta_neutral_order_type", TEXT),
    Field("order.delta_neutral_aux_price", CLIENT_NUMBER),
    When(
        "order.delta_neutral_order_type",
        bool,
        [
            Field("order.delta_neutral_con_id", CLIENT_INTEGER),
            *fields("order", TEXT, "delta_neutral_settling_firm delta_neutral_clearing_account"),
            *fields("order", TEXT, "delta_neutral_clearing_intent delta_neutral_open_close"),
            Field("order.delta_neutral_short_sale", CLIENT_FLAG),
            Field("order.delta_neutral_short_sale_slot", CLIENT_INTEGER),
            Field("order.delta_neutral_designated_location", TEXT),
        ],
    ),
    Field("order.continuous_update", CLIENT_FLAG),
    Field("order.reference_price_type", CLIENT_INTEGER),
    *fields("order", CLIENT_NUMBER, "trail_stop_price trailing_percent"),
    *_scale(CLIENT_NUMBER, CLIENT_INTEGER, CLIENT_FLAG),
    *fields("order", TEXT, "scale_table active_start_time active_stop_time"),
    *HEDGE,
    Field("order.opt_out_smart_routing", CLIENT_FLAG),
    *fields("order", TEXT, "clearing_account clearing_intent"),
    Field("order.not_held", CLIENT_FLAG),
    Repeat("contract.delta_neutrals", DeltaNeutral, DELTA_NEUTRAL),
    *ALGO,
    Field("order.algo_id", TEXT),
    Field("order.what_if", CLIENT_FLAG),
    Field("order.misc_options", TEXT),
    *fields("order", CLIENT_FLAG, "solicited randomize_size randomize_price"),
    _peg_bench(CLIENT_NUMBER, CLIENT_INTEGER, CLIENT_FLAG),
    *CONDITIONS,
    Field("order.adjusted_order_type", TEXT),
    *fields("order", CLIENT_NUMBER, "trigger_price lmt_price_offset adjusted_stop_price"),
    *fields("order", CLIENT_NUMBER, "adjusted_stop_limit_price adjusted_trailing_amount"),
    Field("order.adjustable_trailing_unit", CLIENT_INTEGER),
    *fields("order", TEXT, "ext_operator soft_dollar_tier_name soft_dollar_tier_value"),
    Field("order.cash_qty", CLIENT_NUMBER),
    *fields("order", TEXT, "mifid2_decision_maker mifid2_decision_algo"),
    *fields("order", TEXT, "mifid2_execution_trader mifid2_execution_algo"),
    *fields(
        "order",
        CLIENT_FLAG,
        "dont_use_auto_price_for_hedge is_oms_container discretionary_up_to_limit_price",
    ),
    Field("order.use_price_mgmt_algo", FLAG, since=PRICE_MGMT),
    Field("order.duration", CLIENT_INTEGER, since=DURATION),
    Field("order.post_to_ats", CLIENT_INTEGER, since=POST_TO_ATS),
    Field("order.auto_cancel_parent", CLIENT_FLAG, since=AUTO_CANCEL_PARENT),
    Field("order.advanced_error_override", TEXT, since=REJECT_JSON),
    Field("order.manual_order_time", TEXT, since=MANUAL_TIME),
    When("contract.exchange", "IBKRATS".__eq__, [Field("order.min_trade_qty", CLIENT_INTEGER)], PEG_OFFSETS),
    When(
        "order.order_type",
        _PEG_BEST.__contains__,
        [
            Field("order.min_compete_size", CLIENT_INTEGER),
            Field("order.compete_against_best_offset", TEXT),
            When("order.compete_against_best_offset", "Infinite".__eq__, _OFFSETS),
        ],
        PEG_OFFSETS,
    ),
    When("order.order_type", _PEG_MID.__contains__, _OFFSETS, PEG_OFFSETS),
    nested={"contract": Contract, "order": Order},
)

# -- gateway to client -------------------------------------------------------------------------------

_CONTRACT: list[Item] = [
    Field("contract.con_id", ID),
    *fields("contract", TEXT, "symbol sec_type last_trade_date"),
    Field("contract.strike", NUMBER),
    *fields("contract", TEXT, "right multiplier exchange currency local_symbol trading_class"),
]
_TERMS: list[Item] = [
    Field("order.action", TEXT),
    Field("order.total_quantity", NUMBER),
    Field("order.order_type", TEXT),
    *fields("order", NUMBER, "lmt_price aux_price"),
    *fields("order", TEXT, "tif oca_group account open_close"),
    Field("order.origin", INTEGER),
    Field("order.order_ref", ESCAPED),
]
_ALLOCATION: list[Item] = [
    *fields("order", TEXT, "fa_group fa_method fa_percentage"),
    Field("order.fa_profile", TEXT, until=FA_PROFILE_GONE),
    *fields("order", TEXT, "model_code good_till_date rule_80a"),
    Field("order.percent_offset", NUMBER),
    Field("order.settling_firm", TEXT),
    Field("order.short_sale_slot", INTEGER),
    Field("order.designated_location", TEXT),
    Field("order.exempt_code", INTEGER),
]
_STOCK_RANGE = fields(
    "order", NUMBER, "starting_price stock_ref_price delta stock_range_lower stock_range_upper"
)
_VOLATILITY: list[Item] = [
    Field("order.volatility", NUMBER),
    Field("order.volatility_type", INTEGER),
    Field("order.delta_neutral_order_type", TEXT),
    Field("order.delta_neutral_aux_price", NUMBER),
]
_SHORT_SALE: list[Item] = [
    Field("order.delta_neutral_short_sale", FLAG),
    Field("order.delta_neutral_short_sale_slot", INTEGER),
    Field("order.delta_neutral_designated_location", TEXT),
]
_TRAIL: list[Item] = [
    Field("order.continuous_update", FLAG),
    Field("order.reference_price_type", INTEGER),
    *fields("order", NUMBER, "trail_stop_price trailing_percent"),
]
_CLEARING: list[Item] = [
    *fields("order", TEXT, "clearing_account clearing_intent"),
    Field("order.not_held", FLAG),
    Repeat("contract.delta_neutrals", DeltaNeutral, DELTA_NEUTRAL),
    *ALGO,
]
_MARGINS = (
    "init_margin_before maint_margin_before equity_with_loan_before init_margin_change maint_margin_change "
    "equity_with_loan_change init_margin_after maint_margin_after equity_with_loan_after "
    "commission min_commission max_commission"
)
_PEG_TAIL: list[Item] = [
    *fields("order", INTEGER, "min_trade_qty min_compete_size", since=PEG_OFFSETS),
    Field("order.compete_against_best_offset", TEXT, since=PEG_OFFSETS),
    *fields("order", NUMBER, "mid_offset_at_whole mid_offset_at_half", since=PEG_OFFSETS),
]
_PARTS = {"contract": Contract, "order": Order, "state": OrderState}

OPEN_ORDER = Layout(
    OpenOrder,
    Const("5"),
    Field("order_id", ID),
    *_CONTRACT,
    *_TERMS,
    *fields("order", INTEGER, "client_id perm_id"),
    *fields("order", FLAG, "outside_rth hidden"),
    Field("order.discretionary_amt", NUMBER),
    *fields("order", TEXT, "good_after_time shares_allocation"),
    *_ALLOCATION,
    Field("order.auction_strategy", INTEGER),
    *_STOCK_RANGE,
    Field("order.display_size", INTEGER),
    *fields("order", FLAG, "block_order sweep_to_fill all_or_none"),
    *fields("order", INTEGER, "min_qty oca_type"),
    *fields("order", FLAG, "etrade_only firm_quote_only"),
    Field("order.nbbo_price_cap", NUMBER),
    *fields("order", INTEGER, "parent_id trigger_method"),
    *_VOLATILITY,
    When(
        "order.delta_neutral_order_type",
        bool,
        [
            Field("order.delta_neutral_con_id", INTEGER),
            *fields("order", TEXT, "delta_neutral_settling_firm delta_neutral_clearing_account"),
            *fields("order", TEXT, "delta_neutral_clearing_intent delta_neutral_open_close"),
            *_SHORT_SALE,
        ],
    ),
    *_TRAIL,
    Field("order.basis_points", NUMBER),
    Field("order.basis_points_type", INTEGER),
    Field("contract.combo_legs_description", TEXT),
    *COMBO,
    *_scale(NUMBER, INTEGER, FLAG),
    *HEDGE,
    Field("order.opt_out_smart_routing", FLAG),
    *_CLEARING,
    *fields("order", FLAG, "solicited what_if"),
    Field("state.status", TEXT),
    *fields("state", NUMBER, _MARGINS),
    Field("state.commission_currency", TEXT),
    Field("state.warning_text", ESCAPED),
    *fields("order", FLAG, "randomize_size randomize_price"),
    _peg_bench(NUMBER, INTEGER, FLAG),
    *CONDITIONS,
    Field("order.adjusted_order_type", TEXT),
    *fields("order", NUMBER, "trigger_price second_trail_stop_price lmt_price_offset adjusted_stop_price"),
    *fields("order", NUMBER, "adjusted_stop_limit_price adjusted_trailing_amount"),
    Field("order.adjustable_trailing_unit", INTEGER),
    *fields("order", TEXT, "soft_dollar_tier_name soft_dollar_tier_value soft_dollar_tier_display_name"),
    Field("order.cash_qty", NUMBER),
    *fields("order", FLAG, "dont_use_auto_price_for_hedge is_oms_container discretionary_up_to_limit_price"),
    Field("order.use_price_mgmt_algo", FLAG, since=PRICE_MGMT),
    Field("order.duration", INTEGER, since=DURATION),
    Field("order.post_to_ats", INTEGER, since=POST_TO_ATS),
    Field("order.auto_cancel_parent", FLAG, since=AUTO_CANCEL_PARENT),
    *_PEG_TAIL,
    nested=_PARTS,
)

COMPLETED_ORDER = Layout(
    CompletedOrder,
    Const("101"),
    *_CONTRACT,
    *_TERMS,
    Field("order.perm_id", INTEGER),
    *fields("order", FLAG, "outside_rth hidden"),
    Field("order.discretionary_amt", NUMBER),
    Field("order.good_after_time", TEXT),
    *_ALLOCATION,
    *_STOCK_RANGE,
    Field("order.display_size", INTEGER),
    *fields("order", FLAG, "sweep_to_fill all_or_none"),
    *fields("order", INTEGER, "min_qty oca_type trigger_method"),
    *_VOLATILITY,
    When(
        "order.delta_neutral_order_type",
        bool,
        [Field("order.delta_neutral_con_id", INTEGER), *_SHORT_SALE],
    ),
    *_TRAIL,
    Field("contract.combo_legs_description", TEXT),
    *COMBO,
    *_scale(NUMBER, INTEGER, FLAG),
    *HEDGE,
    *_CLEARING,
    Field("order.solicited", FLAG),
    Field("state.status", TEXT),
    *fields("order", FLAG, "randomize_size randomize_price"),
    _peg_bench(NUMBER, INTEGER, FLAG),
    *CONDITIONS,
    *fields("order", NUMBER, "second_trail_stop_price lmt_price_offset cash_qty"),
    *fields("order", FLAG, "dont_use_auto_price_for_hedge is_oms_container"),
    Field("order.auto_cancel_date", TEXT),
    Field("order.filled_quantity", NUMBER),
    Field("order.ref_futures_con_id", INTEGER),
    Field("order.auto_cancel_parent", FLAG),
    Field("order.shareholder", TEXT),
    *fields("order", FLAG, "imbalance_only route_marketable_to_bbo"),
    Field("order.parent_perm_id", INTEGER),
    *fields("state", ESCAPED, "completed_time completed_status"),
    *_PEG_TAIL,
    nested=_PARTS,
)
