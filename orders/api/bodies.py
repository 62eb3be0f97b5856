"""Bodies that clients send: which fields they have, and the ticket that an order's body describes.

An order's own fields are those of `orders.entry.reading.ticket.Ticket`; what stands here are the bodies
around it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from enum import StrEnum
from typing import Any, TypedDict

from brokers.fix import Side
from brokers.order_attributes import Symbol
from orders.access import not_network
from orders.api.problems import Problem, invalid
from orders.controls.halts.dead_man import LONGEST, SHORTEST
from orders.entry.groups import MAX_ORDERS, MIN_ORDERS, GroupTicket
from orders.entry.reading.fields import (
    Field,
    Number,
    Wrong,
    boolean,
    client_name,
    collect,
    fields_of,
    integer,
    listed,
    moment,
    reader_of,
    reads,
    text,
    word,
)
from orders.entry.reading.ticket import AccountCode, ClOrdId, InstrumentKey, StrategyName, Ticket
from orders.entry.replace import Change
from orders.entry.slicer import MAX_SLICES
from orders.models import EventKind, GroupKind, IfLate, OcaType, Scope, Terms

MAX_ERRORS = 50

cl_ord_id, account, symbol = reader_of(ClOrdId), reader_of(AccountCode), reader_of(Symbol)
strategy = reader_of(StrategyName)
reason = text(r"^[^\x00-\x1f\x7f]{1,500}$", "1 to 500 characters without line breaks")
ORDER_FIELDS, INSTRUMENT_FIELDS = fields_of(Ticket), fields_of(InstrumentKey)
order = reader_of(Ticket)


class Schedule(StrEnum):
    """How a sliced order is spread over its time."""

    TWAP = "TWAP"


@reads(description="An order as POST /orders takes it; each is answered by itself, whatever it is.")
def order_item(raw: Any) -> Any:
    """An entry of a bulk, read later: what is wrong with it, were it no object, concerns it alone."""
    return raw


class BulkMode(StrEnum):
    """Whether a bulk is its orders one by one, or whole or not at all."""

    PER_ITEM = "per_item"
    ALL_OR_NONE = "all_or_none"


BULK_FIELDS = {
    "mode": Field(word(BulkMode), description="per_item if not given.", default=BulkMode.PER_ITEM),
    "orders": Field(listed(order_item, most=1000, least=1), required=True),
}
GROUP_FIELDS = {
    "list_id": Field(cl_ord_id, required=True, description="The group's id, unique among yours."),
    "kind": Field(word(GroupKind), required=True),
    "oca_type": Field(
        word(OcaType),
        description="What an execution of one does to the others (OCA).",
        default=OcaType.CANCEL,
    ),
    "orders": Field(
        listed(order, least=MIN_ORDERS, most=MAX_ORDERS),
        required=True,
        description="Of a BRACKET the first is the entry, the others are its exits.",
    ),
}
SLICED_FIELDS = {
    **ORDER_FIELDS,
    "cl_ord_id": Field(
        text(r"^[\x21-\x7e]{1,50}$", "1 to 50 printable ASCII characters without spaces"),
        required=True,
        description="Slices are named after it: .1, .2, ...",
    ),
    "schedule": Field(word(Schedule), description="TWAP if not given.", default=Schedule.TWAP),
    "slices": Field(integer(1, MAX_SLICES), required=True),
    "start_time": Field(moment, description="Now, when it is not given."),
    "end_time": Field(moment, required=True, description="Nothing is sent from then on, paused or not."),
    "if_late": Field(
        word(IfLate),
        description="What becomes of the rest when slices were not sent in their time; SPREAD if not given.",
        default=IfLate.SPREAD,
    ),
}
PREVIEW_FIELDS = ORDER_FIELDS | {"cl_ord_id": Field(cl_ord_id)}
RESOLVE_FIELDS = {**INSTRUMENT_FIELDS, "account": Field(account, description="Whose broker is asked.")}


@reads(type="string", maxLength=50)
def network(raw: Any) -> str:
    """An address or network, in CIDR."""
    if not isinstance(raw, str) or isinstance(raw, Number):
        raise Wrong("NOT_A_STRING", "This must be a string.")
    if wrong := not_network(raw):
        raise Wrong("BAD_FORMAT", f"This must be an address or a network such as 10.1.0.0/16: {wrong}")
    return raw


TOKEN_FIELDS = {
    "username": Field(client_name, required=True),
    "name": Field(text(r"^[\x20-\x7e]{1,100}$", "1 to 100 printable ASCII characters")),
    "scopes": Field(listed(word(Scope), most=len(Scope), least=1), required=True),
    "accounts": Field(listed(account, most=1000, least=1), required=True),
    "expires_in": Field(integer(60, 10 * 366 * 86_400)),
    "rate": Field(integer(1, 1_000_000)),
    "strategy": Field(strategy, description="Of every order placed with it."),
    "networks": Field(
        listed(network, most=50),
        description="Addresses and networks (CIDR) that may use it; all if not given.",
    ),
    "heartbeat": Field(
        integer(SHORTEST, LONGEST),
        description="Seconds within which `POST /heartbeat` must come again; else its orders are canceled.",
    ),
}


@reads(anyOf=[{"type": "integer", "const": 0}, integer(SHORTEST, LONGEST).schema])
def beat_within(raw: Any) -> int:
    """Seconds to the next beat, or 0."""
    ends = isinstance(raw, Number) and re.fullmatch(r"0(\.0{1,9})?", raw)
    return 0 if ends else int(integer(SHORTEST, LONGEST)(raw))


HEARTBEAT_FIELDS = {
    "within": Field(beat_within, description="Seconds to the next beat; 0 ends it. Not given: as before.")
}
WEBHOOK_FIELDS = {
    "url": Field(text(r"^https?://[\x21-\x7e]{1,480}$", "an https URL of printable ASCII"), required=True),
    "accounts": Field(listed(account, most=1000, least=1), required=True),
    "kinds": Field(
        listed(word(EventKind), most=len(EventKind)), description="Kinds of events; all if not given."
    ),
}
ROTATE_FIELDS = {"overlap": Field(integer(0, 7 * 86_400))}
CANCEL_MANY_FIELDS = {
    "account": Field(account),
    "symbol": Field(symbol),
    "side": Field(word(Side)),
    "dry_run": Field(boolean, description="Only tell what would be asked.", default=False),
    "limit": Field(integer(1, 500), description="Orders at once; 500 if not given.", default="500"),
}
CANCEL_FIELDS = {
    "cl_ord_id": Field(cl_ord_id),
    "alone": Field(
        boolean, description="Only if the broker cancels no other order of the group with it.", default=False
    ),
}
REASON_FIELDS = {"reason": Field(reason, required=True)}
REPLACE_FIELDS = {
    "cl_ord_id": ORDER_FIELDS["cl_ord_id"],
    **{name: replace(ORDER_FIELDS[name], required=False) for name in Terms._fields},
}


def read_fields(data: object, fields: Mapping[str, Field]) -> dict[str, Any]:
    """The checked values of the fields that are present; raises Problem INVALID naming every wrong field."""
    values, errors = collect(data, fields)
    if errors:
        raise invalid(errors[:MAX_ERRORS])
    return values


def read_ticket(body: object) -> Ticket:
    """The ticket of an order's body; raises Problem INVALID naming every field that is wrong."""
    return Ticket(**read_fields(body, ORDER_FIELDS))


def read_group(body: object) -> GroupTicket:
    """The group of a body; raises Problem INVALID naming every field that is wrong."""
    return GroupTicket(**read_fields(body, GROUP_FIELDS))


class Slicing(TypedDict):
    """How a sliced order is to be worked."""

    slices: int
    start_time: datetime | None
    end_time: datetime
    if_late: IfLate


def read_sliced(body: object) -> tuple[Ticket, Slicing]:
    """(what every slice is made of, how they are worked); raises Problem INVALID."""
    values = read_fields(body, SLICED_FIELDS)
    values.pop("schedule", None)
    if values.get("strategy") == Schedule.TWAP:  # the schedule's name stood there before
        del values["strategy"]
    how = Slicing(
        slices=values.pop("slices"),
        start_time=values.pop("start_time", None),
        end_time=values.pop("end_time"),
        if_late=values.pop("if_late", IfLate.SPREAD),
    )
    return Ticket(**values), how


def read_preview(body: object) -> Ticket:
    """The ticket of an order that is only to be looked at: it needs no cl_ord_id."""
    return Ticket(**{"cl_ord_id": "preview", **read_fields(body, PREVIEW_FIELDS)})


def read_instrument(body: object) -> tuple[InstrumentKey, str | None]:
    """(the description to be resolved, the account whose broker is asked)."""
    values = read_fields(body, RESOLVE_FIELDS)
    account_code = values.pop("account", None)
    return InstrumentKey(**values), account_code


def read_cancel(body: object) -> tuple[str, bool]:
    """(the cl_ord_id of a cancel's body, "" when it gives none; whether alone); raises Problem INVALID."""
    values = read_fields(body, CANCEL_FIELDS)
    return values.get("cl_ord_id", ""), values.get("alone", False)


def read_change(body: object) -> Change:
    """The change that a replace's body asks for; raises Problem INVALID."""
    return Change(**read_fields(body, REPLACE_FIELDS))


_VERSION = r"[1-9][0-9]{0,8}"
_SEEN = re.compile(rf'(?:W/)?"?({_VERSION})(?:-[0-9a-f]{{1,64}})?"?', re.ASCII)
_TAGS = re.compile(r'(?:W/)?"[\x21\x23-\x7e]*"(?:[ \t]*,[ \t]*(?:W/)?"[\x21\x23-\x7e]*")*', re.ASCII)


def read_if_match(header: str | None) -> int | None:
    """The version that If-Match names, None for "*"; raises Problem when it is missing or names none.

    Of several tags the one of our form counts; without one nothing fits (RFC 9110, 13.1.1). No version has
    number 0, so it is refused before anything: also where the request repeats one of before.
    """
    if header is None:
        raise Problem("PRECONDITION_REQUIRED", 'Send If-Match with the version that you saw, such as "7".')
    sent = header.strip()
    if sent == "*":
        return None
    if found := _SEEN.fullmatch(sent):
        return int(found[1])
    if sent == '"0"' or not _TAGS.fullmatch(sent):
        raise Problem("MALFORMED_REQUEST", 'If-Match must be the version of the order, such as "7".')
    ours = [found for tag in sent.split(",") if (found := _SEEN.fullmatch(tag.strip()))]
    if len(ours) != 1:
        raise Problem("VERSION_MOVED", "None of the tags in If-Match is the order's: read it again.")
    return int(ours[0][1])
