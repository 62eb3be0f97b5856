"""The kill switch over the wire: proven by the broker's own words, or not proven and by what."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from brokers.messages import Snapshot
from brokers.models import GatewaySession, Position
from brokers.postgres import clock
from orders.controls.halts.kill import blocking_of, press, release
from orders.controls.halts.kill_work import Round
from orders.controls.halts.states import ScopeInvalid, set_state, state_now
from orders.controls.persons.people import NotAllowed
from orders.models import KillAction, KillStatus, KillSwitch, Order, State, TradingState
from orders.session.runtime import SessionRuntime
from orders.store.states import put_state
from tests.integration.broker.conftest import ACCOUNT, Desk
from tests.integration.broker.gateway import Gateway
from tests.integration.broker.test_doubt import place_by_hand
from tests.integration.persons import person
from tradedesk.stack.polling import eventually

FIRST, SECOND = datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 1, 2, tzinfo=UTC)
SCOPE = f"account:{ACCOUNT}"
OPEN = ("PreSubmitted", "Submitted", "PendingSubmit", "PendingCancel")


def proven(kill: KillSwitch) -> bool:
    kill.refresh_from_db()
    return kill.status == KillStatus.PROVEN


def not_proven(kill: KillSwitch, word: str) -> Callable[[], bool]:
    def check() -> bool:
        kill.refresh_from_db()
        return kill.status == KillStatus.NOT_PROVEN and any(word in text for text in blocking_of(kill))

    return check


def open_at(gateway: Gateway) -> list[object]:
    return [row for row in gateway.control.orders() if row["status"] in OPEN]


def test_flatten_is_proven_with_no_order_and_no_position(
    desk: Desk, runtime: SessionRuntime, gateway: Gateway
) -> None:
    desk.wait(desk.place(), State.COMPLETED)
    desk.wait(desk.place(symbol="MSFT"), State.COMPLETED)
    eventually(lambda: Position.objects.filter(position_qty=100).count() == 2, limit=60)
    resting = [desk.wait(desk.rest(), State.PENDING) for _ in range(3)]
    kill = press(SCOPE, KillAction.FLATTEN, actor=person("jo"), reason="runs away")
    assert state_now(SCOPE).state == TradingState.REDUCING
    eventually(lambda: proven(kill), limit=90)
    assert open_at(gateway) == []
    assert not Position.objects.exclude(position_qty=0).exists()
    for order in resting:
        desk.wait(order, State.CANCELED)
    shots = kill.progress["main"]["snapshots"]
    assert len({shot["snapshot_id"] for shot in shots}) == 2
    assert state_now(SCOPE).state == TradingState.HALTED
    later = Order.objects.filter(received_at__gt=kill.started_at).exclude(reduce_only=True)
    assert not later.exists()
    assert desk.rest().reason_code == "TRADING_HALTED"


def test_cancel_is_proven_and_leaves_positions_alone(
    desk: Desk, runtime: SessionRuntime, gateway: Gateway
) -> None:
    desk.wait(desk.place(), State.COMPLETED)
    order, other = desk.rest(strategy="one"), desk.rest(strategy="two")
    for each in (order, other):
        desk.wait(each, State.PENDING)
    kill = press("strategy:one", KillAction.CANCEL, actor=person("jo"), reason="test")
    eventually(lambda: proven(kill), limit=90)
    desk.wait(order, State.CANCELED)
    desk.wait(other, State.PENDING)
    assert len(open_at(gateway)) == 1


def test_a_held_order_keeps_a_kill_from_being_proven_and_is_named(
    desk: Desk, runtime: SessionRuntime, gateway: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("orders.controls.halts.kill_work.PATIENCE", timedelta(0))
    order = desk.rest()
    desk.wait(order, State.PENDING)
    Order.objects.filter(pk=order.pk).update(
        held_for_desk=True, state=State.UNCONFIRMED, broker_order_id=None
    )
    kill = press("firm", KillAction.CANCEL, actor=person("jo"), reason="test")
    eventually(not_proven(kill, "T1 is held"), limit=60)
    assert kill.proven_at is None


def test_while_the_link_is_down_a_kill_says_so_and_goes_on(
    desk: Desk, runtime: SessionRuntime, gateway: Gateway
) -> None:
    order = desk.wait(desk.rest(), State.PENDING)
    gateway.kill()
    eventually(lambda: runtime.session.link.value == "DOWN", limit=60)
    kill = press("firm", KillAction.CANCEL, actor=person("jo"), reason="test")
    eventually(lambda: any("link is DOWN" in text for text in blocking_of(kill)), limit=60)
    assert not proven(kill)
    gateway.start()
    eventually(lambda: proven(kill), limit=90)
    desk.wait(order, State.CANCELED)
    assert open_at(gateway) == []


def test_another_worker_goes_on_where_a_killed_one_stopped(
    desk: Desk, gateway: Gateway, new_runtime: Callable[[], SessionRuntime]
) -> None:
    desk.know("AAPL", 265598)  # a session is ready before the broker has resolved what was seeded
    first = new_runtime()
    eventually(lambda: first.session.link.value == "READY", limit=60)
    desk.wait(desk.rest(), State.PENDING)
    first.stop()
    kill = press("firm", KillAction.CANCEL, actor=person("jo"), reason="test")
    assert not proven(kill)
    new_runtime()
    eventually(lambda: proven(kill), limit=90)
    assert open_at(gateway) == []


def test_a_second_person_releases_and_the_former_state_comes_back(desk: Desk) -> None:
    set_state(SCOPE, TradingState.REDUCING, by="test", reason="before")
    kill = press(SCOPE, KillAction.CANCEL, actor=person("jo"), reason="test")
    with pytest.raises(NotAllowed):
        release(kill.id, actor=person("jo"), reason="me again")
    with pytest.raises(ScopeInvalid):
        set_state(SCOPE, TradingState.ACTIVE, by="test", reason="around it")
    assert state_now(SCOPE).state == TradingState.HALTED
    release(kill.id, actor=person("kim"), reason="all clear")
    assert state_now(SCOPE).state == TradingState.REDUCING


@pytest.mark.parametrize("state", [TradingState.REDUCING, TradingState.HALTED])
def test_what_stops_a_scope_while_its_kill_stands_outlives_the_release(
    desk: Desk, state: TradingState
) -> None:
    """Lost history, a loss of the day, a pause: whoever releases the kill may not know of it."""
    kills = [press(SCOPE, KillAction.CANCEL, actor=person("jo"), reason="test") for _ in range(2)]
    put_state(SCOPE, state, by="loss watch", reason="a loss")
    for kill in kills:
        release(kill.id, actor=person("kim"), reason="all clear")
    assert state_now(SCOPE).state == state


def test_a_strategy_is_not_flattened_since_positions_belong_to_accounts(desk: Desk) -> None:
    with pytest.raises(ScopeInvalid):
        press("strategy:one", KillAction.FLATTEN, actor=person("jo"), reason="test")
    assert not KillSwitch.objects.exists()


def nothing_open(connection: datetime) -> Snapshot:
    """A complete snapshot of a login with this account alone, which shows no order and no position."""
    return Snapshot(
        snapshot_id=f"{clock.now()}",
        started_at=clock.now(),
        finished_at=clock.now(),
        connection_started_at=connection,
        full=True,
        accounts=(ACCOUNT,),
        orders=(),
        executions=(),
        positions=(),
        account_values=(),
    )


def look(kill: KillSwitch, connection: datetime) -> str:
    """A round in which the broker shows nothing open; the kill's status then."""
    kill.refresh_from_db()
    Round(kill, "main").work(lambda: nothing_open(connection))
    kill.refresh_from_db()
    return kill.status


def test_a_session_whose_worker_died_is_named_though_its_link_stood_ready(desk: Desk) -> None:
    GatewaySession.objects.update(link="READY", heartbeat_at=clock.now() - timedelta(minutes=1))
    kill = press(SCOPE, KillAction.CANCEL, actor=person("jo"), reason="test")
    assert blocking_of(kill) == ["session main: its broker worker does not run, so nothing is done there"]


def at_work(desk: Desk, count: int) -> list[Order]:
    """So many orders at the broker; nobody is there to send what is asked of them."""
    desk.know("AAPL", 265598)
    orders = [desk.rest(order_qty=Decimal(number)) for number in range(1, count + 1)]
    for number, order in enumerate(orders, start=1):
        Order.objects.filter(pk=order.pk).update(state=State.ACCEPTED, broker_order_id=number)
    return orders


def test_cancels_that_wait_for_their_answer_keep_no_other_order_from_its_own(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("orders.controls.halts.kill_work.AT_ONCE", 2)
    orders = at_work(desk, 5)
    kill = press(SCOPE, KillAction.CANCEL, actor=person("jo"), reason="test")
    for _ in range(3):
        look(kill, FIRST)
    assert [order.requests.filter(kind="CANCEL").count() for order in orders] == [1] * 5


def test_an_order_whose_cancel_has_no_answer_is_named(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("orders.controls.halts.kill_work.PATIENCE", timedelta(0))
    at_work(desk, 2)
    kill = press(SCOPE, KillAction.CANCEL, actor=person("jo"), reason="test")
    look(kill, FIRST)
    assert look(kill, FIRST) == KillStatus.NOT_PROVEN
    named = [text for text in kill.progress["main"]["blocking"] if "no answer" in text]
    assert named == ["order T1: its cancel has no answer yet", "order T2: its cancel has no answer yet"]


def test_two_snapshots_of_two_connections_prove_nothing(desk: Desk) -> None:
    kill = press(SCOPE, KillAction.CANCEL, actor=person("jo"), reason="test")
    assert look(kill, FIRST) == look(kill, SECOND) == KillStatus.WORKING
    assert look(kill, SECOND) == KillStatus.PROVEN


def test_a_snapshot_from_before_the_last_answer_counts_no_more(desk: Desk) -> None:
    desk.know("AAPL", 265598)
    order = desk.rest()
    kill = press(SCOPE, KillAction.CANCEL, actor=person("jo"), reason="test")
    eventually(lambda: bool(look(kill, FIRST) and kill.progress["main"]["snapshots"]), limit=60)
    now = clock.now()
    Order.objects.filter(pk=order.pk).update(updated_at=now, claimed_at=now)  # a late execution, say
    assert look(kill, FIRST) == KillStatus.WORKING
    assert look(kill, FIRST) == KillStatus.PROVEN


@pytest.mark.parametrize("action", [KillAction.HALT, KillAction.CANCEL])
@pytest.mark.parametrize("scope", [SCOPE, "session:main"])
def test_a_client_that_goes_on_sending_keeps_no_kill_from_its_proof(
    desk: Desk, scope: str, action: KillAction, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its orders are refused, or wait for the session that is HALTED, more of them than a round cancels."""
    monkeypatch.setattr("orders.controls.halts.kill_work.AT_ONCE", 0)
    desk.know("AAPL", 265598)
    kill = press(scope, action, actor=person("jo"), reason="test")

    def asked_meanwhile() -> Snapshot:
        assert desk.rest().state in ("REJECTED", "CREATED")
        return nothing_open(FIRST)

    for _ in range(2):
        Round(kill, "main").work(asked_meanwhile)
    assert proven(kill)


def test_a_kill_of_the_firm_takes_back_what_another_client_placed(
    desk: Desk, runtime: SessionRuntime, gateway: Gateway
) -> None:
    place_by_hand(gateway, client_id=77)
    eventually(lambda: runtime.reconcile(full=True) and Order.objects.filter(source="EXTERNAL"), limit=60)
    kill = press("firm", KillAction.CANCEL, actor=person("jo"), reason="test")
    eventually(lambda: proven(kill), limit=90)
    assert open_at(gateway) == []


def test_a_kill_of_an_account_names_what_another_client_placed(
    desk: Desk, runtime: SessionRuntime, gateway: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("orders.controls.halts.kill_work.PATIENCE", timedelta(0))
    perm_id = place_by_hand(gateway, client_id=77)
    ours = desk.wait(desk.rest(), State.PENDING)
    kill = press(SCOPE, KillAction.CANCEL, actor=person("jo"), reason="test")
    eventually(not_proven(kill, str(perm_id)), limit=60)
    desk.wait(ours, State.CANCELED)
    assert len(open_at(gateway)) == 1
