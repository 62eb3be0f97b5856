"""Trading states: what may be traded now, and setting it."""

from __future__ import annotations

from typing import Any

from django.http import HttpResponse
from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework import serializers
from rest_framework.request import Request

from brokers.formats import time_or_none
from orders.api.base import ApiView, answer
from orders.api.bodies import REASON_FIELDS, read_fields
from orders.api.queries import whole_list
from orders.api.schema import orders as schema
from orders.api.schema.shapes import choice
from orders.controls.halts.states import StateNow, set_state, states_now
from orders.entry.reading.fields import Field, text, word
from orders.models import Scope, TradingState

scope = text(
    r"^(firm|(account|strategy|session):[\x20-\x7e]{1,64})$", "firm, account:X, strategy:X or session:X"
)
STATE_FIELDS = {
    "scope": Field(scope, required=True, description="firm, account:X, strategy:X or session:X."),
    "state": Field(word(TradingState), required=True),
    **REASON_FIELDS,
}


class StateShape(serializers.Serializer[Any]):
    """The trading state of one scope."""

    scope = serializers.CharField()
    state = choice(TradingState)
    reason = serializers.CharField(allow_null=True)
    set_by = serializers.CharField(allow_null=True)
    set_at = serializers.DateTimeField(allow_null=True)


class TradingStates(ApiView):
    """Trading states of the firm and of the token's accounts."""

    scopes = {"GET": Scope.READ, "POST": Scope.RISK}

    @extend_schema(
        operation_id="list_trading_states",
        responses={200: schema.page_of("TradingStateList", StateShape), **schema.problems(400)},
    )
    def get(self, request: Request) -> HttpResponse:
        """The firm, the token's accounts and their sessions, and every strategy that has a state."""
        rows = states_now(self.access.accounts)
        return whole_list(state_document(row) for row in rows)

    @extend_schema(
        operation_id="set_trading_state",
        request=schema.json_body(STATE_FIELDS),
        responses={200: StateShape, **schema.problems(400, 413, 415)},
        examples=[
            OpenApiExample(
                "halt a strategy",
                value={"scope": "strategy:momentum-1", "state": "HALTED", "reason": "runs away"},
                request_only=True,
            )
        ],
    )
    def post(self, request: Request) -> HttpResponse:
        """Set a state: it holds for the next order, and for those that wait."""
        wanted = read_fields(request.data, STATE_FIELDS)
        found = set_state(**wanted, by=self.access.actor, accounts=self.access.accounts)
        return answer(state_document(found))


def state_document(row: StateNow) -> dict[str, Any]:
    """The state of one scope."""
    return {
        "scope": row.scope,
        "state": row.state,
        "reason": row.reason or None,
        "set_by": row.set_by or None,
        "set_at": time_or_none(row.set_at),
    }
