"""A restored database: what the broker has of ours and our books lost halts the session, and comes back."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.management import call_command
from django.db import transaction
from django.utils import timezone

from brokers.fix import OrdType, SecType, Side, TimeInForce
from brokers.ib.session import IBSession
from brokers.messages import InstrumentRef, NewOrder
from brokers.models import GatewaySession
from brokers.port import Link
from orders.controls.gateways.sessions import end_halt
from orders.entry.replace import Change, replace_order
from orders.errors import ClOrdIdReused, TicketInvalid
from orders.management.people import PERSON_PASSWORD
from orders.models import (
    Alert,
    AlertKind,
    EventKind,
    LostOrder,
    Order,
    OrderRequest,
    RequestState,
    Source,
    State,
)
from orders.models.references import digest_of, order_ids, order_ref_of
from orders.session.runtime import SessionRuntime
from orders.store.states import read_session_state, read_states
from tests.integration.broker.conftest import ACCOUNT, Desk
from tests.integration.broker.gateway import Gateway
from tests.integration.broker.library import Memory
from tradedesk.health import why_not
from tradedesk.stack.polling import eventually

AAPL = InstrumentRef(symbol="AAPL", sec_type=SecType.STK, exchange="SMART", currency="USD", con_id=265598)


def place_forgotten(gateway: Gateway, special: Mapping[str, Any] = {}, **orders: OrdType) -> dict[str, str]:
    """Have the gateway work orders of client "algo" that no book has; their references by ClOrdID."""
    session = IBSession(
        name="main", host="127.0.0.1", port=gateway.port, client_id=1, paper=True, listener=Memory()
    )
    session.start()
    eventually(lambda: session.link is Link.CONNECTED, limit=60)
    session.ready(session.snapshot(30, full=False))
    eventually(lambda: session.link is Link.READY, limit=60)
    sent = {}
    for number, (cl_ord_id, ord_type) in enumerate(orders.items(), start=1):
        order_id = order_ids.make("algo", cl_ord_id)
        price = Decimal("1.00") if ord_type == OrdType.LIMIT else None
        sent[cl_ord_id] = order_ref_of(order_id)
        order = NewOrder(
            order_id=str(order_id), order_ref=sent[cl_ord_id], broker_order_id=number, account=ACCOUNT,
            instrument=AAPL, side=Side.BUY, order_qty=Decimal(100), ord_type=ord_type,
            time_in_force=TimeInForce.DAY, price=price, **special,
        )  # fmt: skip
        session.place([order])
    eventually(lambda: len(gateway.control.orders()) == len(sent), limit=60)
    session.stop()
    return sent


@pytest.fixture
def halted(
    desk: Desk, gateway: Gateway, new_runtime: Callable[[], SessionRuntime]
) -> tuple[SessionRuntime, dict[str, str]]:
    """T1 rests and T2 has filled at the gateway; the books know of neither, and the session has seen both."""
    refs = place_forgotten(gateway, T1=OrdType.LIMIT, T2=OrdType.MARKET)
    desk.know("AAPL", 265598)  # before the orders are seen, else their contract is a row of its own
    runtime = new_runtime()
    eventually(lambda: runtime.session.link is Link.READY, limit=60)
    eventually(lambda: LostOrder.objects.count() == 2, limit=60)
    return runtime, refs


@pytest.fixture(autouse=True)
def password(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(PERSON_PASSWORD, "right-one-9")


def rebuild_and_release() -> None:
    User.objects.create_superuser("ops", password="right-one-9")
    call_command("rebuild", "main", "--by=ops", "--reason=backup of 12:00", "--release")


def test_the_session_opens_halted_with_one_alert_that_names_what_is_missing(
    desk: Desk, gateway: Gateway, halted: tuple[SessionRuntime, dict[str, str]]
) -> None:
    _, refs = halted
    assert "HALTED" in why_not(GatewaySession.objects.get(), read_states())
    (alert,) = Alert.objects.filter(kind=AlertKind.LOST_HISTORY)
    assert alert.text.startswith("2 order(s)")
    assert all(ref in alert.text for ref in refs.values())


def test_new_orders_are_recorded_and_wait_until_a_person_releases(
    desk: Desk, gateway: Gateway, halted: tuple[SessionRuntime, dict[str, str]]
) -> None:
    runtime, _ = halted
    desk.count = 10
    order = desk.rest()
    runtime.submitter.submit()
    assert Order.objects.get(pk=order.pk).state == State.CREATED
    assert end_halt("main", by="shell:ops", reason="restored the backup of 12:00").startswith("Released")
    runtime.look_soon()
    desk.wait(order, State.PENDING)
    assert not Alert.objects.filter(kind=AlertKind.LOST_HISTORY, cleared_at=None).exists()
    assert set(LostOrder.objects.values_list("decided_by", "decision")) == {
        ("shell:ops", "restored the backup of 12:00")
    }


def test_the_command_rebuilds_orders_with_their_executions(
    desk: Desk, gateway: Gateway, halted: tuple[SessionRuntime, dict[str, str]], capsys: Any
) -> None:
    _, refs = halted
    rebuild_and_release()
    assert "2 order(s) rebuilt\nReleased" in capsys.readouterr().out
    found = {order.order_ref: order for order in Order.objects.all()}
    resting, filled = found[refs["T1"]], found[refs["T2"]]
    assert (resting.source, resting.state) == (Source.API, State.PENDING)
    desk.wait(filled, State.COMPLETED)
    assert (filled.cum_qty, filled.executions.count() > 0) == (100, True)
    assert read_session_state("main") is None
    assert GatewaySession.objects.get().next_broker_order_id > 2


def test_a_repeat_of_the_same_request_finds_the_order_at_the_broker(
    desk: Desk, gateway: Gateway, halted: tuple[SessionRuntime, dict[str, str]]
) -> None:
    runtime, refs = halted
    repeated, filled = desk.rest(), desk.place()
    assert [o.cl_ord_id for o in (repeated, filled)] == ["T1", "T2"]
    assert [o.order_ref for o in (repeated, filled)] == [refs["T1"], refs["T2"]]
    end_halt("main", by="shell:ops", reason="all found")
    desk.count = 0
    assert desk.rest().pk == repeated.pk  # and once more
    desk.cancel(repeated, runtime)
    assert len(gateway.control.orders()) == 2


def test_a_repeat_that_asks_for_something_else_is_refused(
    desk: Desk, gateway: Gateway, halted: tuple[SessionRuntime, dict[str, str]]
) -> None:
    with pytest.raises(ClOrdIdReused):
        desk.rest(order_qty=Decimal(7))
    assert LostOrder.objects.filter(claimed_at=None).count() == 2


def test_a_repeat_recorded_before_the_broker_was_seen_becomes_the_order_there(
    desk: Desk, gateway: Gateway, new_runtime: Callable[[], SessionRuntime]
) -> None:
    refs = place_forgotten(gateway, T1=OrdType.LIMIT)
    desk.know("AAPL", 265598)
    repeated = desk.rest()
    assert digest_of(repeated.order_ref) == digest_of(refs["T1"])
    new_runtime()
    desk.wait(repeated, State.PENDING)
    assert len(gateway.control.orders()) == 1
    assert read_session_state("main") is not None
    assert Order.objects.count() == 1


def test_a_repeat_that_was_recorded_while_the_broker_was_seen_is_not_sent(
    desk: Desk, gateway: Gateway, halted: tuple[SessionRuntime, dict[str, str]]
) -> None:
    """Either transaction began before the other had ended, so neither saw the other's row."""
    _, refs = halted
    end_halt("main", by="shell:ops", reason="all found")
    with transaction.atomic():
        LostOrder.objects.update(claimed_at=timezone.now())
        repeats = desk.rest(), desk.place()
        LostOrder.objects.update(claimed_at=None)
    for repeat, ref in zip(repeats, refs.values(), strict=True):
        desk.wait(repeat, State.FAILED)
        assert repeat.reason_code == "AT_BROKER_ALREADY"
        assert ref in repeat.events.get(kind=EventKind.FAILED).data["value"]
    assert len(gateway.control.orders()) == 2
    desk.wait(desk.rest(), State.PENDING)  # they hold up nobody


def test_orders_that_the_books_know_are_no_lost_history(
    desk: Desk, gateway: Gateway, runtime: SessionRuntime
) -> None:
    desk.wait(desk.rest(), State.PENDING)
    runtime.reconcile(full=True)
    assert not LostOrder.objects.exists()
    assert end_halt("main", by="shell:ops", reason="nothing to do") == "It was not halted."


def test_a_rebuilt_order_can_be_replaced_and_canceled(
    desk: Desk, gateway: Gateway, halted: tuple[SessionRuntime, dict[str, str]]
) -> None:
    runtime, refs = halted
    rebuild_and_release()
    order = Order.objects.get(order_ref=refs["T1"])
    change = Change(cl_ord_id="T1-R", order_qty=Decimal(90), price=Decimal("1.10"))
    request = replace_order(order.id, change, actor="desk:ops", at=timezone.now()).request
    runtime.look_soon()
    eventually(lambda: OrderRequest.objects.get(pk=request.pk).state == RequestState.ACCEPTED, limit=60)
    order.refresh_from_db()
    assert (order.order_qty, order.price, order.state) == (90, Decimal("1.10"), State.PENDING)
    (row,) = [row for row in gateway.control.orders() if row["order_ref"] == refs["T1"]]
    assert (row["total_quantity"], row["place_count"]) == ("90", 2)
    desk.cancel(order, runtime)


SPECIAL = {"outside_regular_hours": True}


def seen_special(desk: Desk, gateway: Gateway, new_runtime: Callable[[], SessionRuntime]) -> SessionRuntime:
    """T1, good outside regular hours too, is found at the broker."""
    place_forgotten(gateway, SPECIAL, T1=OrdType.LIMIT)
    desk.know("AAPL", 265598)
    runtime = new_runtime()
    eventually(lambda: LostOrder.objects.count() == 1, limit=60)
    return runtime


def test_a_rebuilt_order_whose_terms_are_not_all_known_can_only_be_canceled(
    desk: Desk, gateway: Gateway, new_runtime: Callable[[], SessionRuntime]
) -> None:
    runtime = seen_special(desk, gateway, new_runtime)
    rebuild_and_release()
    order = Order.objects.get()
    with pytest.raises(TicketInvalid, match="outsideRth"):
        replace_order(order.id, Change(cl_ord_id="R", price=Decimal("1.10")), actor="desk", at=timezone.now())
    desk.cancel(order, runtime)


def test_a_repeat_tells_the_terms_that_a_replace_keeps(
    desk: Desk, gateway: Gateway, new_runtime: Callable[[], SessionRuntime]
) -> None:
    runtime = seen_special(desk, gateway, new_runtime)
    order = desk.rest(**SPECIAL)
    end_halt("main", by="shell:ops", reason="all found")
    replace_order(order.id, Change(cl_ord_id="R", price=Decimal("1.10")), actor="desk", at=timezone.now())
    runtime.look_soon()
    eventually(lambda: Order.objects.get(pk=order.pk).price == Decimal("1.10"), limit=60)
    (placed,) = [item for item in gateway.control.orders() if item["order_ref"] == order.order_ref]
    assert (placed["place_count"], order.special) == (2, SPECIAL)
