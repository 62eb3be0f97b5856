"""The things that messages are about: contracts, orders, their states, executions.

Attribute names are IB's in snake_case. Quantities are in units of the contract, prices in its currency
(Decimal), times are texts as they stand on the wire. `None` means: the sender left the field empty.
"""

from __future__ import annotations

from decimal import Decimal

import msgspec

from brokers.simulator.wire.values import UNSET_DOUBLE

#: How gateways write that they suggest no size.
NO_SIZE = Decimal(-9223372036854775808)

Number = Decimal | None
Count = int | None
Flag = bool | None


class Record(msgspec.Struct, kw_only=True, omit_defaults=True, gc=False):
    """Base of everything the codec reads and writes. None ever holds itself, so no collector has to look."""


class ComboLeg(Record):
    """One leg of a combination."""

    con_id: int = 0
    ratio: int = 0
    action: str = ""
    exchange: str = ""
    open_close: Count = 0
    short_sale_slot: Count = 0
    designated_location: str = ""
    exempt_code: Count = -1


class LegPrice(Record):
    """The price of one leg of a combination order."""

    price: Number = None


class TagValue(Record):
    """A named parameter."""

    tag: str = ""
    value: str = ""


class DeltaNeutral(Record):
    """The hedging contract of an option order."""

    con_id: int = 0
    delta: Number = None
    price: Number = None


class Condition(Record):
    """An order condition; `kind` says which of the fields are there (tws-wire 6.1)."""

    kind: int
    conjunction: str = "a"
    is_more: Flag = None
    value: str = ""
    con_id: Count = None
    exchange: str = ""
    trigger_method: Count = None
    sec_type: str = ""
    symbol: str = ""


class Contract(Record):
    """What is traded; which fields say something depends on who speaks (a con_id alone may do)."""

    con_id: int = 0
    symbol: str = ""
    sec_type: str = ""
    last_trade_date: str = ""
    #: Only of contract details: `last_trade_date` without its time (server version 182).
    last_trade_day: str = ""
    strike: Number = Decimal("0.0")
    right: str = ""
    multiplier: str = ""
    exchange: str = ""
    primary_exchange: str = ""
    currency: str = ""
    local_symbol: str = ""
    trading_class: str = ""
    sec_id_type: str = ""
    sec_id: str = ""
    combo_legs_description: str = ""
    combo_legs: tuple[ComboLeg, ...] = ()
    delta_neutrals: tuple[DeltaNeutral, ...] = ()


class Order(Record):
    """An order as placed (clients) or echoed (gateway); the defaults are those of a plain client order."""

    action: str = ""
    total_quantity: Number = None
    order_type: str = ""
    lmt_price: Number = None
    aux_price: Number = None
    tif: str = ""
    oca_group: str = ""
    account: str = ""
    open_close: str = ""
    origin: Count = 0
    order_ref: str = ""
    transmit: bool = True
    parent_id: Count = 0
    block_order: Flag = False
    sweep_to_fill: Flag = False
    display_size: Count = 0
    trigger_method: Count = 0
    outside_rth: Flag = False
    hidden: Flag = False
    leg_prices: tuple[LegPrice, ...] = ()
    smart_params: tuple[TagValue, ...] = ()
    shares_allocation: str = ""
    discretionary_amt: Number = Decimal("0.0")
    good_after_time: str = ""
    good_till_date: str = ""
    fa_group: str = ""
    fa_method: str = ""
    fa_percentage: str = ""
    fa_profile: str = ""
    model_code: str = ""
    short_sale_slot: Count = 0
    designated_location: str = ""
    exempt_code: Count = -1
    oca_type: Count = 0
    rule_80a: str = ""
    settling_firm: str = ""
    all_or_none: Flag = False
    min_qty: Count = None
    percent_offset: Number = None
    etrade_only: Flag = False
    firm_quote_only: Flag = False
    nbbo_price_cap: Number = None
    auction_strategy: Count = None
    starting_price: Number = None
    stock_ref_price: Number = None
    delta: Number = None
    stock_range_lower: Number = None
    stock_range_upper: Number = None
    override_percentage_constraints: Flag = False
    volatility: Number = None
    volatility_type: Count = None
    delta_neutral_order_type: str = ""
    delta_neutral_aux_price: Number = None
    delta_neutral_con_id: Count = None
    delta_neutral_settling_firm: str = ""
    delta_neutral_clearing_account: str = ""
    delta_neutral_clearing_intent: str = ""
    delta_neutral_open_close: str = ""
    delta_neutral_short_sale: Flag = False
    delta_neutral_short_sale_slot: Count = None
    delta_neutral_designated_location: str = ""
    continuous_update: Flag = False
    reference_price_type: Count = None
    trail_stop_price: Number = None
    trailing_percent: Number = None
    basis_points: Number = None
    basis_points_type: Count = None
    scale_init_level_size: Count = None
    scale_subs_level_size: Count = None
    scale_price_increment: Number = None
    scale_price_adjust_value: Number = None
    scale_price_adjust_interval: Count = None
    scale_profit_offset: Number = None
    scale_auto_reset: Flag = False
    scale_init_position: Count = None
    scale_init_fill_qty: Count = None
    scale_random_percent: Flag = False
    scale_table: str = ""
    active_start_time: str = ""
    active_stop_time: str = ""
    hedge_type: str = ""
    hedge_param: str = ""
    opt_out_smart_routing: Flag = False
    clearing_account: str = ""
    clearing_intent: str = ""
    not_held: Flag = False
    algo_strategy: str = ""
    algo_params: tuple[TagValue, ...] = ()
    algo_id: str = ""
    what_if: Flag = False
    misc_options: str = ""
    solicited: Flag = False
    randomize_size: Flag = False
    randomize_price: Flag = False
    reference_contract_id: Count = None
    is_pegged_change_amount_decrease: Flag = False
    pegged_change_amount: Number = None
    reference_change_amount: Number = None
    reference_exchange_id: str = ""
    conditions: tuple[Condition, ...] = ()
    conditions_ignore_rth: Flag = False
    conditions_cancel_order: Flag = False
    adjusted_order_type: str = ""
    trigger_price: Number = None
    second_trail_stop_price: Number = None
    lmt_price_offset: Number = None
    adjusted_stop_price: Number = None
    adjusted_stop_limit_price: Number = None
    adjusted_trailing_amount: Number = None
    adjustable_trailing_unit: Count = 0
    ext_operator: str = ""
    soft_dollar_tier_name: str = ""
    soft_dollar_tier_value: str = ""
    soft_dollar_tier_display_name: str = ""
    cash_qty: Number = None
    mifid2_decision_maker: str = ""
    mifid2_decision_algo: str = ""
    mifid2_execution_trader: str = ""
    mifid2_execution_algo: str = ""
    dont_use_auto_price_for_hedge: Flag = False
    is_oms_container: Flag = False
    discretionary_up_to_limit_price: Flag = False
    use_price_mgmt_algo: Flag = None
    duration: Count = None
    post_to_ats: Count = None
    auto_cancel_parent: Flag = False
    advanced_error_override: str = ""
    manual_order_time: str = ""
    min_trade_qty: Count = None
    min_compete_size: Count = None
    compete_against_best_offset: str = ""
    mid_offset_at_whole: Number = None
    mid_offset_at_half: Number = None
    customer_account: str = ""
    professional_customer: Flag = False
    include_overnight: Flag = False
    manual_order_indicator: Count = None
    imbalance_only: Flag = False
    # From here on: only the gateway says these, in openOrder and completedOrder.
    client_id: Count = 0
    perm_id: Count = 0
    auto_cancel_date: str = ""
    filled_quantity: Number = None
    ref_futures_con_id: Count = None
    shareholder: str = ""
    route_marketable_to_bbo: Flag = False
    parent_perm_id: Count = None
    bond_accrued_interest: str = ""
    submitter: str = ""


class AllocationPreview(Record):
    """What one account of an advisor would get of a what-if order."""

    account: str = ""
    position: Number = None
    position_desired: Number = None
    position_after: Number = None
    desired_quantity: Number = None
    allowed_quantity: Number = None
    is_monetary: Flag = False


class OrderState(Record):
    """What the gateway says about an order beside its terms; margins and commission in base currency.

    The margins outside regular hours and the suggested size are said from server version 195 on.
    """

    status: str = ""
    init_margin_before: Number = None
    maint_margin_before: Number = None
    equity_with_loan_before: Number = None
    init_margin_change: Number = None
    maint_margin_change: Number = None
    equity_with_loan_change: Number = None
    init_margin_after: Number = None
    maint_margin_after: Number = None
    equity_with_loan_after: Number = None
    commission: Number = None
    min_commission: Number = None
    max_commission: Number = None
    commission_currency: str = ""
    margin_currency: str = ""
    init_margin_before_outside_rth: Number = UNSET_DOUBLE
    maint_margin_before_outside_rth: Number = UNSET_DOUBLE
    equity_with_loan_before_outside_rth: Number = UNSET_DOUBLE
    init_margin_change_outside_rth: Number = UNSET_DOUBLE
    maint_margin_change_outside_rth: Number = UNSET_DOUBLE
    equity_with_loan_change_outside_rth: Number = UNSET_DOUBLE
    init_margin_after_outside_rth: Number = UNSET_DOUBLE
    maint_margin_after_outside_rth: Number = UNSET_DOUBLE
    equity_with_loan_after_outside_rth: Number = UNSET_DOUBLE
    suggested_size: Number = NO_SIZE
    reject_reason: str = ""
    allocations: tuple[AllocationPreview, ...] = ()
    warning_text: str = ""
    completed_time: str = ""
    completed_status: str = ""


class Execution(Record):
    """A fill; `time` is in the form of the server version."""

    exec_id: str = ""
    time: str = ""
    account: str = ""
    exchange: str = ""
    side: str = ""
    shares: Number = None
    price: Number = None
    perm_id: int = 0
    client_id: int = 0
    liquidation: int = 0
    cum_qty: Number = None
    avg_price: Number = None
    order_ref: str = ""
    ev_rule: str = ""
    ev_multiplier: Number = None
    model_code: str = ""
    last_liquidity: Count = None
    pending_price_revision: Flag = False
    submitter: str = ""
