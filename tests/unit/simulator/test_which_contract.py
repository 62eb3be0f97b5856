"""Which instrument an order or a request means: what is refused, what is looked up."""

from __future__ import annotations

from typing import Any

import pytest

from brokers.simulator.wire import client as requests
from brokers.simulator.wire import client_data, codec
from brokers.simulator.wire.records import Contract, Record
from brokers.simulator.wire.server import ErrMsg
from tests.unit.simulator.kit import AAPL, Bench, errors, only, place


@pytest.fixture
def bench() -> Bench:
    return Bench()


APPLE = {"symbol": "AAPL", "sec_type": "STK", "currency": "USD"}


@pytest.mark.parametrize("fields", [{"con_id": AAPL}, APPLE, {"con_id": AAPL, **APPLE}])
def test_an_order_without_exchange_is_refused(bench: Bench, fields: dict[str, Any]) -> None:
    (error,) = only(ErrMsg, bench.place(1, contract=Contract(**fields)))
    assert (error.req_id, error.code) == (1, 321)
    assert error.text.endswith("cause - Missing order exchange.")
    assert not bench.gateway.state.orders


def test_a_modification_without_exchange_is_refused_and_changes_nothing(bench: Bench) -> None:
    bench.place(1, order_type="LMT", lmt_price="200")
    changed = bench.place(1, contract=Contract(**APPLE), order_type="LMT", lmt_price="201")
    assert errors(changed) == [321]
    (record,) = bench.gateway.state.open_orders()
    assert record.order.lmt_price == 200


@pytest.mark.parametrize("text", ["", "0"])
@pytest.mark.parametrize("version", [157, 178, 200])
def test_an_order_without_con_id_is_looked_up_by_its_description(
    bench: Bench, text: str, version: int
) -> None:
    fields = codec.encode_client(version, place(1, contract=Contract(exchange="SMART", **APPLE)))
    fields[2] = text
    bench.send(codec.decode_client(version, fields))
    assert [record.con_id for record in bench.gateway.state.orders.values()] == [AAPL]


@pytest.mark.parametrize(
    "fields",
    [{"symbol": "AAPL", "sec_type": "OPT", "currency": "USD"}, {"symbol": "ES", "sec_type": "FUT"}],
)
def test_a_description_of_several_is_ambiguous(bench: Bench, fields: dict[str, Any]) -> None:
    exchange = "CME" if fields["symbol"] == "ES" else "SMART"
    (error,) = only(ErrMsg, bench.place(1, contract=Contract(exchange=exchange, **fields)))
    assert (error.code, error.text) == (
        200,
        f"The contract description specified for {fields['symbol']} is ambiguous.",
    )


REQUESTS = [
    requests.ReqMktData(req_id=7, contract=Contract(con_id=AAPL)),
    client_data.ReqHistoricalData(
        req_id=7, contract=Contract(con_id=AAPL), bar_size="1 hour", duration="1 D"
    ),
    client_data.ReqTickByTickData(req_id=7, contract=Contract(con_id=AAPL)),
    client_data.ReqMktDepth(req_id=7, contract=Contract(con_id=AAPL)),
    client_data.ReqRealTimeBars(req_id=7, contract=Contract(con_id=AAPL)),
]


@pytest.mark.parametrize("message", REQUESTS, ids=lambda message: type(message).__name__)
def test_data_are_of_an_exchange(bench: Bench, message: Record) -> None:
    (error,) = only(ErrMsg, bench.send(message))
    assert (error.req_id, error.code) == (7, 321)
    assert error.text.endswith("Please enter exchange")


def test_data_of_a_future_are_of_one_month(bench: Bench) -> None:
    some = Contract(symbol="ES", sec_type="FUT", exchange="CME", currency="USD")
    (error,) = only(ErrMsg, bench.send(requests.ReqMktData(req_id=7, contract=some)))
    assert error.text.endswith("Please enter a local symbol or an expiry")


def test_details_of_a_con_id_need_no_exchange(bench: Bench) -> None:
    assert not errors(bench.send(requests.ReqContractData(req_id=7, contract=Contract(con_id=AAPL))))
