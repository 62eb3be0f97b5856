"""Messages that clients send for reference data, the advisor's configuration and the gateway's own."""

from __future__ import annotations

from brokers.simulator.wire.layout import Field, Layout, fields, plain
from brokers.simulator.wire.records import Record
from brokers.simulator.wire.values import CLIENT_FLAG, CLIENT_INTEGER, ID, TEXT

REPLACE_FA_END = 157


class ReqNewsBulletins(Record):
    """Subscribe to bulletins; there are none, so nothing answers."""

    all_messages: bool = True


class CancelNewsBulletins(Record):
    """End that subscription."""


class RequestFa(Record):
    """Ask for the advisor's groups (1), profiles (2) or account aliases (3)."""

    kind: int


class ReplaceFa(Record):
    """Put another configuration in place of the advisor's; `req_id` is -1 for old clients."""

    kind: int
    xml: str = ""
    req_id: int = -1


class ReqScannerParameters(Record):
    """Ask what the market scanner can do."""


class QueryDisplayGroups(Record):
    """Ask for the groups of linked windows; a gateway has none."""

    req_id: int


class UnsubscribeFromGroupEvents(Record):
    """End a subscription to such a group."""

    req_id: int


class ReqSecDefOptParams(Record):
    """Ask for an underlying's option chains."""

    req_id: int
    symbol: str = ""
    fut_fop_exchange: str = ""
    sec_type: str = ""
    con_id: int = 0


class ReqSoftDollarTiers(Record):
    """Ask for soft dollar tiers."""

    req_id: int


class ReqFamilyCodes(Record):
    """Ask which family of accounts this login belongs to."""


class ReqMatchingSymbols(Record):
    """Search stocks, indices and the like by symbol or name."""

    req_id: int
    pattern: str = ""


class ReqMktDepthExchanges(Record):
    """Ask which exchanges show their depth."""


class ReqSmartComponents(Record):
    """Ask which venues stand behind the letters of a best-price exchange map."""

    req_id: int
    bbo_exchange: str = ""


class ReqNewsProviders(Record):
    """Ask which news can be read."""


class ReqMarketRule(Record):
    """Ask for the price steps of a market rule."""

    rule_id: int


class ReqUserInfo(Record):
    """Ask for the white branding id."""

    req_id: int


_REQ_ID = Field("req_id", ID)

_LAYOUTS = [
    plain(ReqNewsBulletins, 12, 1, Field("all_messages", CLIENT_FLAG)),
    plain(CancelNewsBulletins, 13, 1),
    plain(RequestFa, 18, 1, Field("kind", ID)),
    plain(ReplaceFa, 19, 1, Field("kind", ID), Field("xml", TEXT), Field("req_id", ID, REPLACE_FA_END)),
    plain(ReqScannerParameters, 24, 1),
    plain(QueryDisplayGroups, 67, 1, _REQ_ID),
    plain(UnsubscribeFromGroupEvents, 70, 1, _REQ_ID),
    plain(
        ReqSecDefOptParams,
        78,
        None,
        _REQ_ID,
        *fields("", TEXT, "symbol fut_fop_exchange sec_type"),
        Field("con_id", CLIENT_INTEGER),
    ),
    plain(ReqSoftDollarTiers, 79, None, _REQ_ID),
    plain(ReqFamilyCodes, 80, None),
    plain(ReqMatchingSymbols, 81, None, _REQ_ID, Field("pattern", TEXT)),
    plain(ReqMktDepthExchanges, 82, None),
    plain(ReqSmartComponents, 83, None, _REQ_ID, Field("bbo_exchange", TEXT)),
    plain(ReqNewsProviders, 85, None),
    plain(ReqMarketRule, 91, None, Field("rule_id", ID)),
    plain(ReqUserInfo, 104, None, _REQ_ID),
]

LAYOUTS: dict[int, Layout] = {layout.message_id: layout for layout in _LAYOUTS}
