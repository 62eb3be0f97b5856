"""The registry of reasons: why an order was refused or given up, or a request refused."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Reason:
    """One reason: its code, what it means, whether sending the same again can help, what the desk does."""

    code: str
    text: str
    retryable: bool
    desk: str


_ALL = (
    Reason(
        code="QTY_ABOVE_LIMIT",
        text="The quantity is above the account's limit.",
        retryable=False,
        desk="Split the order or ask for a higher limit.",
    ),
    Reason(
        code="NOTIONAL_ABOVE_LIMIT",
        text="The value of the order is above the account's limit.",
        retryable=False,
        desk="Reduce the order or ask for a higher limit.",
    ),
    Reason(
        code="POSITION_ABOVE_LIMIT",
        text="If all that works were filled, the position would be above the account's limit.",
        retryable=False,
        desk="Cancel what works on that side, reduce the order, or ask for a higher limit.",
    ),
    Reason(
        code="OPEN_ORDERS_ABOVE_LIMIT",
        text="The account has as many open orders as it may have.",
        retryable=True,
        desk="Cancel what is not needed any more, or ask for a higher limit.",
    ),
    Reason(
        code="ORDER_RATE_ABOVE_LIMIT",
        text="The account has placed as many orders within a minute as it may.",
        retryable=True,
        desk="Look whether an algorithm runs away; wait a minute, or ask for a higher limit.",
    ),
    Reason(
        code="MESSAGE_RATE_ABOVE_LIMIT",
        text="As many orders, replaces and cancels were sent within a minute as may be.",
        retryable=True,
        desk="Look whether an algorithm runs away; wait a minute. Cancels are always taken.",
    ),
    Reason(
        code="DUPLICATES_ABOVE_LIMIT",
        text="The same order was placed more often within a minute than the account may.",
        retryable=True,
        desk="Look whether it was meant to be placed again; wait a minute if it was.",
    ),
    Reason(
        code="SELF_TRADE",
        text="The order would trade with a working order of our own.",
        retryable=True,
        desk="Cancel the order on the other side first, or choose a price that does not cross it.",
    ),
    Reason(
        code="PRICE_OUTSIDE_COLLAR",
        text="The price is further from the market than a limit allows.",
        retryable=True,
        desk="Look at the price; a slip of a digit ends here. Place it nearer to the market.",
    ),
    Reason(
        code="PRICE_TOO_OLD",
        text="The market price that the order would be checked against is too old.",
        retryable=True,
        desk="Wait for market data, or see why there is none.",
    ),
    Reason(
        code="NO_EXCHANGE_RATE",
        text="The value cannot be told in the limit's currency: there is no rate, or it is too old.",
        retryable=True,
        desk="See the account's values for the broker's rates, or add the pair as an instrument.",
    ),
    Reason(
        code="MARKET_CLOSED",
        text="The market is closed, or takes no order of this kind at this time.",
        retryable=True,
        desk="Place it when the market is open; its page shows the hours.",
    ),
    Reason(
        code="MARKET_HALTED",
        text="Trading in the instrument is halted.",
        retryable=True,
        desk="Wait until it trades again.",
    ),
    Reason(
        code="ADV_SHARE_ABOVE_LIMIT",
        text="The quantity is too large a part of the average daily volume.",
        retryable=False,
        desk="Work it in parts over time, or ask for a higher limit.",
    ),
    Reason(
        code="ORD_TYPE_NOT_ALLOWED",
        text="This order type is not allowed.",
        retryable=False,
        desk="Use another order type, or ask for this one to be allowed.",
    ),
    Reason(
        code="SHORT_SALE_NOT_ALLOWED",
        text="The sale would open or grow a short position without the permission for it.",
        retryable=False,
        desk="Sell what is held, locate shares to borrow, or ask for the permission.",
    ),
    Reason(
        code="INSTRUMENT_RESTRICTED",
        text="The instrument is on a restricted list.",
        retryable=False,
        desk="Read on the list why, and until when.",
    ),
    Reason(
        code="GROSS_EXPOSURE_ABOVE_LIMIT",
        text="If all that works were filled, the gross exposure would be above its limit.",
        retryable=False,
        desk="Cancel what works, reduce positions, or ask for a higher limit.",
    ),
    Reason(
        code="NET_EXPOSURE_ABOVE_LIMIT",
        text="If all that works were filled, the net exposure would be above its limit.",
        retryable=False,
        desk="Cancel what works on that side, reduce positions, or ask for a higher limit.",
    ),
    Reason(
        code="DAILY_NOTIONAL_ABOVE_LIMIT",
        text="The value of the day's orders would be above its limit.",
        retryable=False,
        desk="Wait for the next day, or ask for a higher limit.",
    ),
    Reason(
        code="DAILY_ORDERS_ABOVE_LIMIT",
        text="As many orders were placed today as may be.",
        retryable=False,
        desk="Wait for the next day, or ask for a higher limit.",
    ),
    Reason(
        code="DAILY_LOSS_ABOVE_LIMIT",
        text="The day's loss has reached its limit.",
        retryable=False,
        desk="Look at the positions; only orders that reduce them may be placed.",
    ),
    Reason(
        code="DAILY_LOSS_UNKNOWN",
        text="The day's loss has a limit, and the broker does not tell the profit.",
        retryable=True,
        desk="See the account's page; the gateway must prepare portfolio PnL. Closing orders are taken.",
    ),
    Reason(
        code="ORDER_TO_TRADE_ABOVE_LIMIT",
        text="There were too many orders and changes for each that executed.",
        retryable=False,
        desk="Look whether an algorithm places and cancels too much.",
    ),
    Reason(
        code="REPEATED_EXECUTIONS",
        text="The same was executed as often in a row as may be before a person looks.",
        retryable=False,
        desk="Look whether an algorithm runs away, then enable it again.",
    ),
    Reason(
        code="RULES_CHANGED",
        text="The order waited, and by the rules in force now it could not be placed any more.",
        retryable=False,
        desk="Read the report of its checks; place another order if one is still wanted.",
    ),
    Reason(
        code="TRADING_HALTED",
        text="Trading is halted for the firm, the account or the strategy.",
        retryable=True,
        desk="See who halted it and why; send the order again once it is ACTIVE.",
    ),
    Reason(
        code="REDUCING_ONLY",
        text="Only what shrinks a position may be ordered, and this could grow or turn it.",
        retryable=True,
        desk="Look at the position and at what works on the same side; order no more than what is left.",
    ),
    Reason(
        code="INSTRUMENT_NOT_ALLOWED",
        text="The account may not trade this instrument.",
        retryable=False,
        desk="Ask for the instrument to be allowed.",
    ),
    Reason(
        code="NO_LIMITS",
        text="The account has no limits set, so nothing may be ordered.",
        retryable=False,
        desk="Set the account's limits.",
    ),
    Reason(
        code="NO_REFERENCE_PRICE",
        text="There is no price to value the order with.",
        retryable=True,
        desk="Use a limit price, or wait for market data.",
    ),
    Reason(
        code="BROKER_DOWN",
        text="The broker cannot be reached and the order asked to be refused then.",
        retryable=True,
        desk="Send it again when the session is back.",
    ),
    Reason(
        code="AT_BROKER_ALREADY",
        text="The broker has this order already: it was placed before our books lost their history.",
        retryable=False,
        desk="Look at the order that is named, and do not send this one again.",
    ),
    Reason(
        code="BACKLOG_TOO_LONG",
        text="More waits before it than the broker takes while the order is fresh.",
        retryable=True,
        desk="Send it later, give it a longer max_age, or have it queue.",
    ),
    Reason(
        code="BROKER_REJECTED",
        text="The broker or the exchange refused the order.",
        retryable=False,
        desk="Read the broker's words on the order.",
    ),
    Reason(
        code="STALE",
        text="The order was not sent while it was fresh, and has been given up.",
        retryable=True,
        desk="Decide again at today's price.",
    ),
    Reason(
        code="NEVER_REACHED_BROKER",
        text="The order was proven absent from the broker and was given up by the desk.",
        retryable=True,
        desk="Send a new order if it is still wanted.",
    ),
    Reason(
        code="GONE_AT_BROKER",
        text="The broker had the order and does not show it any more; the desk closed it.",
        retryable=False,
        desk="Compare the position; send a new order if it is still wanted.",
    ),
    Reason(
        code="NO_SUCH_ADAPTER_ORDER",
        text="The broker connection cannot carry this order.",
        retryable=False,
        desk="Use another order type.",
    ),
    Reason(
        code="NO_ORDER_ID",
        text="The order's number at the broker is one that cannot be sent.",
        retryable=False,
        desk="Cancel it in TWS; see the runbook about order ids.",
    ),
    Reason(
        code="CANCELED_BEFORE_SENDING",
        text="The order was canceled before it left us.",
        retryable=False,
        desk="No action is needed.",
    ),
    Reason(
        code="BROKER_CANCELED",
        text="The broker or the exchange canceled the order.",
        retryable=False,
        desk="Read the broker's words on the order.",
    ),
    Reason(
        code="CANCELED_ON_REQUEST", text="Canceled on request.", retryable=False, desk="No action is needed."
    ),
    Reason(
        code="CANCELED_WITH_GROUP",
        text="The broker canceled it because of another order of its group.",
        retryable=False,
        desk="Look at that order; place a new one if this one is still wanted.",
    ),
    Reason(
        code="TIME_IN_FORCE", text="Its time in force is over.", retryable=False, desk="No action is needed."
    ),
    Reason(
        code="TOO_LATE_TO_CANCEL",
        text="The order was over before the cancel could take effect.",
        retryable=False,
        desk="Nothing: look at the executions.",
    ),
    Reason(
        code="REQUEST_REFUSED",
        text="The broker refused the request; the order lives on.",
        retryable=True,
        desk="Read the broker's words and ask again.",
    ),
    Reason(
        code="TOO_LATE_TO_REPLACE",
        text="The order was over before the replace could take effect.",
        retryable=False,
        desk="Nothing: look at the executions.",
    ),
    Reason(
        code="REPLACE_NOT_TAKEN",
        text="Two complete snapshots show the order with its old terms: the replace did not take effect.",
        retryable=True,
        desk="Ask again if the new terms are still wanted.",
    ),
    Reason(
        code="NEEDS_SECOND_PERSON",
        text="The change makes the order so large that a second person would have to approve it.",
        retryable=False,
        desk="Cancel it and place another order: that one waits for an approval.",
    ),
    Reason(
        code="APPROVAL_REJECTED",
        text="It needed a second person, who did not approve it.",
        retryable=False,
        desk="Read in the approval why; place another order if one is still wanted.",
    ),
    Reason(
        code="APPROVAL_EXPIRED",
        text="It needed a second person, and nobody approved it in time.",
        retryable=True,
        desk="See that somebody with the right is there; place the order again.",
    ),
    Reason(
        code="GROUP_BROKEN",
        text="Its group could not be placed whole, so all of it was taken back.",
        retryable=True,
        desk="Look at the group's other orders for the cause.",
    ),
    Reason(
        code="ORDER_FROZEN",
        text="The order waits for a person's decision, so it is not changed.",
        retryable=True,
        desk="Decide about the order, then ask again.",
    ),
    Reason(
        code="NOT_OURS",
        text="The order was placed by another client, which alone may cancel it.",
        retryable=False,
        desk="Cancel it where it was placed.",
    ),
)

REASONS = {reason.code: reason for reason in _ALL}


def reason(code: str) -> Reason:
    """The reason with this code; raises KeyError for a code that is not in the registry."""
    return REASONS[code]
