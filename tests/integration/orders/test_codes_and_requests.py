"""What a code does to an order and to our requests on it, whatever it crosses: end and answers are true."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from brokers.messages import WorkingStatus
from orders.models import Break, Order, State
from orders.sending import refusals
from tests.integration.orders.raw_words import RawGateway, error, status
from tests.integration.orders.test_attribution import desk, sent
from tests.integration.orders.test_designed_lives import (
    CANCELED_HERE,
    GONE,
    LIVES,
    PARENT_NOT_FOUND,
    WORKING,
    Step,
    asked,
    cancel,
    fee,
    gateway,
    is_now,
    live,
    looked,
    replace,
    shown,
    told,
    trade,
)

__all__ = ["desk", "gateway", "sent"]
LARGER = (State.PENDING, 0, 12, 0)
ECHOED = [replace(12), shown(totalQuantity=12)]


def lived(sent: Order, gateway: RawGateway, *steps: Step) -> tuple[tuple[str, Any, Any, Any], list[str]]:
    """What became of the order and of our requests."""
    live(gateway, sent, *steps)
    return is_now(sent), asked(sent)


# --- which request a code means ----------------------------------------------------------------------------
@pytest.mark.parametrize("code", [104, 105, 134, 2102, 10341])
def test_a_late_refusal_of_a_replace_refuses_no_cancel(sent: Order, gateway: RawGateway, code: int) -> None:
    after = lived(sent, gateway, *ECHOED, cancel, error(code), status("Cancelled"))
    assert after == (GONE, ["REPLACE ACCEPTED", "CANCEL ACCEPTED"])


@pytest.mark.parametrize("code", [136, 10147, 10148])
def test_a_late_refusal_of_a_cancel_refuses_no_replace(sent: Order, gateway: RawGateway, code: int) -> None:
    late = error(code, f"{CANCELED_HERE}Filled.")
    after = lived(sent, gateway, replace(12), late, shown(totalQuantity=12))
    assert after == (LARGER, ["REPLACE ACCEPTED"])


@pytest.mark.parametrize("words", [error(2102), error(135, PARENT_NOT_FOUND)], ids=["early", "parent"])
def test_what_changed_nothing_has_the_replace_asked_again_and_not_the_cancel(
    sent: Order, gateway: RawGateway, words: list[str]
) -> None:
    live(gateway, sent, replace(12), cancel, words)
    assert asked(sent) == ["REPLACE REQUESTED", "CANCEL SENT"]


def test_a_cancel_refused_while_its_known_order_is_in_doubt_is_still_wanted(
    sent: Order, gateway: RawGateway
) -> None:
    Order.objects.update(state=State.UNCONFIRMED)
    live(gateway, sent, cancel, error(10147))
    assert asked(sent) == ["CANCEL UNCONFIRMED"]
    live(gateway, sent, looked(WORKING))
    assert (is_now(sent), asked(sent)) == (LIVES, ["CANCEL REQUESTED"])


# --- the end by a code alone -------------------------------------------------------------------------------
def test_a_code_alone_ends_an_order_lowered_to_what_it_has_executed(sent: Order, gateway: RawGateway) -> None:
    after = lived(sent, gateway, trade(1, 4), fee(1), replace(4), error(202))
    assert after == ((State.COMPLETED, 4, 0, 200), ["REPLACE ACCEPTED"])


def test_a_look_proves_a_replace_that_the_orders_end_outran(sent: Order, gateway: RawGateway) -> None:
    ended = [replace(12), status("Cancelled"), looked(WorkingStatus.CANCELED, quantity=10, executed=0)]
    assert lived(sent, gateway, *ended) == (GONE, ["REPLACE REFUSED"])
    shown_larger = looked(WorkingStatus.CANCELED, quantity=12, executed=0)
    assert lived(sent, gateway, shown_larger) == (GONE, ["REPLACE ACCEPTED"])
    assert Order.objects.get(pk=sent.pk).order_qty == 12


# --- a rejection of an order that the broker has ------------------------------------------------------------
REFUSED_HERE = State.REJECTED, 0, 0, 0
INACTIVE = State.ACCEPTED, 0, 10, 0


@pytest.mark.parametrize(
    ("steps", "after", "requests"),
    [
        ([error(201)], LIVES, []),
        ([error(200), error(10318)], LIVES, []),
        ([replace(12), error(201), error(201, "told twice")], LIVES, ["REPLACE REFUSED"]),
        ([replace(12), error(105), error(201)], LIVES, ["REPLACE REFUSED"]),
        ([replace(12), error(201), status("Inactive")], INACTIVE, ["REPLACE REFUSED"]),
        ([status("Inactive"), status("Submitted"), error(201)], LIVES, []),
        ([trade(1, 4), error(201)], (State.PARTIALLY_FILLED, 4, 6, 200), []),
        ([cancel, error(201), status("Cancelled")], GONE, ["CANCEL ACCEPTED"]),
    ],
)
def test_a_rejection_alone_ends_no_order_that_the_broker_has_taken(
    sent: Order, gateway: RawGateway, steps: list[Step], after: Any, requests: list[str]
) -> None:
    assert lived(sent, gateway, *steps) == (after, requests)
    assert told() == []


def test_a_rejection_alone_asks_for_a_look(sent: Order, gateway: RawGateway) -> None:
    assert live(gateway, sent, error(201), looked(WORKING)) == [True, False]


@pytest.mark.parametrize(
    "beside",
    [
        [status("Inactive")],
        [status("Cancelled")],
        [error(202)],
        [looked(WorkingStatus.INACTIVE)],
        [looked(WorkingStatus.REJECTED, executed=0)],
        [looked(None), looked(None)],
    ],
    ids=["inactive", "canceled", "202", "a look: inactive", "a look: rejected", "not shown twice"],
)
def test_a_rejection_that_something_else_says_as_well_ends_the_order(
    sent: Order, gateway: RawGateway, beside: list[Step]
) -> None:
    assert lived(sent, gateway, error(201, "no margin"), *beside) == (REFUSED_HERE, [])
    order = Order.objects.get(pk=sent.pk)
    assert (order.reason_code, order.held_for_desk) == ("BROKER_REJECTED", False)
    assert order.reason_text in ("201: no margin", "The broker or the exchange refused the order.")


@pytest.mark.parametrize("word", ["Inactive", "Cancelled"])
def test_a_rejection_may_come_behind_the_word_beside_it(sent: Order, gateway: RawGateway, word: str) -> None:
    assert lived(sent, gateway, status(word), error(201)) == (REFUSED_HERE, [])


def test_what_has_executed_is_canceled_by_a_rejection_and_the_word_beside_it(
    sent: Order, gateway: RawGateway
) -> None:
    after = lived(sent, gateway, trade(1, 4), error(201), status("Inactive", 4), fee(1))
    assert after == ((State.CANCELED, 4, 0, 200), [])
    assert Order.objects.get(pk=sent.pk).reason_text == "201: words"


def test_what_has_executed_and_is_rejected_and_gone_is_a_persons(sent: Order, gateway: RawGateway) -> None:
    live(gateway, sent, trade(1, 4), fee(1), error(201), looked(None), looked(None))
    assert Order.objects.get(pk=sent.pk).held_for_desk


def test_a_rejection_of_long_ago_says_nothing_of_an_end(
    sent: Order, gateway: RawGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(refusals, "TOGETHER", timedelta(0))
    assert lived(sent, gateway, error(201), status("Cancelled")) == (GONE, [])


def test_a_replace_of_an_order_in_doubt_is_refused_and_not_the_order(
    sent: Order, gateway: RawGateway
) -> None:
    Order.objects.update(state=State.UNCONFIRMED)
    after = lived(sent, gateway, replace(12), error(201), looked(WORKING))
    assert after == (LIVES, ["REPLACE REFUSED"])


@pytest.mark.parametrize(
    ("steps", "executed"),
    [([cancel, status("Cancelled")], 0), ([trade(1, 4), fee(1), error(201), status("Cancelled", 4)], 4)],
    ids=["on request", "after executions"],
)
def test_a_look_that_calls_a_canceled_order_rejected_leaves_no_break(
    sent: Order, gateway: RawGateway, steps: list[Step], executed: int
) -> None:
    live(gateway, sent, *steps, *[looked(WorkingStatus.REJECTED, executed=executed)] * 2)
    assert (is_now(sent)[0], told()) == (State.CANCELED, [])
    assert not Break.objects.exists()
