"""Messages that the gateway sends, and their layouts (tws-wire section 6; the order ones are in `orders`)."""

from __future__ import annotations

from typing import Any

from brokers.simulator.wire.layout import Const, Field, Item, Layout, Repeat, fields
from brokers.simulator.wire.orders import COMPLETED_ORDER, OPEN_ORDER, REJECT_JSON
from brokers.simulator.wire.records import Contract, Count, Execution, Number, Record, TagValue
from brokers.simulator.wire.values import ESCAPED, FLAG, ID, INTEGER, NUMBER, TEXT

STOCK_TYPE, SUGGESTED_SIZE, MIN_SIZE, PENDING_PRICE_REVISION = 152, 163, 164, 178


class TickPrice(Record):
    req_id: int
    tick_type: int
    price: Number
    size: Number = None
    attributes: int = 0


class TickSize(Record):
    req_id: int
    tick_type: int
    size: Number = None


class TickGeneric(Record):
    req_id: int
    tick_type: int
    value: Number = None


class TickString(Record):
    req_id: int
    tick_type: int
    value: str = ""


class TickSnapshotEnd(Record):
    req_id: int


class TickReqParams(Record):
    req_id: int
    min_tick: Number = None
    bbo_exchange: str = ""
    snapshot_permissions: Count = 0


class MarketDataType(Record):
    req_id: int
    data_type: int = 1


class OrderStatus(Record):
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


class ErrMsg(Record):
    """An error or a notice; `req_id` is the order's or request's, -1 for the system's own."""

    req_id: int
    code: int
    text: str
    reject_json: str = ""


class OpenOrderEnd(Record):
    pass


class ExecutionData(Record):
    """A fill; `req_id` is -1 when nobody asked for it."""

    req_id: int
    order_id: int
    contract: Contract
    execution: Execution


class ExecutionDataEnd(Record):
    req_id: int


class CommissionReport(Record):
    exec_id: str
    commission: Number = None
    currency: str = ""
    realized_pnl: Number = None
    yield_: Number = None
    yield_redemption_date: str = ""


class CompletedOrdersEnd(Record):
    pass


class ManagedAccts(Record):
    accounts: str


class NextValidId(Record):
    order_id: int


class AcctValue(Record):
    key: str
    value: str = ""
    currency: str = ""
    account: str = ""


class PortfolioValue(Record):
    contract: Contract
    position: Number = None
    market_price: Number = None
    market_value: Number = None
    average_cost: Number = None
    unrealized_pnl: Number = None
    realized_pnl: Number = None
    account: str = ""


class AcctUpdateTime(Record):
    time: str


class AcctDownloadEnd(Record):
    account: str


class PositionData(Record):
    account: str
    contract: Contract
    position: Number = None
    avg_cost: Number = None


class PositionEnd(Record):
    pass


class AccountSummary(Record):
    req_id: int
    account: str
    tag: str
    value: str = ""
    currency: str = ""


class AccountSummaryEnd(Record):
    req_id: int


class PositionMulti(Record):
    req_id: int
    account: str
    contract: Contract
    position: Number = None
    avg_cost: Number = None
    model_code: str = ""


class PositionMultiEnd(Record):
    req_id: int


class AccountUpdateMulti(Record):
    req_id: int
    account: str
    model_code: str = ""
    key: str = ""
    value: str = ""
    currency: str = ""


class AccountUpdateMultiEnd(Record):
    req_id: int


class Pnl(Record):
    req_id: int
    daily: Number = None
    unrealized: Number = None
    realized: Number = None


class PnlSingle(Record):
    req_id: int
    position: Number = None
    daily: Number = None
    unrealized: Number = None
    realized: Number = None
    value: Number = None


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
    min_size: Number = None
    size_increment: Number = None
    suggested_size_increment: Number = None


class ContractDataEnd(Record):
    req_id: int


class CurrentTime(Record):
    epoch_seconds: int


_REQ_ID = Field("req_id", ID)
_TICK: list[Item] = [_REQ_ID, Field("tick_type", ID)]
_CONTRACT_IDENTITY: list[Item] = [
    Field("contract.con_id", ID),
    *fields("contract", TEXT, "symbol sec_type last_trade_date"),
    Field("contract.strike", NUMBER),
    *fields("contract", TEXT, "right multiplier"),
]
_CONTRACT_NAMES = fields("contract", TEXT, "currency local_symbol trading_class")
_CONTRACT_11: list[Item] = [*_CONTRACT_IDENTITY, Field("contract.exchange", TEXT), *_CONTRACT_NAMES]
_CONTRACT = {"contract": Contract}


def _plain(
    struct: type[Any], message_id: int, version: int | None, *items: Item, **nested: type[Any]
) -> Layout:
    """A message of an id, a message version unless None, and `items`."""
    head: list[Item] = [Const(str(message_id))]
    if version is not None:
        head.append(Const(str(version)))
    return Layout(struct, *head, *items, nested=nested)


_CONTRACT_DATA = Layout(
    ContractData,
    Const("10"),
    Const("8", until=MIN_SIZE),
    _REQ_ID,
    *fields("contract", TEXT, "symbol sec_type last_trade_date"),
    Field("contract.strike", NUMBER),
    *fields("contract", TEXT, "right exchange currency local_symbol"),
    Field("market_name", TEXT),
    Field("contract.trading_class", TEXT),
    Field("contract.con_id", ID),
    Field("min_tick", NUMBER),
    Field("md_size_multiplier", INTEGER, until=MIN_SIZE),
    Field("contract.multiplier", TEXT),
    *fields("", TEXT, "order_types valid_exchanges"),
    *fields("", INTEGER, "price_magnifier under_con_id"),
    Field("long_name", ESCAPED),
    Field("contract.primary_exchange", TEXT),
    *fields("", TEXT, "contract_month industry category subcategory time_zone_id trading_hours liquid_hours"),
    Field("ev_rule", TEXT),
    Field("ev_multiplier", NUMBER),
    Repeat("sec_ids", TagValue, fields("", TEXT, "tag value")),
    Field("agg_group", INTEGER),
    *fields("", TEXT, "under_symbol under_sec_type market_rule_ids real_expiration_date"),
    Field("stock_type", TEXT, since=STOCK_TYPE),
    Field("suggested_size_increment", NUMBER, since=SUGGESTED_SIZE, until=MIN_SIZE),
    *fields("", NUMBER, "min_size size_increment suggested_size_increment", since=MIN_SIZE),
    nested=_CONTRACT,
)
_EXECUTION_DATA = Layout(
    ExecutionData,
    Const("11"),
    _REQ_ID,
    Field("order_id", ID),
    *_CONTRACT_11,
    *fields("execution", TEXT, "exec_id time account exchange side"),
    *fields("execution", NUMBER, "shares price"),
    *fields("execution", ID, "perm_id client_id liquidation"),
    *fields("execution", NUMBER, "cum_qty avg_price"),
    Field("execution.order_ref", ESCAPED),
    Field("execution.ev_rule", TEXT),
    Field("execution.ev_multiplier", NUMBER),
    Field("execution.model_code", TEXT),
    Field("execution.last_liquidity", INTEGER),
    Field("execution.pending_price_revision", FLAG, since=PENDING_PRICE_REVISION),
    nested={"contract": Contract, "execution": Execution},
)

_LAYOUTS = [
    OPEN_ORDER,
    COMPLETED_ORDER,
    _EXECUTION_DATA,
    _CONTRACT_DATA,
    _plain(TickPrice, 1, 6, *_TICK, *fields("", NUMBER, "price size"), Field("attributes", ID)),
    _plain(TickSize, 2, 6, *_TICK, Field("size", NUMBER)),
    _plain(TickGeneric, 45, 6, *_TICK, Field("value", NUMBER)),
    _plain(TickString, 46, 6, *_TICK, Field("value", TEXT)),
    _plain(TickSnapshotEnd, 57, 1, _REQ_ID),
    _plain(
        TickReqParams,
        81,
        None,
        _REQ_ID,
        Field("min_tick", NUMBER),
        Field("bbo_exchange", TEXT),
        Field("snapshot_permissions", INTEGER),
    ),
    _plain(MarketDataType, 58, 1, _REQ_ID, Field("data_type", ID)),
    _plain(
        OrderStatus,
        3,
        None,
        Field("order_id", ID),
        Field("status", TEXT),
        *fields("", NUMBER, "filled remaining avg_fill_price"),
        *fields("", ID, "perm_id parent_id"),
        Field("last_fill_price", NUMBER),
        Field("client_id", ID),
        Field("why_held", TEXT),
        Field("mkt_cap_price", NUMBER),
    ),
    _plain(
        ErrMsg,
        4,
        2,
        *fields("", ID, "req_id code"),
        Field("text", ESCAPED),
        Field("reject_json", ESCAPED, since=REJECT_JSON),
    ),
    _plain(OpenOrderEnd, 53, 1),
    _plain(ExecutionDataEnd, 55, 1, _REQ_ID),
    _plain(
        CommissionReport,
        59,
        1,
        Field("exec_id", TEXT),
        Field("commission", NUMBER),
        Field("currency", TEXT),
        *fields("", NUMBER, "realized_pnl yield_"),
        Field("yield_redemption_date", TEXT),
    ),
    _plain(CompletedOrdersEnd, 102, None),
    _plain(ManagedAccts, 15, 1, Field("accounts", TEXT)),
    _plain(NextValidId, 9, 1, Field("order_id", ID)),
    _plain(AcctValue, 6, 2, *fields("", TEXT, "key value currency account")),
    _plain(
        PortfolioValue,
        7,
        8,
        *_CONTRACT_IDENTITY,
        Field("contract.primary_exchange", TEXT),
        *_CONTRACT_NAMES,
        *fields("", NUMBER, "position market_price market_value average_cost unrealized_pnl realized_pnl"),
        Field("account", TEXT),
        contract=Contract,
    ),
    _plain(AcctUpdateTime, 8, 1, Field("time", TEXT)),
    _plain(AcctDownloadEnd, 54, 1, Field("account", TEXT)),
    _plain(
        PositionData,
        61,
        3,
        Field("account", TEXT),
        *_CONTRACT_11,
        *fields("", NUMBER, "position avg_cost"),
        contract=Contract,
    ),
    _plain(PositionEnd, 62, 1),
    _plain(AccountSummary, 63, 1, _REQ_ID, *fields("", TEXT, "account tag value currency")),
    _plain(AccountSummaryEnd, 64, 1, _REQ_ID),
    _plain(
        PositionMulti,
        71,
        1,
        _REQ_ID,
        Field("account", TEXT),
        *_CONTRACT_11,
        *fields("", NUMBER, "position avg_cost"),
        Field("model_code", TEXT),
        contract=Contract,
    ),
    _plain(PositionMultiEnd, 72, 1, _REQ_ID),
    _plain(AccountUpdateMulti, 73, 1, _REQ_ID, *fields("", TEXT, "account model_code key value currency")),
    _plain(AccountUpdateMultiEnd, 74, 1, _REQ_ID),
    _plain(Pnl, 94, None, _REQ_ID, *fields("", NUMBER, "daily unrealized realized")),
    _plain(PnlSingle, 95, None, _REQ_ID, *fields("", NUMBER, "position daily unrealized realized value")),
    _plain(ContractDataEnd, 52, 1, _REQ_ID),
    _plain(CurrentTime, 49, 1, Field("epoch_seconds", ID)),
]

LAYOUTS = {layout.message_id: layout for layout in _LAYOUTS}
