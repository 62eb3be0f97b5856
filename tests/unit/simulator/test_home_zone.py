"""Times are written by the gateway's own zone, in the form that it is set to."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from brokers.simulator.gateway.texts.home import HomeZone, TimeForm
from brokers.simulator.session import Session
from brokers.simulator.wire import client as requests
from brokers.simulator.wire.frames import pack
from brokers.simulator.wire.order_reports import CompletedOrder
from brokers.simulator.wire.server import ExecutionData
from tests.unit.simulator.kit import Bench, limit, only

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("setting", "text"),
    [
        ("UTC", "20261123 12:00:00 UTC"),
        ("US/Eastern", "20261123 07:00:00 US/Eastern"),
        ("JST", "20261123 21:00:00 JST"),
        ("Central Standard Time", "20261123 06:00:00 Central Standard Time"),
        ("GMT-05:00", "20261123 07:00:00 GMT-05:00"),
        ("Ortszeit=Europe/Berlin", "20261123 13:00:00 Ortszeit"),
    ],
)
def test_an_execution_is_stamped_with_the_machines_own_name(setting: str, text: str) -> None:
    bench = Bench(home=HomeZone(setting))
    (execution,) = only(ExecutionData, bench.place(1))
    assert execution.execution.time == text


@pytest.mark.parametrize(
    ("form", "text"), [(TimeForm.DASH, "20261123-12:00:00"), (TimeForm.NONE, "20261123  21:00:00")]
)
def test_an_execution_is_stamped_in_the_form_that_is_set(form: TimeForm, text: str) -> None:
    bench = Bench(home=HomeZone("JST", form))
    (execution,) = only(ExecutionData, bench.place(1))
    assert execution.execution.time == text


def test_the_greeting_and_completed_orders_name_the_zone() -> None:
    bench = Bench(home=HomeZone("JST"))
    session = Session(bench.gateway, "test")
    session.receive(b"API\0" + pack(["v100..178"])[:4] + b"v100..178\0")
    assert b"20261123 21:00:00 JST" in session.data_to_send()
    bench.place(1)
    (done,) = only(CompletedOrder, bench.send(requests.ReqCompletedOrders(api_only=False)))
    assert done.state.completed_time == "20261123 21:00:00 JST"


def test_a_filter_without_zone_is_in_the_gateways() -> None:
    bench = Bench(home=HomeZone("JST"))
    bench.place(1)
    later = requests.ReqExecutions(req_id=7, time="20261123 21:00:01")
    assert not only(ExecutionData, bench.send(later))
    assert only(ExecutionData, bench.send(requests.ReqExecutions(req_id=7, time="20261123 21:00:00")))


def test_the_zone_may_change_while_clients_are_connected() -> None:
    bench = Bench()
    bench.gateway.home.become("HKT", TimeForm.ZONE)
    (execution,) = only(ExecutionData, bench.place(1))
    assert execution.execution.time == "20261123 20:00:00 HKT"
    with pytest.raises(ValueError, match="NAME=Area/City"):
        bench.gateway.home.become("Nowhere", TimeForm.ZONE)
    assert bench.gateway.home.name == "HKT"


def test_executions_are_listed_since_the_gateways_own_midnight() -> None:
    bench = Bench(home=HomeZone("JST"))
    bench.place(1)
    bench.skip(timedelta(hours=3, minutes=1))
    assert not only(ExecutionData, bench.send(requests.ReqExecutions(req_id=7)))


@pytest.mark.parametrize(
    ("terms", "after"),
    [
        ({"tif": "GTD", "good_till_date": "20261123 21:30:00"}, timedelta(minutes=30)),
        ({"tif": "GTD", "good_till_date": "20261123-12:30:00"}, timedelta(minutes=30)),
        ({"tif": "GTD", "good_till_date": "20261123 07:30:00 US/Eastern"}, timedelta(minutes=30)),
        ({"good_after_time": "20261123 21:30:00"}, timedelta(minutes=30)),
    ],
)
def test_times_of_orders_without_zone_are_in_the_gateways(terms: dict[str, str], after: timedelta) -> None:
    bench = Bench(home=HomeZone("JST"))
    bench.send(limit(1, "200", **terms))
    assert not bench.skip(after - timedelta(seconds=1))
    assert bench.skip(timedelta(seconds=1))
