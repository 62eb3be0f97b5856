"""The library's decoder, without its habit of dropping what it cannot read.

ib_async catches every error of decoding and of our callbacks, logs it and goes on: an execution would
be lost, and an open order would seem to be absent. Here such a message spoils the answers it may have
been a row of, and is told.
"""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Callable, Hashable
from functools import cache
from typing import TYPE_CHECKING, Any, cast

from ib_async.decoder import Decoder
from ib_async.util import UNSET_DOUBLE

if TYPE_CHECKING:
    from brokers.ib.callbacks import Callbacks

log = logging.getLogger(__name__)

#: Messages about orders, executions and positions, by IB's numbers; the rest is prices and reference data.
ABOUT_OUR_BOOKS = frozenset({"3", "4", "5", "9", "11", "53", "55", "59", "61", "62", "101", "102"})
SHOWN = 400  # characters of the message
#: Where executionData says its time, and the one form that the library reads alike everywhere.
EXECUTION_TIME, IN_UTC = 15, "%Y%m%d %H:%M:%S UTC"
#: Where commissionReport says commission and profit, and yield.
AMOUNTS, NOT_KNOWN = (3, 5, 6), str(UNSET_DOUBLE)


class StrictDecoder(Decoder):
    """Tells the callbacks of messages that could not be read."""

    wrapper: Callbacks  # type: ignore[assignment]

    def execDetails(self, fields: list[str]) -> None:
        """An execution, its time in UTC as we read it: the library knows names of the tz database only."""
        moment = self.wrapper.time_of(fields[EXECUTION_TIME])
        read = [*fields[:EXECUTION_TIME], f"{moment:{IN_UTC}}", *fields[EXECUTION_TIME + 1 :]]
        super().execDetails(read)  # type: ignore[no-untyped-call]

    def commissionReport(self, fields: list[str]) -> None:
        """A commission; the library takes an empty amount for zero, where the broker does not know it yet."""
        read = [_known(text) if place in AMOUNTS else text for place, text in enumerate(fields)]
        super().commissionReport(read)  # type: ignore[no-untyped-call]

    def parse(self, obj: Any) -> None:
        """Give the fields of an object the types of their defaults, as the library does.

        It asks the class for its fields each time, some 150 of an order: that was most of decoding.
        """
        said = vars(obj)
        for name, default, read in _typed(cast(Hashable, type(obj))):
            text = said[name]
            if text is not default:
                said[name] = read(text) if text else default

    def interpret(self, fields: list[str]) -> None:
        """Decode one message and call its callback."""
        try:
            self.handlers[int(fields[0])](fields)
        except Exception as error:
            text = f"{error!r} in {fields}"[:SHOWN]
            if fields and fields[0] in ABOUT_OUR_BOOKS:
                log.exception("a message of the gateway could not be read", extra={"fields": text})
                self.wrapper.unreadable(text)
            else:
                log.warning("a message of the gateway was left out", extra={"fields": text})


Read = Callable[[str], Any]


@cache
def _typed(kind: Hashable) -> list[tuple[str, Any, Read]]:
    """Names, defaults and readers of those fields of a class that are no text."""
    readers: dict[type, Read] = {int: int, float: float, bool: lambda text: bool(int(text))}
    fields = dataclasses.fields(cast(Any, kind))
    return [(f.name, f.default, readers[type(f.default)]) for f in fields if type(f.default) in readers]


def _known(amount: str) -> str:
    """The amount, or what the library knows as not set: for an empty one, and for what is no number."""
    try:
        float(amount)
    except ValueError:
        return NOT_KNOWN
    return amount
