"""How the order of a ticket is worked: alone, with its exits, beside another one, or in slices over time.

The texts of the form become one request; what checks and places it is the same that the API uses.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum

import msgspec
from django.contrib.auth.models import User
from django.urls import reverse

from brokers.fix import OrdType, Side, TimeInForce
from orders.entry.groups import GroupTicket, place_group, preview_group
from orders.entry.place import dry_run, place_order
from orders.entry.reading.ticket import Override, Ticket
from orders.entry.reading.ticket_texts import INSTRUMENT_COLUMNS, by_column, ticket_from_texts
from orders.entry.slicer import MAX_SLICES, place_sliced, preview_sliced
from orders.errors import TicketInvalid
from orders.models import GroupKind, IfLate, OcaType, Source
from orders.risk.report import CheckResult


class Work(StrEnum):
    """The ways to work an order."""

    SINGLE = "SINGLE"
    BRACKET = "BRACKET"
    OCA = "OCA"
    TWAP = "TWAP"


WORDS = {
    Work.SINGLE: "One order",
    Work.BRACKET: "Bracket: with take profit and stop",
    Work.OCA: "One cancels the other",
    Work.TWAP: "In slices over time (TWAP)",
}
#: The fields that each way has beside those of the order.
FIELDS = {
    Work.SINGLE: (),
    Work.BRACKET: ("take_profit", "stop_loss"),
    Work.OCA: ("other_side", "other_qty", "other_type", "other_price", "other_stop_px", "oca_type"),
    Work.TWAP: ("slices", "start_time", "end_time", "if_late"),
}
NAMES = [name for names in FIELDS.values() for name in names]
LABELS = {
    "take_profit": "Take profit at",
    "stop_loss": "Stop at",
    "other_side": "Other side",
    "other_qty": "Other quantity",
    "other_type": "Other type",
    "other_price": "Other limit",
    "other_stop_px": "Other stop",
    "oca_type": "A fill of one does",
    "slices": "Slices",
    "start_time": "Start (UTC)",
    "end_time": "End (UTC)",
    "if_late": "If late",
}
HINTS = {"other_qty": "as above", "start_time": "now", "slices": "10"}
CHOICES = {
    "other_side": tuple(Side),
    "other_type": (OrdType.LIMIT, OrdType.STOP, OrdType.STOP_LIMIT, OrdType.MARKET),
    "oca_type": tuple(OcaType),
    "if_late": tuple(IfLate),
}
NUMBERS = frozenset({"take_profit", "stop_loss", "other_qty", "other_price", "other_stop_px", "slices"})
TIMES = frozenset({"start_time", "end_time"})
#: What the other orders of a group have from the first.
SHARED = (
    *("account", *INSTRUMENT_COLUMNS, "order_qty", "time_in_force"),
    *("on_unconfirmed", "if_broker_down", "if_backlog", "strategy"),
)
IMMEDIATE = (TimeInForce.IOC, TimeInForce.FOK)


class Request:
    """One request of a ticket: what the checks say of it, and placing it."""

    def __init__(self, ticket: Ticket) -> None:
        self.ticket = ticket

    @property
    def tickets(self) -> Iterable[Ticket]:
        """All its orders, the ticket's own first."""
        return [self.ticket]

    @property
    def words(self) -> str:
        """What is placed beside the ticket's own order, in words."""
        return ""

    def preview(self, client: User, at: datetime) -> list[CheckResult]:
        """What the checks say; raises TicketInvalid, stores nothing."""
        return dry_run(self.ticket, client.get_username())

    def place(self, client: User, at: datetime) -> Placed:
        """Place it, once per key."""
        found = place_order(self.ticket, client=client, source=Source.DESK, received_at=at)
        return Placed(order_url(found.order.id), found.created)


@dataclass(frozen=True)
class Placed:
    """The page of what was placed, and whether it is new."""

    url: str
    created: bool


class Grouped(Request):
    """A group: a bracket, or orders of which one ends the others. `fields` names each order's on the form."""

    def __init__(self, group: GroupTicket, fields: tuple[dict[str, str], ...]) -> None:
        super().__init__(group.orders[0])
        self.group, self.fields = group, fields

    @property
    def tickets(self) -> Iterable[Ticket]:
        """The orders of the group."""
        return self.group.orders

    @property
    def words(self) -> str:
        """How they depend on each other."""
        if self.group.kind == GroupKind.BRACKET:
            return "When it has executed, its exits work; a fill of one cancels the other."
        return self.group.oca_type.label

    def preview(self, client: User, at: datetime) -> list[CheckResult]:
        """The checks of all of them; what is said of the group as a whole only once."""
        try:
            orders = preview_group(self.group, client=client, received_at=at)
        except TicketInvalid as error:
            raise self.on_form(error) from None
        told = [CheckResult(**result) for order in orders for result in order.check_report]
        return list(dict.fromkeys(told))

    def place(self, client: User, at: datetime) -> Placed:
        """Whole or not at all."""
        try:
            found = place_group(self.group, client=client, source=Source.DESK, received_at=at)
        except TicketInvalid as error:
            raise self.on_form(error) from None
        return Placed(order_url(found.orders[0].id), found.created)

    def on_form(self, error: TicketInvalid) -> TicketInvalid:
        """The errors by the fields of the form."""
        found: dict[str, list[str]] = {}
        for path, texts in error.errors.items():
            head, _, rest = path.partition(".")
            number, _, name = rest.partition(".")
            own = self.fields[int(number)] if head == "orders" and number.isdecimal() else {}
            found.setdefault(own.get(name, name if own is self.fields[0] else "work"), []).extend(texts)
        return TicketInvalid(found)


class Sliced(Request):
    """A parent that is worked in slices."""

    def __init__(self, ticket: Ticket, slices: int, window: tuple[datetime | None, datetime], late: IfLate):
        super().__init__(ticket)
        self.slices, self.window, self.late = slices, window, late

    @property
    def words(self) -> str:
        """How many slices, until when."""
        start, end = self.window
        begins = f"from {start:%H:%M:%S}" if start else "from now"
        return f"In {self.slices} slices {begins} to {end:%H:%M:%S} UTC; pause and resume on its page."

    def preview(self, client: User, at: datetime) -> list[CheckResult]:
        """The checks of all of it."""
        start, end = self.window
        user = client.get_username()
        how = {"slices": self.slices, "start_time": start, "end_time": end}
        return preview_sliced(self.ticket, **how, user=user, now=at)  # type: ignore[arg-type]

    def place(self, client: User, at: datetime) -> Placed:
        """Record the parent; its slices follow."""
        start, end = self.window
        parent, created = place_sliced(
            self.ticket,
            slices=self.slices,
            start_time=start,
            end_time=end,
            if_late=self.late,
            client=client,
            received_at=at,
        )
        return Placed(reverse("desk:sliced", args=[parent.id]), created)


def order_url(order_id: object) -> str:
    """The page of an order."""
    return reverse("admin:orders_order_change", args=[order_id])


def request_of(texts: Mapping[str, str], override: Override | None) -> Request:
    """What the texts ask for; raises TicketInvalid by the fields of the form."""
    try:
        work = Work(texts.get("work") or Work.SINGLE)
    except ValueError:
        raise TicketInvalid({"work": ["There is no such way to work an order."]}) from None
    own = {name: text for name, text in texts.items() if name not in NAMES and name != "work"}
    first = with_override(ticket_from_texts(own), override)
    if work == Work.BRACKET:
        return bracket(first, texts, override)
    if work == Work.OCA:
        return one_cancels_other(first, texts, override)
    return sliced(first, texts) if work == Work.TWAP else Request(first)


def with_override(ticket: Ticket, override: Override | None) -> Ticket:
    """The ticket with the warnings that a person has taken on."""
    return msgspec.structs.replace(ticket, override=override)


def bracket(entry: Ticket, texts: Mapping[str, str], override: Override | None) -> Grouped:
    """The entry with its exits: a limit that takes the profit, a stop that ends the loss, or one of them."""
    side = Side.SELL if entry.side == Side.BUY else Side.BUY
    exits, fields = [], [dict[str, str]()]
    for suffix, field, price in (("tp", "take_profit", "price"), ("sl", "stop_loss", "stop_px")):
        if texts.get(field):
            kind = OrdType.LIMIT if price == "price" else OrdType.STOP
            terms = {"side": side, "ord_type": kind, price: texts[field]}
            names = {price: field}
            exits.append(further(texts, suffix, terms, names, override))
            fields.append(names)
    if not exits:
        raise TicketInvalid({"take_profit": ["Give a take profit, a stop, or both."]})
    group = GroupTicket(list_id=entry.cl_ord_id, kind=GroupKind.BRACKET, orders=(entry, *exits))
    return Grouped(group, tuple(fields))


def one_cancels_other(first: Ticket, texts: Mapping[str, str], override: Override | None) -> Grouped:
    """Two orders of one instrument: an execution of one cancels or reduces the other."""
    names = {
        name: f"other_{name.removeprefix('order_').removeprefix('ord_')}"
        for name in ("side", "order_qty", "ord_type", "price", "stop_px")
    }
    terms = {name: text for name, field in names.items() if (text := texts.get(field, ""))}
    other = further(texts, "b", terms, names, override)
    how = chosen("oca_type", texts)
    group = GroupTicket(
        list_id=first.cl_ord_id, kind=GroupKind.OCA, oca_type=OcaType(how), orders=(first, other)
    )
    return Grouped(group, ({}, names))


def chosen(name: str, texts: Mapping[str, str]) -> str:
    """One of the choices of a field, the first if none is given."""
    text = texts.get(name) or CHOICES[name][0]
    if text not in CHOICES[name]:
        raise TicketInvalid({name: [f"This must be one of {', '.join(CHOICES[name])}."]})
    return text


def further(
    texts: Mapping[str, str],
    suffix: str,
    terms: Mapping[str, str],
    names: Mapping[str, str],
    override: Override | None,
) -> Ticket:
    """Another order of the group, with errors at its own fields of the form."""
    shared = {name: texts[name] for name in SHARED if texts.get(name)}
    if shared.get("time_in_force") in IMMEDIATE:
        shared["time_in_force"] = TimeInForce.DAY
    try:
        own = ticket_from_texts({**shared, **terms, "cl_ord_id": f"{texts['cl_ord_id']}-{suffix}"})
    except TicketInvalid as error:
        found = {names.get(name, name): words for name, words in by_column(error).items()}
        raise TicketInvalid(found) from None
    return with_override(own, override)


def sliced(ticket: Ticket, texts: Mapping[str, str]) -> Sliced:
    """The parent with its schedule."""
    errors: dict[str, list[str]] = {}
    slices = texts.get("slices") or "10"
    if not (slices.isascii() and slices.isdecimal() and len(slices) < 5 and 1 <= int(slices) <= MAX_SLICES):
        errors["slices"] = [f"This must be a whole number from 1 to {MAX_SLICES}."]
    times = {name: time_of(texts.get(name, "")) for name in TIMES}
    for name in TIMES:
        if times[name] is None and (texts.get(name) or name == "end_time"):
            errors[name] = ["This must be a time in UTC such as 2026-11-28T15:30."]
    late = chosen("if_late", texts)
    end = times["end_time"]
    if errors or end is None:
        raise TicketInvalid(errors)
    return Sliced(ticket, int(slices), (times["start_time"], end), IfLate(late))


def time_of(text: str) -> datetime | None:
    """A time typed in UTC; None when it is none. A zone that is typed with it counts."""
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return None
    try:
        return found.astimezone(UTC) if found.tzinfo else found.replace(tzinfo=UTC)
    except OverflowError:
        return None
