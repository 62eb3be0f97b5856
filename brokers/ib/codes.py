"""What IB's error codes mean for an order. Source: IB's message code list and what clients have seen.

A code that is not listed is LOOK_UP: new ones keep appearing, and one that looks like a rejection may
be a notice about a living order (10349 was).
"""

from __future__ import annotations

from brokers.messages import Refusal

LINK_LOST = frozenset({1100, 2110})
LINK_RESTORED = frozenset({1101, 1102})
CLIENT_ID_IN_USE = 326
NO_SUCH_CONTRACT = 200

#: Data farm and market data notices that carry no order.
_FARMS = range(2100, 2170)

_REJECTED = {
    106, 107, 109, 111, 113, 116, 117, 132, 140, 141, 145, 146, 147, 151, 154, 160, 163, 164, 200, 201, 203,
    312, 313, 314, 315, 336, 337, 355, 382, 383, 387, 388, 391, 392, 412, 413, 434, 435, 436, 460, 463,
    10006, 10015, 10318,
}  # fmt: skip
#: Refused before the order lived, or a modify refused: which one, the order's own state tells.
_REJECTED_IF_NEW = {110, 321, 329}
_CANCEL_REFUSED = {136, 161, 10147, 10148}
_REPLACE_REFUSED = {104, 105, 134, 10326, 10327, 10341}
_WARNING = {
    165, 399, 404, 481, 492, 2109, 2111, 2137, 2168, 2169, 10167, 10233, 10311, 10329, 10331, 10349,
}  # fmt: skip

MEANING: dict[int, Refusal] = {
    202: Refusal.ORDER_CANCELED,
    **dict.fromkeys(_REJECTED | _REJECTED_IF_NEW, Refusal.ORDER_REJECTED),
    **dict.fromkeys(_CANCEL_REFUSED, Refusal.CANCEL_REFUSED),
    **dict.fromkeys(_REPLACE_REFUSED, Refusal.REPLACE_REFUSED),
    135: Refusal.REQUEST_REFUSED,
    2102: Refusal.REPLACE_TOO_EARLY,
    **dict.fromkeys(_WARNING, Refusal.WARNING),
}


def meaning(code: int) -> Refusal:
    """What this code means for the order it names; LOOK_UP when nobody knows."""
    known = MEANING.get(code)
    if known is None and code in _FARMS:
        return Refusal.WARNING
    return known or Refusal.LOOK_UP
