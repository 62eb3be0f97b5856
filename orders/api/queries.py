"""Query strings: filters of the lists, and pages by cursor."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, TypeVar
from uuid import UUID

from django.db.models import Model, QuerySet
from django.http import HttpResponse, QueryDict
from rest_framework.request import Request

from brokers.fix import OrdStatus, Side
from orders.api import bodies
from orders.api.base import answer
from orders.api.fields import Field, Wrong, flag, read_fields, reads, whole, word
from orders.api.problems import FieldError, invalid
from orders.api.special_fields import symbol
from orders.models import State

Row = TypeVar("Row", bound=Model)
MAX_LIMIT, DEFAULT_LIMIT = 500, 100
BIGGEST_ID = 2**63 - 1
UUID_FORM = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.ASCII | re.IGNORECASE)


@reads(type="string", format="uuid")
def uuid(raw: Any) -> UUID:
    """A UUID in its usual form."""
    if not UUID_FORM.fullmatch(raw):
        raise Wrong("BAD_FORMAT", "This must be a UUID in its usual form.")
    return UUID(raw)


@reads(type="string", pattern=f"^({'|'.join(State.values)})(,({'|'.join(State.values)}))*$")
def states(raw: Any) -> list[State]:
    """States, separated by commas."""
    read = word(State)
    return [read(one) for one in raw.split(",")]


def paged(cursor: Callable[[Any], Any]) -> dict[str, Field]:
    """The fields of every paged list."""
    return {
        "limit": Field(whole(1, MAX_LIMIT), says=f"Rows per page; {DEFAULT_LIMIT} if not given."),
        "cursor": Field(cursor, says="Where the page starts, as given by `next`."),
    }


ACCOUNT_FIELDS = {"account": Field(bodies.account, says="Only this account.")}
ORDER_FIELDS = {
    "state": Field(states, says="States, separated by commas."),
    "ord_status": Field(word(OrdStatus)),
    "account": Field(bodies.account),
    "symbol": Field(symbol),
    "side": Field(word(Side)),
    "open": Field(flag, says="true: only orders that may still execute; false: only those that may not."),
    "cl_ord_id": Field(bodies.cl_ord_id),
    **paged(uuid),
}
EXECUTION_FIELDS = {
    "account": Field(bodies.account),
    "order_id": Field(uuid),
    "symbol": Field(symbol),
    **paged(whole(0, BIGGEST_ID)),
}
EVENT_FIELDS = paged(whole(0, 2**31 - 1))


def read_query(query: QueryDict, fields: Mapping[str, Field]) -> dict[str, Any]:
    """The checked parameters; raises Problem INVALID for unknown, repeated and wrong ones."""
    repeated = [name for name, values in query.lists() if len(values) > 1 and name in fields]
    if repeated:
        raise invalid([FieldError(name, "REPEATED", "Give this parameter once.") for name in repeated])
    return read_fields(query.dict(), fields)


def page(
    request: Request,
    rows: QuerySet[Row],
    document: Callable[[Row], Any],
    *,
    limit: int = DEFAULT_LIMIT,
    cursor: Callable[[Row], object],
) -> HttpResponse:
    """One page and the path of the next one; `rows` are filtered, ordered and start after the cursor."""
    found = list(rows[: limit + 1])
    shown = found[:limit]
    following = None
    if len(found) > limit:
        query = request.query_params.copy()
        query["cursor"] = str(cursor(shown[-1]))
        following = f"{request.path}?{query.urlencode()}"
    return answer({"results": [document(row) for row in shown], "next": following})
