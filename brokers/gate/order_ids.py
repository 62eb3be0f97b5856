"""The end of the order ids: a broker counts them in 32 bits, and clients write the last one as "not set".

IB answers 320 to an id above 2,147,483,647, ib_async sends that one as an empty text, and an id once used is
never given out again. So nothing new is sent from 2,000,000,000 on, long before, and a person is told.
Sources: IBC 214, ib_insync 644, rust-ibapi 365.
"""

from __future__ import annotations

#: The highest id that an order gets.
LAST_ORDER_ID = 1_999_999_999
#: From this one on none is given out: a claim takes many at once.
USED_UP_FROM = LAST_ORDER_ID - 999


def is_sendable(broker_order_id: int | None) -> bool:
    """Whether an order of this id can be named to a broker."""
    return broker_order_id is not None and 0 < broker_order_id <= LAST_ORDER_ID
