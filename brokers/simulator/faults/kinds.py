"""The catalogue: every kind of fault, what makes it strike and which fields mean something to it."""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple

from brokers.simulator.wire import codec


class Site(StrEnum):
    """What makes a fault strike."""

    REQUEST = "request"
    CALLBACK = "callback"
    ORDER = "order"
    EXECUTION = "execution"
    NOW = "clock"


class FaultKind(NamedTuple):
    """One kind of fault; `message` is the request or callback that it strikes when none is named."""

    site: Site
    text: str
    fields: frozenset[str] = frozenset()
    message: str = ""


#: Fields that every fault has, and those that choose among what happens at a site.
TRIGGER = frozenset({"kind", "count", "probability", "seed", "after", "seconds"})
_ORDER = frozenset({"client_id", "order_ref", "symbol", "order_type", "side"})
SELECTORS = {
    Site.REQUEST: _ORDER | {"message", "nth"},
    Site.CALLBACK: _ORDER | {"message", "nth"},
    Site.ORDER: _ORDER | {"nth"},
    Site.EXECUTION: _ORDER | {"nth"},
    Site.NOW: frozenset({"every"}),
}


def _kind(site: Site, text: str, *fields: str, message: str = "") -> FaultKind:
    return FaultKind(site, text, frozenset(fields), message)


_REQUEST = {
    "drop_place": _kind(Site.REQUEST, "ignore placeOrders", message="placeOrder"),
    "refuse_place": _kind(
        Site.REQUEST,
        "answer a placeOrder with error `code` (10289) and know no order",
        *("code", "text"),
        message="placeOrder",
    ),
    "drop_request": _kind(Site.REQUEST, "never answer a request, as if it had not come"),
    "late_request": _kind(Site.REQUEST, "read a request `delay_ms` later than those after it", "delay_ms"),
    "no_ack": _kind(Site.REQUEST, "work the order, but swallow its immediate answers", message="placeOrder"),
    "modify_reject": _kind(
        Site.REQUEST,
        "refuse a modification (2102); the order keeps its terms",
        "code",
        "text",
        message="placeOrder",
    ),
    "cancel_reject": _kind(
        Site.REQUEST, "refuse a cancel (161); the order lives on", "code", "text", message="cancelOrder"
    ),
    "cancel_pending": _kind(
        Site.REQUEST,
        "say that a cancel is under way already (10148, PendingCancel); it takes effect `delay_ms` later",
        "delay_ms",
        message="cancelOrder",
    ),
    "fill_on_cancel": _kind(
        Site.REQUEST,
        "fill `fraction` of what is left first: the cancel comes too late",
        "fraction",
        message="cancelOrder",
    ),
    "fill_after_cancel": _kind(
        Site.REQUEST,
        "confirm the cancel, then report a fill of `fraction` of the rest, `delay_ms` later",
        *("fraction", "delay_ms"),
        message="cancelOrder",
    ),
    "order_notice": _kind(
        Site.REQUEST,
        "say error `code` about an order that is well, `before` or `after` (`where`) its answers",
        *("code", "text", "where", "delay_ms"),
        message="placeOrder",
    ),
    "cut_in": _kind(
        Site.REQUEST, "drop the link `before`, in the `middle` of or `after` a request (`where`)", "where"
    ),
}
_CALLBACK = {
    "drop_callback": _kind(Site.CALLBACK, "never send it"),
    "late_callback": _kind(Site.CALLBACK, "send it `delay_ms` later, others overtake it", "delay_ms"),
    "duplicate_callback": _kind(
        Site.CALLBACK, "send it twice; once more `delay_ms` later if set", "delay_ms"
    ),
    "reorder_callback": _kind(Site.CALLBACK, "send it behind everything else of its turn"),
    "fill_before_ack": _kind(
        Site.CALLBACK, "send the execution before any word of its order", message="executionData"
    ),
    "cut_out": _kind(
        Site.CALLBACK, "drop the link `before`, in the `middle` of or `after` a message (`where`)", "where"
    ),
}
_ORDERS = {
    "reject": _kind(
        Site.ORDER,
        "end an order with error `code` (201), `status` Inactive or Cancelled, `delay_ms` after it came",
        *("reason", "code", "status", "delay_ms"),
    ),
    "inactive": _kind(
        Site.ORDER,
        "end an order as Inactive, with error `code` or without a word; it works after all "
        "if `revives_ms` is set",
        *("code", "text", "delay_ms", "revives_ms"),
    ),
}
_EXECUTION = {
    "late_commission": _kind(Site.EXECUTION, "report the commission `delay_ms` late", "delay_ms"),
    "no_commission": _kind(Site.EXECUTION, "never report the commission"),
    "unknown_commission": _kind(
        Site.EXECUTION,
        "report the largest double as commission and profit (not known yet), the true ones `delay_ms` later",
        "delay_ms",
    ),
    "wavering_commission": _kind(
        Site.EXECUTION, "report another commission `delay_ms` later, and then the first one again", "delay_ms"
    ),
    "correct_execution": _kind(
        Site.EXECUTION,
        "report a corrected version (.02) with `price_change` and `shares_change`, `delay_ms` later",
        *("price_change", "shares_change", "delay_ms"),
    ),
    "turn_execution": _kind(
        Site.EXECUTION, "report a corrected version (.02) of the other side, `delay_ms` later", "delay_ms"
    ),
    "bust_first": _kind(
        Site.EXECUTION,
        "report a version (.02) of no shares, and the first version `delay_ms` later",
        "delay_ms",
    ),
    "bust_execution": _kind(
        Site.EXECUTION, "report a version (.02) of no shares, `delay_ms` later", "delay_ms"
    ),
}
_NOW = {
    "clear": _kind(Site.NOW, "disarm everything and heal what lasts"),
    "disconnect": _kind(Site.NOW, "close client connections", "client_id"),
    "half_open": _kind(
        Site.NOW, "connections stay open, nothing goes through; dropped after `seconds` if set", "client_id"
    ),
    "hang": _kind(Site.NOW, "read nothing from clients for `seconds`; it is read later", "client_id"),
    "slow_drip": _kind(
        Site.NOW,
        "read and write `bytes` at a time, every `ms` milliseconds, for `seconds`",
        "client_id",
        "bytes",
        "ms",
    ),
    "delay_ms": _kind(Site.NOW, "every answer comes `ms` milliseconds later, until `ms` is 0", "ms"),
    "pacing": _kind(
        Site.NOW, "allow `rate` messages a second: `mode` reject (error 100), delay or off", "mode", "rate"
    ),
    "link_lost": _kind(
        Site.NOW,
        "lose IB (`code` 1100 or 2110); `orders` are held or dropped; back after `seconds` if set",
        *("code", "orders", "data_lost"),
    ),
    "link_restored": _kind(Site.NOW, "bring IB back: 1102, or 1101 with `data_lost`", "data_lost"),
    "notice": _kind(
        Site.NOW,
        "say system `code` (2103 to 2110, 2119, 2157, 2158); all is well again after `seconds`",
        "code",
        "text",
        "client_id",
    ),
    "restart": _kind(
        Site.NOW,
        "close the port for `seconds`; `data` is kept or lost, `ids_reset` begins order ids at 1",
        "data",
        "ids_reset",
    ),
    "ids_reset": _kind(Site.NOW, "nextValidId goes back to 1, as after lost settings; links are closed"),
    "midnight": _kind(
        Site.NOW,
        "the day ends: DAY orders expire, executions and completed orders are no longer listed, "
        "clients log in again",
    ),
    "login": _kind(
        Site.NOW,
        "another login: `accounts` (separated by commas) are its own, orders and positions of others are not "
        "shown; clients log in again; the first login is back after `seconds` if set",
        "accounts",
    ),
    "empty_lists": _kind(
        Site.NOW,
        "for `delay_ms` after each login open orders, completed orders and executions are listed as none",
        "delay_ms",
    ),
    "clock": _kind(Site.NOW, "the gateway's clock is `offset` seconds ahead, or behind", "offset"),
    "lag": _kind(
        Site.NOW,
        "positions and account values are reported `delay_ms` late, for `seconds` if set",
        "delay_ms",
    ),
    "move": _kind(Site.NOW, "move the market of `symbol` by `percent`", "symbol", "percent"),
    "stranger": _kind(
        Site.NOW,
        "somebody else trades a lot of `symbol`, told under order id 2147483647 (`number` hand), 0 (zero) "
        "or the newest of a client (reused)",
        *("symbol", "side", "number"),
    ),
}
KINDS: dict[str, FaultKind] = _REQUEST | _CALLBACK | _ORDERS | _EXECUTION | _NOW


def message_name(struct: type[object]) -> str:
    """Return what a message is called: placeOrder, openOrder, executionData."""
    return struct.__name__[0].lower() + struct.__name__[1:]


#: Callbacks by the names that the official client gives them, where these differ from the message's.
ALIASES = {
    "execDetails": "executionData",
    "execDetailsEnd": "executionDataEnd",
    "error": "errMsg",
    "position": "positionData",
    "updateAccountValue": "acctValue",
    "updatePortfolio": "portfolioValue",
    "accountDownloadEnd": "acctDownloadEnd",
    "managedAccounts": "managedAccts",
    "contractDetails": "contractData",
    "contractDetailsEnd": "contractDataEnd",
}
REQUESTS = frozenset(message_name(layout.struct) for layout in codec.CLIENT_LAYOUTS.values())
CALLBACKS = frozenset(message_name(layout.struct) for layout in codec.SERVER_LAYOUTS.values())
