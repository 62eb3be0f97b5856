"""The lifecycle: which moves exist, what each leaves behind, and that no other is possible."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from uuid import uuid4

import pytest
from django_fsm import TransitionNotAllowed, can_proceed
from hypothesis import given
from hypothesis import strategies as st

from orders.models import ALIVE, AT_BROKER, DEAD, Cause, Order, State
from orders.models.lifecycle import OrderLifecycle, states_of
from orders.sending import claim

NOW = datetime(2026, 11, 20, 15, 0, tzinfo=UTC)
CAUSE = Cause(actor="test", at=NOW)
MOVES = sorted(name for name, method in vars(OrderLifecycle).items() if hasattr(method, "_django_fsm"))
#: Moves out of each state, written down by hand: the table that the code must equal.
ALLOWED = {
    State.CREATED: "accept cancel claim fail fill part_fill reject work",
    State.SENT: "accept cancel doubt expire fill part_fill reject requeue work",
    State.UNCONFIRMED: "accept cancel expire fail fill part_fill reject resend work",
    State.ACCEPTED: "cancel doubt expire fill part_fill reject work",
    State.PENDING: "accept cancel doubt expire fill part_fill reject",
    State.PARTIALLY_FILLED: "cancel doubt expire fill reopen",
    State.FILLED: "complete reopen",
    State.COMPLETED: "reopen",
    State.CANCELED: "doubt expire fill reject",
    State.EXPIRED: "doubt fill",
    State.REJECTED: "doubt fill",
    State.FAILED: "accept cancel doubt expire fill part_fill work",
}


def order_in(state: str, cum_qty: int = 0) -> Order:
    return Order(
        id=uuid4(), state=state, order_qty=Decimal(100), cum_qty=Decimal(cum_qty), received_at=NOW, version=1
    )


@pytest.mark.parametrize("state", State)
def test_exactly_these_moves_leave_a_state(state: State) -> None:
    order = order_in(state)
    possible = [name for name in MOVES if can_proceed(getattr(order, name))]
    assert possible == ALLOWED[state].split()


@pytest.mark.parametrize("state", State)
def test_any_other_move_raises_and_leaves_no_trace(state: State) -> None:
    for name in set(MOVES) - set(ALLOWED[state].split()):
        order = order_in(state)
        with pytest.raises(TransitionNotAllowed):
            getattr(order, name)(CAUSE)
        assert (order.state, order.version, order.pending_events) == (state, 1, [])


def test_the_state_can_not_be_assigned() -> None:
    with pytest.raises(AttributeError):
        order_in(State.CREATED).state = State.FILLED


def test_every_state_is_in_one_group() -> None:
    assert sorted([*ALIVE, State.FILLED, State.COMPLETED, *DEAD]) == sorted(State)
    assert set(AT_BROKER) < set(ALIVE)


def test_an_order_with_executions_can_not_be_rejected() -> None:
    with pytest.raises(TransitionNotAllowed):
        order_in(State.ACCEPTED, cum_qty=1).reject(CAUSE)


def test_a_bust_reopens_to_what_is_left() -> None:
    part, none = order_in(State.COMPLETED, cum_qty=40), order_in(State.FILLED)
    part.reopen(CAUSE)
    none.reopen(CAUSE)
    assert (part.state, none.state) == (State.PARTIALLY_FILLED, State.PENDING)


def test_the_claim_in_sql_uses_the_states_of_the_transition() -> None:
    assert states_of(Order.claim) == ((State.CREATED.value,), State.SENT.value)
    assert "%(from)s" in claim.CLAIM_ORDERS
    assert "state = %(to)s" in claim.CLAIM_ORDERS
    assert not any(f"'{state}'" in claim.CLAIM_ORDERS for state in State)


def test_a_move_with_two_targets_has_no_single_target() -> None:
    with pytest.raises(ValueError, match="no single target"):
        states_of(Order.reopen)


@given(st.lists(st.sampled_from(MOVES), max_size=30), st.integers(0, 100))
def test_events_chain_from_the_first_state_to_the_present(moves: list[str], cum_qty: int) -> None:
    order = order_in(State.CREATED, cum_qty)
    order.version = 0
    for number, name in enumerate(moves):
        if can_proceed(getattr(order, name)):
            getattr(order, name)(Cause(actor="test", at=NOW + timedelta(seconds=number)))
    events = order.pending_events
    assert [event.version for event in events] == list(range(1, order.version + 1))
    assert all(before.to_state == after.from_state for before, after in pairwise(events))
    assert not events or (events[0].from_state, events[-1].to_state) == (State.CREATED, order.state)


@given(st.sampled_from(list(State)), st.integers(1, 100), st.integers(0, 100))
def test_leaves_is_what_may_still_execute(state: State, order_qty: int, cum_qty: int) -> None:
    order = order_in(state, min(cum_qty, order_qty))
    order.order_qty = Decimal(order_qty)
    alive = order.is_alive
    assert order.leaves_qty == (order.order_qty - order.cum_qty if alive else 0)
