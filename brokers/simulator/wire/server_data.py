"""Depth, bars, ticks and option computations that the gateway sends, and their layouts.

Times of bars are texts (a date, a time with its zone, or epoch seconds, as asked for); those of ticks are
epoch seconds.
"""

from __future__ import annotations

from brokers.simulator.wire.layout import Const, Field, Layout, Repeat, When, fields, plain, size
from brokers.simulator.wire.records import Number, Record
from brokers.simulator.wire.values import FLAG, ID, NUMBER, TEXT

PRICE_BASED_VOLATILITY, HISTORY_END = 156, 196
LAST_TICKS = frozenset({1, 2})


class MarketDepth(Record):
    """One row of a venue's book; `operation` 0 inserts, 1 updates, 2 deletes; `side` 0 asks, 1 bids."""

    req_id: int
    position: int
    operation: int
    side: int
    price: Number = None
    size: Number = None


class MarketDepthL2(Record):
    """One row of the book of all venues together."""

    req_id: int
    position: int
    market_maker: str
    operation: int
    side: int
    price: Number = None
    size: Number = None
    is_smart_depth: bool = False


class HistoricalBar(Record):
    """Open, high, low, close of a time; `wap` is the volume-weighted average."""

    date: str
    open: Number = None
    high: Number = None
    low: Number = None
    close: Number = None
    volume: Number = None
    wap: Number = None
    count: int = 0


class HistoricalData(Record):
    """All bars of a request, oldest first."""

    req_id: int
    start: str = ""
    end: str = ""
    bars: tuple[HistoricalBar, ...] = ()


class HistoricalDataEnd(Record):
    """What span the bars of a request are of; a message of its own from server version 196 on."""

    req_id: int
    start: str
    end: str


class HistoricalDataUpdate(Record):
    """The newest bar of a request that is kept up to date."""

    req_id: int
    count: int
    date: str
    open: Number = None
    close: Number = None
    high: Number = None
    low: Number = None
    wap: Number = None
    volume: Number = None


class Session(Record):
    """One trading session of a schedule."""

    start: str
    end: str
    reference_date: str


class HistoricalSchedule(Record):
    """Trading sessions, for a request of bars of kind SCHEDULE."""

    req_id: int
    start: str
    end: str
    time_zone: str
    sessions: tuple[Session, ...] = ()


class RealTimeBar(Record):
    """A bar of five seconds; `time` is its start."""

    req_id: int
    time: int
    open: Number = None
    high: Number = None
    low: Number = None
    close: Number = None
    volume: Number = None
    wap: Number = None
    count: int = 0


class HeadTimestamp(Record):
    """When a contract's history begins."""

    req_id: int
    time: str


class HistogramRow(Record):
    """How much traded at a price."""

    price: Number
    count: Number


class HistogramData(Record):
    """The histogram asked for."""

    req_id: int
    rows: tuple[HistogramRow, ...] = ()


class MidTick(Record):
    """A midpoint of the past; its size is always 0."""

    time: int
    price: Number
    size: Number = None


class BidAskTick(Record):
    """A best bid and ask of the past."""

    time: int
    bid: Number
    ask: Number
    bid_size: Number
    ask_size: Number
    attributes: int = 0


class LastTick(Record):
    """A trade of the past."""

    time: int
    price: Number
    size: Number
    exchange: str = ""
    conditions: str = ""
    attributes: int = 0


class HistoricalTicks(Record):
    """Midpoints asked for."""

    req_id: int
    ticks: tuple[MidTick, ...] = ()
    done: bool = True


class HistoricalTicksBidAsk(Record):
    """Quotes asked for."""

    req_id: int
    ticks: tuple[BidAskTick, ...] = ()
    done: bool = True


class HistoricalTicksLast(Record):
    """Trades asked for."""

    req_id: int
    ticks: tuple[LastTick, ...] = ()
    done: bool = True


class TickByTick(Record):
    """A single tick as it happens: `kind` 1 last, 2 all last, 3 bid and ask, 4 midpoint."""

    req_id: int
    kind: int
    time: int
    price: Number = None
    size: Number = None
    ask: Number = None
    ask_size: Number = None
    attributes: int = 0
    exchange: str = ""
    conditions: str = ""


class TickOptionComputation(Record):
    """An option's model: -1 (-2 for the sensitivities) says that something was not computed."""

    req_id: int
    tick_type: int
    attributes: int = 0
    implied_volatility: Number = None
    delta: Number = None
    option_price: Number = None
    pv_dividend: Number = None
    gamma: Number = None
    vega: Number = None
    theta: Number = None
    under_price: Number = None


_REQ_ID = Field("req_id", ID)
_OHLC = fields("", NUMBER, "open high low close")
_WHERE = fields("", TEXT, "exchange conditions")
_NO_MASK = Const("0")

_LAYOUTS = [
    plain(
        MarketDepth,
        12,
        1,
        _REQ_ID,
        *fields("", ID, "position operation side"),
        Field("price", NUMBER),
        *size("size"),
    ),
    plain(
        MarketDepthL2,
        13,
        1,
        _REQ_ID,
        Field("position", ID),
        Field("market_maker", TEXT),
        *fields("", ID, "operation side"),
        Field("price", NUMBER),
        *size("size"),
        Field("is_smart_depth", FLAG),
    ),
    plain(
        HistoricalData,
        17,
        None,
        _REQ_ID,
        *fields("", TEXT, "start end", until=HISTORY_END),
        Repeat(
            "bars",
            HistoricalBar,
            [Field("date", TEXT), *_OHLC, *size("volume"), Field("wap", NUMBER), Field("count", ID)],
        ),
    ),
    plain(HistoricalDataEnd, 108, None, _REQ_ID, *fields("", TEXT, "start end")),
    Layout(
        TickOptionComputation,
        Const("21"),
        Const("6", until=PRICE_BASED_VOLATILITY),
        _REQ_ID,
        Field("tick_type", ID),
        Field("attributes", ID, since=PRICE_BASED_VOLATILITY),
        *fields("", NUMBER, "implied_volatility delta option_price pv_dividend gamma vega theta under_price"),
    ),
    plain(
        RealTimeBar,
        50,
        3,
        *fields("", ID, "req_id time"),
        *_OHLC,
        *size("volume"),
        Field("wap", NUMBER),
        Field("count", ID),
    ),
    plain(HeadTimestamp, 88, None, _REQ_ID, Field("time", TEXT)),
    plain(
        HistogramData,
        89,
        None,
        _REQ_ID,
        Repeat("rows", HistogramRow, [Field("price", NUMBER), *size("count")]),
    ),
    plain(
        HistoricalDataUpdate,
        90,
        None,
        *fields("", ID, "req_id count"),
        Field("date", TEXT),
        *fields("", NUMBER, "open close high low wap"),
        *size("volume"),
    ),
    plain(
        HistoricalTicks,
        96,
        None,
        _REQ_ID,
        Repeat("ticks", MidTick, [Field("time", ID), _NO_MASK, Field("price", NUMBER), *size("size")]),
        Field("done", FLAG),
    ),
    plain(
        HistoricalTicksBidAsk,
        97,
        None,
        _REQ_ID,
        Repeat(
            "ticks",
            BidAskTick,
            [
                *fields("", ID, "time attributes"),
                *fields("", NUMBER, "bid ask"),
                *size("bid_size"),
                *size("ask_size"),
            ],
        ),
        Field("done", FLAG),
    ),
    plain(
        HistoricalTicksLast,
        98,
        None,
        _REQ_ID,
        Repeat(
            "ticks",
            LastTick,
            [*fields("", ID, "time attributes"), Field("price", NUMBER), *size("size"), *_WHERE],
        ),
        Field("done", FLAG),
    ),
    plain(
        TickByTick,
        99,
        None,
        *fields("", ID, "req_id kind time"),
        When(
            "kind",
            LAST_TICKS.__contains__,
            [Field("price", NUMBER), *size("size"), Field("attributes", ID), *_WHERE],
        ),
        When(
            "kind",
            {3}.__contains__,
            [*fields("", NUMBER, "price ask"), *size("size"), *size("ask_size"), Field("attributes", ID)],
        ),
        When("kind", {4}.__contains__, [Field("price", NUMBER)]),
    ),
    plain(
        HistoricalSchedule,
        106,
        None,
        _REQ_ID,
        *fields("", TEXT, "start end time_zone"),
        Repeat("sessions", Session, fields("", TEXT, "start end reference_date")),
    ),
]

LAYOUTS: dict[int, Layout] = {layout.message_id: layout for layout in _LAYOUTS}
