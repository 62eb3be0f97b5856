"""A ticket from texts, as a form or a spreadsheet gives them: every error by its column."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import msgspec

from orders.entry.ticket import InstrumentKey, Ticket
from orders.errors import TicketInvalid

#: What describes an instrument by texts; a combination has legs, which are no text.
INSTRUMENT_COLUMNS = tuple(name for name in InstrumentKey.__struct_fields__ if name != "legs")
#: What is a word and not a number, and is meant in capitals however it was typed.
CAPITALS = {"put_or_call", "side", "ord_type", "time_in_force", "sec_type", "currency", "symbol", "exchange"}
PLAIN = re.compile(r"[ -~]{1,200}")
ID = re.compile(r"[A-Za-z0-9._:/-]{1,64}")
SHORT_TYPES = {"LMT": "LIMIT", "MKT": "MARKET", "STP": "STOP", "STP LMT": "STOP_LIMIT"}


def columns() -> list[str]:
    """The columns that a basket may have."""
    own = [name for name in Ticket.__struct_fields__ if name != "instrument"]
    return [*own[:2], *INSTRUMENT_COLUMNS, *own[2:]]


def ticket_from_texts(texts: Mapping[str, str]) -> Ticket:
    """The ticket that these texts mean; empty ones are not given. Raises TicketInvalid with all errors."""
    reading = _Reading(texts)
    while True:
        try:
            ticket = msgspec.convert(reading.document(), Ticket, strict=False)
        except msgspec.ValidationError as error:
            if not reading.wrong(str(error)):
                raise TicketInvalid(reading.errors) from None
            continue
        reading.require_finite(ticket)
        if reading.errors:
            raise TicketInvalid(reading.errors)
        return ticket


@dataclass
class _Reading:
    """Texts being read: a column that is wrong is noted and replaced, so that the others are read too."""

    texts: Mapping[str, str]
    errors: dict[str, list[str]] = field(default_factory=dict)
    given: dict[str, str] = field(init=False)

    def __post_init__(self) -> None:
        known = columns()
        cleaned = {name: clean(name, text) for name, text in self.texts.items()}
        self.given = {name: text for name, text in cleaned.items() if text}
        for name, text in list(self.given.items()):
            if name not in known:
                self._note(name, "There is no such column.")
            elif not PLAIN.fullmatch(text):
                self._note(name, "Only plain letters, digits and signs, at most 200.")
            elif name == "cl_ord_id" and not ID.fullmatch(text):
                self._note(name, "Letters, digits and . _ : / - only, at most 64.")

    def document(self) -> dict[str, Any]:
        """What is given, with the instrument as the ticket has it."""
        instrument = {name: self.given[name] for name in INSTRUMENT_COLUMNS if name in self.given}
        rest = {name: text for name, text in self.given.items() if name not in INSTRUMENT_COLUMNS}
        return {**rest, "instrument": instrument}

    def wrong(self, words: str) -> bool:
        """Note an error of msgspec ("Invalid ... - at `$.order_qty`"); whether reading can go on."""
        if missing := re.search(r"missing required field `(\w+)`", words):
            self.errors.setdefault(missing[1], ["Is needed."])
            return False
        path = re.search(r"at `\$\.(?:instrument\.)?(\w+)", words)
        if path is None or path[1] not in self.given:
            self.errors.setdefault("order", [words])
            return False
        self._note(path[1], f"{self.given[path[1]]!r} is not possible here: {words.split(' - at')[0]}.")
        return True

    def _note(self, name: str, words: str) -> None:
        self.errors[name] = [words]
        self.given.pop(name, None)

    def require_finite(self, ticket: Ticket) -> None:
        """NaN and Infinity are decimals, and no quantities or prices."""
        for name in ticket.__struct_fields__:
            value = getattr(ticket, name)
            if isinstance(value, Decimal) and (not value.is_finite() or abs(value.adjusted()) > 15):
                self._note(name, "Must be a number.")


def clean(name: str, text: str) -> str:
    """What a person means: no spaces around, words in capitals, numbers without thousands commas."""
    text = text.strip()
    if name in CAPITALS:
        text = text.upper()
        return SHORT_TYPES.get(text, text) if name == "ord_type" else text
    return text.replace(",", "") if re.fullmatch(r"-?\d{1,3}(,\d{3})+(\.\d+)?", text) else text
