"""What IB's codes mean: one table. Source: IB's message code list and what clients have seen.

A code that is not listed is UNKNOWN, never the end of an order: new ones keep appearing, and one that
looks like a rejection may be a notice about a living order (10349 was).
"""

from __future__ import annotations

import re
from enum import StrEnum

from brokers.messages import Refusal


class Notice(StrEnum):
    """What a code that names no order tells of the session."""

    LINK_LOST = "LINK_LOST"  # the gateway has lost IB
    LINK_RESTORED = "LINK_RESTORED"  # it is back, and anything may have happened meanwhile
    CLIENT_ID_IN_USE = "CLIENT_ID_IN_USE"
    PORT_CHANGED = "PORT_CHANGED"
    PACING = "PACING"  # more messages than the gateway takes: the one it names was not processed
    FARM = "FARM"  # a data farm came or went; says nothing about orders
    DATA = "DATA"  # a question for data was refused or is paced
    LIBRARY = "LIBRARY"  # made by client libraries about their own connection


CLIENT_ID_IN_USE = 326
NO_SUCH_CONTRACT = 200
SUBSCRIPTIONS_LOST = 1101
NOT_FOUND, NOT_CANCELLABLE = 135, 10148
# Texts are for people and change from version to version: read without spaces, in small letters.
_STATE = re.compile(r"(?:state|status)(?:is)?[:=]?([a-z]+)")
# A gateway in another language has the same states behind its own word for "state", at the end.
_AT_THE_END = re.compile(r"[:=]([a-z]+)[^a-z]*$")
_NAMED = re.compile(r"(?:id|order)[:=#]?(\d+)")
_BEING_CANCELED = re.compile(r"(?:pending|pre|api)?cancell?(?:ed|ing)?(?:pending)?")

_TABLE: dict[Refusal | Notice, tuple[int, ...]] = {
    Refusal.ORDER_REJECTED: (
        106, 107, 109, 111, 113, 116, 117, 132, 140, 141, 145, 146, 147, 151, 154, 160, 163, 164, 200, 201,
        203, 312, 313, 314, 315, 336, 337, 355, 382, 383, 387, 388, 391, 392, 412, 413, 435, 436, 460,
        439, 441, 442, 443, 463, 10006, 10015, 10318,
    ),
    Refusal.REJECTED_IF_NEW: (110, 321, 329, 434),
    Refusal.ORDER_CANCELED: (202,),
    Refusal.CANCEL_REFUSED: (136, 10147, 10148),
    # Not now: already being canceled, filled in this moment, or not taken yet. Which of them it does not say.
    Refusal.CANCEL_UNDER_WAY: (161,),
    Refusal.REPLACE_REFUSED: (104, 105, 134, 10326, 10327, 10341),
    Refusal.REPLACE_TOO_EARLY: (2102,),
    Refusal.REQUEST_REFUSED: (135,),
    # 103 says only that an id is spent, 133 and the like that the server failed: the order may live.
    Refusal.LOOK_UP: (103, 133, 320, 322, 323, 451, 512, 10328),
    Refusal.WARNING: (
        165, 399, 404, 481, 492, 2109, 2111, 2137, 2168, 2169, 10167, 10233, 10311, 10329, 10331, 10349,
    ),
    Notice.LINK_LOST: (1100, 2110),
    Notice.LINK_RESTORED: (1101, 1102),
    Notice.CLIENT_ID_IN_USE: (CLIENT_ID_IN_USE,),
    Notice.PORT_CHANGED: (1300,),
    Notice.PACING: (100,),
    Notice.FARM: (2100, 2101, 2103, 2104, 2105, 2106, 2107, 2108, 2119, 2157, 2158),
    Notice.DATA: (162, 420, 10182, 10197),
    Notice.LIBRARY: (501, 502, 503, 504, 505, 506, 507, 508, 509),
}  # fmt: skip
MEANING: dict[int, Refusal | Notice] = {code: what for what, codes in _TABLE.items() for code in codes}

#: What a code means for an order when it names one all the same.
_ABOUT_AN_ORDER = {Notice.FARM: Refusal.WARNING, Notice.DATA: Refusal.WARNING}
#: 2100 to 2199 are warnings by IB's own count, also those that nobody has listed.
_WARNINGS = range(2100, 2200)


def classify(code: int) -> Refusal | Notice:
    """What this code means; UNKNOWN when nobody knows."""
    if code in MEANING:
        return MEANING[code]
    return Refusal.WARNING if code in _WARNINGS else Refusal.UNKNOWN


def meaning(code: int, text: str = "", order_id: int = 0) -> Refusal:
    """What this code means for the order it names. Trouble of the session proves nothing about an order.

    Two need their text. A cancel that cannot be done (10148) says what the order is doing: one that is being
    canceled is no refusal (Lean.IB 248, ib_insync 656). An order that is not found (135) may be another than
    this one: that to which it is attached (ib_insync 647).
    """
    if code in (NOT_CANCELLABLE, NOT_FOUND):
        words = "".join(text.lower().split())
        state, named = _STATE.search(words) or _AT_THE_END.search(words), _NAMED.search(words)
        if code == NOT_CANCELLABLE and state and _BEING_CANCELED.fullmatch(state[1]):
            return Refusal.CANCEL_UNDER_WAY
        if code == NOT_FOUND and order_id and named and int(named[1]) != order_id:
            return Refusal.PARENT_GONE
    found = classify(code)
    return found if isinstance(found, Refusal) else _ABOUT_AN_ORDER.get(found, Refusal.LOOK_UP)
