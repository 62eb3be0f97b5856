"""openOrder and completedOrder: the gateway's view of an order (tws-wire 6.1 and 6.2)."""

from __future__ import annotations

from brokers.simulator.wire.layout import Const, Field, Item, Layout, Repeat, When, fields
from brokers.simulator.wire.order_parts import (
    ACCRUED_INTEREST,
    ALGO,
    AUTO_CANCEL_PARENT,
    CME_TAGS_ECHOED,
    COMBO,
    CONDITIONS,
    CUSTOMER_ACCOUNT,
    DELTA_NEUTRAL,
    DURATION,
    FA_PROFILE_GONE,
    HEDGE,
    IMBALANCE_ONLY,
    OVERNIGHT,
    PEG_OFFSETS,
    POST_TO_ATS,
    PREVIEW,
    PRICE_MGMT,
    PROFESSIONAL_CUSTOMER,
    SUBMITTER,
    peg_bench,
    scale,
)
from brokers.simulator.wire.records import (
    AllocationPreview,
    Contract,
    DeltaNeutral,
    Order,
    OrderState,
    Record,
)
from brokers.simulator.wire.values import ESCAPED, FLAG, ID, INTEGER, NUMBER, TEXT


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
_CUSTOMER: list[Item] = [
    Field("order.customer_account", TEXT, since=CUSTOMER_ACCOUNT),
    Field("order.professional_customer", FLAG, since=PROFESSIONAL_CUSTOMER),
]
_ALLOCATION_PREVIEW: list[Item] = [
    Field("account", TEXT),
    *fields("", NUMBER, "position position_desired position_after desired_quantity allowed_quantity"),
    Field("is_monetary", FLAG),
]
_OUTSIDE_RTH = (
    "init_margin_before_outside_rth maint_margin_before_outside_rth equity_with_loan_before_outside_rth "
    "init_margin_change_outside_rth maint_margin_change_outside_rth equity_with_loan_change_outside_rth "
    "init_margin_after_outside_rth maint_margin_after_outside_rth equity_with_loan_after_outside_rth"
)
_PREVIEW: list[Item] = [
    Field("state.margin_currency", TEXT, since=PREVIEW),
    *fields("state", NUMBER, _OUTSIDE_RTH, since=PREVIEW),
    Field("state.suggested_size", NUMBER, since=PREVIEW),
    Field("state.reject_reason", ESCAPED, since=PREVIEW),
    Repeat("state.allocations", AllocationPreview, _ALLOCATION_PREVIEW, since=PREVIEW),
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
    *scale(NUMBER, INTEGER, FLAG),
    *HEDGE,
    Field("order.opt_out_smart_routing", FLAG),
    *_CLEARING,
    *fields("order", FLAG, "solicited what_if"),
    Field("state.status", TEXT),
    *fields("state", NUMBER, _MARGINS),
    Field("state.commission_currency", TEXT),
    *_PREVIEW,
    Field("state.warning_text", ESCAPED),
    *fields("order", FLAG, "randomize_size randomize_price"),
    peg_bench(NUMBER, INTEGER, FLAG),
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
    *_CUSTOMER,
    Field("order.bond_accrued_interest", TEXT, since=ACCRUED_INTEREST),
    Field("order.include_overnight", FLAG, since=OVERNIGHT),
    Field("order.ext_operator", TEXT, since=CME_TAGS_ECHOED),
    Field("order.manual_order_indicator", INTEGER, since=CME_TAGS_ECHOED),
    Field("order.submitter", TEXT, since=SUBMITTER),
    Field("order.imbalance_only", FLAG, since=IMBALANCE_ONLY),
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
    *scale(NUMBER, INTEGER, FLAG),
    *HEDGE,
    *_CLEARING,
    Field("order.solicited", FLAG),
    Field("state.status", TEXT),
    *fields("order", FLAG, "randomize_size randomize_price"),
    peg_bench(NUMBER, INTEGER, FLAG),
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
    *_CUSTOMER,
    Field("order.submitter", TEXT, since=SUBMITTER),
    nested=_PARTS,
)
