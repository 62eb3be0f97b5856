"""OrdStatus shown to clients follows FIX precedence."""

from __future__ import annotations

from decimal import Decimal

import pytest

from brokers.fix import OrdStatus
from orders.models import State, ord_status

SHOWN = {
    State.CREATED: OrdStatus.PENDING_NEW,
    State.SENT: OrdStatus.PENDING_NEW,
    State.UNCONFIRMED: OrdStatus.PENDING_NEW,
    State.ACCEPTED: OrdStatus.NEW,
    State.PENDING: OrdStatus.NEW,
    State.PARTIALLY_FILLED: OrdStatus.PARTIALLY_FILLED,
    State.FILLED: OrdStatus.FILLED,
    State.COMPLETED: OrdStatus.FILLED,
    State.CANCELED: OrdStatus.CANCELED,
    State.EXPIRED: OrdStatus.EXPIRED,
    State.REJECTED: OrdStatus.REJECTED,
    State.FAILED: OrdStatus.REJECTED,
}


@pytest.mark.parametrize("state", State)
def test_a_state_without_open_requests_shows_its_own_status(state: State) -> None:
    assert ord_status(state, Decimal(0), []) == SHOWN[state]


@pytest.mark.parametrize("state", [State.PENDING, State.PARTIALLY_FILLED, State.FILLED])
def test_an_open_cancel_outranks_even_a_complete_fill(state: State) -> None:
    assert ord_status(state, Decimal(100), ["CANCEL"]) == OrdStatus.PENDING_CANCEL


def test_a_cancel_outranks_a_replace() -> None:
    assert ord_status(State.PENDING, Decimal(0), ["REPLACE", "CANCEL"]) == OrdStatus.PENDING_CANCEL


def test_a_refused_request_falls_back_to_what_the_quantities_say() -> None:
    assert ord_status(State.PARTIALLY_FILLED, Decimal(5), []) == OrdStatus.PARTIALLY_FILLED


def test_an_unconfirmed_order_with_fills_shows_them() -> None:
    assert ord_status(State.UNCONFIRMED, Decimal(5), []) == OrdStatus.PARTIALLY_FILLED


@pytest.mark.parametrize(
    ("standing", "state", "shown"),
    [
        (OrdStatus.DONE_FOR_DAY, State.FILLED, OrdStatus.DONE_FOR_DAY),
        (OrdStatus.CALCULATED, State.FILLED, OrdStatus.CALCULATED),
        (OrdStatus.STOPPED, State.PARTIALLY_FILLED, OrdStatus.STOPPED),
        (OrdStatus.STOPPED, State.FILLED, OrdStatus.FILLED),
        (OrdStatus.SUSPENDED, State.ACCEPTED, OrdStatus.SUSPENDED),
    ],
)
def test_a_standing_outranks_what_fix_ranks_below_it(
    standing: OrdStatus, state: State, shown: OrdStatus
) -> None:
    assert ord_status(state, Decimal(5), [], standing) == shown
