"""Messages that the gateway sends; openOrder and completedOrder are in `order_reports`."""

from __future__ import annotations

import msgspec

from brokers.simulator.wire.records import Contract, Count, Execution, Flag, Number, Record, TagValue


class TickPrice(Record):
    """A price with its size; price -1.00 says there is none."""

    req_id: int
    tick_type: int
    price: Number
    size: Number = None
    attributes: int = 0


class TickSize(Record):
    """A size: of bid (0), ask (3), last trade (5) or the day's volume (8)."""

    req_id: int
    tick_type: int
    size: Number = None


class TickGeneric(Record):
    """A number that is neither price nor size."""

    req_id: int
    tick_type: int
    value: Number = None


class TickString(Record):
    """A text; tick type 45 is the last trade's time in epoch seconds."""

    req_id: int
    tick_type: int
    value: str = ""


class TickSnapshotEnd(Record):
    """A snapshot is complete."""

    req_id: int


class TickReqParams(Record):
    """What applies to the ticks of a subscription; sent before them."""

    req_id: int
    min_tick: Number = None
    bbo_exchange: str = ""
    snapshot_permissions: Count = 0


class MarketDataType(Record):
    """The kind of data that follows; sent before it."""

    req_id: int
    data_type: int = 1


class OrderStatus(Record):
    """How an order stands; quantities and prices are cumulative, not increments."""

    order_id: int
    status: str
    filled: Number = None
    remaining: Number = None
    avg_fill_price: Number = None
    perm_id: int = 0
    parent_id: int = 0
    last_fill_price: Number = None
    client_id: int = 0
    why_held: str = ""
    mkt_cap_price: Number = None


class CurrentTimeInMillis(Record):
    """The gateway's time in milliseconds since the epoch."""

    milliseconds: int


class ErrMsg(Record):
    """An error or a notice; `req_id` is the order's or request's, -1 for the system's own."""

    req_id: int
    code: int
    text: str
    reject_json: str = ""
    #: Milliseconds since the epoch, as clients of 194 and above read it; set as it is sent.
    time: int = 0


class OpenOrderEnd(Record):
    """The list of open orders is complete."""


class ExecutionData(Record):
    """A fill; `req_id` is -1 when nobody asked for it."""

    req_id: int
    order_id: int
    contract: Contract
    execution: Execution


class ExecutionDataEnd(Record):
    """The list of executions is complete."""

    req_id: int


class CommissionReport(Record):
    """What an execution cost; `realized_pnl` is the unset double for an opening one."""

    exec_id: str
    commission: Number = None
    currency: str = ""
    realized_pnl: Number = None
    yield_: Number = None
    yield_redemption_date: str = ""


class CompletedOrdersEnd(Record):
    """The list of completed orders is complete."""


class ManagedAccts(Record):
    """The accounts of this login, as a comma list."""

    accounts: str


class NextValidId(Record):
    """The lowest id that this client's next order may have."""

    order_id: int


class AcctValue(Record):
    """One value of a subscribed account."""

    key: str
    value: str = ""
    currency: str = ""
    account: str = ""


class PortfolioValue(Record):
    """One position of a subscribed account, at the market."""

    contract: Contract
    position: Number = None
    market_price: Number = None
    market_value: Number = None
    average_cost: Number = None
    unrealized_pnl: Number = None
    realized_pnl: Number = None
    account: str = ""


class AcctUpdateTime(Record):
    """When the account values were taken, `hh:mm`."""

    time: str


class AcctDownloadEnd(Record):
    """All values and positions of the account were sent."""

    account: str


class PositionData(Record):
    """One position; `avg_cost` includes multiplier and commissions."""

    account: str
    contract: Contract
    position: Number = None
    avg_cost: Number = None


class PositionEnd(Record):
    """All positions were sent; changes follow as they happen."""


class AccountSummary(Record):
    """One tag of one account."""

    req_id: int
    account: str
    tag: str
    value: str = ""
    currency: str = ""


class AccountSummaryEnd(Record):
    """All tags of all accounts were sent."""

    req_id: int


class PositionMulti(Record):
    """One position, for a request with an id."""

    req_id: int
    account: str
    contract: Contract
    position: Number = None
    avg_cost: Number = None
    model_code: str = ""


class PositionMultiEnd(Record):
    """All positions of the request were sent."""

    req_id: int


class AccountUpdateMulti(Record):
    """One account value, for a request with an id."""

    req_id: int
    account: str
    model_code: str = ""
    key: str = ""
    value: str = ""
    currency: str = ""


class AccountUpdateMultiEnd(Record):
    """All values of the request were sent."""

    req_id: int


class Pnl(Record):
    """An account's profit and loss, in base currency."""

    req_id: int
    daily: Number = None
    unrealized: Number = None
    realized: Number = None


class PnlSingle(Record):
    """A position's profit and loss, in its currency; the unset double where unknown."""

    req_id: int
    position: Number = None
    daily: Number = None
    unrealized: Number = None
    realized: Number = None
    value: Number = None


class Fund(Record):
    """What only mutual funds have."""

    name: str = ""
    family: str = ""
    fund_type: str = ""
    front_load: str = ""
    back_load: str = ""
    back_load_interval: str = ""
    management_fee: str = ""
    is_closed: Flag = False
    is_closed_for_new_investors: Flag = False
    is_closed_for_new_money: Flag = False
    notify_amount: str = ""
    minimum_initial_purchase: str = ""
    minimum_subsequent_purchase: str = ""
    blue_sky_states: str = ""
    blue_sky_territories: str = ""
    distribution_policy: str = ""
    asset_type: str = ""


class IneligibilityReason(Record):
    """Why this login may not trade an instrument."""

    code: str
    text: str


class ContractData(Record):
    """Everything known of an instrument; texts such as trading hours stand as on the wire."""

    req_id: int
    contract: Contract
    market_name: str = ""
    min_tick: Number = None
    md_size_multiplier: Count = 100
    order_types: str = ""
    valid_exchanges: str = ""
    price_magnifier: Count = 1
    under_con_id: Count = 0
    long_name: str = ""
    contract_month: str = ""
    industry: str = ""
    category: str = ""
    subcategory: str = ""
    time_zone_id: str = ""
    trading_hours: str = ""
    liquid_hours: str = ""
    ev_rule: str = ""
    ev_multiplier: Number = None
    sec_ids: tuple[TagValue, ...] = ()
    agg_group: Count = None
    under_symbol: str = ""
    under_sec_type: str = ""
    market_rule_ids: str = ""
    real_expiration_date: str = ""
    stock_type: str = ""
    fund: Fund = msgspec.field(default_factory=Fund)
    ineligibility_reasons: tuple[IneligibilityReason, ...] = ()
    min_size: Number = None
    size_increment: Number = None
    suggested_size_increment: Number = None


class ContractDataEnd(Record):
    """All instruments that the request may mean were sent."""

    req_id: int


class CurrentTime(Record):
    """The gateway's time."""

    epoch_seconds: int
