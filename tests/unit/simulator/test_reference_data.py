"""The universe, contract details, symbol search, chains, rules, and what a gateway has not."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from brokers.simulator.exchange.universe import SYNTHETIC_FROM, load_universe
from brokers.simulator.gateway.texts.refusals import UNSUPPORTED_REQUESTS
from brokers.simulator.session import Session
from brokers.simulator.wire import client as plain
from brokers.simulator.wire import client_reference as requests
from brokers.simulator.wire import codec
from brokers.simulator.wire import server_reference as responses
from brokers.simulator.wire.frames import pack
from brokers.simulator.wire.records import Contract
from brokers.simulator.wire.server import ContractData, ContractDataEnd
from tests.unit.simulator.kit import AAPL, UNIVERSE, Bench, contract, errors, only, story
from tests.unit.simulator.test_golden import ROWS
from tests.unit.simulator.test_session import connected, received


@pytest.fixture
def bench() -> Bench:
    return Bench()


def details(bench: Bench, **query: Any) -> list[ContractData]:
    return only(ContractData, bench.send(plain.ReqContractData(req_id=1, contract=Contract(**query))))


# -- the universe ------------------------------------------------------------------------------------


def test_the_universe_has_every_kind_of_instrument() -> None:
    kinds = Counter(instrument.sec_type for instrument in UNIVERSE.instruments.values())
    assert len(UNIVERSE.instruments) >= 60
    listed = {"STK", "IND", "FUT", "OPT", "FOP", "CASH", "CRYPTO", "BOND", "CFD", "FUND", "CMDTY"}
    assert listed == set(kinds)
    assert {"USD", "EUR", "CHF", "GBP", "INR"} <= {known.currency for known in UNIVERSE.instruments.values()}


def test_recorded_instruments_have_their_recorded_con_ids() -> None:
    recorded = {
        (message.contract.symbol, message.contract.currency): message.contract.con_id
        for row in ROWS
        if row["message"] in ("openOrder", "contractData") and (row["server_version"] or 200) <= 178
        for message in [codec.decode_server(row["server_version"], row["fields"])]
        if message.contract.sec_type == "STK"  # type: ignore[attr-defined]
    }
    listed = {(i.symbol, i.currency): i.con_id for i in UNIVERSE.instruments.values() if i.sec_type == "STK"}
    both = recorded.keys() & listed.keys()
    assert len(both) >= 9
    assert {key: recorded[key] for key in both} == {key: listed[key] for key in both}


def test_instruments_without_a_known_con_id_get_a_stable_one() -> None:
    first = {i.local_symbol: i.con_id for i in UNIVERSE.instruments.values() if i.con_id >= SYNTHETIC_FROM}
    again = {
        i.local_symbol: i.con_id for i in load_universe().instruments.values() if i.con_id >= SYNTHETIC_FROM
    }
    assert first == again
    assert all(i.con_id < 10**9 or i.con_id >= SYNTHETIC_FROM for i in UNIVERSE.instruments.values())


def test_every_instrument_opens_on_a_tick_and_has_a_market_rule() -> None:
    for instrument in UNIVERSE.instruments.values():
        assert instrument.is_on_tick(instrument.price), instrument.local_symbol
        assert instrument.market_rule in UNIVERSE.market_rules or instrument.sec_type == "IND"
        assert UNIVERSE.rate(instrument.currency) > 0


def test_option_prices_fall_with_the_strike_of_calls() -> None:
    calls = [i for i in UNIVERSE.options(AAPL) if i.right == "C" and i.expiry == "20261218"]
    prices = [call.price for call in sorted(calls, key=lambda call: call.strike)]
    assert prices == sorted(prices, reverse=True)


def test_a_con_id_may_not_be_used_twice() -> None:
    text = (
        b'{"base_currency": "USD", "as_of": "2026-11-23", "rates": {}, "market_rules": {}, "chains": [],'
        b'"kinds": {"k": {"common": {"sec_type": "STK", "currency": "USD", "exchange": "X", "price": "1",'
        b'"con_id": 7, "commission": {}}, "instruments": [{"symbol": "A"}, {"symbol": "B"}]}}}'
    )
    with pytest.raises(ValueError, match="con_id"):
        load_universe(text)


# -- contract details --------------------------------------------------------------------------------


def test_a_stocks_details_are_like_recorded_ones(bench: Bench) -> None:
    row = next(row for row in ROWS if row["id"] == "s2c-contractData-165-001")
    recorded = codec.decode_server(165, row["fields"])
    assert isinstance(recorded, ContractData)
    (ours,) = details(bench, symbol="TSLA", sec_type="STK", exchange="SMART", currency="USD")
    own = {"req_id", "valid_exchanges", "market_rule_ids", "trading_hours", "liquid_hours", "contract"}
    own |= {"md_size_multiplier"}
    for name in set(ours.__struct_fields__) - own:
        assert str(getattr(ours, name)) == str(getattr(recorded, name)), name
    for name in ("con_id", "symbol", "local_symbol", "trading_class", "strike", "right", "primary_exchange"):
        assert str(getattr(ours.contract, name)) == str(getattr(recorded.contract, name)), name


def test_a_futures_details_are_like_recorded_ones(bench: Bench) -> None:
    row = next(row for row in ROWS if row["message"] == "contractData" and row["server_version"] == 173)
    recorded = codec.decode_server(173, row["fields"])
    assert isinstance(recorded, ContractData)
    (ours, *_) = details(bench, symbol="ES", sec_type="FUT", exchange="CME")
    same = "market_name min_tick order_types under_con_id long_name time_zone_id agg_group under_symbol"
    same += " under_sec_type market_rule_ids valid_exchanges price_magnifier min_size size_increment"
    for name in same.split():
        assert str(getattr(ours, name)) == str(getattr(recorded, name)), name
    assert ours.contract.last_trade_date == "20261218 08:30:00 US/Central"


@pytest.mark.parametrize(
    ("query", "count"),
    [
        ({"symbol": "ES", "sec_type": "FUT"}, 4),
        ({"symbol": "SAP", "sec_type": "STK"}, 2),
        ({"symbol": "SAP", "sec_type": "STK", "currency": "EUR"}, 1),
        ({"symbol": "AAPL", "sec_type": "OPT", "last_trade_date": "202612", "right": "CALL"}, 11),
        ({"symbol": "AAPL", "sec_type": "OPT", "strike": Decimal(230), "right": "P"}, 3),
        ({"local_symbol": "AAPL  261218C00230000", "sec_type": "OPT"}, 1),
        ({"sec_id_type": "ISIN", "sec_id": "DE0007236101"}, 1),
        ({"con_id": AAPL}, 1),
    ],
)
def test_an_open_question_gets_every_answer(bench: Bench, query: dict[str, Any], count: int) -> None:
    assert len(details(bench, **query)) == count


def test_an_ambiguous_contract_is_not_traded(bench: Bench) -> None:
    assert errors(bench.place(1, contract=contract("SAP", currency=""))) == [200]
    assert errors(bench.send(plain.ReqMktData(req_id=1, contract=contract("SAP", currency="")))) == [200]


def test_a_bonds_details_are_a_bonds(bench: Bench) -> None:
    question = plain.ReqContractData(req_id=1, contract=Contract(symbol="US-T", sec_type="BOND"))
    bond, end = bench.send(question)
    assert isinstance(bond, responses.BondContractData)
    assert (bond.cusip, bond.coupon, bond.contract.last_trade_date) == ("91282CJZ5", 4, "20340215")
    assert end == ContractDataEnd(req_id=1)


def test_hours_are_the_exchanges_when_a_calendar_is_kept() -> None:
    bench = Bench(keeps_hours=True)  # Monday, 23 November 2026; Thursday is Thanksgiving
    (stock,) = details(bench, symbol="AAPL", sec_type="STK", currency="USD")
    days = stock.liquid_hours.split(";")
    assert days[0] == "20261123:0930-20261123:1600"
    assert days[3] == "20261126:CLOSED"
    assert days[4] == "20261127:0930-20261127:1300"
    assert stock.trading_hours.split(";")[0] == "20261123:0400-20261123:2000"


def test_hours_begin_with_the_exchanges_own_day(bench: Bench) -> None:
    bench.now = datetime(2026, 11, 28, 1, tzinfo=UTC)  # Friday evening in New York, Saturday morning in India
    (apple,) = details(bench, symbol="AAPL", sec_type="STK", currency="USD")
    (infosys,) = details(bench, symbol="INFY", sec_type="STK", exchange="NSE", currency="INR")
    assert apple.liquid_hours.startswith("20261127:")
    assert infosys.liquid_hours.startswith("20261128:")


# -- search, chains, rules ---------------------------------------------------------------------------


def found(bench: Bench, pattern: str) -> list[str]:
    (answer,) = only(
        responses.SymbolSamples, bench.send(requests.ReqMatchingSymbols(req_id=1, pattern=pattern))
    )
    return [f"{sample.symbol} {sample.primary_exchange}" for sample in answer.samples]


def test_symbols_are_found_by_symbol_and_name(bench: Bench) -> None:
    assert found(bench, "SAP")[:2] == ["SAP NYSE", "SAP IBIS"]
    assert found(bench, "siemens") == ["SIE IBIS"]
    assert found(bench, "aap") == ["AAPL NASDAQ"]
    assert found(bench, "") == found(bench, "no such thing") == []
    assert len(found(bench, "A")) == 16


def test_a_search_names_the_derivatives(bench: Bench) -> None:
    (answer,) = only(
        responses.SymbolSamples, bench.send(requests.ReqMatchingSymbols(req_id=1, pattern="DAX"))
    )
    dax = next(sample for sample in answer.samples if sample.symbol == "DAX")
    assert [word.text for word in dax.derivatives] == ["FUT"]


def test_an_option_chain_is_sent_per_venue_and_class(bench: Bench) -> None:
    question = requests.ReqSecDefOptParams(req_id=1, symbol="AAPL", sec_type="STK", con_id=AAPL)
    answer = bench.send(question)
    chains = only(responses.SecDefOptParams, answer)
    assert {chain.exchange for chain in chains} >= {"SMART", "CBOE", "AMEX"}
    assert [word.text for word in chains[0].expirations] == ["20261218", "20270115", "20270319"]
    assert [strike.price for strike in chains[0].strikes] == list(range(180, 281, 10))
    assert answer[-1] == responses.SecDefOptParamsEnd(req_id=1)
    question.con_id = 1
    assert errors(bench.send(question)) == [200]


def test_a_market_rule_has_steps(bench: Bench) -> None:
    (rule,) = only(responses.MarketRule, bench.send(requests.ReqMarketRule(rule_id=109)))
    assert [(step.low_edge, step.increment) for step in rule.increments] == [
        (0, Decimal("0.05")),
        (3, Decimal("0.1")),
    ]
    assert errors(bench.send(requests.ReqMarketRule(rule_id=4711))) == [321]


def test_smart_components_explain_the_map_that_quotes_came_with(bench: Bench) -> None:
    (answer,) = only(
        responses.SmartComponents, bench.send(requests.ReqSmartComponents(req_id=1, bbo_exchange="9c0001"))
    )
    assert len({row.letter for row in answer.components}) == len(answer.components) > 5
    assert errors(bench.send(requests.ReqSmartComponents(req_id=1, bbo_exchange="a0"))) == [321]


@pytest.mark.parametrize(
    ("question", "answer"),
    [
        (requests.ReqMktDepthExchanges(), "MktDepthExchanges"),
        (requests.ReqFamilyCodes(), "FamilyCodes"),
        (requests.ReqSoftDollarTiers(req_id=1), "SoftDollarTiers"),
        (requests.ReqNewsProviders(), "NewsProviders"),
        (requests.ReqScannerParameters(), "ScannerParameters"),
        (requests.ReqUserInfo(req_id=1), "UserInfo"),
        (requests.QueryDisplayGroups(req_id=1), "DisplayGroupList"),
    ],
)
def test_small_questions_are_answered(bench: Bench, question: Any, answer: str) -> None:
    assert story(bench.send(question)) == [answer]


# -- what there is not -------------------------------------------------------------------------------


@pytest.mark.parametrize("number", sorted(UNSUPPORTED_REQUESTS))
def test_an_unserved_request_is_an_error_under_its_id(number: int) -> None:
    session = connected(Bench())
    known = UNSUPPORTED_REQUESTS[number]
    fields = [str(number), *["1"] * 8]
    if known.id_field is not None:
        fields[known.id_field] = "4711"
    session.receive(pack(fields))
    wanted = "-1" if known.id_field is None else "4711"
    assert [row[2:4] for row in received(session)] == [[wanted, str(known.refusal.code)]]


def test_every_request_of_the_protocol_is_either_served_or_refused() -> None:
    # Message ids of the protocol up to version 178; 26 to 48 and 60 were never given to a request.
    requests = {*range(1, 26), *range(49, 60), *range(61, 105)}
    assert requests - codec.CLIENT_LAYOUTS.keys() - UNSUPPORTED_REQUESTS.keys() == set()


def test_an_unreadable_request_is_refused_under_its_id() -> None:
    session: Session = connected(Bench())
    session.receive(pack(["20", "4711", "x"]))
    assert [row[2:4] for row in received(session)] == [["4711", "320"]]
    assert not session.is_closed
