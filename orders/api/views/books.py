"""What the broker reported: executions, positions, account values, sessions."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.http import HttpResponse
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request

from orders import selectors
from orders.api import schema
from orders.api.base import ApiView, answer
from orders.api.queries import ACCOUNT_FIELDS, DEFAULT_LIMIT, EXECUTION_FIELDS, page, read_query
from orders.api.resources import (
    account_value_document,
    execution_document,
    position_document,
    session_document,
)


class Executions(ApiView):
    """Executions of the token's accounts."""

    @extend_schema(**schema.LIST_EXECUTIONS)
    def get(self, request: Request) -> HttpResponse:
        """Executions, newest first."""
        query = read_query(request.query_params, EXECUTION_FIELDS)
        names = {
            "account": "account_id",
            "order_id": "order_id",
            "symbol": "order__instrument__symbol",
            "cursor": "id__lt",
        }
        wanted = {names[name]: value for name, value in query.items() if name in names}
        rows = selectors.executions_of(self.access.accounts).filter(**wanted)
        limit = query.get("limit", DEFAULT_LIMIT)
        return page(request, rows, execution_document, limit=limit, cursor=lambda row: row.pk)


class Positions(ApiView):
    """Positions of the token's accounts."""

    @extend_schema(**schema.LIST_POSITIONS)
    def get(self, request: Request) -> HttpResponse:
        """Positions as the broker reports them."""
        rows = selectors.positions_of(self.access.accounts).filter(**account_filter(request))
        return whole_list(position_document(position) for position in rows)


class AccountValues(ApiView):
    """Account values of the token's accounts."""

    @extend_schema(**schema.LIST_ACCOUNT_VALUES)
    def get(self, request: Request) -> HttpResponse:
        """Account values as the broker reports them."""
        rows = selectors.account_values_of(self.access.accounts).filter(**account_filter(request))
        return whole_list(account_value_document(value) for value in rows)


class Sessions(ApiView):
    """Broker sessions that carry the token's accounts."""

    @extend_schema(**schema.LIST_SESSIONS)
    def get(self, request: Request) -> HttpResponse:
        """Sessions with the state of their link."""
        read_query(request.query_params, {})
        return whole_list(
            session_document(session, [account.code for account in session.accounts.all()])
            for session in selectors.sessions_of(self.access.accounts)
        )


def account_filter(request: Request) -> dict[str, Any]:
    """The condition for ?account=, if it is given."""
    query = read_query(request.query_params, ACCOUNT_FIELDS)
    return {"account_id": query["account"]} if "account" in query else {}


def whole_list(documents: Iterable[Any]) -> HttpResponse:
    """A list that is short by nature, in the shape of a page."""
    return answer({"results": list(documents), "next": None})
