"""From the record to COMPLETED, CANCELED or REJECTED over a real socket."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from itertools import pairwise
from typing import Any

import pytest
from django.utils import timezone

from brokers.fix import OrdType, Side, TimeInForce
from brokers.models import CashBalance, Position
from orders.entry.cancel import cancel_order
from orders.models import Break, EventKind, Execution, Order, ReconciliationRun, RequestState, State
from orders.notify.submission_counts import StartedBy
from orders.reconciliation.positions import GRACE_PERIOD
from orders.sending.submission import Submission
from orders.session.runtime import SessionRuntime
from tests.integration.broker.conftest import Desk
from tests.integration.broker.gateway import Gateway
from tradedesk.stack.polling import eventually

HOPS = ("received", "recorded", "claimed", "sent", "acknowledged", "first_fill", "completed")


def test_a_market_order_completes_with_its_executions_and_commissions(
    desk: Desk, gateway: Gateway, runtime: SessionRuntime
) -> None:
    order = desk.wait(desk.place(order_qty=Decimal(100)), State.COMPLETED)
    executions = order.executions.all()
    assert sum(e.last_qty for e in executions) == order.cum_qty == 100
    assert all(e.commission and e.commission_currency == "USD" for e in executions)
    (row,) = gateway.orders_of(order)
    assert (row["perm_id"], row["order_id"]) == (order.perm_id, order.broker_order_id)


def test_every_hop_of_an_order_is_timed_in_order(desk: Desk, runtime: SessionRuntime) -> None:
    order = desk.wait(desk.place(), State.COMPLETED)
    times = [getattr(order, f"{hop}_at") for hop in HOPS]
    assert None not in times
    assert times == sorted(times)


def test_the_events_replay_to_the_row(desk: Desk, runtime: SessionRuntime) -> None:
    order = desk.wait(desk.place(order_qty=Decimal(900)), State.COMPLETED)
    events = list(order.events.order_by("version"))
    assert [event.version for event in events] == list(range(1, order.version + 1))
    assert all(a.to_state == b.from_state for a, b in pairwise(events))
    assert (events[-1].to_state, events[-1].cum_qty, events[-1].avg_px) == (
        order.state,
        order.cum_qty,
        order.avg_px,
    )


def test_a_limit_far_from_the_market_rests_and_can_be_canceled(desk: Desk, runtime: SessionRuntime) -> None:
    order = desk.wait(desk.rest(), State.PENDING)
    request = cancel_order(order.id, actor="test", at=timezone.now())
    runtime.look_soon()
    desk.wait(order, State.CANCELED)
    request.refresh_from_db()
    assert (request.state, order.reason_code) == (RequestState.ACCEPTED, "CANCELED_ON_REQUEST")


def test_a_second_cancel_while_one_is_open_is_the_same_request(
    desk: Desk, gateway: Gateway, runtime: SessionRuntime
) -> None:
    order = desk.wait(desk.rest(), State.PENDING)
    gateway.control.fault(kind="hang", seconds=60)  # the first is not answered, so it stays open
    first = cancel_order(order.id, actor="test", at=timezone.now())
    assert cancel_order(order.id, actor="test", at=timezone.now()).id == first.id


@pytest.mark.parametrize("time_in_force", [TimeInForce.IOC, TimeInForce.FOK])
def test_an_immediate_order_that_can_not_fill_is_canceled(
    desk: Desk, runtime: SessionRuntime, time_in_force: TimeInForce
) -> None:
    order = desk.rest(time_in_force=time_in_force)
    desk.wait(order, State.CANCELED)
    assert order.cum_qty == 0


def test_a_stop_waits_held_and_fills_when_the_market_gets_there(
    desk: Desk, gateway: Gateway, runtime: SessionRuntime
) -> None:
    price = desk.price("MSFT")
    stop_px = (price * 2).quantize(Decimal("0.01"))
    order = desk.place(
        symbol="MSFT",
        ord_type=OrdType.STOP,
        stop_px=stop_px,
        order_qty=Decimal(10),
    )
    desk.wait(order, State.ACCEPTED)
    gateway.control.post("/prices", json={"symbol": "MSFT", "price": str(price * 2 + 1)}).raise_for_status()
    assert desk.wait(order, State.COMPLETED).cum_qty == 10


def test_a_refusal_of_the_broker_ends_the_order_with_its_words(
    desk: Desk, gateway: Gateway, runtime: SessionRuntime
) -> None:
    gateway.control.fault(kind="reject", count=1)
    order = desk.wait(desk.rest(), State.REJECTED)
    assert order.reason_code == "BROKER_REJECTED"
    assert order.reason_text.startswith("201: ")


def test_positions_follow_from_executions(desk: Desk, runtime: SessionRuntime) -> None:
    bought = desk.wait(desk.place(order_qty=Decimal(300)), State.COMPLETED)
    sold = desk.wait(desk.place(order_qty=Decimal(100), side=Side.SELL), State.COMPLETED)
    eventually(Position.objects.filter(symbol="AAPL", position_qty=200).exists)
    assert bought.cum_qty - sold.cum_qty == 200
    assert differing(settled(runtime)) == {}


def test_cash_follows_from_executions_and_commissions(desk: Desk, runtime: SessionRuntime) -> None:
    desk.wait(desk.place(order_qty=Decimal(300)), State.COMPLETED)
    desk.wait(desk.place(order_qty=Decimal(100), side=Side.SELL), State.COMPLETED)
    runs = eventually(lambda: both(settled(runtime)))
    assert [run.counts["just_traded"] for run in runs] == [0, 0]
    assert differing(runs) == {}
    row = CashBalance.objects.get(currency="USD")
    assert row.amount != row.baseline_amount


def test_an_unexplained_position_is_a_break_until_two_runs_agree(
    desk: Desk, gateway: Gateway, runtime: SessionRuntime
) -> None:
    order = desk.wait(desk.place(), State.COMPLETED)
    runtime.reconcile(full=False)
    Position.objects.update(baseline_qty=7)
    assert differing(settled(runtime)) == {"POSITIONS": [("107", "100")]}
    row = Break.objects.get()
    assert (row.account_id, row.closed_at) == (order.account_id, None)
    Position.objects.update(baseline_qty=0)
    for _ in range(2):
        settled(runtime)
    row.refresh_from_db()
    assert row.closed_by == "system"


def test_what_just_traded_is_not_compared(desk: Desk, runtime: SessionRuntime) -> None:
    desk.wait(desk.place(), State.COMPLETED)
    Position.objects.update(baseline_qty=7)
    assert differing(runtime.reconcile_positions()) == {}


def settled(runtime: SessionRuntime) -> list[ReconciliationRun]:
    """The comparison as it will be when the last execution is some time ago."""
    Execution.objects.update(received_at=timezone.now() - 2 * GRACE_PERIOD)
    return runtime.reconcile_positions()


def both(runs: list[ReconciliationRun]) -> list[ReconciliationRun]:
    """The comparisons of positions and cash; empty when the look was not complete."""
    assert [run.kind for run in runs] in ([], ["POSITIONS", "CASH"])
    return runs


def differing(runs: list[ReconciliationRun]) -> dict[str, list[tuple[str, str]]]:
    """(expected, reported) of all differences, by what was compared."""
    found = {run.kind: [(row["expected"], row["reported"]) for row in run.differences] for run in runs}
    return {kind: rows for kind, rows in found.items() if rows}


def test_a_worker_that_stops_claims_nothing_more(
    desk: Desk, gateway: Gateway, runtime: SessionRuntime
) -> None:
    runtime.submitter.stopping = True
    order = desk.rest()
    runtime.submitter.submit()
    order.refresh_from_db()
    assert (order.state, gateway.orders_of(order)) == (State.CREATED, [])


def test_a_submission_returns_what_it_handed_over(
    desk: Desk, runtime: SessionRuntime, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk.wait(desk.rest(), State.PENDING)
    monkeypatch.setattr(runtime, "look_soon", lambda: None)
    with runtime.submitter.working:
        orders = [desk.rest() for _ in range(3)]
        assert not runtime.submit(StartedBy.TASK).ran  # another is at it
    assert runtime.submit(StartedBy.TASK).orders == 3
    for order in orders:
        desk.wait(order, State.PENDING)


def test_a_submission_that_meets_another_has_it_run_again(
    desk: Desk, runtime: SessionRuntime, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks: list[bool] = []

    def look(done: Submission, beat: Callable[[], None]) -> None:
        looks.append(True)
        if len(looks) == 1:
            assert not runtime.submitter.submit().ran

    monkeypatch.setattr(runtime.submitter, "_send_all", look)
    runtime.submit(StartedBy.TASK)  # may meet the sweep's own, which then runs again for it
    assert eventually(lambda: len(looks) >= 2)


def test_a_burst_is_paced_and_sent_in_the_order_recorded(
    desk: Desk, gateway: Gateway, runtime: SessionRuntime
) -> None:
    orders = [desk.rest() for _ in range(90)]
    eventually(lambda: Order.objects.filter(state=State.PENDING).count() == 90, limit=60)
    rows = sorted(gateway.control.orders(), key=lambda row: row["order_id"])
    assert [row["order_ref"] for row in rows] == [order.order_ref for order in orders]


def test_cancels_go_before_new_orders(
    desk: Desk, runtime: SessionRuntime, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    orders = [desk.wait(desk.rest(), State.PENDING) for _ in range(2)]
    with monkeypatch.context() as patched:  # new orders must wait now, cancels not
        patched.setattr(runtime.submitter.pacer, "reserve", settings.PACING_PER_SECOND)
        desk.cancel(orders[0], runtime)  # a drain that saw room before is over
        late = desk.rest()
        desk.cancel(orders[1], runtime)
    desk.wait(late, State.PENDING)
    canceled = orders[1].events.get(kind=EventKind.CANCEL_SENT)
    assert canceled.at < late.events.get(kind=EventKind.CLAIMED).at
