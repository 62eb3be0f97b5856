"""Whole lives of an order as a gateway tells them: after each one our books say what the desk would."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from django.utils import timezone

from brokers.messages import OrderIdentity, OrderReport, ReportedTerms, WorkingStatus
from orders.entry.cancel import cancel_order
from orders.entry.replace import Change, replace_order
from orders.models import (
    Alert,
    Execution,
    Order,
    OrderRequest,
    OutboxCommand,
    RequestKind,
    RequestState,
    State,
)
from tests.integration.orders.raw_words import (
    UNKNOWN,
    RawGateway,
    commission,
    error,
    execution,
    open_order,
    status,
)
from tests.integration.orders.test_attribution import AAPL, OURS, desk, external, sent
from tests.integration.orders.test_snapshots import look

__all__ = ["desk", "sent"]
Ask = Callable[[Order], None]
Step = list[str] | Ask
REF = "our reference"
CANCELED_HERE = "OrderId 42 that needs to be cancelled can not be cancelled, state: "
NOT_FOUND = "Can't find order with id = 42"
PARENT_NOT_FOUND = "Can't find order with id = 41"
OTHER = {"permId": 1700000002, "orderId": 43}


@pytest.fixture
def gateway(sent: Order) -> RawGateway:
    return RawGateway()


# --- the words of a story ----------------------------------------------------------------------------------
def trade(number: int, shares: Any, px: Any = 200, version: int = 1, **said: Any) -> list[str]:
    return execution(execId=f"0000e0d5.6a{number:02}.01.{version:02}", shares=shares, price=px, **said)


def bust(number: int, version: int = 2) -> list[str]:
    return trade(number, 0, 0, version)


def fee(number: int, amount: Any = "1.0", version: int = 1) -> list[str]:
    return commission(amount, execId=f"0000e0d5.6a{number:02}.01.{version:02}")


def shown(word: str = "Submitted", **said: Any) -> list[str]:
    return open_order(word, **{"orderRef": REF, **said})


def _sent(order: Order) -> None:
    """What was asked last is at the gateway."""
    request = OrderRequest.objects.filter(order=order).latest("id")
    OrderRequest.objects.filter(pk=request.pk).update(state=RequestState.SENT, sent_at=timezone.now())
    OutboxCommand.objects.filter(request=request).update(done_at=timezone.now())


def cancel(order: Order) -> None:
    cancel_order(order.pk, actor="client:algo", at=timezone.now())
    _sent(order)


def replace(quantity: int, px: int | None = None) -> Ask:
    def ask(order: Order) -> None:
        change = Change(cl_ord_id=f"R{quantity}", order_qty=Decimal(quantity), price=px and Decimal(px))
        replace_order(order.pk, change, actor="client:algo", at=timezone.now())
        _sent(order)

    return ask


def looked(status: WorkingStatus | None, *, quantity: int = 10, executed: int | None = None) -> Ask:
    """A complete look shows it so; None: it does not show it."""

    def ask(order: Order) -> None:
        over = status in (WorkingStatus.FILLED, WorkingStatus.CANCELED, WorkingStatus.EXPIRED)
        numbers = OrderIdentity(perm_id=OURS.perm_id) if over else OURS
        terms = ReportedTerms(
            account="DU1234567", instrument=AAPL, side="BUY", order_qty=Decimal(quantity),
            ord_type="LIMIT", time_in_force="DAY", price=Decimal(200),
        )  # fmt: skip
        report = status and OrderReport(
            identity=msgspec.structs.replace(numbers, order_ref=order.order_ref),
            status=status,
            source="completedOrder" if over else "openOrder",
            cum_qty=None if executed is None else Decimal(executed),
            terms=terms,
        )
        look(*([report] if report else []))

    return ask


def live(gateway: RawGateway, order: Order, *steps: Step) -> list[bool]:
    """Do it all; after which of the steps a look was asked for."""
    looks = []
    for step in steps:
        gateway.flags.snapshot_wanted = False
        if callable(step):
            step(order)
        else:
            gateway.say([order.order_ref if word == REF else word for word in step])
        looks.append(gateway.flags.snapshot_wanted)
    return looks


def is_now(order: Order) -> tuple[str, Any, Any, Any]:
    row = Order.objects.get(pk=order.pk)
    return row.state, row.cum_qty, row.leaves_qty, row.avg_px


def asked(order: Order) -> list[str]:
    requests = OrderRequest.objects.filter(order=order).order_by("id")
    return [f"{one.kind} {one.state}" for one in requests]


def told() -> list[str]:
    return list(Alert.objects.order_by("id").values_list("kind", flat=True))


WORKING, PENDING_CANCEL = WorkingStatus.WORKING, WorkingStatus.PENDING_CANCEL
FILLED, CANCELED, EXPIRED = WorkingStatus.FILLED, WorkingStatus.CANCELED, WorkingStatus.EXPIRED
LIVES = State.PENDING, 0, 10, 0
GONE = State.CANCELED, 0, 0, 0
DONE = State.COMPLETED, 10, 0, 200
PART = State.CANCELED, 4, 0, 200

#: What happens; state, executed, remaining and average price in the end; what became of our requests.
STORIES: dict[str, tuple[list[Step], tuple[str, Any, Any, Any], list[str]]] = {
    # a cancel and what crosses it
    "161, then canceled": ([cancel, error(161), status("Cancelled")], GONE, ["CANCEL ACCEPTED"]),
    "161 while it is pending, then canceled": (
        [cancel, status("PendingCancel"), error(161), looked(PENDING_CANCEL), status("Cancelled")],
        GONE, ["CANCEL ACCEPTED"],
    ),
    "161, and a look finds it canceled": (
        [cancel, error(161), looked(CANCELED, executed=0)], GONE, ["CANCEL ACCEPTED"],
    ),
    "161, and it works": ([cancel, error(161), looked(WORKING)], LIVES, ["CANCEL SENT"]),
    "161, and it fills": ([cancel, error(161), trade(1, 10), fee(1)], DONE, ["CANCEL SENT"]),
    "161 of an inactive one": (
        [status("Inactive"), cancel, error(161), status("Cancelled")], GONE, ["CANCEL ACCEPTED"],
    ),
    "161 after the end": ([cancel, error(202), error(161)], GONE, ["CANCEL ACCEPTED"]),
    "161 means no replace": (
        [replace(12), error(161), shown(totalQuantity=12)],
        (State.PENDING, 0, 12, 0), ["REPLACE ACCEPTED"],
    ),
    "replace and cancel cross, 161": (
        [replace(12), cancel, error(161), shown(totalQuantity=12), status("Cancelled")],
        GONE, ["REPLACE ACCEPTED", "CANCEL ACCEPTED"],
    ),
    "a cancel of what is filled": (
        [cancel, error(10148, f"{CANCELED_HERE}Filled."), trade(1, 10), fee(1)], DONE, ["CANCEL REFUSED"],
    ),
    "a cancel that nobody finds": ([cancel, error(10147), looked(WORKING)], LIVES, ["CANCEL REFUSED"]),
    "a cancel after a part": (
        [cancel, trade(1, 4), status("PendingCancel", 4), status("Cancelled", 4), fee(1)],
        PART, ["CANCEL ACCEPTED"],
    ),
    "a fill after the cancel": ([cancel, status("Cancelled"), trade(1, 4)], PART, ["CANCEL ACCEPTED"]),
    "filled whole after canceled": (
        [status("Cancelled", 10), trade(1, 10), fee(1)], DONE, [],
    ),
    # replaces
    "refused by 201": ([replace(12), error(201), status("Submitted")], LIVES, ["REPLACE REFUSED"]),
    "refused by 104": ([replace(12), error(104), shown()], LIVES, ["REPLACE REFUSED"]),
    "refused by 434": ([replace(12), error(434), shown()], LIVES, ["REPLACE REFUSED"]),
    "refused by 110": ([replace(12), error(110), looked(WORKING)], LIVES, ["REPLACE REFUSED"]),
    "refused by 135": ([replace(12), error(135, NOT_FOUND), looked(WORKING)], LIVES, ["REPLACE REFUSED"]),
    "a warning, then taken": (
        [replace(12), error(2109), error(399), shown(totalQuantity=12)],
        (State.PENDING, 0, 12, 0), ["REPLACE ACCEPTED"],
    ),
    "ended by 202": ([replace(12), error(202), looked(CANCELED, executed=0)], GONE, ["REPLACE REFUSED"]),
    "raised, the old quantity fills first": (
        [replace(12), trade(1, 10), fee(1), shown(totalQuantity=12), trade(2, 2), fee(2)],
        (State.COMPLETED, 12, 0, 200), ["REPLACE ACCEPTED"],
    ),
    "raised, and no word but the executions": (
        [replace(12), trade(1, 10), trade(2, 2), fee(1), fee(2)],
        (State.COMPLETED, 12, 0, 200), ["REPLACE ACCEPTED"],
    ),
    "lowered to what is executed": (
        [trade(1, 4), fee(1), replace(4), status("Cancelled", 4)],
        (State.COMPLETED, 4, 0, 200), ["REPLACE ACCEPTED"],
    ),
    "lowered below what executes": (
        [trade(1, 4), replace(6), trade(2, 3), fee(1), fee(2), looked(FILLED, quantity=7, executed=7)],
        (State.COMPLETED, 7, 0, 200), ["REPLACE ACCEPTED"],
    ),
    "an old echo": (
        [replace(10, 205), shown(lmtPrice=205), shown(lmtPrice=200)], LIVES, ["REPLACE ACCEPTED"],
    ),
    # codes and words
    "434 of one that works": ([error(434), status("Submitted")], LIVES, []),
    "warnings of one that works": (
        [error(code) for code in (399, 404, 2109, 2148, 10311, 10349)], LIVES, [],
    ),
    "103 and 135 of one that works": ([error(103), error(135, NOT_FOUND)], LIVES, []),
    "a word that nobody knows": ([status("Frobnicated"), shown("Frobnicated")], LIVES, []),
    "held for a locate": ([error(404), status("Inactive", why="locate")], LIVES, []),
    "rejected, but it works": (
        [error(201), status("Submitted"), looked(WORKING), looked(WORKING)], LIVES, [],
    ),
    "canceled, but it works": (
        [status("Cancelled"), shown(), looked(WORKING), looked(WORKING)], LIVES, [],
    ),
    "rejected and inactive, but it works": (
        [status("Inactive"), error(201), status("Submitted"), looked(WORKING), looked(WORKING)], LIVES, [],
    ),
    "rejected, but it executes": (
        [error(201), trade(1, 3), looked(WORKING), looked(WORKING)], (State.PARTIALLY_FILLED, 3, 7, 200), [],
    ),
    "canceled, and why": ([status("Cancelled"), error(201)], (State.REJECTED, 0, 0, 0), []),
    # executions
    "less filled after more": (
        [status("Submitted", 6), trade(1, 6), status("Submitted", 2), trade(2, 4), fee(1), fee(2)], DONE, [],
    ),
    "open after its end": ([trade(1, 10), fee(1), shown(), status("Submitted", 4)], DONE, []),
    "filled by others' sums": (
        [trade(1, 4, cumQty=9, avgPrice=1), status("Submitted", 9)], (State.PARTIALLY_FILLED, 4, 6, 200), [],
    ),
    "completed before its executions": (
        [looked(CANCELED, executed=4), trade(1, 4), fee(1)], PART, [],
    ),
    "expired with a part": (
        [trade(1, 4), looked(EXPIRED, executed=4), fee(1)], (State.EXPIRED, 4, 0, 200), [],
    ),
    "bust, then corrected": (
        [trade(1, 10), fee(1), bust(1), trade(1, 8, 201, 3)], (State.PARTIALLY_FILLED, 8, 2, 201), [],
    ),
    "busted before its correction": ([trade(1, 10), bust(1, 3), trade(1, 8, 201, 2)], LIVES, []),
    "a bust after the cancel": (
        [trade(1, 5), status("Cancelled", 5), bust(1), trade(2, 4, 201)], (State.CANCELED, 4, 0, 201), [],
    ),
    "versions in the wrong order": (
        [trade(1, 3, 201, 3), trade(1, 2, 200, 2), trade(1, 4), fee(1, version=3)],
        (State.PARTIALLY_FILLED, 3, 7, 201), [],
    ),
    "fractions": (
        [trade(1, "0.3333"), trade(2, "9.6667"), fee(2), fee(1)], DONE, [],
    ),
    "costs not known at first": ([trade(1, 10), fee(1, UNKNOWN), fee(1, "1.1")], DONE, []),
}  # fmt: skip


@pytest.mark.parametrize("name", STORIES)
def test_a_life_ends_as_the_desk_would_see_it(sent: Order, gateway: RawGateway, name: str) -> None:
    steps, end, requests = STORIES[name]
    live(gateway, sent, *steps)
    assert (is_now(sent), asked(sent)) == (end, requests)
    order = Order.objects.get(pk=sent.pk)
    assert order.is_alive is not bool(order.reason_code) or order.state in (State.FILLED, State.COMPLETED)
    assert (external(), gateway.listener.alarms) == ([], [])


# --- cancels ---------------------------------------------------------------------------------------------
def test_what_cannot_be_canceled_now_is_looked_up_and_ends_on_request(
    sent: Order, gateway: RawGateway
) -> None:
    assert live(gateway, sent, cancel, error(161), status("Cancelled")) == [False, True, False]
    order = Order.objects.get(pk=sent.pk)
    assert (order.reason_code, order.requests.get().kind) == ("CANCELED_ON_REQUEST", RequestKind.CANCEL)


# --- words -----------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("state", "perm_id", "right"),
    [
        (State.SENT, 0, State.SENT),
        (State.SENT, 1700000001, State.ACCEPTED),
        (State.UNCONFIRMED, 1700000001, State.ACCEPTED),
        (State.PENDING, 1700000001, State.PENDING),
        (State.CANCELED, 1700000001, State.CANCELED),
    ],
)
def test_an_unknown_word_proves_only_that_the_broker_numbers_the_order(
    sent: Order, gateway: RawGateway, state: State, perm_id: int, right: State
) -> None:
    Order.objects.update(state=state, perm_id=perm_id or None)
    assert live(gateway, sent, shown("Frobnicated", permId=perm_id)) == [True]
    assert is_now(sent)[0] == right
    (alert,) = Alert.objects.all()
    assert "Frobnicated" in alert.text


@pytest.mark.parametrize(
    "end",
    [[status("Inactive"), error(201)], [error(201), status("Cancelled")], [status("Cancelled")]],
    ids=["rejected", "rejected, then canceled", "canceled"],
)
def test_an_order_that_works_after_its_end_is_looked_up(
    sent: Order, gateway: RawGateway, end: list[Step]
) -> None:
    assert live(gateway, sent, *end, status("Submitted"))[-1:] == [True]


# --- costs -----------------------------------------------------------------------------------------------
CORRECTED = [trade(1, 10), trade(1, 10, 201, 2)]


@pytest.mark.parametrize(
    "steps",
    [
        [trade(1, 10), fee(1), trade(1, 10, 201, 2)],
        [*CORRECTED, fee(1)],
        [*reversed(CORRECTED), fee(1)],
        [trade(1, 10), fee(1, "3"), trade(1, 10, 199, 2), fee(1), trade(1, 10, 201, 3)],
    ],
)
def test_a_correction_costs_what_it_corrects_until_its_own_is_told(
    sent: Order, gateway: RawGateway, steps: list[Step]
) -> None:
    live(gateway, sent, *steps)
    assert is_now(sent) == (State.COMPLETED, 10, 0, 201)
    live(gateway, sent, fee(1, "2.5", 2), fee(1, "2.5", 3), fee(1, "9"))
    counts = Execution.objects.get(superseded=False)
    assert (counts.commission, counts.commission_currency) == (Decimal("2.5"), "USD")


def test_what_is_busted_costs_nothing_that_is_waited_for(sent: Order, gateway: RawGateway) -> None:
    live(gateway, sent, trade(1, 4), fee(1), trade(2, 6), fee(2), bust(1))
    assert Execution.objects.get(superseded=False, last_qty=0).commission is None
    assert is_now(sent) == (State.PARTIALLY_FILLED, 6, 4, 200)


# --- whose -----------------------------------------------------------------------------------------------
def test_an_execution_of_our_second_order_at_the_broker_is_ours(sent: Order, gateway: RawGateway) -> None:
    live(gateway, sent, shown(), shown(**OTHER), trade(1, 4, **OTHER), trade(2, 3))
    assert (is_now(sent)[:3], external()) == ((State.PARTIALLY_FILLED, 7, 3), [])
    assert told() == ["DUPLICATE_ORDER", "HELD_ORDER"]


@pytest.mark.parametrize("said", [{"side": "SLD"}, {"account": "DU7654321"}, {"symbol": "MSFT", "conId": 2}])
def test_what_our_second_order_cannot_be_is_somebody_elses(
    sent: Order, gateway: RawGateway, said: dict[str, Any]
) -> None:
    live(gateway, sent, shown(), shown(**OTHER), trade(1, 4, **OTHER, **said))
    assert (is_now(sent)[1], len(external())) == (0, 1)


def test_our_order_in_a_contract_that_is_numbered_anew_is_ours(sent: Order, gateway: RawGateway) -> None:
    live(gateway, sent, shown(conId=999), trade(1, 10, conId=999, orderRef=REF), fee(1))
    assert (is_now(sent), external()) == (DONE, [])
    assert Execution.objects.get().con_id == 999


@pytest.mark.parametrize(
    "said",
    [
        {"orderRef": ""},
        {"permId": 1700000002},
        {"permId": 0},
        {"symbol": "MSFT"},
        {"secType": "CFD"},
    ],
)
def test_another_contract_is_not_ours_unless_reference_and_perm_id_both_say_so(
    sent: Order, gateway: RawGateway, said: dict[str, Any]
) -> None:
    live(gateway, sent, trade(1, 10, **{"conId": 999, "orderRef": REF, **said}))
    assert (is_now(sent)[1], len(external())) == (0, 1)
