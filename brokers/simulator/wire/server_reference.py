"""Reference data and the gateway's own matters: what it sends, and the layouts."""

from __future__ import annotations

from brokers.simulator.wire.layout import Const, Field, Layout, Repeat, fields, plain
from brokers.simulator.wire.records import Contract, Count, Flag, Number, Record, TagValue
from brokers.simulator.wire.server_layouts import MIN_SIZE
from brokers.simulator.wire.values import ESCAPED, FLAG, ID, INTEGER, NUMBER, TEXT

BOND_ISSUER_ID, BOND_HOURS = 176, 188


class Word(Record):
    """One text of a list."""

    text: str


class StrikePrice(Record):
    """One strike of a list."""

    price: Number


class ReceiveFa(Record):
    """The advisor's configuration of a kind: groups (1), profiles (2), account aliases (3)."""

    kind: int
    xml: str = ""


class ReplaceFaEnd(Record):
    """The advisor's configuration was replaced."""

    req_id: int
    text: str = "success"


class BondContractData(Record):
    """Everything known of a bond; `contract.last_trade_date` is its maturity."""

    req_id: int
    contract: Contract
    cusip: str = ""
    coupon: Number = None
    issue_date: str = ""
    ratings: str = ""
    bond_type: str = ""
    coupon_type: str = ""
    convertible: Flag = False
    callable: Flag = False
    putable: Flag = False
    description: str = ""
    market_name: str = ""
    min_tick: Number = None
    md_size_multiplier: Count = 1
    order_types: str = ""
    valid_exchanges: str = ""
    next_option_date: str = ""
    next_option_type: str = ""
    next_option_partial: Flag = False
    notes: str = ""
    long_name: str = ""
    time_zone_id: str = ""
    trading_hours: str = ""
    liquid_hours: str = ""
    ev_rule: str = ""
    ev_multiplier: Number = None
    sec_ids: tuple[TagValue, ...] = ()
    agg_group: Count = None
    market_rule_ids: str = ""
    min_size: Number = None
    size_increment: Number = None
    suggested_size_increment: Number = None


class ScannerParameters(Record):
    """What the market scanner can do, as XML."""

    xml: str


class DisplayGroupList(Record):
    """The groups of linked windows, separated by `|`."""

    req_id: int
    groups: str = ""


class SecDefOptParams(Record):
    """One option chain of an underlying: every strike exists at every expiry, more or less."""

    req_id: int
    exchange: str
    under_con_id: int
    trading_class: str
    multiplier: str
    expirations: tuple[Word, ...] = ()
    strikes: tuple[StrikePrice, ...] = ()


class SecDefOptParamsEnd(Record):
    """All chains were sent."""

    req_id: int


class SoftDollarTier(Record):
    """A soft dollar tier."""

    name: str
    value: str
    display_name: str


class SoftDollarTiers(Record):
    """The soft dollar tiers of this login."""

    req_id: int
    tiers: tuple[SoftDollarTier, ...] = ()


class FamilyCode(Record):
    """The family that an account belongs to; empty for most."""

    account: str
    code: str = ""


class FamilyCodes(Record):
    """The families of this login's accounts."""

    codes: tuple[FamilyCode, ...] = ()


class SymbolSample(Record):
    """An instrument that a search found, and what kinds of derivatives it has."""

    con_id: int
    symbol: str
    sec_type: str
    primary_exchange: str
    currency: str
    derivatives: tuple[Word, ...] = ()
    description: str = ""
    issuer_id: str = ""


class SymbolSamples(Record):
    """What a search found."""

    req_id: int
    samples: tuple[SymbolSample, ...] = ()


class DepthExchange(Record):
    """An exchange that shows the depth of instruments of a kind."""

    exchange: str
    sec_type: str
    listing_exchange: str = ""
    service: str = "Deep"
    agg_group: Count = None


class MktDepthExchanges(Record):
    """The exchanges that show depth."""

    exchanges: tuple[DepthExchange, ...] = ()


class SmartComponent(Record):
    """A venue, its bit in exchange masks, its letter."""

    bit: int
    exchange: str
    letter: str


class SmartComponents(Record):
    """The venues of an exchange map."""

    req_id: int
    components: tuple[SmartComponent, ...] = ()


class NewsProvider(Record):
    """A source of news."""

    code: str
    name: str


class NewsProviders(Record):
    """The sources of news that can be read."""

    providers: tuple[NewsProvider, ...] = ()


class PriceIncrement(Record):
    """From `low_edge` upwards prices are multiples of `increment`."""

    low_edge: Number
    increment: Number


class MarketRule(Record):
    """The price steps of a market rule."""

    rule_id: int
    increments: tuple[PriceIncrement, ...] = ()


class UserInfo(Record):
    """The white branding id; empty for IB's own customers."""

    req_id: int
    white_branding_id: str = ""


_REQ_ID = Field("req_id", ID)

_BOND_CONTRACT_DATA = Layout(
    BondContractData,
    Const("18"),
    Const("6", until=MIN_SIZE),
    _REQ_ID,
    *fields("contract", TEXT, "symbol sec_type"),
    Field("cusip", TEXT),
    Field("coupon", NUMBER),
    Field("contract.last_trade_date", TEXT),
    *fields("", TEXT, "issue_date ratings bond_type coupon_type"),
    *fields("", FLAG, "convertible callable putable"),
    Field("description", ESCAPED),
    *fields("contract", TEXT, "exchange currency"),
    Field("market_name", TEXT),
    Field("contract.trading_class", TEXT),
    Field("contract.con_id", ID),
    Field("min_tick", NUMBER),
    Field("md_size_multiplier", INTEGER, until=MIN_SIZE),
    *fields("", TEXT, "order_types valid_exchanges next_option_date next_option_type"),
    Field("next_option_partial", FLAG),
    Field("notes", ESCAPED),
    Field("long_name", ESCAPED),
    *fields("", TEXT, "time_zone_id trading_hours liquid_hours", since=BOND_HOURS),
    Field("ev_rule", TEXT),
    Field("ev_multiplier", NUMBER),
    Repeat("sec_ids", TagValue, fields("", TEXT, "tag value")),
    Field("agg_group", INTEGER),
    Field("market_rule_ids", TEXT),
    *fields("", NUMBER, "min_size size_increment suggested_size_increment", since=MIN_SIZE),
    nested={"contract": Contract},
)

_LAYOUTS = [
    plain(ReceiveFa, 16, 1, Field("kind", ID), Field("xml", ESCAPED)),
    _BOND_CONTRACT_DATA,
    plain(ScannerParameters, 19, 1, Field("xml", ESCAPED)),
    plain(DisplayGroupList, 67, 1, _REQ_ID, Field("groups", TEXT)),
    plain(
        SecDefOptParams,
        75,
        None,
        _REQ_ID,
        Field("exchange", TEXT),
        Field("under_con_id", ID),
        *fields("", TEXT, "trading_class multiplier"),
        Repeat("expirations", Word, [Field("text", TEXT)]),
        Repeat("strikes", StrikePrice, [Field("price", NUMBER)]),
    ),
    plain(SecDefOptParamsEnd, 76, None, _REQ_ID),
    plain(
        SoftDollarTiers,
        77,
        None,
        _REQ_ID,
        Repeat("tiers", SoftDollarTier, fields("", TEXT, "name value display_name")),
    ),
    plain(FamilyCodes, 78, None, Repeat("codes", FamilyCode, fields("", TEXT, "account code"))),
    plain(
        SymbolSamples,
        79,
        None,
        _REQ_ID,
        Repeat(
            "samples",
            SymbolSample,
            [
                Field("con_id", ID),
                *fields("", TEXT, "symbol sec_type primary_exchange currency"),
                Repeat("derivatives", Word, [Field("text", TEXT)]),
                *fields("", ESCAPED, "description issuer_id", since=BOND_ISSUER_ID),
            ],
        ),
    ),
    plain(
        MktDepthExchanges,
        80,
        None,
        Repeat(
            "exchanges",
            DepthExchange,
            [*fields("", TEXT, "exchange sec_type listing_exchange service"), Field("agg_group", INTEGER)],
        ),
    ),
    plain(
        SmartComponents,
        82,
        None,
        _REQ_ID,
        Repeat("components", SmartComponent, [Field("bit", ID), *fields("", TEXT, "exchange letter")]),
    ),
    plain(NewsProviders, 85, None, Repeat("providers", NewsProvider, fields("", TEXT, "code name"))),
    plain(
        MarketRule,
        93,
        None,
        Field("rule_id", ID),
        Repeat("increments", PriceIncrement, fields("", NUMBER, "low_edge increment")),
    ),
    plain(ReplaceFaEnd, 103, None, _REQ_ID, Field("text", TEXT)),
    plain(UserInfo, 107, None, _REQ_ID, Field("white_branding_id", TEXT)),
]

LAYOUTS: dict[int, Layout] = {layout.message_id: layout for layout in _LAYOUTS}
