"""Orders above a value wait for a second person, whichever way they come; approving checks all again."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.utils import timezone

from brokers.fix import OrdType, Side
from brokers.models import Instrument
from orders.controls.halts.states import set_state
from orders.controls.persons import approvals
from orders.controls.persons.approvals import OwnApproval
from orders.entry.cancel import cancel_order
from orders.entry.groups import GroupTicket, place_group
from orders.entry.place import Line, place_order, place_orders
from orders.entry.reading.ticket import InstrumentKey, Ticket
from orders.entry.replace import Change, replace_order
from orders.entry.slicer import SlicedOver, place_sliced, resume, work_slices
from orders.errors import OrderFrozen
from orders.instruments.prices import last_prices
from orders.models import (
    AccountLimit,
    ApiToken,
    Approval,
    ApprovalState,
    GroupKind,
    Order,
    OutboxCommand,
    SliceState,
    Source,
    State,
    TradingState,
)
from tests.integration.orders.conftest import seed_desk
from tests.integration.persons import person

ACCOUNT = "DU1234567"


@pytest.fixture(autouse=True)
def desk(db: None, settings: Any) -> None:
    seed_desk(settings)
    settings.ORDERS_ABOVE = 10_000


def ticket(name: str, quantity: int, **more: Any) -> Ticket:
    """Worth 200 for each of the quantity."""
    terms = {"side": Side.BUY, "ord_type": OrdType.LIMIT, "price": Decimal(200), **more}
    key = InstrumentKey(symbol="AAPL")
    return Ticket(cl_ord_id=name, account=ACCOUNT, instrument=key, order_qty=Decimal(quantity), **terms)


def algo() -> User:
    return User.objects.get_or_create(username="algo")[0]


def place(name: str, quantity: int, **more: Any) -> Order:
    how = {"client": algo(), "source": Source.API, "received_at": timezone.now()}
    return place_order(ticket(name, quantity, **more), **how).order


def approve() -> Approval:
    return approvals.approve(Approval.objects.get(state="WAITING").pk, actor=person("bob"), reason="agreed")


def waiting() -> list[str]:
    """The orders that nothing can claim, by name."""
    claimable = OutboxCommand.objects.filter(done_at=None).values("order")
    rows = Order.objects.filter(state=State.CREATED).exclude(pk__in=claimable).order_by("cl_ord_id")
    assert all(order.awaits_approval for order in rows)
    return [order.cl_ord_id for order in rows]


def ends(order: Order) -> tuple[str, str]:
    order.refresh_from_db()
    return order.state, order.reason_code


def test_only_what_is_worth_more_than_the_value_waits() -> None:
    place("even", 50)
    large = place("above", 51)
    assert waiting() == ["above"]
    asked = Approval.objects.get()
    assert asked.diff == [
        {"what": "above", "old": "", "new": f"BUY 51 {large.instrument} LIMIT at 200 DAY in {ACCOUNT}"}
    ]
    assert asked.reason == "worth 10200 in the base currency, above 10000"
    assert large.check_report[-1]["overridden"] == "a second person must approve it"


def test_the_same_request_again_gives_the_waiting_order_and_asks_once() -> None:
    assert place("above", 51).pk == place("above", 51).pk
    assert Approval.objects.count() == 1


def test_an_approved_order_is_fresh_from_then_on_and_can_be_claimed() -> None:
    order = place("above", 51, max_age=Decimal(30))
    approve()
    order.refresh_from_db()
    assert waiting() == []
    assert order.queued_at
    assert timedelta(seconds=20) < order.fresh_until - timezone.now() <= timedelta(seconds=30)
    assert order.events.latest("id").text == "approved by desk:bob: agreed"


def test_who_answers_for_a_trading_token_of_the_client_does_not_approve_its_order() -> None:
    place("above", 51)
    alice = person("alice")
    ApiToken.objects.create(user=algo(), scopes=["trade"], person=alice.user)
    asked = Approval.objects.get()
    with pytest.raises(OwnApproval):
        approvals.approve(asked.pk, actor=alice, reason="mine")
    assert approvals.to_decide(alice) == 0
    assert approvals.to_decide(person("bob")) == 1


def test_a_rejected_order_is_failed_with_its_reason() -> None:
    order = place("above", 51)
    approvals.reject(Approval.objects.get().pk, actor=person("bob"), reason="too much")
    assert ends(order) == (State.FAILED, "APPROVAL_REJECTED")


def test_an_order_that_nobody_decides_about_is_failed_when_its_time_is_over() -> None:
    order = place("above", 51)
    Approval.objects.update(expires_at=timezone.now())
    assert approvals.expire() == 1
    assert ends(order) == (State.FAILED, "APPROVAL_EXPIRED")


def test_a_limit_lowered_meanwhile_fails_it_at_the_approval() -> None:
    order = place("above", 51)
    AccountLimit.objects.update(max_order_qty=50)
    assert "quantity is above" in approve().outcome
    assert ends(order) == (State.FAILED, "QTY_ABOVE_LIMIT")


def test_a_halt_fails_it_at_the_approval() -> None:
    order = place("above", 51)
    set_state(f"account:{ACCOUNT}", TradingState.HALTED, by="test", reason="x")
    approve()
    assert ends(order) == (State.FAILED, "TRADING_HALTED")


def test_a_price_too_old_by_then_fails_it_at_the_approval() -> None:
    order = place("above", 51)
    AccountLimit.objects.update(max_price_deviation_bps=100, max_price_age_s=60)
    Instrument.objects.update(last_px_at=timezone.now() - timedelta(hours=1))
    last_prices.forget()
    approve()
    assert ends(order) == (State.FAILED, "PRICE_TOO_OLD")


def test_what_only_reduces_never_waits() -> None:
    place("exit", 5000, side=Side.SELL, reduce_only=True)
    assert waiting() == []
    assert not Approval.objects.exists()


def test_a_waiting_order_is_canceled_at_once_and_its_approval_ends(
    django_capture_on_commit_callbacks: Any,
) -> None:
    order = place("above", 51)
    with django_capture_on_commit_callbacks(execute=True):
        cancel_order(order.pk, actor="client:algo", at=timezone.now())
    assert ends(order) == (State.CANCELED, "CANCELED_BEFORE_SENDING")
    assert Approval.objects.get().state == ApprovalState.REJECTED


def test_a_waiting_order_keeps_the_terms_that_somebody_may_be_approving() -> None:
    order = place("above", 51)
    with pytest.raises(OrderFrozen, match="second person"):
        replace_order(order.pk, Change(cl_ord_id="c", order_qty=Decimal(500)), actor="x", at=timezone.now())


def test_a_replace_past_the_value_is_refused_and_one_that_lowers_is_taken() -> None:
    order = place("small", 50)
    change = Change(cl_ord_id="c1", order_qty=Decimal(51))
    asked = replace_order(order.pk, change, actor="x", at=timezone.now()).request
    assert (asked.state, asked.reason_code) == ("REFUSED", "NEEDS_SECOND_PERSON")
    big = place("above", 100)
    approve()
    lower = Change(cl_ord_id="c2", order_qty=Decimal(99))
    assert replace_order(big.pk, lower, actor="x", at=timezone.now()).request.state == "ACCEPTED"


def bulk(*quantities: int, all_or_none: bool) -> None:
    lines = [Line(ticket=ticket(f"b{quantity}", quantity)) for quantity in quantities]
    how: dict[str, Any] = {"client": algo(), "source": Source.API, "received_at": timezone.now()}
    place_orders(lines, **how, all_or_none=all_or_none)


def test_the_large_orders_of_a_bulk_wait_under_one_approval_and_the_others_go() -> None:
    bulk(1, 60, 70, all_or_none=False)
    assert waiting() == ["b60", "b70"]
    assert [line["what"] for line in Approval.objects.get().diff] == ["b60", "b70"]
    approve()
    assert waiting() == []


def test_orders_that_are_one_and_large_together_wait_as_one_does() -> None:
    bulk(20, 21, 22, all_or_none=True)
    assert len(waiting()) == 3
    assert Approval.objects.get().reason == "worth 12600 in 3 orders in the base currency, above 10000"


def test_lines_by_themselves_wait_each_for_its_own_worth() -> None:
    bulk(20, 30, 31, 60, all_or_none=False)
    assert waiting() == ["b60"]


def test_an_all_or_none_bulk_waits_whole_and_fails_whole() -> None:
    bulk(1, 60, all_or_none=True)
    assert waiting() == ["b1", "b60"]
    AccountLimit.objects.update(max_order_qty=50)
    approve()
    ends_of = [ends(order) for order in Order.objects.order_by("cl_ord_id")]
    assert ends_of == [(State.FAILED, "GROUP_BROKEN"), (State.FAILED, "QTY_ABOVE_LIMIT")]


def bracket() -> list[Order]:
    exits = [ticket(f"g{rank}", 60, side=Side.SELL, price=Decimal(190 + 20 * rank)) for rank in (1, 2)]
    group = GroupTicket(list_id="g", kind=GroupKind.BRACKET, orders=(ticket("g0", 60), *exits[:1]))
    return place_group(group, client=algo(), source=Source.API, received_at=timezone.now()).orders


def test_a_group_waits_whole_and_is_sent_whole() -> None:
    bracket()
    assert waiting() == ["g0", "g1"]
    approve()
    assert waiting() == []
    assert OutboxCommand.objects.filter(done_at=None).count() == 2


def test_a_sliced_order_waits_whole_and_its_slices_never() -> None:
    later = timezone.now() + timedelta(minutes=1)
    how: dict[str, Any] = {"slices": 2, "start_time": None, "end_time": later}
    parent, _ = place_sliced(ticket("s", 200), **how, client=algo(), received_at=timezone.now())
    work_slices("main")
    with pytest.raises(SlicedOver, match="second person"):
        resume(parent.pk, actor="x", at=timezone.now())
    assert not Order.objects.exists()
    approve()
    work_slices("main")
    assert Order.objects.get().order_qty == 100
    assert waiting() == []


def test_a_sliced_order_that_nobody_approves_is_canceled() -> None:
    later = timezone.now() + timedelta(minutes=1)
    how: dict[str, Any] = {"slices": 2, "start_time": None, "end_time": later}
    parent, _ = place_sliced(ticket("s", 200), **how, client=algo(), received_at=timezone.now())
    approvals.reject(Approval.objects.get().pk, actor=person("bob"), reason="no")
    parent.refresh_from_db()
    assert (parent.state, parent.reason) == (
        SliceState.CANCELED,
        "It needed a second person, who did not approve it.",
    )


def test_one_person_is_enough_where_the_setting_does_not_name_it(settings: Any) -> None:
    settings.FOUR_EYES = frozenset({"limits"})
    place("above", 5000)
    assert waiting() == []
