"""Bars, ticks, depth, option models and delayed data: all from the same simulated market."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from brokers.simulator.exchange.options import implied_volatility, option_price
from brokers.simulator.exchange.past import Past
from brokers.simulator.gateway.texts import times as time_texts
from brokers.simulator.gateway.texts.refusals import Refused
from brokers.simulator.wire import client as plain
from brokers.simulator.wire import client_data as requests
from brokers.simulator.wire import server
from brokers.simulator.wire import server_data as responses
from brokers.simulator.wire.records import Contract
from tests.examples import examples
from tests.unit.simulator.kit import AAPL, UNIVERSE, Bench, contract, errors, only, story

CALL = contract(sec_type="OPT", last_trade_date="20261218", strike=Decimal(230), right="C")
EURO = contract("EUR", sec_type="CASH", exchange="IDEALPRO")
ES = contract("ES", sec_type="FUT", exchange="CME", last_trade_date="202612")
SWISS = contract("NESN", currency="CHF")


@pytest.fixture
def bench() -> Bench:
    return Bench()


def history(duration: str = "1 D", bar_size: str = "1 hour", **fields: object) -> requests.ReqHistoricalData:
    terms = {"req_id": 1, "contract": contract(), "duration": duration, "bar_size": bar_size} | fields
    return requests.ReqHistoricalData(**terms)  # type: ignore[arg-type]


def bars(bench: Bench, *args: str, **fields: object) -> list[responses.HistoricalBar]:
    (answer,) = only(responses.HistoricalData, bench.send(history(*args, **fields)))
    return list(answer.bars)


# -- the past ----------------------------------------------------------------------------------------


def test_the_past_ends_where_the_market_opened() -> None:
    now = datetime(2026, 11, 23, 12, tzinfo=UTC).timestamp()
    assert Past(UNIVERSE[AAPL], 0, now).price(now) == UNIVERSE[AAPL].price


def test_the_same_seed_has_the_same_past_and_another_one_another() -> None:
    now = 1_795_435_200
    prices = [
        [Past(UNIVERSE[AAPL], seed, now).price(now - 3_600 * hour) for hour in range(9)] for seed in (1, 1, 2)
    ]
    assert prices[0] == prices[1] != prices[2]


def test_a_bar_opens_where_the_one_before_closed(bench: Bench) -> None:
    row = bars(bench)
    assert len(row) == 24
    assert all(before.close == after.open for before, after in itertools.pairwise(row))


def test_bars_of_all_sizes_agree_on_open_and_close(bench: Bench) -> None:
    (day,) = bars(bench, "1 D", "1 day", end="20261122-00:00:00")
    minutes = bars(bench, "1 D", "1 min", end="20261122-00:00:00")
    assert (minutes[0].open, minutes[-1].close) == (day.open, day.close)
    assert all(bar.low is not None and bar.high is not None and bar.low <= bar.high for bar in minutes)


@examples(50)
@given(ago=st.integers(0, 10**8), seconds=st.sampled_from(list(time_texts.BAR_SIZES.values())))
def test_high_and_low_enclose_open_and_close(ago: int, seconds: int) -> None:
    bar = Past(UNIVERSE[AAPL], 3, 1_795_435_200).bar(1_795_435_200 - ago, seconds)
    assert bar.low <= min(bar.open, bar.close) <= max(bar.open, bar.close) <= bar.high
    assert bar.volume > 0
    assert all(UNIVERSE[AAPL].is_on_tick(price) for price in bar[1:5])


def test_what_traded_since_the_start_is_in_the_bars(bench: Bench) -> None:
    bars(bench)  # from here on the instrument is watched
    bench.move("240")
    bench.step(10)
    last = bars(bench, "60 S", "1 min", end="")[-1]
    (full,) = bars(bench, "1 D", "1 day")[-1:]
    assert full.high is not None
    assert full.high >= 240
    assert last.volume is not None


def test_bars_kept_up_to_date_are_published_every_five_seconds(bench: Bench) -> None:
    bars(bench, keep_up_to_date=True)
    assert len(only(responses.HistoricalDataUpdate, bench.step(75))) == 3
    bench.send(requests.CancelHistoricalData(req_id=1))
    assert not only(responses.HistoricalDataUpdate, bench.step(75))
    assert errors(bench.send(requests.CancelHistoricalData(req_id=1))) == [366]


@pytest.mark.parametrize(
    ("fields", "date"),
    [
        ({"bar_size": "1 day"}, "20261122"),
        ({"format_date": 2}, "1795345200"),
        ({"format_date": 1}, "20261122 06:00:00 US/Eastern"),
    ],
)
def test_dates_are_in_the_form_asked_for(bench: Bench, fields: dict[str, object], date: str) -> None:
    assert bars(bench, end="20261123-11:00:00", **fields)[0].date == date


def test_older_clients_read_local_times_without_a_zone(bench: Bench) -> None:
    answer = bench.send(history(end="20261123-11:00:00"), bench.connect(2, version=157))
    assert only(responses.HistoricalData, answer)[0].bars[0].date == "20261122  06:00:00"


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"duration": "soon"}, 321),
        ({"bar_size": "7 mins"}, 321),
        ({"what_to_show": "SECRETS"}, 162),
        ({"contract": EURO}, 162),
        ({"contract": contract("NOPE")}, 200),
        ({"end": "yesterday"}, 10314),
        ({"end": "20261123-11:00:00", "keep_up_to_date": True}, 321),
        ({"duration": "1 M", "bar_size": "1 secs"}, 162),
        ({"end": "19700101-00:00:00"}, 162),
    ],
)
def test_a_wrong_request_for_bars_is_an_error(bench: Bench, fields: dict[str, object], code: int) -> None:
    assert errors(bench.send(history(**fields))) == [code]  # type: ignore[arg-type]


def test_a_schedule_has_a_session_a_day(bench: Bench) -> None:
    (answer,) = only(
        responses.HistoricalSchedule, bench.send(history("3 D", "1 day", what_to_show="SCHEDULE"))
    )
    assert [session.reference_date for session in answer.sessions] == [
        "20261120",
        "20261121",
        "20261122",
        "20261123",
    ]


def test_the_head_timestamp_is_answered(bench: Bench) -> None:
    (head,) = only(
        responses.HeadTimestamp, bench.send(requests.ReqHeadTimestamp(req_id=1, contract=contract()))
    )
    assert head.time == "20161125-00:00:00"
    assert bars(bench, "20 Y", "1 month")[0].date == "20161130"  # the month that it is in


def test_a_histogram_adds_up_volume_by_price(bench: Bench) -> None:
    (answer,) = only(
        responses.HistogramData,
        bench.send(requests.ReqHistogramData(req_id=1, contract=contract(), period="1 day")),
    )
    prices = [row.price for row in answer.rows]
    assert prices == sorted(set(prices))
    assert errors(bench.send(requests.ReqHistogramData(req_id=1, contract=contract(), period="ages"))) == [
        321
    ]


# -- ticks -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("what", "kind"),
    [
        ("TRADES", responses.HistoricalTicksLast),
        ("BID_ASK", responses.HistoricalTicksBidAsk),
        ("MIDPOINT", responses.HistoricalTicks),
    ],
)
def test_historical_ticks_are_as_many_as_asked_for(
    bench: Bench, what: str, kind: type[server.Record]
) -> None:
    request = requests.ReqHistoricalTicks(
        req_id=1, contract=contract(), end="20261123-11:00:00", count=20, what_to_show=what
    )
    (answer,) = only(kind, bench.send(request))
    assert len(answer.ticks) == 20  # type: ignore[attr-defined]
    assert answer.ticks[-1].time == 1_795_431_599  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"start": "20261123-11:00:00", "end": "20261123-11:00:00"},
        {"start": "20261123-11:00:00", "count": 0},
    ],
)
def test_a_wrong_request_for_ticks_is_an_error(bench: Bench, fields: dict[str, object]) -> None:
    request = requests.ReqHistoricalTicks(req_id=1, contract=contract(), **fields)  # type: ignore[arg-type]
    assert errors(bench.send(request)) == [321]


def test_every_trade_is_a_tick(bench: Bench) -> None:
    bench.send(requests.ReqTickByTickData(req_id=1, contract=contract(), tick_type="AllLast"))
    bench.place(1, total_quantity=7)
    bench.place(2, total_quantity=11)
    assert [tick.size for tick in only(responses.TickByTick, bench.step())][:2] == [7, 11]
    bench.send(requests.CancelTickByTickData(req_id=1))
    bench.place(3)
    assert not only(responses.TickByTick, bench.step())


def test_quotes_are_ticks_when_they_change(bench: Bench) -> None:
    (first,) = bench.send(requests.ReqTickByTickData(req_id=1, contract=contract(), tick_type="BidAsk"))
    (middle,) = bench.send(requests.ReqTickByTickData(req_id=2, contract=contract(), tick_type="MidPoint"))
    assert isinstance(first, responses.TickByTick)
    assert isinstance(middle, responses.TickByTick)
    assert (first.price, first.ask, middle.price) == (Decimal("229.99"), Decimal("230.01"), Decimal("230.0"))
    bench.move("231")
    received = only(responses.TickByTick, bench.step())
    assert {tick.kind for tick in received} == {3, 4}


def test_tick_by_tick_errors(bench: Bench) -> None:
    assert errors(
        bench.send(requests.ReqTickByTickData(req_id=1, contract=contract(), tick_type="Rumours"))
    ) == [10189]
    assert errors(bench.send(requests.ReqTickByTickData(req_id=1, contract=EURO, tick_type="Last"))) == [
        10189
    ]
    assert errors(bench.send(requests.CancelTickByTickData(req_id=1))) == [300]
    for number in range(6):
        answer = bench.send(requests.ReqTickByTickData(req_id=number, contract=contract()))
    assert errors(answer) == [10190]


def test_a_real_time_bar_comes_every_five_seconds(bench: Bench) -> None:
    bench.send(requests.ReqRealTimeBars(req_id=1, contract=contract()))
    rows = only(responses.RealTimeBar, bench.step(75))
    assert [later.time - sooner.time for sooner, later in itertools.pairwise(rows)] == [5, 5]
    bench.send(requests.CancelRealTimeBars(req_id=1))
    assert not only(responses.RealTimeBar, bench.step(75))
    assert errors(bench.send(requests.ReqRealTimeBars(req_id=1, contract=EURO))) == [420]


# -- depth -------------------------------------------------------------------------------------------


def book(bench: Bench, rows: list[responses.MarketDepth], shown: dict[int, list[Decimal | None]]) -> None:
    """Do to `shown` what the rows say, as a client would."""
    for row in rows:
        side = shown.setdefault(row.side, [])
        if row.operation == 0:
            side.insert(row.position, row.price)
        elif row.operation == 1:
            side[row.position] = row.price
        else:
            del side[row.position]


def test_depth_shows_the_book_and_follows_it(bench: Bench) -> None:
    shown: dict[int, list[Decimal | None]] = {}
    book(
        bench,
        only(responses.MarketDepth, bench.send(requests.ReqMktDepth(req_id=1, contract=ES, row_count=5))),
        shown,
    )
    assert [len(shown[side]) for side in (0, 1)] == [5, 5]
    bench.move("5910", "ES")
    book(bench, only(responses.MarketDepth, bench.step(20)), shown)
    market = bench.gateway.exchange.market(515416632).book
    assert (shown[0][0], shown[1][0]) == (market.ask, market.bid)
    assert shown[0] == sorted(shown[0], key=str)


def test_smart_depth_names_the_venues(bench: Bench) -> None:
    answer = bench.send(requests.ReqMktDepth(req_id=1, contract=contract(), row_count=3, is_smart_depth=True))
    assert story(answer)[0] == "ErrMsg 2152"
    assert {row.market_maker for row in only(responses.MarketDepthL2, answer)} == {"NASDAQ", "NYSE", "ARCA"}


def test_depth_errors(bench: Bench) -> None:
    index = contract("SPX", sec_type="IND", exchange="CBOE")
    assert errors(bench.send(requests.ReqMktDepth(req_id=1, contract=contract()))) == [10092]
    assert errors(bench.send(requests.ReqMktDepth(req_id=1, contract=index))) == [10092]
    assert errors(bench.send(requests.CancelMktDepth(req_id=1))) == [310]
    for number in range(4):
        answer = bench.send(requests.ReqMktDepth(req_id=number, contract=ES))
    assert errors(answer) == [309]


# -- options and kinds of data ------------------------------------------------------------------------


@examples(50)
@given(
    right=st.sampled_from("CP"),
    strike=st.floats(80, 120),
    years=st.floats(0.1, 2),
    volatility=st.floats(0.1, 1),
)
def test_a_price_implies_the_volatility_it_was_made_with(
    right: str, strike: float, years: float, volatility: float
) -> None:
    price = option_price(right, 100, strike, years, volatility)
    assert implied_volatility(right, price, 100, strike, years) == pytest.approx(volatility, abs=1e-4)


def test_calls_and_puts_are_in_parity() -> None:
    call, put = (option_price(right, 100, 90, 0.5, 0.3) for right in "CP")
    assert call - put == pytest.approx(10)


def test_an_options_quotes_come_with_its_model(bench: Bench) -> None:
    ticks = bench.send(plain.ReqMktData(req_id=1, contract=CALL))
    (model,) = only(responses.TickOptionComputation, ticks)
    assert model.tick_type == 13
    assert model.delta is not None
    assert Decimal("0.4") < model.delta < Decimal("0.6")


def test_what_is_computed_for_a_client_is_consistent(bench: Bench) -> None:
    price = requests.CalculateOptionPrice(
        req_id=1, contract=CALL, volatility=Decimal("0.3"), under_price=Decimal(230)
    )
    (priced,) = only(responses.TickOptionComputation, bench.send(price))
    question = requests.CalculateImpliedVolatility(
        req_id=2, contract=CALL, option_price=priced.option_price, under_price=Decimal(230)
    )
    (implied,) = only(responses.TickOptionComputation, bench.send(question))
    assert implied.tick_type == 53
    assert implied.implied_volatility is not None
    assert abs(implied.implied_volatility - Decimal("0.3")) < Decimal("0.0001")


def test_only_options_have_a_model(bench: Bench) -> None:
    request = requests.CalculateOptionPrice(
        req_id=1, contract=contract(), volatility=Decimal(1), under_price=Decimal(1)
    )
    assert errors(bench.send(request)) == [321]
    request.contract, request.volatility = CALL, Decimal(0)
    assert errors(bench.send(request)) == [321]


def test_without_live_data_there_are_delayed_ones_for_who_asks(bench: Bench) -> None:
    assert errors(bench.send(plain.ReqMktData(req_id=1, contract=SWISS))) == [10089]
    bench.send(plain.ReqMarketDataType(data_type=3))
    ticks = bench.send(plain.ReqMktData(req_id=1, contract=SWISS))
    assert story(ticks)[:2] == ["ErrMsg 10167", "MarketDataType"]
    assert only(server.MarketDataType, ticks)[0].data_type == 3
    assert {tick.tick_type for tick in only(server.TickPrice, ticks)} == {66, 67, 68}


def test_a_request_for_delayed_data_gets_live_ones_if_any(bench: Bench) -> None:
    bench.send(plain.ReqMarketDataType(data_type=3))
    assert (
        only(server.MarketDataType, bench.send(plain.ReqMktData(req_id=1, contract=contract())))[0].data_type
        == 1
    )


@pytest.mark.parametrize(("wanted", "sent"), [(1, 1), (2, 2), (3, 1), (4, 2)])
def test_frozen_data_are_for_who_asks_while_the_market_is_closed(wanted: int, sent: int) -> None:
    bench = Bench(keeps_hours=True)
    bench.skip(timedelta(hours=14))  # Tuesday, 2 UTC: night in New York
    bench.send(plain.ReqMarketDataType(data_type=wanted))
    bench.place(1)  # whoever trades opens the market
    bench.step()
    (received,) = only(server.MarketDataType, bench.send(plain.ReqMktData(req_id=1, contract=contract())))
    assert received.data_type == sent


def test_generic_ticks(bench: Bench) -> None:
    ticks = bench.send(plain.ReqMktData(req_id=1, contract=contract(), generic_ticks="233,236"))
    assert [tick.tick_type for tick in only(server.TickGeneric, ticks)] == [46]
    bench.move("231")
    assert 48 in {tick.tick_type for tick in only(server.TickString, bench.step())}
    assert errors(bench.send(plain.ReqMktData(req_id=2, contract=contract(), generic_ticks="999"))) == [321]


def test_an_index_has_a_price_but_no_quotes(bench: Bench) -> None:
    index = Contract(symbol="SPX", sec_type="IND", exchange="CBOE", currency="USD")
    prices = {
        tick.tick_type: tick.price
        for tick in only(server.TickPrice, bench.send(plain.ReqMktData(req_id=1, contract=index)))
    }
    assert (prices[1], prices[2], prices[4]) == (-1, -1, 5900)
    assert errors(bench.place(1, contract=index)) == [201]


# -- times -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    ["20261123-12:00:00", "20261123 12:00:00 UTC", "20261123 07:00:00 US/Eastern", "20261123  12:00:00"],
)
def test_times_are_read_in_every_form(text: str) -> None:
    assert time_texts.read_time(text) == 1_795_435_200


@pytest.mark.parametrize("text", ["", "now", "20261323-12:00:00", "20261123 12:00:00 Nowhere/Land"])
def test_what_is_no_time_is_refused(text: str) -> None:
    with pytest.raises(Refused):
        time_texts.read_time(text)


def test_history_goes_on_through_a_jump_of_the_clock(bench: Bench) -> None:
    bars(bench)
    bench.skip(timedelta(days=3))
    assert len(bars(bench, "2 D", "1 hour")) == 48
