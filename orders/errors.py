"""Errors that callers of the services can meet; `code` is for programs, the message for people."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from brokers.formats import decimal_text

if TYPE_CHECKING:
    from orders.models import Order


@dataclass(frozen=True)
class FieldError:
    """What is wrong with one field; `field` is a path such as "instrument.symbol"."""

    field: str
    code: str
    message: str


class OrderError(Exception):
    """Base of all of them."""

    code = "ORDER_ERROR"


class TicketInvalid(OrderError):
    """The request is not an order that could be placed; nothing was stored."""

    code = "INVALID"

    def __init__(self, errors: dict[str, list[str]]) -> None:
        super().__init__("The order is not valid: " + "; ".join(f"{k}: {v[0]}" for k, v in errors.items()))
        self.errors = errors

    @property
    def texts(self) -> list[str]:
        """What is wrong, in words for a person, whatever field it is about."""
        return [text for texts in self.errors.values() for text in texts]


class InstrumentUnknown(TicketInvalid):
    """No instrument of this description is known here; the broker may know one."""


class InstrumentAmbiguous(TicketInvalid):
    """The description fits several contracts; `candidates` are their descriptions."""

    code = "AMBIGUOUS_INSTRUMENT"

    def __init__(self, candidates: list[dict[str, Any]]) -> None:
        super().__init__({"instrument": [f"{len(candidates)} contracts fit this description."]})
        self.candidates = candidates

    def named(self) -> str:
        """What tells the first candidates apart, for people."""
        return ", ".join(one.get("local_symbol") or one.get("maturity", "") for one in self.candidates[:12])


class RefusedByCheck(OrderError):
    """A limit refuses the request whole, and nothing was recorded; `report` are all checks as JSON."""

    def __init__(self, code: str, text: str, report: list[dict[str, Any]]) -> None:
        super().__init__(text)
        self.code = code
        self.report = report


class BrokerSilent(OrderError):
    """The broker could not be asked, or did not answer in time; nothing was done."""

    code = "BROKER_UNAVAILABLE"

    def __init__(self, session: str, why: str = "") -> None:
        super().__init__(f"The broker of session {session} gave no answer{f': {why}' if why else '.'}")


class BrokerRefusedPreview(OrderError):
    """The broker would not take the order."""

    code = "BROKER_WOULD_REJECT"


class ClOrdIdReused(OrderError):
    """The same cl_ord_id was used before for something else, which is not disturbed."""

    code = "CL_ORD_ID_REUSED"

    def __init__(self, order: Order, cl_ord_id: str = "") -> None:
        named = cl_ord_id or order.cl_ord_id
        super().__init__(f"cl_ord_id {named} already names another order or request; nothing was stored.")
        self.order = order


class OrderOver(OrderError):
    """The order is over, so there is nothing to cancel or replace."""

    code = "ORDER_OVER"

    def __init__(self, order: Order) -> None:
        super().__init__(f"The order is {order.state}; there is nothing to cancel or replace.")
        self.order = order


class NotOurs(OrderError):
    """Another client placed the order; the broker lets only that one cancel it."""

    code = "NOT_OURS"

    def __init__(self, order: Order) -> None:
        super().__init__("The order was placed by another client of the broker, which alone may cancel it.")
        self.order = order


class OrderFrozen(OrderError):
    """The order waits for a person, so nothing is changed until one has decided."""

    code = "ORDER_FROZEN"

    def __init__(self, order: Order) -> None:
        why = "more was executed than ordered" if order.overfilled else "it is held for the desk"
        if order.awaits_approval:
            why = "it waits for a second person's approval, and can only be canceled until then"
        super().__init__(f"The order is frozen: {why}. Nothing is changed until a person has decided.")
        self.order = order


class CancelPending(OrderError):
    """A cancel is open, so the order cannot be replaced."""

    code = "CANCEL_PENDING"

    def __init__(self, order: Order) -> None:
        super().__init__("A cancel of this order was asked and not answered yet; it cannot be replaced.")
        self.order = order


class CancelsOthers(OrderError):
    """The order was to be canceled alone, and its broker would cancel others of its group with it."""

    code = "CANCELS_OTHERS"

    def __init__(self, order: Order, others: Sequence[Order]) -> None:
        names = ", ".join(other.cl_ord_id for other in others)
        super().__init__(
            f"Its broker would cancel {names} with it; nothing was asked. Cancel it without `alone`."
        )
        self.order = order


class VersionMoved(OrderError):
    """The order has changed since the caller saw it; nothing was stored."""

    code = "VERSION_MOVED"

    def __init__(self, order: Order) -> None:
        prices = [decimal_text(px) for px in (order.price, order.stop_px) if px is not None]
        terms = " at ".join(filter(None, (decimal_text(order.order_qty), " / ".join(prices))))
        super().__init__(
            f"The order has changed meanwhile: it is {order.state}, {decimal_text(order.cum_qty)} executed "
            f"of {terms} (version {order.version}). Nothing was sent; look at it and decide again."
        )
        self.order = order


class KeyReused(OrderError):
    """The key was used for another request; nothing was done."""

    code = "IDEMPOTENCY_KEY_REUSED"


class KeyInUse(OrderError):
    """The first request of this key is still being worked."""

    code = "IDEMPOTENCY_KEY_IN_USE"
