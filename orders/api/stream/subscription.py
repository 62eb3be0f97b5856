"""What a listener wants to hear: parameters of the stream's URL."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl

from orders.api import bodies
from orders.api.bodies import read_fields
from orders.api.problems import Problem, invalid
from orders.api.queries import flag, uuid
from orders.api.stream.feed import Item
from orders.entry.reading.fields import Field, Wrong, reads, word
from orders.errors import FieldError
from orders.models import EventKind


@reads(type="string", description="Kinds of events, separated by commas.")
def kinds(raw: Any) -> frozenset[str]:
    """Kinds of events, separated by commas."""
    return frozenset(word(EventKind)(one) for one in raw.split(","))


@reads(type="string")
def place(raw: Any) -> str:
    """An event id; one that is none is answered by a reset, not by an error."""
    if len(raw) > 100:
        raise Wrong("TOO_LONG", "This must be an event id.")
    return str(raw)


FIELDS = {
    "account": Field(bodies.account, description="Only this account."),
    "symbol": Field(bodies.symbol, description="Only this symbol."),
    "order_id": Field(uuid, description="Only this order."),
    "kind": Field(kinds, description="Kinds of events, separated by commas."),
    "drop_copy": Field(flag, description="Whole messages, for tokens with the scope `audit`."),
    "last_event_id": Field(
        place, description="Go on after this event; the header Last-Event-ID comes first."
    ),
}


@dataclass(frozen=True, kw_only=True)
class Subscription:
    """Which events are wanted; None means any."""

    account: str | None = None
    symbol: str | None = None
    order_id: str | None = None
    kind: frozenset[str] | None = None
    drop_copy: bool = False
    last_event_id: str = ""

    def fits(self, item: Item) -> bool:
        """Whether the listener wants this event."""
        return (
            self.account in (None, item.account)
            and self.symbol in (None, item.symbol)
            and self.order_id in (None, item.order_id)
            and (self.kind is None or item.kind in self.kind)
        )


def read_subscription(query: str, last_event_id: str) -> Subscription:
    """What the URL asks for; raises Problem INVALID for unknown, repeated and wrong parameters."""
    try:
        given = parse_qsl(query, keep_blank_values=True, max_num_fields=50, strict_parsing=bool(query))
    except ValueError:
        raise Problem("MALFORMED_REQUEST", "The query string cannot be understood.") from None
    values, names = dict(given), [name for name, _ in given]
    if repeated := [name for name in FIELDS if names.count(name) > 1]:
        raise invalid([FieldError(name, "REPEATED", "Give this parameter once.") for name in repeated])
    read = read_fields(values, FIELDS)
    if "order_id" in read:
        read["order_id"] = str(read["order_id"])
    if last_event_id:
        read["last_event_id"] = last_event_id
    return Subscription(**read)
