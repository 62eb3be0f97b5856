"""The lifecycle of an order: the only place that changes `state`.

Each move is a django-fsm transition; an illegal one raises TransitionNotAllowed. A move changes the
object in memory and notes an event; `store.orders.store_orders` writes both in one transaction, under the
row lock that the caller holds. The claim moves many orders in one SQL statement: it reads its states
from `claim` here (see `states_of`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import wraps
from typing import TYPE_CHECKING, Any

from django.db import models
from django_fsm import RETURN_VALUE, FSMField, FSMModelMixin, transition

from orders.models.event import EventKind
from orders.models.states import ALIVE, AT_BROKER, DEAD, EXECUTED, State

if TYPE_CHECKING:
    from orders.models.order import Order


@dataclass(frozen=True, kw_only=True)
class Cause:
    """Why something happens to an order: who, when (UTC), in which words, on which evidence."""

    actor: str
    at: datetime
    text: str = ""
    inbox_id: int | None = None
    data: dict[str, Any] = field(default_factory=dict)

    def saying(self, text: str = "", data: dict[str, Any] | None = None) -> Cause:
        """The same cause in other words, or with other data."""
        return replace(self, text=text or self.text, data=data or self.data)


def move(
    state: FSMField, kind: EventKind, source: Any, target: Any, conditions: Any = ()
) -> Callable[[Callable[..., Any]], Callable[..., None]]:
    """Declare a transition that notes its event: `order.accept(cause)`."""

    def declare(method: Callable[..., Any]) -> Callable[..., None]:
        fire = transition(field=state, source=source, target=target, conditions=list(conditions))(method)

        @wraps(fire)
        def moved(order: Order, cause: Cause) -> None:
            before = order.state
            fire(order, cause)
            order.record_event(kind, cause, from_state=before)

        return moved

    return declare


def nothing_executed(order: Order) -> bool:
    """A refusal is only possible while nothing was executed."""
    return order.cum_qty == 0


class OrderLifecycle(FSMModelMixin, models.Model):
    """State and moves. Groups follow the way of an order: local, in flight, open, closed."""

    state = FSMField(default=State.CREATED, choices=State.choices, protected=True, max_length=20)

    class Meta:
        abstract = True

    # --- local ---------------------------------------------------------------------------------
    @move(state, EventKind.CLAIMED, State.CREATED, State.SENT)
    def claim(self, cause: Cause) -> None:
        """Committed as "may be at the broker"; the bytes follow."""

    @move(state, EventKind.PUT_BACK, State.SENT, State.CREATED)
    def requeue(self, cause: Cause) -> None:
        """Nothing left this process (BrokerUnavailable)."""

    @move(state, EventKind.PUT_BACK, State.UNCONFIRMED, State.CREATED)
    def resend(self, cause: Cause) -> None:
        """Proven absent from the broker, and its policy and freshness allow another try."""

    @move(
        state,
        EventKind.FAILED,
        [State.CREATED, State.UNCONFIRMED],
        State.FAILED,
        conditions=[nothing_executed],
    )
    def fail(self, cause: Cause) -> None:
        """Never reached the market, and given up."""

    # --- in flight -----------------------------------------------------------------------------
    @move(
        state,
        EventKind.IN_DOUBT,
        [State.SENT, State.ACCEPTED, State.PENDING, State.PARTIALLY_FILLED, *DEAD],
        State.UNCONFIRMED,
    )
    def doubt(self, cause: Cause) -> None:
        """No usable answer, or the broker contradicts what we held true: to be resolved with it.

        From REJECTED and FAILED by a late execution: the order did reach the market. From any end when two
        complete snapshots show it as working.
        """

    @move(
        state,
        EventKind.ACKNOWLEDGED,
        [State.CREATED, State.SENT, State.UNCONFIRMED, State.PENDING, State.FAILED],
        State.ACCEPTED,
    )
    def accept(self, cause: Cause) -> None:
        """Acknowledged, not working yet.

        From CREATED and FAILED when an earlier attempt, held lost, turns out to live (a gateway may
        keep orders while its own link is down); from PENDING when an exchange closes over a GTC order.
        """

    # --- open ----------------------------------------------------------------------------------
    @move(
        state,
        EventKind.WORKING,
        [State.CREATED, State.SENT, State.UNCONFIRMED, State.ACCEPTED, State.FAILED],
        State.PENDING,
    )
    def work(self, cause: Cause) -> None:
        """Working at the exchange."""

    @move(
        state,
        EventKind.PARTIALLY_FILLED,
        [State.CREATED, State.SENT, State.UNCONFIRMED, State.ACCEPTED, State.PENDING, State.FAILED],
        State.PARTIALLY_FILLED,
    )
    def part_fill(self, cause: Cause) -> None:
        """Some executed, the rest alive."""

    @move(
        state,
        EventKind.REOPENED,
        [*EXECUTED, State.PARTIALLY_FILLED],
        RETURN_VALUE(State.FILLED, State.PENDING, State.PARTIALLY_FILLED, State.CANCELED, State.EXPIRED),
    )
    def reopen(self: Order, cause: Cause) -> State:
        """A bust or correction took quantity back, or a replace raised it, or one more commission is due.

        An order that was dead before late executions filled it is dead again.
        """
        if self.cum_qty >= self.order_qty:
            return State.FILLED
        if self.closed_as:
            return State(self.closed_as)
        return State.PARTIALLY_FILLED if self.cum_qty else State.PENDING

    # --- closed --------------------------------------------------------------------------------
    @move(state, EventKind.FILLED, [*ALIVE, *DEAD], State.FILLED)
    def fill(self, cause: Cause) -> None:
        """All executed. Also of a dead order: a late fill is booked in any state, and FILLED outranks it."""

    @move(state, EventKind.COMPLETED, State.FILLED, State.COMPLETED)
    def complete(self, cause: Cause) -> None:
        """Every execution has its commission and the sums agree."""

    @move(state, EventKind.CANCELED, [*ALIVE, State.FAILED], State.CANCELED)
    def cancel(self, cause: Cause) -> None:
        """Dead by a cancel, ours or the broker's. From FAILED when an attempt, held lost, did get there."""

    @move(state, EventKind.EXPIRED, [*AT_BROKER, State.CANCELED, State.FAILED], State.EXPIRED)
    def expire(self, cause: Cause) -> None:
        """Dead by its time in force; the broker says "Cancelled" first and the reason later."""

    @move(
        state,
        EventKind.REJECTED,
        [State.CREATED, State.SENT, State.UNCONFIRMED, State.ACCEPTED, State.PENDING, State.CANCELED],
        State.REJECTED,
        conditions=[nothing_executed],
    )
    def reject(self, cause: Cause) -> None:
        """Refused by our checks or by the broker; its "Cancelled" may come before the reason."""


def states_of(method: Callable[..., Any]) -> tuple[tuple[str, ...], str]:
    """(source states, target state) of a transition with a fixed target, for set-based SQL."""
    transitions = method._django_fsm.transitions  # type: ignore[attr-defined]
    targets = {found.target for found in transitions.values()}
    target = targets.pop()
    if targets or not isinstance(target, str):
        raise ValueError(f"{method} has no single target state.")
    return tuple(sorted(map(str, transitions))), str(target)
