"""What the broker reported: executions, positions, account values, sessions."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from django.http import HttpResponse
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request

from orders import selectors
from orders.api.base import ApiView
from orders.api.queries import ACCOUNT_FIELDS, DEFAULT_LIMIT, EXECUTION_FIELDS, page, read_query, whole_list
from orders.api.resources import (
    account_value_document,
    execution_document,
    position_document,
    session_document,
)
from orders.api.schema import orders as schema
from orders.controls.limits.in_force import limits_now
from orders.models.reasons import REASONS
from orders.order_search import find_executions
from orders.store.states import read_states


class Executions(ApiView):
    """Executions of the token's accounts."""

    has_query = True

    @extend_schema(**schema.LIST_EXECUTIONS)
    def get(self, request: Request) -> HttpResponse:
        """Executions, newest first."""
        query = read_query(request.query_params, EXECUTION_FIELDS)
        limit, cursor = query.pop("limit", DEFAULT_LIMIT), query.pop("cursor", None)
        fields = query.pop("fields", None)
        rows = find_executions(self.access.accounts, before=cursor, limit=limit + 1, **filter_of(query))
        return page(request, rows, execution_document, limit=limit, cursor=lambda row: row.pk, fields=fields)


class Positions(ApiView):
    """Positions of the token's accounts."""

    has_query = True

    @extend_schema(**schema.LIST_POSITIONS)
    def get(self, request: Request) -> HttpResponse:
        """Positions as the broker reports them."""
        rows = selectors.positions_of(self.access.accounts).filter(**account_filter(request))
        return whole_list(position_document(position) for position in rows)


class AccountValues(ApiView):
    """Account values of the token's accounts."""

    has_query = True

    @extend_schema(**schema.LIST_ACCOUNT_VALUES)
    def get(self, request: Request) -> HttpResponse:
        """Account values as the broker reports them."""
        rows = selectors.account_values_of(self.access.accounts).filter(**account_filter(request))
        return whole_list(account_value_document(value) for value in rows)


class Limits(ApiView):
    """Limits of the token's accounts; with all of them, those of the firm, strategies and users too."""

    has_query = True

    @extend_schema(**schema.LIST_LIMITS)
    def get(self, request: Request) -> HttpResponse:
        """Limits in force, with what is used of them now."""
        wanted = account_filter(request).get("account_id")
        accounts = {account for account in self.access.accounts if wanted in (None, account)}
        others = wanted is None and self.actor.has_all_accounts
        return whole_list(asdict(limits) for limits in limits_now(accounts, others=others))


class Sessions(ApiView):
    """Broker sessions that carry the token's accounts."""

    @extend_schema(**schema.LIST_SESSIONS)
    def get(self, request: Request) -> HttpResponse:
        """Sessions with the state of their link."""
        states = read_states()
        return whole_list(
            session_document(
                session,
                [account.code for account in session.accounts.all()],
                states.of_session(session.name),
            )
            for session in selectors.sessions_of(self.access.accounts)
        )


class Reasons(ApiView):
    """Why orders are refused or given up, and requests refused."""

    @extend_schema(**schema.LIST_REASONS)
    def get(self, request: Request) -> HttpResponse:
        """The registry of reasons."""
        return whole_list(asdict(reason) for reason in REASONS.values())


def filter_of(query: dict[str, Any]) -> dict[str, Any]:
    """The executions that a query asks for, in the words of `find_executions`."""
    times = {"since": "transact_time__gte", "until": "transact_time__lt"}
    return {times.get(name, name): value for name, value in query.items()}


def account_filter(request: Request) -> dict[str, Any]:
    """The condition for ?account=, if it is given."""
    query = read_query(request.query_params, ACCOUNT_FIELDS)
    return {"account_id": query["account"]} if "account" in query else {}
