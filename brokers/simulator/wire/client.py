"""Messages that clients send about orders, accounts and quotes (tws-wire section 4).

placeOrder has a module of its own, `client_data` has bars, ticks and depth, `client_reference` the rest.
"""

from __future__ import annotations

from brokers.simulator.wire.layout import Const, Field, Item, Layout, Repeat, When, fields, plain
from brokers.simulator.wire.order_parts import (
    CME_TAGS,
    DELTA_NEUTRAL,
    MANUAL_TIME,
    QUOTE_REQUESTS,
    QUOTE_REQUESTS_GONE,
)
from brokers.simulator.wire.place_order import PLACE_ORDER
from brokers.simulator.wire.records import ComboLeg, Contract, DeltaNeutral, Record
from brokers.simulator.wire.values import CLIENT_FLAG, CLIENT_INTEGER, CLIENT_NUMBER, ID, TEXT, UNSET_INT

ISSUER_ID, EXECUTION_DAYS = 176, 200


class StartApi(Record):
    """The first message after the handshake: who the client is."""

    client_id: int
    capabilities: str = ""


class ReqMktData(Record):
    """Subscribe to a contract's ticks, or take one snapshot."""

    req_id: int
    contract: Contract
    generic_ticks: str = ""
    snapshot: bool = False
    regulatory_snapshot: bool = False
    options: str = ""


class CancelMktData(Record):
    """End a market data subscription."""

    req_id: int


class CancelOrder(Record):
    """Cancel this client's order."""

    order_id: int
    manual_cancel_order_time: str = ""
    ext_operator: str = ""
    manual_order_indicator: int | None = None


class ReqOpenOrders(Record):
    """Ask for this client's open orders."""


class ReqAcctData(Record):
    """Subscribe to one account's values and portfolio, or end that."""

    subscribe: bool = True
    account: str = ""


class ExecutionDay(Record):
    """A day of which executions are asked, `yyyymmdd`."""

    date: int


class ReqExecutions(Record):
    """Filter of executions; an empty field (or client id 0) lets everything through.

    From server version 200 on the days before today may be asked: the last so many, or certain ones.
    """

    req_id: int
    client_id: int | None = None
    account: str = ""
    time: str = ""
    symbol: str = ""
    sec_type: str = ""
    exchange: str = ""
    side: str = ""
    last_n_days: int | None = None
    days: tuple[ExecutionDay, ...] = ()


class ReqIds(Record):
    """Ask for the next valid order id; `count` is ignored."""

    count: int | None = 1


class ReqContractData(Record):
    """Ask what instruments a contract may mean; `sec_id` stands in the contract."""

    req_id: int
    contract: Contract
    include_expired: bool = False
    issuer_id: str = ""


class SetServerLogLevel(Record):
    """Set the gateway's log level; nothing answers."""

    level: int | None = 1


class ReqAutoOpenOrders(Record):
    """Bind manual orders of the future to client 0."""

    auto_bind: bool = True


class ReqAllOpenOrders(Record):
    """Ask for the open orders of all clients."""


class ReqManagedAccts(Record):
    """Ask for the accounts."""


class ReqCurrentTime(Record):
    """Ask for the gateway's time."""


class ReqGlobalCancel(Record):
    """Cancel every open order of every client."""

    ext_operator: str = ""
    manual_order_indicator: int | None = None


class ReqCurrentTimeInMillis(Record):
    """Ask for the gateway's time in milliseconds."""


class ReqMarketDataType(Record):
    """Choose 1 live, 2 frozen, 3 delayed or 4 delayed frozen data."""

    data_type: int | None = 1


class ReqPositions(Record):
    """Subscribe to the positions of all accounts."""


class CancelPositions(Record):
    """End the subscription to positions."""


class ReqAccountSummary(Record):
    """Subscribe to values of a group's accounts; `tags` is a comma list."""

    req_id: int
    group: str = "All"
    tags: str = ""


class CancelAccountSummary(Record):
    """End a summary subscription."""

    req_id: int


class ReqPositionsMulti(Record):
    """Subscribe to the positions of one account or all."""

    req_id: int
    account: str = ""
    model_code: str = ""


class CancelPositionsMulti(Record):
    """End that subscription."""

    req_id: int


class ReqAccountUpdatesMulti(Record):
    """Subscribe to the values of one account or all."""

    req_id: int
    account: str = ""
    model_code: str = ""
    ledger_and_nlv: bool = False


class CancelAccountUpdatesMulti(Record):
    """End that subscription."""

    req_id: int


class ReqPnl(Record):
    """Subscribe to an account's profit and loss."""

    req_id: int
    account: str = ""
    model_code: str = ""


class CancelPnl(Record):
    """End that subscription."""

    req_id: int


class ReqPnlSingle(Record):
    """Subscribe to the profit and loss of one position."""

    req_id: int
    account: str = ""
    model_code: str = ""
    con_id: int = 0


class CancelPnlSingle(Record):
    """End that subscription."""

    req_id: int


class ReqCompletedOrders(Record):
    """Ask for the orders that were done today."""

    api_only: bool = False


C12: list[Item] = [
    Field("contract.con_id", CLIENT_INTEGER),
    *fields("contract", TEXT, "symbol sec_type last_trade_date"),
    Field("contract.strike", CLIENT_NUMBER),
    *fields("contract", TEXT, "right multiplier exchange primary_exchange currency"),
    *fields("contract", TEXT, "local_symbol trading_class"),
]
_QUOTE_LEG: list[Item] = [*fields("", ID, "con_id ratio"), *fields("", TEXT, "action exchange")]
#: The legs of a combination, as requests for data name them.
QUOTE_LEGS = When("contract.sec_type", "BAG".__eq__, [Repeat("contract.combo_legs", ComboLeg, _QUOTE_LEG)])
_CME_TAGS: list[Item] = [
    Field("ext_operator", TEXT, CME_TAGS),
    Field("manual_order_indicator", CLIENT_INTEGER, CME_TAGS),
]
_REQ_ID = Field("req_id", ID)
_CONTRACT = {"contract": Contract}


_LAYOUTS = [
    PLACE_ORDER,
    # Clients of old send neither the capabilities nor, in one recorded case, the client id.
    Layout(
        StartApi,
        Const("71"),
        Const("2"),
        Field("client_id", ID),
        Field("capabilities", TEXT),
        tail=("71", "2", "0", ""),
        least=2,
    ),
    Layout(
        ReqMktData,
        Const("1"),
        Const("11"),
        _REQ_ID,
        *C12,
        QUOTE_LEGS,
        Repeat("contract.delta_neutrals", DeltaNeutral, DELTA_NEUTRAL),
        Field("generic_ticks", TEXT),
        *fields("", CLIENT_FLAG, "snapshot regulatory_snapshot"),
        Field("options", TEXT),
        nested=_CONTRACT,
    ),
    plain(CancelMktData, 2, 2, _REQ_ID),
    Layout(
        CancelOrder,
        Const("4"),
        Const("1", until=CME_TAGS),
        Field("order_id", ID),
        Field("manual_cancel_order_time", TEXT, MANUAL_TIME),
        Const("", QUOTE_REQUESTS, QUOTE_REQUESTS_GONE),
        Const("", QUOTE_REQUESTS, QUOTE_REQUESTS_GONE),
        Const(str(UNSET_INT), QUOTE_REQUESTS, QUOTE_REQUESTS_GONE),
        *_CME_TAGS,
    ),
    plain(ReqOpenOrders, 5, 1),
    plain(ReqAcctData, 6, 2, Field("subscribe", CLIENT_FLAG), Field("account", TEXT)),
    plain(
        ReqExecutions,
        7,
        3,
        _REQ_ID,
        Field("client_id", CLIENT_INTEGER),
        *fields("", TEXT, "account time symbol sec_type exchange side"),
        Field("last_n_days", CLIENT_INTEGER, EXECUTION_DAYS),
        Repeat("days", ExecutionDay, [Field("date", ID)], EXECUTION_DAYS),
    ),
    plain(ReqIds, 8, 1, Field("count", CLIENT_INTEGER)),
    Layout(
        ReqContractData,
        Const("9"),
        Const("8"),
        _REQ_ID,
        *C12,
        Field("include_expired", CLIENT_FLAG),
        *fields("contract", TEXT, "sec_id_type sec_id"),
        Field("issuer_id", TEXT, ISSUER_ID),
        nested=_CONTRACT,
    ),
    plain(SetServerLogLevel, 14, 1, Field("level", CLIENT_INTEGER)),
    plain(ReqAutoOpenOrders, 15, 1, Field("auto_bind", CLIENT_FLAG)),
    plain(ReqAllOpenOrders, 16, 1),
    plain(ReqManagedAccts, 17, 1),
    plain(ReqCurrentTime, 49, 1),
    Layout(ReqGlobalCancel, Const("58"), Const("1", until=CME_TAGS), *_CME_TAGS),
    plain(ReqCurrentTimeInMillis, 105, None),
    plain(ReqMarketDataType, 59, 1, Field("data_type", CLIENT_INTEGER)),
    plain(ReqPositions, 61, 1),
    plain(CancelPositions, 64, 1),
    plain(ReqAccountSummary, 62, 1, _REQ_ID, *fields("", TEXT, "group tags")),
    plain(CancelAccountSummary, 63, 1, _REQ_ID),
    plain(ReqPositionsMulti, 74, 1, _REQ_ID, *fields("", TEXT, "account model_code")),
    plain(CancelPositionsMulti, 75, 1, _REQ_ID),
    plain(
        ReqAccountUpdatesMulti,
        76,
        1,
        _REQ_ID,
        *fields("", TEXT, "account model_code"),
        Field("ledger_and_nlv", CLIENT_FLAG),
    ),
    plain(CancelAccountUpdatesMulti, 77, 1, _REQ_ID),
    plain(ReqPnl, 92, None, _REQ_ID, *fields("", TEXT, "account model_code")),
    plain(CancelPnl, 93, None, _REQ_ID),
    plain(ReqPnlSingle, 94, None, _REQ_ID, *fields("", TEXT, "account model_code"), Field("con_id", ID)),
    plain(CancelPnlSingle, 95, None, _REQ_ID),
    plain(ReqCompletedOrders, 99, None, Field("api_only", CLIENT_FLAG)),
]

LAYOUTS = {layout.message_id: layout for layout in _LAYOUTS}
