"""Codes that a gateway says about nothing in particular, or about orders that are well, with their texts."""

from __future__ import annotations

from brokers.simulator.faults.fault import Fault
from brokers.simulator.gateway.texts.refusals import (
    CASH_QUANTITY_MISSING,
    LINK_BACK,
    LINK_LOST,
    OUTSIDE_RTH_IGNORED,
    Refusal,
    rejected,
)

SERVER_LINK_BROKEN = Refusal(
    2110, "Connectivity between Trader Workstation and server is broken. It will be restored automatically."
)
_SYSTEM = (
    LINK_LOST,
    SERVER_LINK_BROKEN,
    Refusal(2103, "Market data farm connection is broken:usfarm"),
    Refusal(2104, "Market data farm connection is OK:usfarm"),
    Refusal(2105, "HMDS data farm connection is broken:ushmds"),
    Refusal(2106, "HMDS data farm connection is OK:ushmds"),
    Refusal(2107, "HMDS data farm connection is inactive but should be available upon demand.ushmds"),
    Refusal(2108, "Market data farm connection is inactive but should be available upon demand.usfarm"),
    Refusal(2119, "Market data farm is connecting:usfarm"),
    Refusal(2157, "Sec-def data farm connection is broken:secdefnj"),
    Refusal(2158, "Sec-def data farm connection is OK:secdefnj"),
    LINK_BACK,
)
_TEXTS = {notice.code: notice.text for notice in _SYSTEM}
#: What follows a notice when all is well again.
_WELL_AGAIN = {2103: 2104, 2105: 2106, 2107: 2106, 2108: 2104, 2119: 2104, 2157: 2158, 1100: 1102, 2110: 1102}
_ABOUT_ORDERS = {
    103: "Duplicate order id",
    135: "Can't find order with id = {}",
    136: "This order cannot be cancelled.",
    161: "Cancel attempted when order is not in a cancellable state. Order permId = {}",
    202: "Order Canceled - reason:",
    399: "Order Message:\nWarning: Your order will not be placed at the exchange until the market opens.",
    2102: "Unable to modify this order as it is still being processed.",
    OUTSIDE_RTH_IGNORED.code: OUTSIDE_RTH_IGNORED.text,
    10147: "OrderId {} that needs to be cancelled is not found.",
    10148: "OrderId {} that needs to be cancelled can not be cancelled, state: Filled.",
    10289: CASH_QUANTITY_MISSING.text,
    10349: "Order TIF was set to DAY based on order preset.",
}


def system_notice(code: int, text: str = "") -> Refusal:
    """Return what is said under a code of the system; an unknown one says what is given."""
    return Refusal(code, text or _TEXTS.get(code, f"Notice {code}"))


def well_again(code: int) -> Refusal | None:
    """Return what is said when a notice no longer holds."""
    follower = _WELL_AGAIN.get(code)
    return None if follower is None else system_notice(follower)


def order_notice(code: int, order_id: int, text: str = "") -> Refusal:
    """Return what is said under a code about an order; an unknown one says what is given."""
    return Refusal(code, text or _ABOUT_ORDERS.get(code, f"Order notice {code}").format(order_id))


def refusal_of(fault: Fault) -> Refusal | None:
    """Return the error that goes with a fault that ends an order; None for those that end without a word."""
    if fault.kind == "reject":
        return Refusal(fault.code or 201, rejected(fault.reason).text)
    return Refusal(fault.code, fault.text or rejected("The order is inactive.").text) if fault.code else None
