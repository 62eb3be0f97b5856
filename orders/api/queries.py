"""Query strings: filters of the lists, and pages by cursor."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date, datetime
from typing import Any, Protocol, TypeVar
from uuid import UUID

from django.http import HttpResponse, QueryDict
from rest_framework.request import Request

from brokers.fix import OrdStatus, Side
from orders.api import bodies
from orders.api.base import answer
from orders.api.bodies import read_fields
from orders.api.problems import invalid
from orders.api.schema.shapes import ExecutionShape, OrderShape, columns, members
from orders.entry.reading.fields import Field, Reader, Wrong, printable, reads, text, whole, word
from orders.errors import FieldError
from orders.models import State
from orders.reports.days import Preset
from orders.reports.fills import COST_COLUMNS

Row = TypeVar("Row")
Row_co = TypeVar("Row_co", covariant=True)
MAX_LIMIT, DEFAULT_LIMIT = 500, 100
BIGGEST_ID = 2**63 - 1
UUID_FORM = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.ASCII | re.IGNORECASE)


@reads(type="string", format="uuid")
def uuid(raw: Any) -> UUID:
    """A UUID in its usual form."""
    if not UUID_FORM.fullmatch(raw):
        raise Wrong("BAD_FORMAT", "This must be a UUID in its usual form.")
    return UUID(raw)


@reads(type="boolean")
def flag(raw: Any) -> bool:
    """ "true" or "false" in a query."""
    if raw not in ("true", "false"):
        raise Wrong("NOT_A_FLAG", "This must be true or false.")
    return bool(raw == "true")


@reads(type="string", pattern=f"^({'|'.join(State.values)})(,({'|'.join(State.values)}))*$")
def states(raw: Any) -> list[State]:
    """States, separated by commas."""
    read = word(State)
    return [read(one) for one in raw.split(",")]


def paged(cursor: Reader) -> dict[str, Field]:
    """The fields of every paged list."""
    return {
        "limit": Field(whole(1, MAX_LIMIT), description=f"Rows per page; {DEFAULT_LIMIT} if not given."),
        "cursor": Field(cursor, description="Where the page starts, as given by `next`."),
    }


DAY = (
    r"((0[13578]|1[02])-(0[1-9]|[12][0-9]|3[01])|(0[469]|11)-(0[1-9]|[12][0-9]|30)|02-(0[1-9]|1[0-9]|2[0-9]))"
)
TIME_FORM = rf"(19[7-9][0-9]|20[0-9]{{2}})-{DAY}T([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](\.[0-9]{{1,6}})?Z"


@reads(type="string", pattern=f"^{TIME_FORM.replace('1[0-9]|2[0-9]', '1[0-9]|2[0-8]')}$")
def moment(raw: Any) -> datetime:
    """A moment in UTC as ISO 8601, such as 2026-11-22T10:51:30.861308Z."""
    wrong = Wrong("BAD_FORMAT", "This must be a time in UTC, such as 2026-11-22T10:51:30Z.")
    if not re.fullmatch(TIME_FORM, raw, re.ASCII):
        raise wrong
    try:
        return datetime.fromisoformat(raw)
    except ValueError:  # the 29th of February of most years
        raise wrong from None


@reads(type="string", format="date")
def day(raw: Any) -> date:
    """A day, such as 2026-11-22."""
    wrong = Wrong("BAD_FORMAT", "This must be a day, such as 2026-11-22.")
    if not re.fullmatch(r"(19[7-9][0-9]|20[0-9]{2})-[0-9]{2}-[0-9]{2}", raw, re.ASCII):
        raise wrong
    try:
        return date.fromisoformat(raw)
    except ValueError:
        raise wrong from None


def some_of(names: Sequence[str]) -> Reader:
    """Names of members, separated by commas."""
    one = "|".join(map(re.escape, names))

    @reads(type="string", pattern=f"^({one})(,({one}))*$")
    def read(raw: Any) -> list[str]:
        wanted = list(raw.split(","))
        if unknown := [name for name in wanted if name not in names]:
            raise Wrong("UNKNOWN_WORD", f"There is no {printable(unknown[0])} here.")
        return wanted

    return read


def sparse(names: Sequence[str]) -> dict[str, Field]:
    """The parameter that chooses members."""
    return {"fields": Field(some_of(names), description="Only these members, separated by commas.")}


ACCOUNT_FIELDS = {"account": Field(bodies.account, description="Only this account.")}
ORDER_FILTERS = {
    "state": Field(states, description="States, separated by commas."),
    "ord_status": Field(word(OrdStatus)),
    "account": Field(bodies.account),
    "symbol": Field(bodies.symbol),
    "side": Field(word(Side)),
    "open": Field(
        flag, description="true: only orders that may still execute; false: only those that may not."
    ),
    "cl_ord_id": Field(bodies.cl_ord_id),
    "strategy": Field(bodies.strategy),
    "reduce_only": Field(flag),
    "since": Field(moment, description="Recorded at or after this time (UTC)."),
    "until": Field(moment, description="Recorded before this time (UTC)."),
}
ORDER_FIELDS = {**ORDER_FILTERS, **sparse(members(OrderShape)), **paged(uuid)}
ORDER_EXPORT_FIELDS = {**ORDER_FILTERS, **sparse(columns(OrderShape))}
EXECUTION_FILTERS = {
    "account": Field(bodies.account),
    "order_id": Field(uuid),
    "symbol": Field(bodies.symbol),
    "side": Field(word(Side)),
    "since": Field(moment, description="Executed at or after this time (UTC)."),
    "until": Field(moment, description="Executed before this time (UTC)."),
}
#: What an export is asked beside them: by trading days, and by what executions copy of their orders.
EXPORT_FILTERS = {
    "preset": Field(word(Preset), description="Trading days by name, by the date in UTC."),
    "from": Field(day, description="First trading day."),
    "to": Field(day, description="Last trading day."),
    "trader": Field(text(r"^[\w.@+-]{1,150}$", "a login name"), description="Who gave the order."),
    "venue": Field(text(r"^[A-Za-z0-9._-]{1,32}$", "a venue"), description="Where it was executed."),
}
EXECUTION_FIELDS = {
    **EXECUTION_FILTERS,
    **sparse(members(ExecutionShape)),
    **paged(whole(0, BIGGEST_ID)),
}
EXECUTION_COLUMNS = [*columns(ExecutionShape), *COST_COLUMNS]
EXECUTION_EXPORT_FIELDS = {
    **EXECUTION_FILTERS,
    **EXPORT_FILTERS,
    "sums": Field(flag, description="true: after the rows an empty line, and sums by currency."),
    **sparse(EXECUTION_COLUMNS),
}
EVENT_FIELDS = paged(whole(0, 2**31 - 1))


def read_query(
    query: QueryDict, fields: Mapping[str, Field], *, may_be_empty: bool = False
) -> dict[str, Any]:
    """The checked parameters; raises Problem INVALID for unknown, repeated and wrong ones.

    `may_be_empty`: one without a value is as one that is not there, as forms send them.
    """
    repeated = [name for name, values in query.lists() if len(values) > 1 and name in fields]
    if repeated:
        raise invalid([FieldError(name, "REPEATED", "Give this parameter once.") for name in repeated])
    given = query.dict()
    return read_fields({k: v for k, v in given.items() if v or not may_be_empty or k not in fields}, fields)


class Rows(Protocol[Row_co]):
    """A query or a list of rows."""

    def __getitem__(self, part: slice, /) -> Iterable[Row_co]:
        """Some of them."""


def page(
    request: Request,
    rows: Rows[Row],
    document: Callable[[Row], Any],
    *,
    limit: int = DEFAULT_LIMIT,
    cursor: Callable[[Row], object],
    fields: Sequence[str] | None = None,
) -> HttpResponse:
    """One page and the path of the next one; `rows` are filtered, ordered and start after the cursor.

    A list of rows holds one more than `limit` when there is a next page. `fields`: only these members.
    """
    found = list(rows[: limit + 1])
    shown = found[:limit]
    following = None
    if len(found) > limit:
        query = request.query_params.copy()
        query["cursor"] = str(cursor(shown[-1]))
        following = f"{request.path}?{query.urlencode()}"
    documents = [document(row) for row in shown]
    if fields is not None:
        documents = [{name: each[name] for name in fields if name in each} for each in documents]
    return answer({"results": documents, "next": following})


def whole_list(documents: Iterable[Any]) -> HttpResponse:
    """A list that is short by nature, in the shape of a page."""
    return answer({"results": list(documents), "next": None})
