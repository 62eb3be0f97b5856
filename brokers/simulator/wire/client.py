"""Messages that clients send, and their layouts (tws-wire section 4; placeOrder is in `orders`)."""

from __future__ import annotations

from typing import Any

from brokers.simulator.wire.layout import Const, Field, Item, Layout, Repeat, When, fields
from brokers.simulator.wire.orders import DELTA_NEUTRAL, MANUAL_TIME, PLACE_ORDER
from brokers.simulator.wire.records import ComboLeg, Contract, DeltaNeutral, Record
from brokers.simulator.wire.values import CLIENT_FLAG, CLIENT_INTEGER, CLIENT_NUMBER, ID, TEXT

ISSUER_ID = 176


class StartApi(Record):
    client_id: int
    capabilities: str = ""


class ReqMktData(Record):
    req_id: int
    contract: Contract
    generic_ticks: str = ""
    snapshot: bool = False
    regulatory_snapshot: bool = False
    options: str = ""


class CancelMktData(Record):
    req_id: int


class CancelOrder(Record):
    order_id: int
    manual_cancel_order_time: str = ""


class ReqOpenOrders(Record):
    pass


class ReqAcctData(Record):
    subscribe: bool = True
    account: str = ""


class ReqExecutions(Record):
    """Filter of executions; an empty field (or client id 0) lets everything through."""

    req_id: int
    client_id: int | None = None
    account: str = ""
    time: str = ""
    symbol: str = ""
    sec_type: str = ""
    exchange: str = ""
    side: str = ""


class ReqIds(Record):
    count: int | None = 1


class ReqContractData(Record):
    req_id: int
    contract: Contract
    include_expired: bool = False
    issuer_id: str = ""


class SetServerLogLevel(Record):
    level: int | None = 1


class ReqAutoOpenOrders(Record):
    auto_bind: bool = True


class ReqAllOpenOrders(Record):
    pass


class ReqManagedAccts(Record):
    pass


class ReqCurrentTime(Record):
    pass


class ReqGlobalCancel(Record):
    pass


class ReqMarketDataType(Record):
    data_type: int | None = 1


class ReqPositions(Record):
    pass


class CancelPositions(Record):
    pass


class ReqAccountSummary(Record):
    req_id: int
    group: str = "All"
    tags: str = ""


class CancelAccountSummary(Record):
    req_id: int


class ReqPositionsMulti(Record):
    req_id: int
    account: str = ""
    model_code: str = ""


class CancelPositionsMulti(Record):
    req_id: int


class ReqAccountUpdatesMulti(Record):
    req_id: int
    account: str = ""
    model_code: str = ""
    ledger_and_nlv: bool = False


class CancelAccountUpdatesMulti(Record):
    req_id: int


class ReqPnl(Record):
    req_id: int
    account: str = ""
    model_code: str = ""


class CancelPnl(Record):
    req_id: int


class ReqPnlSingle(Record):
    req_id: int
    account: str = ""
    model_code: str = ""
    con_id: int = 0


class CancelPnlSingle(Record):
    req_id: int


class ReqCompletedOrders(Record):
    api_only: bool = False


C12: list[Item] = [
    Field("contract.con_id", CLIENT_INTEGER),
    *fields("contract", TEXT, "symbol sec_type last_trade_date"),
    Field("contract.strike", CLIENT_NUMBER),
    *fields("contract", TEXT, "right multiplier exchange primary_exchange currency"),
    *fields("contract", TEXT, "local_symbol trading_class"),
]
_QUOTE_LEG: list[Item] = [*fields("", ID, "con_id ratio"), *fields("", TEXT, "action exchange")]
_REQ_ID = Field("req_id", ID)
_CONTRACT = {"contract": Contract}


def _plain(struct: type[Any], message_id: int, version: int | None, *items: Item) -> Layout:
    """A message of an id, a message version unless None, and `items`."""
    head: list[Item] = [Const(str(message_id))]
    if version is not None:
        head.append(Const(str(version)))
    return Layout(struct, *head, *items)


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
        When("contract.sec_type", "BAG".__eq__, [Repeat("contract.combo_legs", ComboLeg, _QUOTE_LEG)]),
        Repeat("contract.delta_neutrals", DeltaNeutral, DELTA_NEUTRAL),
        Field("generic_ticks", TEXT),
        *fields("", CLIENT_FLAG, "snapshot regulatory_snapshot"),
        Field("options", TEXT),
        nested=_CONTRACT,
    ),
    _plain(CancelMktData, 2, 2, _REQ_ID),
    _plain(CancelOrder, 4, 1, Field("order_id", ID), Field("manual_cancel_order_time", TEXT, MANUAL_TIME)),
    _plain(ReqOpenOrders, 5, 1),
    _plain(ReqAcctData, 6, 2, Field("subscribe", CLIENT_FLAG), Field("account", TEXT)),
    _plain(
        ReqExecutions,
        7,
        3,
        _REQ_ID,
        Field("client_id", CLIENT_INTEGER),
        *fields("", TEXT, "account time symbol sec_type exchange side"),
    ),
    _plain(ReqIds, 8, 1, Field("count", CLIENT_INTEGER)),
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
    _plain(SetServerLogLevel, 14, 1, Field("level", CLIENT_INTEGER)),
    _plain(ReqAutoOpenOrders, 15, 1, Field("auto_bind", CLIENT_FLAG)),
    _plain(ReqAllOpenOrders, 16, 1),
    _plain(ReqManagedAccts, 17, 1),
    _plain(ReqCurrentTime, 49, 1),
    _plain(ReqGlobalCancel, 58, 1),
    _plain(ReqMarketDataType, 59, 1, Field("data_type", CLIENT_INTEGER)),
    _plain(ReqPositions, 61, 1),
    _plain(CancelPositions, 64, 1),
    _plain(ReqAccountSummary, 62, 1, _REQ_ID, *fields("", TEXT, "group tags")),
    _plain(CancelAccountSummary, 63, 1, _REQ_ID),
    _plain(ReqPositionsMulti, 74, 1, _REQ_ID, *fields("", TEXT, "account model_code")),
    _plain(CancelPositionsMulti, 75, 1, _REQ_ID),
    _plain(
        ReqAccountUpdatesMulti,
        76,
        1,
        _REQ_ID,
        *fields("", TEXT, "account model_code"),
        Field("ledger_and_nlv", CLIENT_FLAG),
    ),
    _plain(CancelAccountUpdatesMulti, 77, 1, _REQ_ID),
    _plain(ReqPnl, 92, None, _REQ_ID, *fields("", TEXT, "account model_code")),
    _plain(CancelPnl, 93, None, _REQ_ID),
    _plain(ReqPnlSingle, 94, None, _REQ_ID, *fields("", TEXT, "account model_code"), Field("con_id", ID)),
    _plain(CancelPnlSingle, 95, None, _REQ_ID),
    _plain(ReqCompletedOrders, 99, None, Field("api_only", CLIENT_FLAG)),
]

LAYOUTS = {layout.message_id: layout for layout in _LAYOUTS}
