"""Finding orders and executions among many millions: any page costs the rows of that page.

A list of several accounts, instruments or states is asked as one small query for each, every one of which
walks an index that is already in the right order, and the results are merged. `IN` would make PostgreSQL
sort everything that fits before it shows the first hundred.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import product
from typing import Any, TypeVar
from uuid import UUID

from django.db.models import Model, Q, QuerySet

from brokers.fix import OrdStatus, Side
from brokers.models import Instrument
from orders.models import ALIVE, Execution, Order, State
from orders.selectors import Accounts, executions_of, orders_of, shown_as, states_shown_as

Row = TypeVar("Row", bound=Model)
MOST_BRANCHES = 24
#: Our ids begin with the time at which they were made, on a clock that may differ from the database's.
CLOCK_SLACK = timedelta(minutes=10)


@dataclass(frozen=True, kw_only=True)
class OrderFilter:
    """Which orders are wanted; None and empty mean any. Times are those of the record, `until` excluded."""

    states: Collection[State] = ()
    status: OrdStatus | None = None
    account: str | None = None
    symbol: str | None = None
    side: Side | None = None
    open: bool | None = None
    cl_ord_id: str | None = None
    since: datetime | None = None
    until: datetime | None = None

    def possible_states(self) -> list[State] | None:
        """States that may occur; None when any may, empty when nothing can fit."""
        given = [set(self.states)] if self.states else []
        if self.open is not None:
            given.append(set(ALIVE) if self.open else set(State) - set(ALIVE))
        if self.status not in (None, OrdStatus.PENDING_CANCEL, OrdStatus.PENDING_REPLACE):
            shown = states_shown_as(self.status)
            given.append({state for _, empty, filled in shown for state in (*empty, *filled)})
        return [state for state in State if all(state in each for each in given)] if given else None

    def rest(self) -> Q:
        """What is left to ask of a row beside account, instrument and state."""
        given = {
            "side": self.side,
            "cl_ord_id": self.cl_ord_id,
            "recorded_at__gte": self.since,
            "recorded_at__lt": self.until,
            "id__gte": id_at(self.since - CLOCK_SLACK) if self.since else None,
            "id__lt": id_at(self.until + CLOCK_SLACK) if self.until else None,
        }
        condition = Q(**{name: value for name, value in given.items() if value is not None})
        return condition & shown_as(self.status) if self.status else condition


def id_at(time: datetime) -> UUID:
    """The lowest id that can have been made at this time (RFC 9562: 48 bits of milliseconds come first)."""
    return UUID(int=max(0, int(time.timestamp() * 1000)) << 80)


def find_orders(
    accounts: Accounts, wanted: OrderFilter, *, before: UUID | None = None, limit: int
) -> list[Order]:
    """The newest orders that fit, with instrument and requests; `before` is the last id of a page."""
    rows = Order.objects.filter(wanted.rest())
    if before is not None:
        rows = rows.filter(id__lt=before)
    choices = {
        "account_id": seen(accounts, wanted.account),
        "instrument_id": None if wanted.symbol is None else instruments_named(wanted.symbol),
        "state": wanted.possible_states(),
    }
    ids = newest_ids(rows, choices, limit)
    return list(orders_of(accounts).filter(pk__in=ids)) if ids else []


def find_executions(
    accounts: Accounts,
    *,
    account: str | None = None,
    symbol: str | None = None,
    before: int | None = None,
    limit: int,
    **given: Any,
) -> list[Execution]:
    """The newest executions that fit, with their order and its instrument."""
    rows = Execution.objects.filter(**given)
    if before is not None:
        rows = rows.filter(id__lt=before)
    contracts = None if symbol is None else contracts_named(symbol)
    ids = newest_ids(rows, {"account_id": seen(accounts, account), "con_id": contracts}, limit)
    return list(executions_of(accounts).filter(pk__in=ids)) if ids else []


def seen(accounts: Accounts, one: str | None) -> list[str]:
    """The accounts to look in: those that exist for the caller, or the one of them that it names."""
    return sorted(accounts) if one is None else [code for code in accounts if code == one]


def instruments_named(symbol: str) -> list[int]:
    """Instruments of this symbol."""
    return list(Instrument.objects.filter(symbol=symbol).values_list("pk", flat=True))


def contracts_named(symbol: str) -> list[int]:
    """The broker's numbers of the contracts of this symbol."""
    known = Instrument.objects.filter(symbol=symbol, con_id__isnull=False)
    return [number for number in known.values_list("con_id", flat=True) if number is not None]


def newest_ids(rows: QuerySet[Row], choices: Mapping[str, Sequence[Any] | None], limit: int) -> list[Any]:
    """Ids of the newest rows of which each named column has one of its values; None: any value."""
    columns = {name: values for name, values in choices.items() if values is not None}
    if not all(columns.values()):
        return []
    parts = [part.order_by("-id").values_list("id", flat=True)[:limit] for part in branches(rows, columns)]
    if len(parts) == 1:
        return list(parts[0])
    return list(parts[0].union(*parts[1:], all=True).order_by("-id")[:limit])


def branches(rows: QuerySet[Row], columns: dict[str, Sequence[Any]]) -> Iterable[QuerySet[Row]]:
    """The same rows, divided by as many of these columns as give a reasonable number of parts."""
    apart: dict[str, Sequence[Any]] = {}
    count = 1
    for name, values in columns.items():
        if count * len(values) <= MOST_BRANCHES:
            apart[name] = values
            count *= len(values)
        else:
            rows = rows.filter(**{f"{name}__in": values})
    for chosen in product(*apart.values()):
        yield rows.filter(**dict(zip(apart, chosen, strict=True)))
