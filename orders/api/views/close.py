"""Closing a position, or turning it over, by one request."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.http import Http404, HttpResponse
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework.request import Request

from orders.api.base import ApiView
from orders.api.bodies import REASON_FIELDS, read_fields
from orders.api.keys import key_of, takes_key
from orders.api.schema import orders as schema
from orders.api.schema.shapes import OrderShape, RefusedShape
from orders.api.views.orders import placed_answer
from orders.controls.audit.acting import Acting
from orders.controls.halts.close import close_position, reverse_position
from orders.entry.place import Placed
from orders.models import Scope, Source

ANSWERS: dict[Any, Any] = {
    200: OpenApiResponse(OrderShape, "Recorded before (Idempotent-Replayed: true)."),
    **schema.problems(400, 404, 409, 413, 415),
    **schema.refused(RefusedShape),
}


class PositionClose(ApiView):
    """Closing a position of one of the token's accounts."""

    scopes = {"POST": Scope.TRADE}
    http_method_names = ["post"]

    @takes_key
    @extend_schema(
        operation_id="close_position",
        parameters=[schema.IDEMPOTENCY_KEY],
        request=schema.json_body(REASON_FIELDS),
        responses={
            201: OpenApiResponse(OrderShape, "A limit order through the market that only reduces."),
            **ANSWERS,
        },
    )
    def post(self, request: Request, account: str, con_id: int) -> HttpResponse:
        """Order what closes it, less the exits that work; with an Idempotency-Key once."""
        return self.order(close_position, request, account, con_id)

    def order(self, act: Callable[..., Placed], request: Request, account: str, con_id: int) -> HttpResponse:
        """Place what the act makes of the position."""
        why = read_fields(request.data, REASON_FIELDS)["reason"]
        if account not in self.access.accounts:
            raise Http404
        placed = act(
            account,
            con_id,
            client=self.access.user,
            source=Source.API,
            by=Acting(person=self.access.actor, via=f"token:{self.access.key}", reason=why),
            key=key_of(request),
            strategy=self.access.strategy,
        )
        return placed_answer(placed)


class PositionReverse(PositionClose):
    """Turning a position over."""

    @takes_key
    @extend_schema(
        operation_id="reverse_position",
        parameters=[schema.IDEMPOTENCY_KEY],
        request=schema.json_body(REASON_FIELDS),
        responses={
            201: OpenApiResponse(OrderShape, "One limit order through the market of twice the position."),
            **ANSWERS,
        },
    )
    def post(self, request: Request, account: str, con_id: int) -> HttpResponse:
        """Order twice what is held, against it; every limit is asked. With an Idempotency-Key once."""
        return self.order(reverse_position, request, account, con_id)
