"""Messages that clients send for depth, bars, ticks and option calculations."""

from __future__ import annotations

from brokers.simulator.wire.client import C12, QUOTE_LEGS
from brokers.simulator.wire.layout import Field, Item, Layout, fields, plain
from brokers.simulator.wire.records import Contract, Number, Record
from brokers.simulator.wire.values import CLIENT_FLAG, CLIENT_INTEGER, CLIENT_NUMBER, ID, TEXT


class ReqMktDepth(Record):
    """Subscribe to a contract's order book; `is_smart_depth` asks for all venues together."""

    req_id: int
    contract: Contract
    row_count: int | None = 5
    is_smart_depth: bool = False
    options: str = ""


class CancelMktDepth(Record):
    """End that subscription."""

    req_id: int
    is_smart_depth: bool = False


class ReqHistoricalData(Record):
    """Ask for bars up to a time (empty: now); `format_date` 2 asks for epoch seconds."""

    req_id: int
    contract: Contract
    include_expired: bool = False
    end: str = ""
    bar_size: str = ""
    duration: str = ""
    use_rth: bool = True
    what_to_show: str = "TRADES"
    format_date: int | None = 1
    keep_up_to_date: bool = False
    options: str = ""


class CancelHistoricalData(Record):
    """End the updates of a request for bars."""

    req_id: int


class ReqRealTimeBars(Record):
    """Subscribe to bars of five seconds; `bar_size` is ignored."""

    req_id: int
    contract: Contract
    bar_size: int | None = 5
    what_to_show: str = "TRADES"
    use_rth: bool = False
    options: str = ""


class CancelRealTimeBars(Record):
    """End that subscription."""

    req_id: int


class ReqHeadTimestamp(Record):
    """Ask when a contract's history begins."""

    req_id: int
    contract: Contract
    include_expired: bool = False
    use_rth: bool = True
    what_to_show: str = "TRADES"
    format_date: int | None = 1


class CancelHeadTimestamp(Record):
    """Forget that question."""

    req_id: int


class ReqHistogramData(Record):
    """Ask how much traded at which price over a period such as `3 days`."""

    req_id: int
    contract: Contract
    include_expired: bool = False
    use_rth: bool = True
    period: str = ""


class CancelHistogramData(Record):
    """Forget that question."""

    req_id: int


class ReqHistoricalTicks(Record):
    """Ask for ticks from `start`, or up to `end`; exactly one of them is given."""

    req_id: int
    contract: Contract
    include_expired: bool = False
    start: str = ""
    end: str = ""
    count: int | None = 1000
    what_to_show: str = "TRADES"
    use_rth: bool = True
    ignore_size: bool = False
    options: str = ""


class ReqTickByTickData(Record):
    """Subscribe to single ticks: `Last`, `AllLast`, `BidAsk` or `MidPoint`."""

    req_id: int
    contract: Contract
    tick_type: str = "AllLast"
    count: int | None = 0
    ignore_size: bool = False


class CancelTickByTickData(Record):
    """End that subscription."""

    req_id: int


class CalculateImpliedVolatility(Record):
    """Ask at which volatility an option is worth `option_price`."""

    req_id: int
    contract: Contract
    option_price: Number = None
    under_price: Number = None
    options_count: int | None = 0
    options: str = ""


class CancelCalculateImpliedVolatility(Record):
    """Forget that question."""

    req_id: int


class CalculateOptionPrice(Record):
    """Ask what an option is worth at `volatility`."""

    req_id: int
    contract: Contract
    volatility: Number = None
    under_price: Number = None
    options_count: int | None = 0
    options: str = ""


class CancelCalculateOptionPrice(Record):
    """Forget that question."""

    req_id: int


_REQ_ID = Field("req_id", ID)
_ASKED: list[Item] = [_REQ_ID, *C12]
_EXPIRED = Field("include_expired", CLIENT_FLAG)
_WHAT = Field("what_to_show", TEXT)
_RTH = Field("use_rth", CLIENT_FLAG)
_OPTIONS: list[Item] = [Field("options_count", CLIENT_INTEGER), Field("options", TEXT)]

_LAYOUTS = [
    plain(
        ReqMktDepth,
        10,
        5,
        *_ASKED,
        Field("row_count", CLIENT_INTEGER),
        Field("is_smart_depth", CLIENT_FLAG),
        Field("options", TEXT),
        contract=Contract,
    ),
    plain(CancelMktDepth, 11, 1, _REQ_ID, Field("is_smart_depth", CLIENT_FLAG)),
    plain(
        ReqHistoricalData,
        20,
        None,
        *_ASKED,
        _EXPIRED,
        *fields("", TEXT, "end bar_size duration"),
        _RTH,
        _WHAT,
        Field("format_date", CLIENT_INTEGER),
        QUOTE_LEGS,
        Field("keep_up_to_date", CLIENT_FLAG),
        Field("options", TEXT),
        contract=Contract,
    ),
    plain(CancelHistoricalData, 25, 1, _REQ_ID),
    plain(
        ReqRealTimeBars,
        50,
        3,
        *_ASKED,
        Field("bar_size", CLIENT_INTEGER),
        _WHAT,
        _RTH,
        Field("options", TEXT),
        contract=Contract,
    ),
    plain(CancelRealTimeBars, 51, 1, _REQ_ID),
    plain(
        CalculateImpliedVolatility,
        54,
        3,
        *_ASKED,
        *fields("", CLIENT_NUMBER, "option_price under_price"),
        *_OPTIONS,
        contract=Contract,
    ),
    plain(
        CalculateOptionPrice,
        55,
        3,
        *_ASKED,
        *fields("", CLIENT_NUMBER, "volatility under_price"),
        *_OPTIONS,
        contract=Contract,
    ),
    plain(CancelCalculateImpliedVolatility, 56, 1, _REQ_ID),
    plain(CancelCalculateOptionPrice, 57, 1, _REQ_ID),
    plain(
        ReqHeadTimestamp,
        87,
        None,
        *_ASKED,
        _EXPIRED,
        _RTH,
        _WHAT,
        Field("format_date", CLIENT_INTEGER),
        contract=Contract,
    ),
    plain(ReqHistogramData, 88, None, *_ASKED, _EXPIRED, _RTH, Field("period", TEXT), contract=Contract),
    plain(CancelHistogramData, 89, None, _REQ_ID),
    plain(CancelHeadTimestamp, 90, None, _REQ_ID),
    plain(
        ReqHistoricalTicks,
        96,
        None,
        *_ASKED,
        _EXPIRED,
        *fields("", TEXT, "start end"),
        Field("count", CLIENT_INTEGER),
        _WHAT,
        *fields("", CLIENT_FLAG, "use_rth ignore_size"),
        Field("options", TEXT),
        contract=Contract,
    ),
    plain(
        ReqTickByTickData,
        97,
        None,
        *_ASKED,
        Field("tick_type", TEXT),
        Field("count", CLIENT_INTEGER),
        Field("ignore_size", CLIENT_FLAG),
        contract=Contract,
    ),
    plain(CancelTickByTickData, 98, None, _REQ_ID),
]

LAYOUTS: dict[int, Layout] = {layout.message_id: layout for layout in _LAYOUTS}
