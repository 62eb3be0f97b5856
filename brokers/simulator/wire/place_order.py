"""placeOrder: what a client sends for a new order and for a modification (tws-wire section 5)."""

from __future__ import annotations

from brokers.simulator.wire.layout import Const, Field, Layout, Repeat, When, fields
from brokers.simulator.wire.order_parts import (
    ALGO,
    AUTO_CANCEL_PARENT,
    COMBO,
    CONDITIONS,
    DELTA_NEUTRAL,
    DURATION,
    FA_PROFILE_GONE,
    HEDGE,
    MANUAL_TIME,
    PEG_BEST,
    PEG_MID,
    PEG_OFFSETS,
    POST_TO_ATS,
    PRICE_MGMT,
    REJECT_JSON,
    peg_bench,
    scale,
)
from brokers.simulator.wire.records import Contract, DeltaNeutral, Order, Record
from brokers.simulator.wire.values import CLIENT_FLAG, CLIENT_INTEGER, CLIENT_NUMBER, FLAG, ID, TEXT


class PlaceOrder(Record):
    """A new order, or a modification of the open one with this id."""

    order_id: int
    contract: Contract
    order: Order


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
    *scale(CLIENT_NUMBER, CLIENT_INTEGER, CLIENT_FLAG),
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
    peg_bench(CLIENT_NUMBER, CLIENT_INTEGER, CLIENT_FLAG),
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
        PEG_BEST.__contains__,
        [
            Field("order.min_compete_size", CLIENT_INTEGER),
            Field("order.compete_against_best_offset", TEXT),
            When("order.compete_against_best_offset", "Infinite".__eq__, _OFFSETS),
        ],
        PEG_OFFSETS,
    ),
    When("order.order_type", PEG_MID.__contains__, _OFFSETS, PEG_OFFSETS),
    nested={"contract": Contract, "order": Order},
)
