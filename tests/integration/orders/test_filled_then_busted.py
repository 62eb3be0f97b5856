"""What the broker calls filled after it took executions back is over, and executes no more."""

from __future__ import annotations

from decimal import Decimal

import pytest

from orders.models import Break, Order, State
from tests.integration.orders.raw_words import RawGateway
from tests.integration.orders.test_attribution import desk, sent
from tests.integration.orders.test_designed_lives import (
    FILLED,
    WORKING,
    Step,
    asked,
    bust,
    cancel,
    fee,
    gateway,
    is_now,
    live,
    looked,
    told,
    trade,
)

__all__ = ["desk", "gateway", "sent"]
WHOLE = [trade(1, 10), fee(1)]
PARTS = [trade(1, 4), trade(2, 6), fee(1), fee(2)]


@pytest.mark.parametrize(
    ("steps", "executed", "left"),
    [
        ([*WHOLE, bust(1)], 0, 0),
        ([*WHOLE, bust(1)], 10, 0),  # the gateway's total may or may not know of the bust
        ([*PARTS, bust(1)], 6, 6),
        ([*PARTS, bust(1)], 10, 6),
        ([*WHOLE, trade(1, 7, version=2)], 7, 7),
        ([*WHOLE, looked(FILLED, executed=10), bust(1)], 0, 0),
        ([trade(1, 7, version=2)], 7, 7),  # what it corrects was never told
        ([trade(2, 6), fee(2), bust(1)], 6, 6),
    ],
)
def test_what_is_filled_but_for_what_was_taken_back_is_over_without_a_break(
    sent: Order, gateway: RawGateway, steps: list[Step], executed: int, left: int
) -> None:
    live(gateway, sent, *steps, *[looked(FILLED, executed=executed)] * 3)
    order = Order.objects.get(pk=sent.pk)
    assert (order.state, order.cum_qty, order.leaves_qty) == (State.CANCELED, left, 0)
    assert (order.reason_code, order.held_for_desk) == ("BROKER_CANCELED", False)
    assert not Break.objects.filter(closed_at=None).exists()


def test_a_cancel_of_what_was_taken_back_is_accepted_with_its_end(sent: Order, gateway: RawGateway) -> None:
    live(gateway, sent, *WHOLE, bust(1), cancel, looked(FILLED, executed=0))
    assert asked(sent) == ["CANCEL ACCEPTED"]


def test_what_executes_again_after_it_was_taken_back_is_booked(sent: Order, gateway: RawGateway) -> None:
    live(gateway, sent, *WHOLE, bust(1), looked(WORKING), trade(2, 10), fee(2))
    assert is_now(sent) == (State.COMPLETED, 10, 0, 200)
    live(gateway, sent, bust(2), looked(FILLED, executed=0), trade(1, 10, version=3))
    assert is_now(sent)[:2] == (State.COMPLETED, 10)


@pytest.mark.parametrize("executed", [0, 10])
def test_what_is_filled_without_any_execution_is_a_persons(
    sent: Order, gateway: RawGateway, executed: int
) -> None:
    live(gateway, sent, *[looked(FILLED, executed=executed)] * 2)
    order = Order.objects.get(pk=sent.pk)
    assert (order.cum_qty, order.held_for_desk, told()) == (Decimal(0), True, ["BREAK", "HELD_ORDER"])


def test_a_bust_explains_no_more_than_it_took_back(sent: Order, gateway: RawGateway) -> None:
    live(gateway, sent, trade(1, 4), fee(1), bust(1), *[looked(FILLED, executed=10)] * 2)
    assert Order.objects.get(pk=sent.pk).held_for_desk
