"""Closing a position by one request."""

from __future__ import annotations

from django.http import Http404, HttpResponse
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework.request import Request

from orders.api import schema
from orders.api.base import ApiView
from orders.api.bodies import key_of, read_fields, reason
from orders.api.keys import takes_key
from orders.api.shapes import OrderShape, RefusedShape
from orders.api.views.orders import placed_answer
from orders.controls.audit.acting import Acting
from orders.controls.close import close_position
from orders.entry.fields import Field
from orders.models import Scope, Source

CLOSE_FIELDS = {"reason": Field(reason, required=True)}


class PositionClose(ApiView):
    """Closing a position of one of the token's accounts."""

    scopes = {"POST": Scope.TRADE}
    http_method_names = ["post"]

    @takes_key
    @extend_schema(
        operation_id="close_position",
        parameters=[schema.IDEMPOTENCY_KEY],
        request=schema.json_body(CLOSE_FIELDS),
        responses={
            201: OpenApiResponse(OrderShape, "A limit order through the market that only reduces."),
            200: OpenApiResponse(OrderShape, "Recorded before (Idempotent-Replayed: true)."),
            **schema.problems(400, 404, 409, 413, 415),
            **schema.refused(RefusedShape),
        },
    )
    def post(self, request: Request, account: str, con_id: int) -> HttpResponse:
        """Order what closes it, less the exits that work; with an Idempotency-Key once."""
        why = read_fields(request.data, CLOSE_FIELDS)["reason"]
        if account not in self.access.accounts:
            raise Http404
        placed = close_position(
            account,
            con_id,
            client=self.access.user,
            source=Source.API,
            by=Acting(person=self.access.actor, via=f"token:{self.access.key}", reason=why),
            key=key_of(request),
            strategy=self.access.strategy,
        )
        return placed_answer(placed)
