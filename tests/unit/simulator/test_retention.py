"""What is done is remembered for a while, and then forgotten everywhere."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from brokers.simulator import ledger
from brokers.simulator.gateway.memory.retention import Retention
from brokers.simulator.journal import Journal
from brokers.simulator.wire import client as requests
from brokers.simulator.wire.server import ExecutionData
from tests.unit.simulator.kit import UNIVERSE, Bench, errors, limit, only, place
from tests.unit.simulator.test_journal import assert_gets_small

DAY = timedelta(days=1)


@pytest.fixture
def bench() -> Bench:
    return Bench()


def ids(bench: Bench) -> list[int]:
    return [row["order_id"] for row in ledger.orders(bench.gateway.state)]


def test_a_finished_order_is_kept_until_the_next_day_ends(bench: Bench) -> None:
    bench.place(1)
    bench.skip(DAY)
    assert ids(bench) == [1]
    bench.skip(DAY)
    assert ids(bench) == []
    assert not bench.gateway.state.executions
    assert bench.gateway.state.accounts["DU1234567"].positions[265598].quantity == 100


def test_an_open_order_and_its_filled_parent_are_never_forgotten(bench: Bench) -> None:
    bench.place(1, transmit=False)
    bench.place(2, action="SELL", order_type="LMT", lmt_price="300", tif="GTC", parent_id=1)
    bench.place(3)
    bench.skip(3 * DAY)
    assert ids(bench) == [1, 2]
    assert errors(bench.cancel(2)) == [202]


def test_only_so_many_finished_orders_are_kept_the_oldest_go() -> None:
    bench = Bench(keep_finished=40)
    bench.send(limit(1, "200"))
    for order_id in range(2, 60):
        bench.place(order_id, total_quantity=1)
        bench.step()
    kept = ids(bench)
    assert kept[0] == 1
    assert kept[1:] == list(range(kept[1], 60))
    assert len(kept) <= 43


def test_a_forgotten_id_can_not_be_used_again(bench: Bench) -> None:
    bench.place(1)
    bench.skip(2 * DAY)
    assert errors(bench.place(1)) == [103]


def test_what_was_forgotten_is_forgotten_after_a_restart(tmp_path: Path) -> None:
    bench = Bench()
    for order_id in range(1, 4):
        bench.place(order_id)
    Retention(bench.gateway.state, 1, lambda gone: None).keep_within_bounds()
    journal = Journal(tmp_path)
    for fact in bench.facts:
        journal.append(fact)
    journal.commit(bench.gateway.state)
    again = Bench(universe=UNIVERSE)
    journal.replay(again.gateway.state)
    journal.close()
    assert ids(again) == [3]
    assert len(only(ExecutionData, again.send(requests.ReqExecutions(req_id=1)))) == 1


def test_the_journal_of_many_finished_orders_stays_small(tmp_path: Path) -> None:
    bench = Bench(keep_finished=20)
    journal = Journal(tmp_path, compact_above=20_000)
    bench.gateway.begin(journal.append)
    for order_id in range(1, 400):
        bench.place(order_id, total_quantity=1)
        bench.step()
        journal.commit(bench.gateway.state)
    assert_gets_small(journal, bench, 60_000)
    journal.close()


def test_an_order_placed_after_much_was_forgotten_works(bench: Bench) -> None:
    bench.place(1)
    bench.skip(3 * DAY)
    assert len(only(ExecutionData, bench.send(place(2)))) >= 1
