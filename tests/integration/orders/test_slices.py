"""Sliced orders while nobody could send: at most one late slice, and an end that says what it left."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.utils import timezone

from brokers.fix import OrdType, Side
from orders.controls.halts.kill import press, release
from orders.controls.halts.kill_work import work_kills
from orders.entry import slicer
from orders.entry.reading.ticket import InstrumentKey, Ticket
from orders.errors import RefusedByCheck
from orders.models import (
    AccountLimit,
    Alert,
    AlertKind,
    IfLate,
    KillAction,
    Order,
    OrderRequest,
    SlicedOrder,
    SliceState,
    State,
)
from tests.integration.orders.raw_words import RawGateway
from tests.integration.orders.test_groups import at_broker, canceled, trade
from tests.integration.persons import person

NOW = timezone.now


def sliced(order: Order, seconds: float = 600, **terms: Any) -> SlicedOrder:
    """100 AAPL in five slices from now on."""
    ticket = Ticket(
        cl_ord_id="S1",
        account="DU1234567",
        instrument=InstrumentKey(symbol="AAPL"),
        side=Side.BUY,
        order_qty=Decimal(100),
        ord_type=OrdType.LIMIT,
        price=Decimal(200),
    )
    client = User.objects.get(username="algo")
    at = {"start_time": None, "end_time": NOW() + timedelta(seconds=seconds)}
    return slicer.place_sliced(ticket, slices=5, **at, client=client, received_at=NOW(), **terms)[0]


def look(parent: SlicedOrder, times: int = 1) -> SlicedOrder:
    for _ in range(times):
        slicer.work_slices("main")
    parent.refresh_from_db()
    return parent


def move(parent: SlicedOrder, **by: float) -> None:
    """As if so much time had passed: everything happened so much earlier."""
    passed = timedelta(**by)
    row = SlicedOrder.objects.get(pk=parent.pk)
    SlicedOrder.objects.filter(pk=parent.pk).update(
        start_time=row.start_time - passed, end_time=row.end_time - passed
    )
    for child in row.children.all():
        times = {name: getattr(child, name) for name in ("claimed_at", "received_at", "updated_at")}
        moved = {name: at - passed for name, at in times.items() if at}
        Order.objects.filter(pk=child.pk).update(**moved, fresh_until=child.fresh_until - passed)


def execute(parent: SlicedOrder, at: datetime | None = None) -> None:
    """Every slice was sent and has executed."""
    for child in parent.children.filter(state=State.CREATED):
        times = {"claimed_at": at or NOW(), "updated_at": at or NOW()}
        Order.objects.filter(pk=child.pk).update(state="COMPLETED", cum_qty=child.order_qty, **times)


def quantities(parent: SlicedOrder) -> list[int]:
    return [int(child.order_qty) for child in parent.children.order_by("id")]


@pytest.mark.parametrize("changes", [{"max_order_qty": 99}, {"max_open_orders": 9}])
def test_a_parent_is_recorded_by_the_limits_in_force(
    order: Order, monkeypatch: pytest.MonkeyPatch, changes: dict[str, int]
) -> None:
    """They change between its checks and its record: it is checked again."""
    asked, schedule = [], slicer._require_schedule

    def checked(*given: Any) -> None:
        schedule(*given)
        if not asked:
            AccountLimit.objects.update(**changes)
        asked.append(given)

    monkeypatch.setattr(slicer, "_require_schedule", checked)
    if "max_order_qty" in changes:
        with pytest.raises(RefusedByCheck):
            sliced(order)
        assert not SlicedOrder.objects.exists()
    else:
        assert sliced(order).state == SliceState.RUNNING
        assert len(asked) == 2


def test_down_for_its_whole_window_it_ends_and_sends_nothing(order: Order) -> None:
    parent = sliced(order)
    move(parent, days=5)
    assert look(parent, 2).state == SliceState.ENDED
    assert (parent.made, quantities(parent)) == (0, [])
    assert parent.reason == "its time is over: 100 of 100 not executed, 100 of it never sent"


def test_down_for_half_its_window_it_sends_one_slice_and_spreads_the_rest(order: Order) -> None:
    parent = sliced(order)
    look(parent)
    execute(parent)
    move(parent, seconds=400)
    look(parent, 3)
    assert quantities(parent) == [20, 20]
    execute(parent)
    move(parent, seconds=51)  # what remains is 200 s for four distances
    look(parent, 3)
    assert quantities(parent) == [20, 20, 20]


def test_while_nobody_sends_no_second_slice_is_put_behind_the_first(order: Order) -> None:
    parent = sliced(order)
    look(parent)
    move(parent, seconds=400)
    assert quantities(look(parent, 3)) == [20]


def test_a_slice_that_nobody_sent_dies_with_its_window(order: Order) -> None:
    parent = sliced(order, seconds=30)
    (child,) = look(parent).children.all()
    assert child.fresh_until == parent.end_time


def test_a_paused_one_ends_with_its_window_and_says_why(order: Order) -> None:
    parent = sliced(order)
    slicer.pause(parent.id, actor="desk:ann", at=NOW())
    move(parent, seconds=606)
    assert look(parent, 2).state == SliceState.ENDED
    assert "paused" in parent.reason


def test_a_resumed_one_keeps_its_window(order: Order) -> None:
    parent = sliced(order)
    slicer.pause(parent.id, actor="desk:ann", at=NOW())
    move(parent, seconds=300)
    end = look(parent).end_time
    assert slicer.resume(parent.id, actor="desk:ann", at=NOW()).end_time == end
    assert quantities(look(parent, 3)) == [20]


@pytest.mark.parametrize(("if_late", "made"), [(IfLate.SPREAD, 1), (IfLate.END, 0)])
def test_what_becomes_of_a_late_rest_is_as_the_order_asks(order: Order, if_late: IfLate, made: int) -> None:
    parent = sliced(order, if_late=if_late)
    move(parent, seconds=300)
    look(parent, 2)
    assert (parent.made, parent.state) == (made, SliceState.ENDED if not made else SliceState.RUNNING)


def test_a_slice_that_waits_too_long_is_taken_back_where_no_late_one_is_wanted(
    order: Order, django_capture_on_commit_callbacks: Any
) -> None:
    parent = sliced(order, if_late=IfLate.END)
    look(parent)
    move(parent, seconds=400)
    with django_capture_on_commit_callbacks(execute=True):
        look(parent)
    assert look(parent).state == SliceState.ENDED
    assert [child.state for child in parent.children.all()] == [State.CANCELED]


def test_what_is_out_at_the_end_is_canceled_and_the_rest_named(order: Order) -> None:
    parent = sliced(order)
    look(parent)
    execute(parent)
    move(parent, seconds=606)
    assert look(parent, 2).state == SliceState.ENDED
    assert parent.reason == "its time is over: 80 of 100 not executed, 80 of it never sent"


@pytest.mark.parametrize("action", [KillAction.CANCEL, KillAction.FLATTEN])
def test_a_kill_ends_it_and_no_slice_comes_after_the_release(order: Order, action: KillAction) -> None:
    """The next slice may be due long after the release: a state alone would not have met it."""
    parent = look(sliced(order))
    execute(parent)
    kill = press("account:DU1234567", action, actor=person("jo"), reason="runs away")
    work_kills("main", lambda: None, lambda: False)
    release(kill.id, actor=person("kim"), reason="all clear")
    move(parent, seconds=130)
    assert look(parent, times=2).state == SliceState.CANCELED
    assert quantities(parent) == [20]


def test_a_kill_of_a_strategy_leaves_the_slices_of_others_alone(order: Order) -> None:
    parent = look(sliced(order))
    press("strategy:other", KillAction.CANCEL, actor=person("jo"), reason="runs away")
    work_kills("main", lambda: None, lambda: False)
    assert look(parent).state == SliceState.RUNNING


# --- what the broker tells after the end --------------------------------------------------------------------
def one_out(order: Order, **terms: Any) -> tuple[SlicedOrder, Order, RawGateway]:
    """A parent whose first slice works at the broker; who tells of it."""
    parent = look(sliced(order, **terms))
    (child,) = parent.children.all()
    return parent, child, at_broker(child)


def canceled_slices(parent: SlicedOrder) -> list[str]:
    asked = OrderRequest.objects.filter(order__parent=parent, kind="CANCEL").order_by("id")
    return [one.order.cl_ord_id for one in asked]


def test_what_is_out_is_canceled_though_a_crash_came_before(
    order: Order, django_capture_on_commit_callbacks: Any
) -> None:
    parent, child, _ = one_out(order)
    move(parent, seconds=606)
    assert look(parent).state == SliceState.ENDING  # and what follows the commit never ran
    for _ in range(2):
        with django_capture_on_commit_callbacks(execute=True):
            look(parent)
        assert canceled_slices(parent) == [child.cl_ord_id]


def test_a_slice_busted_after_the_end_takes_the_parent_out_of_done(order: Order) -> None:
    parent, child, gateway = one_out(order)
    gateway.say(trade(child, 20))
    for _ in range(4):
        move(parent, seconds=121)
        execute(look(parent))
    assert look(parent).state == SliceState.DONE
    gateway.say(trade(child, 15, 2), *canceled(child))
    move(parent, seconds=6)
    assert look(parent).state == SliceState.ENDED
    assert parent.reason == f"more was told of {child.cl_ord_id} after it was over: 5 of 100 not executed"


def test_a_slice_executed_after_the_end_changes_what_its_parent_says(order: Order) -> None:
    parent, child, gateway = one_out(order)
    gateway.say(*canceled(child))
    move(parent, seconds=606)
    assert look(parent, 2).state == SliceState.ENDED
    gateway.say(trade(child, 20))
    assert look(parent, 2).state == SliceState.ENDED
    assert parent.reason.endswith("80 of 100 not executed, 80 of it never sent")


def test_a_slice_that_is_out_when_all_has_executed_is_canceled(
    order: Order, django_capture_on_commit_callbacks: Any
) -> None:
    parent, child, gateway = one_out(order)
    gateway.say(*canceled(child))
    for _ in range(3):
        move(parent, seconds=121)
        execute(look(parent))
    move(parent, seconds=121)
    last = look(parent).children.order_by("id").last()
    assert last is not None and last.state == State.CREATED
    Order.objects.filter(pk=last.pk).update(state=State.PENDING, broker_order_id=77, claimed_at=NOW())
    gateway.say(trade(child, 25))
    with django_capture_on_commit_callbacks(execute=True):
        look(parent)
    assert (parent.state, canceled_slices(parent)) == (SliceState.ENDING, [last.cl_ord_id])
    assert Alert.objects.filter(kind=AlertKind.LATE_FILL, order=child).exists()


def test_more_executed_than_the_parent_asked_for_calls_a_person(order: Order) -> None:
    parent, child, gateway = one_out(order)
    gateway.say(*canceled(child))
    for _ in range(4):
        move(parent, seconds=121)
        execute(look(parent))
    assert look(parent).state == SliceState.DONE
    gateway.say(trade(child, 20))
    assert look(parent, 2).state == SliceState.DONE
    (alert,) = Alert.objects.filter(kind=AlertKind.OVERFILL)
    assert alert.text == "S1: 20 more than 100 executed."
