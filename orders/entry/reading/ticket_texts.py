"""A ticket from texts, as a form or a spreadsheet gives them: read as the API reads it, errors by column."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

from brokers.formats import decimal_text
from brokers.order_attributes import Allocation
from orders.entry.reading.fields import Field, Number, collect, fields_of
from orders.entry.reading.ticket import InstrumentKey, Ticket
from orders.errors import InstrumentAmbiguous, TicketInvalid

TICKET_FIELDS, INSTRUMENT_FIELDS = fields_of(Ticket), fields_of(InstrumentKey)
#: What is a word and not a number, and is meant in capitals however it was typed.
CAPITALS = {"put_or_call", "side", "ord_type", "time_in_force", "sec_type", "currency", "symbol", "exchange"}
#: Short words that cannot mean anything else.
SHORT = {
    "ord_type": {"LMT": "LIMIT", "MKT": "MARKET", "STP": "STOP", "STP_LMT": "STOP_LIMIT"},
    "side": {"B": "BUY", "S": "SELL", "SS": "SELL_SHORT", "SSHORT": "SELL_SHORT"},
    "put_or_call": {"C": "CALL", "P": "PUT"},
}
TRUTHS = {"true": True, "1": True, "false": False, "0": False}


def _of_one_text(fields: Mapping[str, Field]) -> tuple[str, ...]:
    """The fields that a single text can hold: no lists and no objects."""
    return tuple(
        name for name, field in fields.items() if field.schema.get("type") not in ("array", "object")
    )


#: The legs of a combination in one text, as "265598:1:BUY:SMART 8314:2:SELL".
LEGS = "legs"
LEG_PARTS = ("con_id", "ratio", "side", "exchange")
LEGS_HINT = f"for each leg {':'.join(LEG_PARTS)}"
#: The group that shares an order in one text, as "Growth" or "Growth:NetLiq".
ALLOCATION = "allocation"
ALLOCATION_HINT = "group, or group:method"
#: What describes an instrument by texts.
INSTRUMENT_COLUMNS = (*_of_one_text(INSTRUMENT_FIELDS), LEGS)
#: The columns that a basket may have.
COLUMNS = (
    *_of_one_text(TICKET_FIELDS)[:2],
    *INSTRUMENT_COLUMNS,
    *_of_one_text(TICKET_FIELDS)[2:],
    ALLOCATION,
)
COLUMN_FIELDS = {name: (INSTRUMENT_FIELDS | TICKET_FIELDS)[name] for name in COLUMNS}
LABELS = {name: field.label for name, field in COLUMN_FIELDS.items()}
#: Columns of numbers, whole ones too.
NUMBERS = frozenset(
    name
    for name, field in COLUMN_FIELDS.items()
    if "anyOf" in field.schema or field.schema.get("type") == "integer"
)
#: What an order always says, also where it is the default.
ALWAYS_SAID = ("time_in_force",)


def ticket_from_texts(texts: Mapping[str, str]) -> Ticket:
    """The ticket that these texts mean; empty ones are not given. Raises TicketInvalid with all errors."""
    document: dict[str, Any] = {"instrument": {}}
    for name, text in texts.items():
        if text.strip():
            place = document["instrument"] if name in INSTRUMENT_COLUMNS else document
            place[name] = as_json(name, text.strip())
    values, wrong = collect(document, TICKET_FIELDS)
    if wrong:
        raise TicketInvalid({error.field: [error.message] for error in wrong})
    return Ticket(**values)


def by_column(error: TicketInvalid) -> dict[str, list[str]]:
    """What is wrong by column; the instrument as a whole is its symbol's, with what it may mean, and what is
    wrong with one leg is the legs'.
    """
    if isinstance(error, InstrumentAmbiguous):
        text = f"{error.errors['instrument'][0]} Describe it more closely: {error.named()}"
        return {"symbol": [text]}
    found: dict[str, list[str]] = {}
    for name, texts in error.errors.items():
        column, _, part = name.removeprefix("instrument.").partition(".")
        if column == LEGS and part:
            found.setdefault(LEGS, []).extend(f"{part.replace('.', ' ')}: {text}" for text in texts)
        elif column == ALLOCATION:
            found.setdefault(ALLOCATION, []).extend(texts)
        else:
            found.setdefault(name.removeprefix("instrument."), []).extend(texts)
    return found


def texts_of_ticket(ticket: Ticket) -> dict[str, str]:
    """The ticket by column as it will be sent, without defaults; `ticket_from_texts` reads it back."""
    found: dict[str, str] = {}
    for name, field in COLUMN_FIELDS.items():
        value = getattr(ticket.instrument if name in INSTRUMENT_COLUMNS else ticket, name)
        if value is not None and (name in ALWAYS_SAID or value != field.default):
            found[name] = plain_text(value)
    return found


def plain_text(value: Any) -> str:
    """A value as a person types it."""
    match value:
        case bool():
            return str(value).lower()
        case Decimal():
            return decimal_text(value)
        case datetime():
            return value.isoformat()
        case Allocation():
            return f"{value.group}:{value.method}" if value.method else value.group
        case tuple():
            return " ".join(":".join(str(getattr(leg, part)) for part in LEG_PARTS) for leg in value)
    return str(value)


def as_json(name: str, text: str) -> Any:
    """What a person means, as JSON has it: words in capitals, short words, true and false."""
    if name == LEGS:
        return _legs(text)
    if name == ALLOCATION:
        group, _, method = text.rpartition(":")
        return {"group": group.strip(), "method": method.strip()} if group else {"group": text}
    if name in CAPITALS:
        text = text.upper()
        word = re.sub(r"[ -]+", "_", text)
        return SHORT[name].get(word, word) if name in SHORT else text
    field = TICKET_FIELDS.get(name) or INSTRUMENT_FIELDS.get(name)
    match field.schema if field else {}:
        case {"type": "boolean"}:
            return TRUTHS.get(text.lower(), text)
        case {"type": "integer"}:
            return Number(text)
    return text


def _legs(text: str) -> list[dict[str, Any]]:
    """Each leg as JSON has it. Raises TicketInvalid where a text is no leg."""
    found = []
    for leg in re.split(r"[\s,;]+", text.strip(" ,;")):
        parts = leg.split(":")
        if len(parts) not in (3, 4) or not all(parts):
            words = f"{leg!r} is no leg: write {LEGS_HINT} (the exchange may be left out), spaces between."
            raise TicketInvalid({f"instrument.{LEGS}": [words]})
        con_id, ratio, side, *exchange = parts
        side = side.upper()
        side = SHORT["side"].get(side, side)
        given = {"con_id": Number(con_id), "ratio": Number(ratio), "side": side}
        found.append({**given, "exchange": exchange[0].upper() if exchange else "SMART"})
    return found
