"""Order ids and the references that travel to the broker: how they are made, and what they tell."""

from __future__ import annotations

import base64
import hashlib
import threading
import time
from datetime import datetime
from functools import lru_cache
from uuid import UUID

REF_PREFIX = "TD"


def order_ref_of(order_id: UUID, attempt: int = 1) -> str:
    """The reference that travels to the broker: at most 32 plain ASCII characters, told apart by attempt."""
    base = REF_PREFIX + base64.b32encode(order_id.bytes).decode().rstrip("=")
    return base if attempt == 1 else f"{base}-{attempt}"


def digest_of(order_ref: str) -> str:
    """What a reference says of client and ClOrdID: the end of its order's id, as PostgreSQL writes it."""
    order_id = order_id_of(order_ref)
    return str(order_id)[-17:] if order_id else ""


def repeats_lost_sql(row: str) -> str:
    """Whether an order of this row repeats one that our books had lost and nobody has been given, in SQL."""
    return f"""EXISTS (SELECT FROM orders_lostorder lost
                WHERE lost.claimed_at IS NULL AND lost.digest = right({row}.id::text, 17))"""


class OrderIds:
    """Makes order ids: UUIDv7 (RFC 9562) whose last 62 bits are a digest of client and ClOrdID.

    So the reference, which travels to the broker and comes back, tells a repeat of the same request even to a
    database that was restored and has lost the order. Ids of one process rise: 12 bits count within a
    millisecond.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._last = 0  # milliseconds << 12 | count

    def make(self, client: str, cl_ord_id: str) -> UUID:
        """The id of a new order of this client."""
        digest = hashlib.sha256(f"{client}\0{cl_ord_id}".encode()).digest()
        random = int.from_bytes(digest[:8]) >> 2
        with self._lock:
            self._last = max(self._last + 1, (time.time_ns() // 1_000_000) << 12)
            milliseconds, count = self._last >> 12, self._last & 0xFFF
        return UUID(int=milliseconds << 80 | 7 << 76 | count << 64 | 2 << 62 | random)


order_ids = OrderIds()


@lru_cache(maxsize=2_000)  # each answer of the broker names its order by it
def order_id_of(order_ref: str) -> UUID | None:
    """The order that a reference names; None when it is not one of ours."""
    base = order_ref.split("-")[0]
    if len(base) != 28 or not base.startswith(REF_PREFIX):
        return None
    try:
        return UUID(bytes=base64.b32decode(base[2:] + "======"))
    except ValueError:  # binascii.Error among them
        return None


def first_id_at(at: datetime) -> UUID:
    """The lowest order id that can have been made at this time (RFC 9562, 5.7: UUIDv7)."""
    return UUID(int=(int(at.timestamp() * 1000) << 80) | (7 << 76) | (2 << 62))
