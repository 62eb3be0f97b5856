"""What real gateways refuse of requests for data before they look for any, in their words."""

from __future__ import annotations

from typing import Any

import pytest

from brokers.simulator.wire import client as requests
from brokers.simulator.wire import client_data
from brokers.simulator.wire.records import Contract
from brokers.simulator.wire.server import ContractData, ErrMsg
from brokers.simulator.wire.server_data import HistoricalData
from tests.unit.simulator.kit import Bench, contract, only

IN_YEARS = "Historical data requests for durations longer than {} must be made in years."
FORM = "When specifying a unit, historical data request duration format is integer{SPACE}unit (S|D|W|M|Y)."
REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"duration": ""}, "Historical data request duration not specified."),
    ({"duration": "1D"}, FORM),
    ({"duration": "1 X"}, FORM),
    ({"duration": "1.5 D"}, FORM),
    ({"duration": "-1 D"}, FORM),
    ({"duration": "0 D"}, "Historical data requested duration is invalid."),
    ({"duration": "29 S"}, "Historical data requested duration is invalid."),
    ({"duration": "86401 S"}, "Historical data request for greater than 86400 seconds rejected."),
    ({"duration": "366 D"}, IN_YEARS.format("365 days")),
    ({"duration": "53 W"}, IN_YEARS.format("52 weeks")),
    ({"duration": "13 M"}, IN_YEARS.format("12 months")),
    (
        {"what_to_show": "ADJUSTED_LAST", "end": "20261101 00:00:00 UTC"},
        "End date not supported with adjusted last",
    ),
    (
        {"what_to_show": "ADJUSTED_LAST", "bar_size": "1 week"},
        "Multi day bar size not supported with adjusted last",
    ),
    ({"format_date": 4}, "Date formatting selection of 4 rejected."),
    (
        {"what_to_show": "SCHEDULE", "bar_size": "1 hour"},
        "Only daily resolution supported for Schedule requests",
    ),
    (
        {"keep_up_to_date": True, "end": "20261101 00:00:00 UTC"},
        "End date not supported with live updates",
    ),
    (
        {"keep_up_to_date": True, "what_to_show": "BID_ASK"},
        "Source price not supported with live updates",
    ),
]


@pytest.fixture
def bench() -> Bench:
    return Bench()


def history(**fields: Any) -> client_data.ReqHistoricalData:
    terms = {"req_id": 7, "contract": contract(), "duration": "2 D", "bar_size": "1 day"}
    return client_data.ReqHistoricalData(**(terms | fields))


@pytest.mark.parametrize(("fields", "cause"), REFUSED)
def test_bars_are_refused_in_the_words_of_real_gateways(
    bench: Bench, fields: dict[str, Any], cause: str
) -> None:
    (error,) = only(ErrMsg, bench.send(history(**fields)))
    assert (error.req_id, error.code) == (7, 321)
    assert error.text.endswith(f"cause - {cause}")


@pytest.mark.parametrize(
    "duration", ["86400", "86400 S", "365 D", "52 W", "12 M", "5 Y", "1 d", "1 y", "2 w"]
)
def test_durations_may_be_written_in_several_ways(bench: Bench, duration: str) -> None:
    assert only(HistoricalData, bench.send(history(duration=duration)))


def test_a_snapshot_has_no_generic_ticks(bench: Bench) -> None:
    asked = requests.ReqMktData(req_id=7, contract=contract(), generic_ticks="233", snapshot=True)
    (error,) = only(ErrMsg, bench.send(asked))
    assert error.code == 321
    assert error.text.endswith("Snapshot market data subscription is not applicable to generic ticks")


def test_a_continuous_future_is_the_next_month(bench: Bench) -> None:
    continuous = Contract(symbol="ES", sec_type="CONTFUT", exchange="CME", currency="USD")
    (row,) = only(ContractData, bench.send(requests.ReqContractData(req_id=7, contract=continuous)))
    assert (row.contract.sec_type, row.contract.local_symbol) == ("CONTFUT", "ESZ6")
    assert only(HistoricalData, bench.send(history(contract=continuous)))
    (refused,) = only(ErrMsg, bench.place(1, contract=continuous))
    assert refused.code == 200


def test_shares_may_be_sent_to_the_overnight_session(bench: Bench) -> None:
    assert not only(
        ErrMsg, bench.place(1, contract=contract(exchange="OVERNIGHT"), order_type="LMT", lmt_price="200")
    )
