"""A gateway that stamps executions in any zone: no fill is lost, trading goes on, a person is told once."""

from __future__ import annotations

from datetime import timedelta

from brokers.port import Link
from orders.models import Alert, Execution, State
from orders.session.runtime import SessionRuntime
from tests.integration.broker.conftest import Desk
from tests.integration.broker.gateway import Gateway
from tradedesk.stack.polling import eventually

NAMES = ("JST", "CST=America/Chicago", "Central Standard Time", "GMT-05:00", "Ortszeit=Europe/Berlin")


def stamp(gateway: Gateway, zone: str, form: str = "zone") -> None:
    answer = gateway.control.post("/time-zone", json={"time_zone": zone, "form": form})
    assert answer.status_code == 200, answer.text


def test_executions_in_zones_that_nobody_has_are_booked_and_told_once(
    desk: Desk, gateway: Gateway, runtime: SessionRuntime
) -> None:
    for name in NAMES:
        stamp(gateway, name)
        for _ in range(2):
            desk.wait(desk.place(), State.COMPLETED)
    stamp(gateway, "US/Eastern", "dash")
    desk.wait(desk.place(), State.COMPLETED)
    for one in Execution.objects.all():
        assert abs(one.received_at - one.transact_time) < timedelta(minutes=1)
    told = Alert.objects.filter(subject__startswith="time zone")
    assert {one.subject.removeprefix("time zone: ") for one in told} == {n.partition("=")[0] for n in NAMES}
    assert {one.times for one in told} == {1}
    gateway.control.fault(kind="disconnect")  # after it every execution of today is told again
    eventually(lambda: runtime.session.link is not Link.READY, limit=60)
    eventually(lambda: runtime.session.link is Link.READY, limit=60)
    desk.wait(desk.place(), State.COMPLETED)
    assert not Alert.objects.filter(subject="unreadable").exists()


def test_times_without_a_zone_are_of_the_zone_that_the_gateway_greets_in(
    desk: Desk, gateway: Gateway, runtime: SessionRuntime
) -> None:
    stamp(gateway, "America/New_York", "none")
    gateway.control.fault(kind="disconnect")
    eventually(lambda: runtime.session.home_zone == "America/New_York", limit=60)
    desk.wait(desk.place(), State.COMPLETED)
    one = Execution.objects.get()
    assert abs(one.received_at - one.transact_time) < timedelta(minutes=1)
    assert not Alert.objects.filter(subject__startswith="time zone").exists()
    gateway.control.fault(kind="drop_place", count=1)
    order = desk.rest()
    eventually(lambda: order.events.filter(kind="ABSENT").exists(), limit=60)
    stamp(gateway, "UTC")
