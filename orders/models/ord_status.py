"""OrdStatus as shown to clients: FIX precedence over (state, open requests, quantities)."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal

from brokers.fix import ORD_STATUS_PRECEDENCE, OrdStatus
from orders.models.requests import RequestKind
from orders.models.states import State

_OF_STATE = {
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
_OF_REQUEST = {
    RequestKind.CANCEL: OrdStatus.PENDING_CANCEL,
    RequestKind.REPLACE: OrdStatus.PENDING_REPLACE,
}


#: What the broker may say of an order besides its state; `Order.standing` is one of them or "".
STANDINGS = (OrdStatus.DONE_FOR_DAY, OrdStatus.CALCULATED, OrdStatus.STOPPED, OrdStatus.SUSPENDED)


def ord_status(state: str, cum_qty: Decimal, open_requests: Iterable[str], standing: str = "") -> OrdStatus:
    """The highest ranked status that is true (`open_requests`: kinds of the requests not answered yet)."""
    true = {_OF_STATE[State(state)], *(_OF_REQUEST[RequestKind(kind)] for kind in open_requests)}
    if cum_qty > 0 and state == State.UNCONFIRMED:
        true.add(OrdStatus.PARTIALLY_FILLED)
    if standing:
        true.add(OrdStatus(standing))
    return max(true, key=ORD_STATUS_PRECEDENCE.__getitem__)
