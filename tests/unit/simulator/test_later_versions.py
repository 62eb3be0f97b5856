"""What only clients of server versions above 178 can ask for, and what they receive."""

from __future__ import annotations

from datetime import timedelta

import pytest

from brokers.simulator.wire import client as requests
from brokers.simulator.wire import client_data, codec
from brokers.simulator.wire.order_reports import OpenOrder
from brokers.simulator.wire.records import Record
from brokers.simulator.wire.server import ContractData, CurrentTimeInMillis, ExecutionData
from brokers.simulator.wire.server_data import HistoricalData, HistoricalDataEnd
from brokers.simulator.wire.values import UNSET_DOUBLE
from tests.unit.simulator.kit import Bench, contract, limit, only, story


def over_the_wire(message: Record, version: int) -> Record:
    return codec.decode_client(version, codec.encode_client(version, message))


def test_bars_end_with_a_message_of_their_own_from_196_on() -> None:
    bench = Bench(server_version=200)
    asked = client_data.ReqHistoricalData(
        req_id=7, contract=contract(), bar_size="1 day", duration="2 D", use_rth=False
    )
    assert story(bench.send(asked, bench.connect(2, 195))) == ["HistoricalData"]
    bars, end = bench.send(asked, bench.connect(3, 196))
    assert isinstance(bars, HistoricalData)
    assert isinstance(end, HistoricalDataEnd)
    assert "start" not in codec.encode_server(200, bars)
    assert (end.req_id, end.start) == (7, bars.start)


def test_the_time_is_told_to_the_millisecond() -> None:
    bench = Bench(server_version=200)
    (answer,) = bench.send(requests.ReqCurrentTimeInMillis(), bench.connect(2, 200))
    assert answer == CurrentTimeInMillis(milliseconds=int(bench.now.timestamp() * 1000))


@pytest.mark.parametrize(
    ("asked", "count"),
    [
        ({}, 1),
        ({"last_n_days": 1}, 2),
        ({"days": (requests.ExecutionDay(date=20261123),)}, 1),
        ({"days": (requests.ExecutionDay(date=20261124),)}, 1),
        ({"days": (requests.ExecutionDay(date=20261120),)}, 0),
    ],
)
def test_executions_of_days_before_may_be_asked_for(asked: dict[str, object], count: int) -> None:
    bench = Bench(server_version=200)
    bench.place(1)
    bench.skip(timedelta(hours=13))
    bench.place(2)
    message = over_the_wire(requests.ReqExecutions(req_id=7, **asked), 200)  # type: ignore[arg-type]
    assert len(only(ExecutionData, bench.send(message, bench.connect(2, 200)))) == count


def test_an_order_keeps_what_later_clients_say_of_it() -> None:
    bench = Bench(server_version=200)
    link = bench.connect(2, 200)
    placed = over_the_wire(
        limit(1, "150", include_overnight=True, customer_account="C-1", manual_order_indicator=1), 200
    )
    (echo,) = only(OpenOrder, bench.send(placed, link))[:1]
    order = echo.order
    assert (order.include_overnight, order.customer_account, order.manual_order_indicator) == (
        *(True, "C-1"),
        1,
    )


def test_margins_outside_hours_are_unset_like_the_others() -> None:
    bench = Bench(server_version=200)
    (echo,) = only(OpenOrder, bench.send(limit(1, "150"), bench.connect(2, 200)))[:1]
    fields = codec.encode_server(200, echo)
    assert fields.count(str(UNSET_DOUBLE).replace("E+", "E")) >= 18
    assert "-9223372036854775808" in fields


def test_details_of_a_future_say_the_day_without_the_time() -> None:
    bench = Bench(server_version=200)
    asked = requests.ReqContractData(req_id=7, contract=contract("ES", sec_type="FUT", exchange="CME"))
    (first, *_) = only(ContractData, bench.send(asked, bench.connect(2, 200)))
    assert first.contract.last_trade_date.startswith(first.contract.last_trade_day)
    assert len(first.contract.last_trade_day) == 8
