"""Error and notice texts with their codes, as real gateways word them."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import NamedTuple


class Refusal(NamedTuple):
    """Why something is not done: an IB error code and its text."""

    code: int
    text: str


class Refused(Exception):
    """The gateway answers with `refusal` and does nothing else."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.text)
        self.refusal = refusal


DUPLICATE_ID = Refusal(103, "Duplicate order id")
ALREADY_FILLED = Refusal(104, "Cannot modify a filled order.")
DOES_NOT_MATCH = Refusal(105, "Order being modified does not match original order.")
OFF_TICK = Refusal(110, "The price does not conform to the minimum price variation for this contract.")
NO_SUCH_CONTRACT = Refusal(200, "No security definition has been found for the request")
CANCELED = Refusal(202, "Order Canceled - reason:")
NO_SUCH_TICKER = Refusal(300, "Can't find EId with tickerId:{}")
CLIENT_ID_IN_USE = Refusal(
    326, "Unable to connect as the client id is already in use. Retry with a unique client id."
)
NOT_CLIENT_ZERO = Refusal(327, "Only the default client (i.e 0) can set the auto bind property.")
CANNOT_CHANGE_TYPE = Refusal(329, "Order modify failed. Cannot change to the new order type.")
WHAT_IF_KEPT_BACK = Refusal(413, "What if order should have the transmit flag set to true.")
NO_CASH_QUANTITY = Refusal(10244, "Cash Quantity cannot be used for this order")
CASH_QUANTITY_MISSING = Refusal(10289, "You must set Cash Quantity for this order.")
NO_ACCOUNT = Refusal(435, "You must specify an account.")
UNSUPPORTED_TYPE = Refusal(387, "Unsupported order type for this exchange and security type.")
FRACTIONAL = Refusal(10318, "This order doesn't support fractional quantity trading")
FRACTIONAL_SHARES = Refusal(
    10243, "Fractional-sized order cannot be placed via API. Please use desktop version to place this order."
)
LINK_LOST = Refusal(1100, "Connectivity between IBKR and Trader Workstation has been lost.")
LINK_BACK_DATA_LOST = Refusal(
    1101, "Connectivity between IBKR and Trader Workstation has been restored - data lost."
)
LINK_BACK = Refusal(
    1102,
    "Connectivity between IBKR and Trader Workstation has been restored - data maintained. "
    "All data farms are connected: usfarm; ushmds; secdefnj.",
)
#: What a gateway says of its data farms when a client connects.
FARM_NOTICES = (
    Refusal(2104, "Market data farm connection is OK:usfarm"),
    Refusal(2106, "HMDS data farm connection is OK:ushmds"),
    Refusal(2158, "Sec-def data farm connection is OK:secdefnj"),
)


MISSING_PARENT = Refusal(10006, "Missing parent order")
BAD_HEDGE_TYPE = Refusal(10007, "Invalid hedge type.")
BAD_BETA = Refusal(10008, "Invalid beta value.")
BAD_HEDGE_RATIO = Refusal(10009, "Invalid hedge ratio.")
BAD_DELTA_HEDGE = Refusal(10010, "Invalid delta hedge order.")
OCA_REVISED = Refusal(10326, "OCA group revision is not allowed.")
PARENT_REVISED = Refusal(10341, "Parent order id cannot be modified.")
LOCATING = Refusal(
    404,
    "Shares for this order are not immediately available for short sale. "
    "The order will be held while we attempt to locate the shares.",
)
OUTSIDE_RTH_IGNORED = Refusal(
    2109,
    "Order Event Warning: Attribute 'Outside Regular Trading Hours' is ignored based on the order type "
    "and destination. PlaceOrder is now being processed.",
)


def not_yet_at_the_exchange(what: str, opens: datetime) -> Refusal:
    """A notice (399) that an order waits for the market to open."""
    return Refusal(
        399,
        f"Order Message:\n{what}\nWarning: Your order will not be placed at the exchange until "
        f"{opens:%Y-%m-%d %H:%M:%S} {opens.tzinfo}.",
    )


def margin_missing(equity: Decimal, margin: Decimal, currency: str) -> Refusal:
    """An order for which the account is not good enough (201)."""
    return rejected(
        "YOUR ORDER IS NOT ACCEPTED. IN ORDER TO OBTAIN THE DESIRED POSITION YOUR EQUITY WITH LOAN VALUE "
        f"[{equity:.2f} {currency}] MUST EXCEED THE INITIAL MARGIN [{margin:.2f} {currency}]"
    )


def validation(cause: str) -> Refusal:
    """A request that cannot be right (321)."""
    return Refusal(321, f"Error validating request.-'bS' : cause - {cause}")


def invalid_time_in_force(tif: str) -> Refusal:
    """A time in force that this kind of instrument does not have (10052)."""
    return Refusal(10052, f"Invalid time in force:{tif}.")


def unreadable(what: str) -> Refusal:
    """A request that cannot be read (320)."""
    return Refusal(320, f"Error reading request:{what}")


def rejected(reason: str) -> Refusal:
    """An order that the exchange or IB does not take (201)."""
    return Refusal(201, f"Order rejected - reason:{reason}")


def no_such_order(order_id: int) -> Refusal:
    """An order attached to one that is over, or changed as if it still were (135)."""
    return Refusal(135, f"Can't find order with id = {order_id}")


def cancel_unknown(order_id: int) -> Refusal:
    """A cancel of an order that this client does not have (10147)."""
    return Refusal(10147, f"OrderId {order_id} that needs to be cancelled is not found.")


def cancel_too_late(order_id: int, status: str) -> Refusal:
    """A cancel of an order that is done, or whose cancel is under way (10148)."""
    return Refusal(
        10148, f"OrderId {order_id} that needs to be cancelled can not be cancelled, state: {status}."
    )


def ambiguous(symbol: str) -> Refusal:
    """A contract that means several instruments (200)."""
    return Refusal(200, f"The contract description specified for {symbol} is ambiguous.")


def no_history(cause: str) -> Refusal:
    """Data of the past that there is not (162)."""
    return Refusal(162, f"Historical Market Data Service error message:{cause}")


def no_such_ticker(req_id: int) -> Refusal:
    """A cancel of a subscription that is not there (300)."""
    return Refusal(NO_SUCH_TICKER.code, NO_SUCH_TICKER.text.format(req_id))


class Unsupported(NamedTuple):
    """A request that real gateways have and this one lacks: where its id stands, and the answer."""

    id_field: int | None
    refusal: Refusal


_NO_SCANNER = Refusal(
    162, "Historical Market Data Service error message:Scanner subscription is not allowed for this login"
)
UNSUPPORTED_REQUESTS = {
    21: Unsupported(2, validation("No position to exercise")),
    22: Unsupported(1, _NO_SCANNER),
    23: Unsupported(2, Refusal(365, "No scanner subscription found for ticker id")),
    52: Unsupported(
        2, Refusal(430, "We are sorry, but fundamentals data for the security specified is not available.")
    ),
    53: Unsupported(2, Refusal(432, "No fundamental data subscription found")),
    65: Unsupported(None, validation("API verification is not available")),
    66: Unsupported(None, validation("API verification is not available")),
    68: Unsupported(2, validation("There are no display groups")),
    69: Unsupported(2, validation("There are no display groups")),
    72: Unsupported(None, validation("API verification is not available")),
    73: Unsupported(None, validation("API verification is not available")),
    84: Unsupported(1, Refusal(10276, "News feed is not allowed.")),
    86: Unsupported(1, Refusal(10276, "News feed is not allowed.")),
    100: Unsupported(1, Refusal(10279, "Failed to request WSH metadata:No permissions for this request")),
    101: Unsupported(1, Refusal(10280, "Failed to cancel WSH metadata:It was not requested")),
    102: Unsupported(1, Refusal(10282, "WSH metadata not requested")),
    103: Unsupported(1, Refusal(10284, "Failed to cancel WSH event data:It was not requested")),
}
