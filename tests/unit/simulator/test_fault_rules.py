"""Which faults make sense, which one strikes, and how often."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from brokers.simulator.faults.fault import Fault
from brokers.simulator.faults.kinds import KINDS, SELECTORS, Site
from brokers.simulator.faults.scenarios import BUILT_IN, ScenarioError, load
from tests.unit.simulator.kit import Bench, arm, contract, limit, place

PAGE = Path(__file__).parents[3] / "docs" / "simulated-gateway.md"


def dropped(bench: Bench, orders: int = 6, **terms: Any) -> list[int]:
    """Place orders and return the numbers of those that the gateway never got."""
    return [number for number in range(1, orders + 1) if not bench.place(number, **terms)]


@pytest.fixture
def bench() -> Bench:
    return Bench()


def test_a_fault_strikes_as_often_as_it_was_asked_to(bench: Bench) -> None:
    arm(bench, "drop_place", count=2)
    assert dropped(bench) == [1, 2]
    assert bench.gateway.faults.rows() == []


def test_without_end_it_strikes_always(bench: Bench) -> None:
    arm(bench, "drop_place", count="always")
    assert len(dropped(bench)) == 6
    (row,) = bench.gateway.faults.rows()
    assert (row["struck"], row["left"]) == (6, None)


def test_it_can_wait_for_the_nth(bench: Bench) -> None:
    arm(bench, "drop_place", nth=4)
    assert dropped(bench) == [4]


def test_it_is_armed_after_a_while_and_for_a_while(bench: Bench) -> None:
    arm(bench, "drop_place", count="always", after=10.0, seconds=5.0)
    assert dropped(bench, 1) == []
    bench.skip(timedelta(seconds=11))
    assert not bench.place(2)
    bench.skip(timedelta(seconds=5))
    assert bench.place(3)
    assert bench.gateway.faults.rows() == []


@given(seed=st.integers(0, 1000), probability=st.floats(0.1, 0.9))
def test_the_same_seed_strikes_the_same_orders(seed: int, probability: float) -> None:
    runs = []
    for _ in range(2):
        bench = Bench()
        arm(bench, "drop_place", count="always", seed=seed, probability=probability)
        runs.append(dropped(bench, 20, lmt_price="100.00", order_type="LMT"))
    assert runs[0] == runs[1]


def test_without_a_seed_of_its_own_the_gateways_seed_decides() -> None:
    runs = []
    for seed in (1, 1, 2):
        bench = Bench(seed)
        arm(bench, "drop_place", count="always", probability=0.5)
        runs.append(dropped(bench, 30, lmt_price="100.00", order_type="LMT"))
    assert runs[0] == runs[1] != runs[2]
    assert 0 < len(runs[0]) < 30


@pytest.mark.parametrize(
    "choice",
    [
        {"symbol": "MSFT"},
        {"order_type": "LMT"},
        {"side": "SELL"},
        {"order_ref": "desk-2"},
        {"order_ref": "des*"},
        {"client_id": 2},
    ],
    ids=str,
)
def test_it_strikes_only_what_was_chosen(bench: Bench, choice: dict[str, Any]) -> None:
    arm(bench, "drop_place", count="always", **choice)
    chosen = limit(1, "400.00", symbol="MSFT", action="SELL", order_ref="desk-2")
    assert bench.place(1, order_ref="other")
    assert not bench.send(chosen, bench.connect(2))


def test_an_order_by_con_id_has_its_instruments_symbol(bench: Bench) -> None:
    arm(bench, "drop_place", symbol="AAPL")
    assert not bench.send(place(1, contract=contract("", con_id=265598)))


def test_the_later_of_two_with_the_same_choice_counts(bench: Bench) -> None:
    arm(bench, "drop_place", count=5)
    arm(bench, "drop_place", count=1)
    arm(bench, "drop_place", count=1, symbol="MSFT")
    assert dropped(bench) == [1]
    assert len(bench.gateway.faults.rows()) == 1


def test_a_count_of_nothing_disarms_all_of_its_kind(bench: Bench) -> None:
    arm(bench, "drop_place", count=5)
    arm(bench, "drop_place", symbol="MSFT")
    arm(bench, "drop_place", count=0)
    assert bench.gateway.faults.rows() == []


def test_faults_of_one_list_stand_side_by_side(bench: Bench) -> None:
    bench.gateway.faults.add(Fault(kind="drop_place", nth=1), Fault(kind="drop_place", nth=2))
    assert dropped(bench) == [1, 3]


def test_strikes_are_kept_for_whoever_asks(bench: Bench) -> None:
    arm(bench, "drop_place")
    bench.place(1, order_ref="desk-1")
    (strike,) = bench.gateway.faults.strikes
    assert (strike.kind, strike.client_id, strike.order_ref, strike.message) == (
        *("drop_place", 1, "desk-1"),
        "placeOrder",
    )
    assert strike.at == bench.now


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"kind": "meteor"}, "unknown fault kind"),
        ({"kind": "no_ack", "percent": 1.0}, "percent means nothing to no_ack"),
        ({"kind": "reject", "message": "placeOrder"}, "message means nothing to reject"),
        ({"kind": "drop_callback", "message": "fanfare"}, "no callback named 'fanfare'"),
        ({"kind": "drop_request", "message": "openOrder"}, "no request named 'openOrder'"),
        ({"kind": "disconnect", "count": 3}, "needs `every`"),
        ({"kind": "no_ack", "count": -1}, "count must not be negative"),
        ({"kind": "no_ack", "probability": 1.5}, "probability goes from 0 to 1"),
        ({"kind": "no_ack", "nth": 0}, "begin at 1"),
    ],
)
def test_a_fault_that_makes_no_sense_is_refused_in_words(fields: dict[str, Any], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        Fault(**fields)


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_takes_only_fields_that_there_are(kind: str) -> None:
    assert KINDS[kind].fields | SELECTORS[KINDS[kind].site] <= set(Fault.__struct_fields__)


@pytest.mark.parametrize("path", sorted(BUILT_IN.glob("*.toml")), ids=lambda path: path.stem)
def test_built_in_scenarios_can_be_read(path: Any) -> None:
    scenario = load(path.stem)
    assert scenario.description
    assert scenario.seed is not None
    assert scenario.fault


def test_an_unknown_scenario_is_answered_with_the_known_ones() -> None:
    with pytest.raises(ScenarioError, match=r"flaky_link .*connections break"):
        load("sunny_day")


@pytest.mark.parametrize("name", ["mine.toml", "mine.json"])
def test_a_scenario_may_be_a_file(tmp_path: Any, name: str) -> None:
    text = {
        "mine.toml": 'description = "mine"\n[[fault]]\nkind = "no_ack"\ncount = "always"\n',
        "mine.json": '{"description": "mine", "fault": [{"kind": "no_ack", "count": "always"}]}',
    }[name]
    (tmp_path / name).write_text(text)
    assert load(str(tmp_path / name)).fault == [Fault(kind="no_ack", count="always")]


def test_a_scenario_with_a_mistake_names_it(tmp_path: Any) -> None:
    (tmp_path / "mine.toml").write_text('description = "mine"\n[[fault]]\nkind = "meteor"\n')
    with pytest.raises(ScenarioError, match=r"unknown fault kind 'meteor'.*\$.fault\[0\]"):
        load(str(tmp_path / "mine.toml"))


def test_what_the_clock_strikes_has_every_and_no_nth() -> None:
    assert SELECTORS[Site.NOW] == {"every"}


@pytest.mark.parametrize("kind", KINDS)
def test_the_page_has_the_catalogue(kind: str) -> None:
    fields = ", ".join(f"`{name}`" for name in sorted(KINDS[kind].fields))
    assert f"| `{kind}` | {KINDS[kind].text} | {fields} |\n" in PAGE.read_text(encoding="utf-8")


@pytest.mark.parametrize("path", sorted(BUILT_IN.glob("*.toml")), ids=lambda path: path.stem)
def test_the_page_has_the_scenarios(path: Path) -> None:
    assert f"| `{path.stem}` | {load(path.stem).description} |" in PAGE.read_text(encoding="utf-8")
