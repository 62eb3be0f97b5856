"""Errors that callers of the services can meet; `code` is for programs, the message for people."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from orders.models import Order


class OrderError(Exception):
    """Base of all of them."""

    code = "ORDER_ERROR"


class TicketInvalid(OrderError):
    """The request is not an order that could be placed; nothing was stored."""

    code = "INVALID"

    def __init__(self, errors: dict[str, list[str]]) -> None:
        super().__init__("The order is not valid: " + "; ".join(f"{k}: {v[0]}" for k, v in errors.items()))
        self.errors = errors


class ClOrdIdReused(OrderError):
    """The same cl_ord_id was used before for another order; that order is not disturbed."""

    code = "CL_ORD_ID_REUSED"

    def __init__(self, order: Order) -> None:
        super().__init__(f"cl_ord_id {order.cl_ord_id} already names another order; nothing was stored.")
        self.order = order


class OrderOver(OrderError):
    """The order is over, so there is nothing to cancel."""

    code = "ORDER_OVER"

    def __init__(self, order: Order) -> None:
        super().__init__(f"The order is {order.state}; there is nothing to cancel.")
        self.order = order


class NotOurs(OrderError):
    """Another client placed the order; the broker lets only that one cancel it."""

    code = "NOT_OURS"

    def __init__(self, order: Order) -> None:
        super().__init__("The order was placed by another client of the broker, which alone may cancel it.")
        self.order = order
