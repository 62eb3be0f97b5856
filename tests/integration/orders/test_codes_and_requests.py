"""What a code does to an order and to our requests on it, whatever it crosses: end and answers are true."""

from __future__ import annotations

from typing import Any

import pytest

from orders.models import Order, State
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
