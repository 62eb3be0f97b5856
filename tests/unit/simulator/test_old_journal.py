"""A data folder from before the wide set of order types is read as if it were of today."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from brokers.simulator.journal import Journal
from brokers.simulator.wire import client as requests
from brokers.simulator.wire.order_reports import OpenOrder
from brokers.simulator.wire.server import OrderStatus
from tests.unit.simulator.kit import Bench, errors, only

OLD = Path(__file__).parents[2] / "data" / "journals" / "before_order_types.jsonl"


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    shutil.copy(OLD, tmp_path / "journal.jsonl")
    journal = Journal(tmp_path)
    made = Bench()
    journal.replay(made.gateway.state)
    made.gateway.begin(made.facts.append)
    yield made
    journal.close()


def test_its_orders_and_positions_are_there(bench: Bench) -> None:
    opened = only(OpenOrder, bench.send(requests.ReqOpenOrders()))
    assert [(m.order_id, m.state.status) for m in opened] == [(2, "Submitted"), (3, "PreSubmitted")]
    (account,) = bench.gateway.state.accounts.values()
    assert [position.quantity for position in account.positions.values()] == [100]


def test_its_orders_go_on_working(bench: Bench) -> None:
    assert only(OrderStatus, bench.move("219"))[-1].status == "Filled"  # the stop
    assert errors(bench.cancel(2)) == [202]


def test_its_ids_are_not_used_again(bench: Bench) -> None:
    assert errors(bench.place(4)) == [103]
    assert errors(bench.place(5)) == []
